"""What every TMF type is built on: entities, extensible values, references and what these point to."""

from typing import Annotated

from models.declare import External, Group, ServerSet, mandatory_in, reference


class Extensible:
    """A TMF type that others may extend: it says what it is and where its schema stands."""

    at_type: str | None = None
    """The type of this object, where it is an extension of the one declared here."""
    at_base_type: str | None = None
    """The type that an extension was derived from."""
    at_schema_location: str | None = None
    """Address of the JSON schema that describes an extension."""


class Entity(Extensible):
    """Anything with an id and a path of its own."""

    id: ServerSet[str | None] = None
    """Unique identifier, made by the server unless the client that creates the entity gives one."""
    href: ServerSet[str | None] = None
    """Address at which the entity answers over REST."""


class EntityRef(Extensible):
    """The attributes that references to entities share."""

    id: str
    """Identifier of the entity referred to."""
    href: str | None = None
    """Address of the entity referred to."""
    name: str | None = None
    """Name of the entity referred to."""
    at_referred_type: str | None = None
    """The actual type of the entity referred to."""


PARTY_OR_ROLE = Group(
    "PartyOrPartyRole",
    ("Individual", "Organization", "PartyRole", "Customer"),
    "A person, an organization, or the role that one of them plays.",
)

ACCOUNT = External("Account", "An account of TMF666, held by another system.")
AGREEMENT = External("Agreement", "An agreement of TMF651, held by another system.")
BILLING_ACCOUNT = External("BillingAccount", "A billing account of TMF666, held by another system.")
PLACE = External("Place", "A geographic address, site or location, held by another system.")


@reference(BILLING_ACCOUNT)
class BillingAccountRef(EntityRef):
    """The account that is charged."""


@reference(PARTY_OR_ROLE)
class RelatedParty(Extensible):
    """A party or party role that has a part in the entity."""

    at_type: Annotated[str | None, mandatory_in("TMF641")] = None
    """The type of this reference, where it is an extension of the one declared here."""
    id: str
    """Identifier of the party or party role."""
    href: str | None = None
    """Address of the party or party role."""
    name: str | None = None
    """Name of the party or party role."""
    role: str | None = None
    """The part it plays."""
    at_referred_type: str
    """Whether it is an Individual, an Organization, a PartyRole or a Customer."""
