"""TMF629 Customer: those who buy."""

from models.common import Entity
from models.common.roles import PartyRoleAttributes
from models.declare import Api, resource

TMF629 = Api("TMF629", "Customer", "customer", "/tmf-api/customerManagement/v4")


@resource(TMF629.at("customer"), state="status", mandatory=("engaged_party",))
class Customer(PartyRoleAttributes, Entity):
    """A party in its role as a buyer of products."""
