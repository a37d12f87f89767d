"""What a thing is: every TMF type, declared once. Importing this declares all of them."""

from importlib import import_module

from models.declare import World, resources

_kinds: list[type] = []
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
    _kinds += resources(import_module(f"models.{_name}"))

WHOLE = World(_kinds)
"""All kinds together: what is served, migrated and tested where nothing else is said."""
