"""TMF632 Party: people and organizations."""

import datetime as dt
import enum

from models.common import (
    AttachmentRefOrValue,
    Characteristic,
    ContactMedium,
    Entity,
    EntityRef,
    Extensible,
    RelatedParty,
    TimePeriod,
)
from models.declare import Api, External, Flow, abstract, enumeration, reference, resource, value

TMF632 = Api("TMF632", "Party", "party", "/tmf-api/party/v4")
TMF632_SEED = Api("TMF632", "Party", "party", "/tmf-api/partyManagement/v4")


@enumeration
class IndividualStateType(enum.StrEnum):
    """Where a person's record stands."""

    INITIALIZED = "initialized"
    VALIDATED = "validated"
    DECEADED = "deceaded"  # spelled so in the official file


@enumeration
class OrganizationStateType(enum.StrEnum):
    """Where an organization's record stands."""

    INITIALIZED = "initialized"
    VALIDATED = "validated"
    CLOSED = "closed"


INDIVIDUAL_FLOW = Flow(
    starts=("initialized",),
    moves={"initialized": ("validated", "deceaded"), "validated": ("deceaded",)},
)
ORGANIZATION_FLOW = Flow(
    starts=("initialized",),
    moves={"initialized": ("validated", "closed"), "validated": ("closed",)},
)


@value
class PartyCreditProfile(Extensible):
    """What a credit agency says about a party."""

    credit_agency_name: str | None = None
    """Name of the agency."""
    credit_agency_type: str | None = None
    """The kind of agency."""
    rating_reference: str | None = None
    """The agency's own reference for the rating."""
    rating_score: int | None = None
    """The score, as the agency counts it."""
    valid_for: TimePeriod | None = None
    """When the rating holds."""


@value
class ExternalReference(Extensible):
    """How another system or network knows the party."""

    external_reference_type: str | None = None
    """The system or network, such as "crm" or "facebook id"."""
    name: str | None = None
    """The name or number there."""


@reference(External("Tax", "A kind of tax, defined by another system."))
class TaxDefinition(Extensible):
    """A tax that an exemption is from."""

    id: str | None = None
    """Identifier of the tax."""
    name: str | None = None
    """Name of the tax."""
    tax_type: str | None = None
    """The kind of tax."""
    at_referred_type: str | None = None
    """The actual type of the tax definition."""


@value
class TaxExemptionCertificate(Extensible):
    """Proof that a party does not pay a tax."""

    id: str | None = None
    """Identifier of the certificate."""
    attachment: AttachmentRefOrValue | None = None
    """The certificate itself."""
    tax_definition: tuple[TaxDefinition, ...] = ()
    """The taxes that it exempts from."""
    valid_for: TimePeriod | None = None
    """When the certificate holds."""


@value
class Disability(Extensible):
    """A disability of a person, so that they can be served well."""

    disability_code: str | None = None
    """The disability as a code, such as one of ICF."""
    disability_name: str | None = None
    """The disability in words."""
    valid_for: TimePeriod | None = None
    """When it applies."""


class Identification(Extensible):
    """What proves who a party is."""

    identification_id: str | None = None
    """Number of the document or registration."""
    identification_type: str | None = None
    """What it is, such as "passport" or "commercial register"."""
    issuing_authority: str | None = None
    """Who issued it."""
    issuing_date: dt.datetime | None = None
    """When it was issued."""
    attachment: AttachmentRefOrValue | None = None
    """A picture of it."""
    valid_for: TimePeriod | None = None
    """When it is valid."""


@value
class IndividualIdentification(Identification):
    """A document that proves who a person is."""


@value
class OrganizationIdentification(Identification):
    """A registration that proves what an organization is."""


@value
class LanguageAbility(Extensible):
    """How well a person knows a language."""

    is_favourite_language: bool | None = None
    """Whether the person likes to be spoken to in it."""
    language_code: str | None = None
    """The language as an RFC 5646 tag, such as "de"."""
    language_name: str | None = None
    """Name of the language."""
    listening_proficiency: str | None = None
    """How well the person follows speech."""
    reading_proficiency: str | None = None
    """How well the person reads."""
    speaking_proficiency: str | None = None
    """How well the person speaks."""
    writing_proficiency: str | None = None
    """How well the person writes."""
    valid_for: TimePeriod | None = None
    """When this was so."""


@value
class Skill(Extensible):
    """Something a person can do."""

    comment: str | None = None
    """A remark on the skill."""
    evaluated_level: str | None = None
    """The level found, such as "expert"."""
    skill_code: str | None = None
    """The skill as a code."""
    skill_name: str | None = None
    """The skill in words."""
    valid_for: TimePeriod | None = None
    """When this was so."""


class IndividualName(Extensible):
    """The parts of a person's name, present or former."""

    aristocratic_title: str | None = None
    """Title of nobility, such as "Baron"."""
    family_name: str | None = None
    """Family name."""
    family_name_prefix: str | None = None
    """What stands before the family name, such as "van"."""
    formatted_name: str | None = None
    """The whole name with titles, as it is written on a letter."""
    full_name: str | None = None
    """Given name and family name."""
    generation: str | None = None
    """Such as "Sr", "Jr" or "III"."""
    given_name: str | None = None
    """Given name."""
    legal_name: str | None = None
    """The name as it stands in official documents."""
    middle_name: str | None = None
    """Names between the given name and the family name."""
    preferred_given_name: str | None = None
    """The given name that the person likes to be called by."""
    title: str | None = None
    """How the person is addressed, such as "Dr"."""


@value
class OtherNameIndividual(IndividualName):
    """Another name of a person, such as the one before a marriage."""

    valid_for: TimePeriod | None = None
    """When the name was used."""


@value
class OtherNameOrganization(Extensible):
    """Another name of an organization."""

    name: str | None = None
    """The name."""
    name_type: str | None = None
    """The legal form, such as "Ltd"."""
    trading_name: str | None = None
    """The name under which it does business."""
    valid_for: TimePeriod | None = None
    """When the name was used."""


@reference("Organization")
class OrganizationRef(EntityRef):
    """An organization."""


@value
class OrganizationChildRelationship(Extensible):
    """An organization below this one."""

    relationship_type: str | None = None
    """The kind of relationship, such as "juridical" or "hierarchical"."""
    organization: OrganizationRef | None = None
    """The organization below."""


@value
class OrganizationParentRelationship(Extensible):
    """The organization above this one."""

    relationship_type: str | None = None
    """The kind of relationship, such as "juridical" or "hierarchical"."""
    organization: OrganizationRef | None = None
    """The organization above."""


@abstract(TMF632_SEED.at("party"))
class Party(Entity):
    """A person or an organization."""

    contact_medium: tuple[ContactMedium, ...] = ()
    """Ways to reach the party."""
    credit_rating: tuple[PartyCreditProfile, ...] = ()
    """What credit agencies say about it."""
    external_reference: tuple[ExternalReference, ...] = ()
    """How other systems know it."""
    party_characteristic: tuple[Characteristic, ...] = ()
    """Further properties."""
    related_party: tuple[RelatedParty, ...] = ()
    """Other parties that this one has to do with."""
    tax_exemption_certificate: tuple[TaxExemptionCertificate, ...] = ()
    """Taxes it need not pay."""


@resource(
    TMF632.at("individual"), flow=INDIVIDUAL_FLOW, state="status", mandatory=("given_name", "family_name")
)
class Individual(IndividualName, Party):
    """A person."""

    birth_date: dt.datetime | None = None
    """When the person was born."""
    country_of_birth: str | None = None
    """The country in which the person was born."""
    death_date: dt.datetime | None = None
    """When the person died."""
    gender: str | None = None
    """The person's gender, as the person says."""
    location: str | None = None
    """Where the person is for now, such as "in hospital"."""
    marital_status: str | None = None
    """Such as "married" or "single"."""
    nationality: str | None = None
    """The person's nationality."""
    place_of_birth: str | None = None
    """Where the person was born."""
    disability: tuple[Disability, ...] = ()
    """Disabilities, so that the person can be served well."""
    individual_identification: tuple[IndividualIdentification, ...] = ()
    """Documents that prove who the person is."""
    language_ability: tuple[LanguageAbility, ...] = ()
    """Languages that the person knows."""
    other_name: tuple[OtherNameIndividual, ...] = ()
    """Other names of the person."""
    skill: tuple[Skill, ...] = ()
    """What the person can do."""
    status: IndividualStateType | None = None
    """Where the record stands."""


@resource(TMF632.at("organization"), flow=ORGANIZATION_FLOW, state="status")
class Organization(Party):
    """A company, an authority, a department: a group of people that acts as one."""

    is_head_office: bool | None = None
    """Whether this is the head office."""
    is_legal_entity: bool | None = None
    """Whether it is a person before the law."""
    name: str | None = None
    """The name without its legal form."""
    name_type: str | None = None
    """The legal form, such as "Ltd"."""
    organization_type: str | None = None
    """The kind of organization, such as "company" or "department"."""
    trading_name: str
    """The name under which it does business."""
    exists_during: TimePeriod | None = None
    """When the organization existed."""
    organization_child_relationship: tuple[OrganizationChildRelationship, ...] = ()
    """The organizations below this one."""
    organization_identification: tuple[OrganizationIdentification, ...] = ()
    """Registrations that prove what it is."""
    organization_parent_relationship: OrganizationParentRelationship | None = None
    """The organization above this one."""
    other_name: tuple[OtherNameOrganization, ...] = ()
    """Other names of the organization."""
    status: OrganizationStateType | None = None
    """Where the record stands."""
