"""What a thing is: every TMF type, declared once. Importing this declares all of them."""

from importlib import import_module

# Domain by domain: a domain refers to values of those before it.
for _name in (
    "resource.inventory",
    "resource.ordering",
    "service.inventory",
    "service.ordering",
    "product.catalog",
    "product.inventory",
    "product.ordering",
    "customer.customer",
    "party.party",
    "party.party_role",
):
    import_module(f"models.{_name}")
