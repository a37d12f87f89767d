"""TMF720 Digital Identity: how people, their roles and resources prove who they are."""

import datetime as dt
from typing import Annotated

from models.common import (
    AttachmentRefOrValue,
    Entity,
    EntityRef,
    Extensible,
    RelatedParty,
    ResourceRef,
    TimePeriod,
)
from models.declare import (
    Api,
    Changed,
    Created,
    WriteOnly,
    mandatory_in,
    polymorphic,
    reference,
    resource,
    value,
)

TMF720 = Api("TMF720", "Digital Identity", "party", "/tmf-api/digitalIdentityManagement/v4")
TMF720_SEED = Api("TMF720", "Digital Identity", "party", "/tmf-api/identityAndCredentialManagement/v4")


@reference("Individual")
class PartyRef(EntityRef):
    """A person."""

    at_referred_type: Annotated[str | None, mandatory_in("TMF720")] = None
    """The actual type of the party: Individual."""


# ---- ways to reach ----------------------------------------------------------------------------


@polymorphic
@value
class DigitalIdentityContactMedium(Extensible):
    """A way to reach whoever has the identity."""

    at_type: Annotated[str | None, mandatory_in("TMF720")] = None
    """Which way it is: EmailMedium or PhoneMedium."""
    id: str
    """Identifier of the way within the identity."""
    contact_type: str | None = None
    """What it is used for, e.g. "work" or "home"."""
    preferred: bool | None = None
    """Whether this is the preferred way."""
    valid_for: TimePeriod | None = None
    """When it can be used."""


@value
class EmailMedium(DigitalIdentityContactMedium):
    """By e-mail."""

    email_address: str | None = None
    """The e-mail address."""


@value
class PhoneMedium(DigitalIdentityContactMedium):
    """By telephone."""

    phone_number: str | None = None
    """The telephone number."""


# ---- credentials ------------------------------------------------------------------------------


@polymorphic
@value
class Credential(Extensible):
    """What whoever has the identity proves it with."""

    at_type: Annotated[str | None, mandatory_in("TMF720")] = None
    """Which proof it is: a LoginPasswordCredential, TokenCredential, BiometricCredential or
    NetworkCredential."""
    id: str
    """Identifier of the credential within the identity."""
    state: str | None = None
    """Where the credential stands in its life, e.g. "active" or "expired"."""
    trust_level: str | None = None
    """How far the credential can be trusted; what it permits may depend on it."""
    contact_medium: tuple[DigitalIdentityContactMedium, ...] = ()
    """Ways to reach whoever has it, e.g. to send a code to."""
    valid_for: TimePeriod | None = None
    """When the credential can be used."""


@value
class LoginPasswordCredential(Credential):
    """A login and a password."""

    login: str | None = None
    """The login."""
    password: WriteOnly[str | None] = None
    """The password."""


@value
class TokenCredential(Credential):
    """A token, e.g. of a key card or of another system."""

    login: str | None = None
    """The login."""
    token_credential: WriteOnly[str | None] = None
    """The token."""


@value
class BiometricCredential(Credential):
    """A feature of the body, e.g. a fingerprint."""

    biometric_type: str | None = None
    """The part of the body, e.g. "finger", "iris" or "face"."""
    biometric_sub_type: str | None = None
    """Which one it is where there are several, e.g. "thumb"."""
    attachment: WriteOnly[tuple[AttachmentRefOrValue, ...]] = ()
    """The recordings of it."""


@value
class NetworkCredential(Credential):
    """A resource of the network, e.g. the line that somebody comes in on."""

    password: WriteOnly[str | None] = None
    """The password."""
    resource: ResourceRef | None = None
    """The resource."""


# ---- identities -------------------------------------------------------------------------------


@resource(TMF720.at("digitalIdentity"), TMF720_SEED.at("identity"), state="status")
class DigitalIdentity(Entity):
    """Somebody, or something, as the systems know them, with the credentials that prove it."""

    nickname: str | None = None
    """What its holder likes to be called."""
    status: str | None = None
    """Where the identity stands in its life: "unknown", "active", "suspended" or "archived"."""
    creation_date: Created[dt.datetime | None] = None
    """When the identity was created."""
    last_update: Changed[dt.datetime | None] = None
    """When it was last changed."""
    valid_for: TimePeriod | None = None
    """When the identity can be used."""
    individual_identified: PartyRef | None = None
    """The person whose identity it is, in all roles."""
    party_role_identified: tuple[RelatedParty, ...] = ()
    """The roles whose identity it is."""
    resource_identified: ResourceRef | None = None
    """The resource whose identity it is."""
    credential: tuple[Credential, ...]
    """What the identity is proved with."""
    contact_medium: tuple[DigitalIdentityContactMedium, ...] = ()
    """Ways to reach whoever has the identity."""
    related_party: tuple[RelatedParty, ...] = ()
    """Other parties with a part in the identity, e.g. who provides it."""
    attachment: tuple[AttachmentRefOrValue, ...] = ()
    """Documents and pictures that belong to it."""
