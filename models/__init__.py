"""What a thing is: every TMF type, declared once. Importing this declares all of them."""

from importlib import import_module

# Domain by domain: a domain refers to values of those before it.
for _name in (
    "resource.inventory",
    "resource.ordering",
    "resource.activation",
    "service.inventory",
    "service.ordering",
    "service.activation",
    "product.catalog",
    "product.inventory",
    "product.ordering",
    "party.customer",
    "customer.bill",
    "customer.consumption",
    "customer.usage",
    "customer.appointment",
    "revenue.usage",
    "party.party",
    "party.party_role",
    "party.identity",
):
    import_module(f"models.{_name}")
