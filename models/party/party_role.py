"""TMF669 Party Role: the parts that parties play."""

from models.common import Entity
from models.common.roles import PartyRoleAttributes
from models.declare import Api, resource

TMF669 = Api("TMF669", "Party Role", "party", "/tmf-api/partyRoleManagement/v4")


@resource(TMF669.at("partyRole"), state="status")
class PartyRole(PartyRoleAttributes, Entity):
    """A part that a party plays, such as a supplier or an installer."""
