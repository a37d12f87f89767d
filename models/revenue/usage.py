"""TMF635 Usage: records of what was used, rated and billed, and their specifications."""

import datetime as dt
import enum

from models.common import (
    AttachmentRefOrValue,
    Characteristic,
    CharacteristicValueSpecification,
    ConstraintRef,
    Entity,
    EntityRef,
    Extensible,
    Money,
    ProductRef,
    RelatedParty,
    TimePeriod,
)
from models.declare import Api, Changed, External, Flow, Group, enumeration, reference, resource, value

TMF635 = Api("TMF635", "Usage", "revenue", "/tmf-api/usageManagement/v4")


@enumeration
class UsageStatusType(enum.StrEnum):
    """Where a usage record stands."""

    RECEIVED = "received"
    REJECTED = "rejected"
    RECYCLED = "recycled"
    GUIDED = "guided"
    RATED = "rated"
    RERATED = "rerated"
    BILLED = "billed"


USAGE_FLOW = Flow(
    starts=("received",),
    moves={
        "received": ("guided", "rejected"),
        "guided": ("rated", "rejected"),
        "rated": ("rerated", "billed"),
        "rerated": ("rated",),
        "rejected": ("recycled",),
        "recycled": ("guided", "rejected"),
    },
)

ASSOCIATION_SPECIFICATION = External(
    "AssociationSpecification", "A kind of tie of TMF662, defined by another system."
)
ENTITY_SPECIFICATION = Group(
    "EntitySpecification",
    ("UsageSpecification", "ProductSpecification"),
    "What entities of a kind look like.",
)


# ---- specifications ---------------------------------------------------------------------------


@reference(ASSOCIATION_SPECIFICATION)
class AssociationSpecificationRef(EntityRef):
    """The specification of a tie between entities."""


@reference("UsageSpecification")
class UsageSpecificationRef(EntityRef):
    """The specification that usage follows."""


@reference(ENTITY_SPECIFICATION, id_key="parentSpecificationId")
class CharacteristicSpecificationRelationship(Extensible):
    """A tie from one characteristic to another, of whatever specification."""

    id: str | None = None
    """Identifier of the tie itself."""
    href: str | None = None
    """Address of the tie itself."""
    characteristic_specification_id: str | None = None
    """Identifier of the other characteristic within its specification."""
    name: str | None = None
    """Name of the other characteristic."""
    parent_specification_href: str | None = None
    """Address of the specification that has the other characteristic."""
    parent_specification_id: str | None = None
    """Identifier of the specification that has the other characteristic."""
    relationship_type: str | None = None
    """Kind of tie, e.g. "aggregation", "dependency" or "exclusivity"."""
    valid_for: TimePeriod | None = None
    """From when until when the tie holds."""


@value
class CharacteristicSpecification(Extensible):
    """A property that entities of a specification have, and the values that it may take."""

    id: str | None = None
    """Identifier of the characteristic."""
    name: str | None = None
    """What people call the characteristic, e.g. "Duration"."""
    description: str | None = None
    """What the characteristic is about, in free text."""
    value_type: str | None = None
    """Data type of its values, e.g. "number" or "text"."""
    configurable: bool | None = None
    """Whether its value can be chosen for each entity."""
    extensible: bool | None = None
    """Whether an entity may have a value that is not listed here."""
    is_unique: bool | None = None
    """Whether no two entities may have the same value."""
    min_cardinality: int | None = None
    """How many values an entity has at least; 0 where it may have none."""
    max_cardinality: int | None = None
    """How many values an entity has at most."""
    regex: str | None = None
    """Regular expression that its values must match."""
    characteristic_value_specification: tuple[CharacteristicValueSpecification, ...] = ()
    """The values that it may take."""
    char_spec_relationship: tuple[CharacteristicSpecificationRelationship, ...] = ()
    """Other characteristics that it is tied to."""
    valid_for: TimePeriod | None = None
    """From when until when entities have the characteristic."""
    at_value_schema_location: str | None = None
    """Address of the JSON schema of its values, where they are objects."""


@reference(ENTITY_SPECIFICATION)
class EntitySpecificationRelationship(Extensible):
    """A tie from one specification to another, of whatever kind."""

    id: str | None = None
    """Identifier of the other specification."""
    href: str | None = None
    """Address of the other specification."""
    name: str | None = None
    """Name of the other specification."""
    relationship_type: str
    """Kind of tie, e.g. "migration", "substitution", "dependency" or "exclusivity"."""
    role: str | None = None
    """The part that the other specification plays in it."""
    association_spec: AssociationSpecificationRef | None = None
    """The specification that the tie itself follows."""
    valid_for: TimePeriod | None = None
    """From when until when the tie holds."""
    at_referred_type: str | None = None
    """The actual type of the other specification."""


@value
class TargetEntitySchema:
    """The schema that entities of a specification follow."""

    at_schema_location: str
    """Address of the JSON schema."""
    at_type: str
    """Name of the type that the schema describes."""


@resource(TMF635.at("usageSpecification"), state="lifecycleStatus")
class UsageSpecification(Entity):
    """Which properties usage of one sort has, e.g. calls or data sessions."""

    name: str | None = None
    """What people call the specification."""
    description: str | None = None
    """What the specification is about, in free text."""
    version: str | None = None
    """Which version of it this is, where several are told apart."""
    lifecycle_status: str | None = None
    """Where it stands in its life; TMF leaves the values open."""
    is_bundle: bool | None = None
    """Whether it is made of other specifications."""
    last_update: Changed[dt.datetime | None] = None
    """When it was last changed."""
    valid_for: TimePeriod | None = None
    """From when until when it is in use."""
    spec_characteristic: tuple[CharacteristicSpecification, ...] = ()
    """Properties that its usage has."""
    entity_spec_relationship: tuple[EntitySpecificationRelationship, ...] = ()
    """Other specifications that it is tied to."""
    target_entity_schema: TargetEntitySchema | None = None
    """Type and JSON schema that its usage has."""
    constraint: tuple[ConstraintRef, ...] = ()
    """Rules that the specification is subject to."""
    related_party: tuple[RelatedParty, ...] = ()
    """Parties with a part in the specification, e.g. its owner."""
    attachment: tuple[AttachmentRefOrValue, ...] = ()
    """Documents and pictures that belong to it."""


# ---- usage ------------------------------------------------------------------------------------


@value
class UsageCharacteristic(Characteristic):
    """A property of one usage, e.g. how long a call took."""


@value
class RatedProductUsage(Extensible):
    """What usage costs by the tariff of one product."""

    product_ref: ProductRef | None = None
    """The product whose tariff applies."""
    rating_date: dt.datetime | None = None
    """When the usage was rated."""
    rating_amount_type: str | None = None
    """Kind of amount; TMF leaves the values open."""
    usage_rating_tag: str | None = None
    """How a bundle of usage had to do with it: "usage" not at all, "included usage" it was rated within the
    bundle, "non included usage" the bundle was used up."""
    offer_tariff_type: str | None = None
    """Kind of tariff that was applied, e.g. "normal"."""
    bucket_value_converted_in_amount: Money | None = None
    """What was taken from a bucket, as an amount of money."""
    tax_excluded_rating_amount: Money | None = None
    """The cost without tax."""
    tax_included_rating_amount: Money | None = None
    """The cost with tax."""
    tax_rate: float | None = None
    """Rate of the tax."""
    is_tax_exempt: bool | None = None
    """Whether no tax is due."""
    is_billed: bool | None = None
    """Whether it has been billed."""


@resource(TMF635.at("usage"), flow=USAGE_FLOW, state="status")
class Usage(Entity):
    """A record that something was used, e.g. of one call or data session."""

    description: str | None = None
    """What was used, in free text."""
    usage_date: dt.datetime | None = None
    """When it was used."""
    usage_type: str | None = None
    """Kind of usage, e.g. "voice"."""
    status: UsageStatusType | None = None
    """Where the record stands."""
    usage_specification: UsageSpecificationRef | None = None
    """The specification that the usage follows."""
    usage_characteristic: tuple[UsageCharacteristic, ...] = ()
    """Properties of this one usage."""
    rated_product_usage: tuple[RatedProductUsage, ...] = ()
    """What it costs, once it is rated."""
    related_party: tuple[RelatedParty, ...] = ()
    """Parties with a part in the usage, e.g. who called."""
