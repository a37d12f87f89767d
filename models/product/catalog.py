"""TMF620 Product Catalog: what is on offer, at what price, and what it consists of."""

import datetime as dt
import enum
from typing import Annotated

from models.common import (
    AgreementRef,
    AttachmentRefOrValue,
    CharacteristicValueSpecification,
    ConstraintRef,
    Duration,
    Entity,
    EntityRef,
    Extensible,
    Money,
    PlaceRef,
    ProductOfferingRef,
    ProductSpecificationRef,
    Quantity,
    RelatedParty,
    ResourceSpecificationRef,
    ServiceSpecificationRef,
    TargetProductSchema,
    TaxItem,
    TimePeriod,
)
from models.declare import (
    Api,
    Changed,
    Created,
    External,
    Flow,
    ServerSet,
    enumeration,
    points_to,
    reached,
    reference,
    resource,
    value,
)

TMF620 = Api("TMF620", "Product Catalog", "product", "/tmf-api/productCatalogManagement/v4")

MARKET_SEGMENT = External("MarketSegment", "A group of customers to sell to, held by another system.")
RESOURCE_CANDIDATE = External("ResourceCandidate", "A catalogue entry of TMF634, held by another system.")
SALES_CHANNEL = External("SalesChannel", "A channel that products are sold through, held by another system.")
SERVICE_CANDIDATE = External("ServiceCandidate", "A catalogue entry of TMF633, held by another system.")
SLA = External("SLA", "A service level agreement of TMF623, held by another system.")


@enumeration
class JobStateType(enum.StrEnum):
    """Where a job stands."""

    NOT_STARTED = "Not Started"  # the official file has the blank
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


JOB_FLOW = Flow(
    starts=("Not Started",),
    moves={"Not Started": ("Running",), "Running": ("Succeeded", "Failed")},
)


# ---- references -------------------------------------------------------------------------------


@reference("Category")
class CategoryRef(EntityRef):
    """A category of the catalogue."""

    version: str | None = None
    """Version of the category."""


@reference(SALES_CHANNEL)
class ChannelRef(EntityRef):
    """A channel that an offering is sold through, e.g. the web shop."""


@reference(MARKET_SEGMENT)
class MarketSegmentRef(EntityRef):
    """A group of customers that an offering is made for."""


@reference(RESOURCE_CANDIDATE)
class ResourceCandidateRef(EntityRef):
    """The entry of the resource catalogue that an offering sells."""

    version: str | None = None
    """Version of the resource candidate."""


@reference(SERVICE_CANDIDATE)
class ServiceCandidateRef(EntityRef):
    """The entry of the service catalogue that an offering sells."""

    version: str | None = None
    """Version of the service candidate."""


@reference(SLA)
class SLARef(EntityRef):
    """The service level that an offering promises."""


# ---- characteristics --------------------------------------------------------------------------


# TMF says that `id` is that of the specification which has the other characteristic.
@reference("ProductSpecification")
class ProductSpecificationCharacteristicRelationship(Extensible):
    """A tie from one characteristic to another."""

    id: str | None = None
    """Identifier of the product specification that has the other characteristic."""
    href: str | None = None
    """Address of the product specification that has the other characteristic."""
    name: str | None = None
    """Name of the other characteristic."""
    relationship_type: str | None = None
    """Kind of tie, e.g. "aggregation", "dependency" or "exclusivity"."""
    char_spec_seq: int | None = None
    """Place of the other characteristic in the group, where the tie makes it part of one."""
    valid_for: TimePeriod | None = None
    """From when until when the tie holds."""


@value
class ProductSpecificationCharacteristic(Extensible):
    """A property that products of a specification have, and the values that it may take."""

    id: str | None = None
    """Identifier of the characteristic."""
    name: str | None = None
    """What people call the characteristic, e.g. "Colour"."""
    description: str | None = None
    """What the characteristic is about, in free text."""
    value_type: str | None = None
    """Data type of its values, e.g. "number" or "text"."""
    configurable: bool | None = None
    """Whether its value can be chosen for each product."""
    extensible: bool | None = None
    """Whether a product may have a value that is not listed here."""
    is_unique: bool | None = None
    """Whether no two products may have the same value."""
    min_cardinality: int | None = None
    """How many values a product has at least; 0 where it may have none."""
    max_cardinality: int | None = None
    """How many values a product has at most."""
    regex: str | None = None
    """Regular expression that its values must match."""
    product_spec_characteristic_value: tuple[CharacteristicValueSpecification, ...] = ()
    """The values that it may take."""
    product_spec_char_relationship: tuple[ProductSpecificationCharacteristicRelationship, ...] = ()
    """Other characteristics that it is tied to."""
    valid_for: TimePeriod | None = None
    """From when until when products have the characteristic."""
    at_value_schema_location: str | None = None
    """Address of the JSON schema of its values, where they are objects."""


@value
class ProductSpecificationCharacteristicValueUse(Extensible):
    """What an offering or a price makes of a characteristic: often it allows only some of the values."""

    id: str | None = None
    """Identifier of the characteristic."""
    name: str | None = None
    """Name of the characteristic."""
    description: str | None = None
    """What the characteristic is about here, in free text."""
    value_type: str | None = None
    """Data type of its values, e.g. "number" or "text"."""
    min_cardinality: int | None = None
    """How many values a product has at least; 0 where it may have none."""
    max_cardinality: int | None = None
    """How many values a product has at most."""
    product_spec_characteristic_value: tuple[CharacteristicValueSpecification, ...] = ()
    """The values that it may take here: some or all of those in the specification."""
    product_specification: ProductSpecificationRef | None = None
    """The specification that has the characteristic."""
    valid_for: TimePeriod | None = None
    """From when until when this holds."""


# ---- product specifications -------------------------------------------------------------------


@reference("ProductSpecification")
class BundledProductSpecification(Extensible):
    """A specification that is part of a bundle."""

    id: str | None = None
    """Identifier of the specification."""
    href: str | None = None
    """Address of the specification."""
    name: str | None = None
    """Name of the specification."""
    lifecycle_status: str | None = None
    """Where the specification stands in its life; TMF leaves the values open."""


@reference("ProductSpecification")
class ProductSpecificationRelationship(Extensible):
    """A tie from one product specification to another."""

    id: str | None = None
    """Identifier of the other specification."""
    href: str | None = None
    """Address of the other specification."""
    name: str | None = None
    """Name of the other specification."""
    relationship_type: str | None = None
    """Kind of tie, e.g. "migration", "substitution", "dependency" or "exclusivity"."""
    valid_for: TimePeriod | None = None
    """From when until when the tie holds."""
    at_referred_type: str | None = None
    """The actual type of the other specification."""


# ---- prices -----------------------------------------------------------------------------------


@value
class ProductPriceValue(Extensible):
    """An amount with and without tax, or a percentage of another price."""

    percentage: float | None = None
    """By how many percent it alters another price, where it is an alteration."""
    duty_free_amount: Money | None = None
    """The amount without tax."""
    tax_included_amount: Money | None = None
    """The amount with tax."""
    tax_category: str | None = None
    """Kind of tax, e.g. "VAT"."""
    tax_rate: float | None = None
    """Rate of the tax."""


@value
class POPAlteration(Extensible):
    """A change to the price of an offering, e.g. a discount."""

    id: str | None = None
    """Identifier of the alteration."""
    href: str | None = None
    """Address of the alteration."""
    name: str | None = None
    """What people call the alteration."""
    description: str | None = None
    """What the alteration is about, in free text."""
    price_type: str
    """Kind of price that it alters, e.g. "recurring", "oneTime" or "usage"."""
    price: ProductPriceValue
    """The amount or percentage by which it alters the price."""
    priority: int | None = None
    """Its rank among the alterations of one price, which says in what order they apply."""
    application_duration: Duration | None = None
    """How long it applies, e.g. for the first two months."""
    recurring_charge_period: str | None = None
    """How often it recurs, e.g. "month"."""
    unit_of_measure: Quantity | None = None
    """How much of the product the amount is for, e.g. 20 GB."""
    valid_for: TimePeriod | None = None
    """From when until when the alteration is to be had."""


@value
class PricingLogicAlgorithm(Extensible):
    """A formula outside the catalogue that works out a price, e.g. when usage is rated."""

    id: str | None = None
    """Identifier of the algorithm."""
    href: str | None = None
    """Address of the algorithm."""
    name: str | None = None
    """What people call the algorithm."""
    description: str | None = None
    """What the algorithm does, in free text."""
    pla_spec_id: str | None = None
    """Identifier of the specification that the algorithm follows."""
    valid_for: TimePeriod | None = None
    """From when until when the algorithm is in use."""


@reference("ProductOfferingPrice")
class BundledProductOfferingPriceRelationship(Extensible):
    """A price that is part of a bundle, e.g. the monthly charge beside the activation fee."""

    id: str | None = None
    """Identifier of the price."""
    href: str | None = None
    """Address of the price."""
    name: str | None = None
    """Name of the price."""


@reference("ProductOfferingPrice")
class ProductOfferingPriceRelationship(Extensible):
    """A tie from one price to another, e.g. to its discount."""

    id: str | None = None
    """Identifier of the other price."""
    href: str | None = None
    """Address of the other price."""
    name: str | None = None
    """Name of the other price."""
    relationship_type: str | None = None
    """Kind of tie, e.g. "override" or "discount"."""
    role: str | None = None
    """The part that this price, from which the tie starts, plays in it."""
    at_referred_type: str | None = None
    """The actual type of the other price."""


class ProductOfferingPriceAttributes(Extensible):
    """What a price has, whether it stands in the catalogue or inside an offering."""

    price_type: str | None = None
    """Kind of price, e.g. "recurring", "oneTime", "usage" or "discount"."""
    recurring_charge_period_length: int | None = None
    """Every how many periods it is charged, e.g. 3 for every three months; 0 where it does not recur."""
    unit_of_measure: Quantity | None = None
    """How much of the product the amount is for, e.g. 5 GB."""
    constraint: tuple[ConstraintRef, ...] = ()
    """Rules that say when the price applies."""


@reference("ProductOfferingPrice")
class ProductOfferingPriceRefOrValue(ProductOfferingPriceAttributes):
    """A price, either one of the catalogue or one described on the spot."""

    id: str | None = None
    """Identifier of the price; one that is described on the spot may have none."""
    href: str | None = None
    """Address of the price."""
    name: str | None = None
    """What people call the price."""
    description: str | None = None
    """What the price is about, in free text."""
    version: str | None = None
    """Version of the price."""
    lifecycle_status: str | None = None
    """Where the price stands in its life; TMF leaves the values open."""
    last_update: dt.datetime | None = None
    """When the price was last changed."""
    valid_for: TimePeriod | None = None
    """From when until when the price is asked."""
    price: ProductPriceValue | None = None
    """The amount to pay."""
    price_alteration: tuple[POPAlteration, ...] = ()
    """Discounts and other changes to the price."""
    recurring_charge_period: str | None = None
    """Period that the charge recurs in, e.g. "month"."""
    at_referred_type: str | None = None
    """The actual type of the price referred to."""


# ---- offerings --------------------------------------------------------------------------------


@value
class ProductOfferingTerm(Extensible):
    """A commitment that the customer makes to get an offering or a price, e.g. to stay for two years."""

    name: str | None = None
    """What people call the term."""
    description: str | None = None
    """What the term is about, in free text."""
    duration: Duration | None = None
    """How long the commitment lasts."""
    valid_for: TimePeriod | None = None
    """From when until when the term is offered."""


@value
class BundledProductOfferingOption(Extensible):
    """How often an offering can be taken as part of a bundle."""

    number_rel_offer_default: int | None = None
    """How often it is in the bundle where the customer does not choose."""
    number_rel_offer_lower_limit: int | None = None
    """How often it must be taken at least."""
    number_rel_offer_upper_limit: int | None = None
    """How often it can be taken at most."""


@reference("ProductOffering")
class BundledProductOffering(Extensible):
    """An offering that is part of a bundle."""

    id: str | None = None
    """Identifier of the offering."""
    href: str | None = None
    """Address of the offering."""
    name: str | None = None
    """Name of the offering."""
    lifecycle_status: str | None = None
    """Where the offering stands in its life; TMF leaves the values open."""
    bundled_product_offering_option: BundledProductOfferingOption | None = None
    """How often it can be taken as part of the bundle."""


@reference("ProductOffering")
class ProductOfferingRelationship(Extensible):
    """A tie from one offering to another."""

    id: str | None = None
    """Identifier of the other offering."""
    href: str | None = None
    """Address of the other offering."""
    name: str | None = None
    """Name of the other offering."""
    relationship_type: str | None = None
    """Kind of tie, e.g. "requires", "exchangeableTo" or "optionalFor"."""
    role: str | None = None
    """The part that this offering, from which the tie starts, plays in it."""
    valid_for: TimePeriod | None = None
    """From when until when the tie holds."""
    at_referred_type: str | None = None
    """The actual type of the other offering."""


# ---- resources --------------------------------------------------------------------------------


class CatalogEntry(Entity):
    """What the catalogue, and everything in it, has."""

    name: str
    """What people call it."""
    description: str | None = None
    """What it is, in free text."""
    version: str | None = None
    """Which version of it this is, where several are told apart."""
    lifecycle_status: str | None = None
    """Where it stands in its life, e.g. "In design" or "Launched"; TMF leaves the values open."""
    last_update: Changed[dt.datetime | None] = None
    """When it was last changed."""
    valid_for: TimePeriod | None = None
    """From when until when it is in use."""


@resource(TMF620.at("catalog"), state="lifecycleStatus")
class Catalog(CatalogEntry):
    """A collection of offerings, sorted into categories."""

    catalog_type: str | None = None
    """What the catalogue is about: products, services or resources."""
    category: tuple[CategoryRef, ...] = ()
    """Its topmost categories."""
    related_party: tuple[RelatedParty, ...] = ()
    """Parties with a part in the catalogue, e.g. its owner."""


@resource(TMF620.at("category"), state="lifecycleStatus")
class Category(CatalogEntry):
    """A group of offerings, and of further categories."""

    is_root: bool | None = None
    """Whether it is a topmost one."""
    parent_id: Annotated[str | None, points_to("Category", field="parent")] = None
    """Identifier of the category that it is part of."""
    sub_category: tuple[CategoryRef, ...] = ()
    """The categories that are part of it."""
    product_offering: tuple[ProductOfferingRef, ...] = ()
    """The offerings in it."""


@resource(TMF620.at("productSpecification"), state="lifecycleStatus")
class ProductSpecification(CatalogEntry):
    """What a product is made of and which properties it has, whatever it is sold as."""

    brand: str | None = None
    """Maker or trademark of the product."""
    product_number: str | None = None
    """Number that tells the specification from all others."""
    is_bundle: bool | None = None
    """Whether it is made of other specifications."""
    bundled_product_specification: tuple[BundledProductSpecification, ...] = ()
    """The specifications that it is made of."""
    product_specification_relationship: tuple[ProductSpecificationRelationship, ...] = ()
    """Other specifications that it is tied to."""
    product_spec_characteristic: tuple[ProductSpecificationCharacteristic, ...] = ()
    """Properties that its products have."""
    service_specification: tuple[ServiceSpecificationRef, ...] = ()
    """Specifications of the services that deliver its products."""
    resource_specification: tuple[ResourceSpecificationRef, ...] = ()
    """Specifications of the resources that deliver its products."""
    target_product_schema: TargetProductSchema | None = None
    """Type and JSON schema that its products have in the inventory."""
    related_party: tuple[RelatedParty, ...] = ()
    """Parties with a part in the specification, e.g. its supplier."""
    attachment: tuple[AttachmentRefOrValue, ...] = ()
    """Documents and pictures that show the product."""


@resource(TMF620.at("productOffering"), state="lifecycleStatus")
class ProductOffering(CatalogEntry):
    """Something that a customer can order, with its prices and terms."""

    status_reason: str | None = None
    """Why it stands where it stands in its life."""
    is_sellable: bool | None = None
    """Whether it is sold on its own; false where it is sold only in a bundle."""
    is_bundle: bool | None = None
    """Whether it is made of other offerings."""
    bundled_product_offering: tuple[BundledProductOffering, ...] = ()
    """The offerings that it is made of."""
    product_offering_relationship: tuple[ProductOfferingRelationship, ...] = ()
    """Other offerings that it is tied to."""
    product_specification: ProductSpecificationRef | None = None
    """The specification of the product that is sold."""
    prod_spec_char_value_use: tuple[ProductSpecificationCharacteristicValueUse, ...] = ()
    """The properties of the product that it fixes or narrows, e.g. to two of four colours."""
    service_candidate: ServiceCandidateRef | None = None
    """The entry of the service catalogue that is sold."""
    resource_candidate: ResourceCandidateRef | None = None
    """The entry of the resource catalogue that is sold."""
    product_offering_price: tuple[ProductOfferingPriceRefOrValue, ...] = ()
    """What it costs."""
    product_offering_term: tuple[ProductOfferingTerm, ...] = ()
    """Commitments that the customer can choose from or has to make."""
    service_level_agreement: SLARef | None = None
    """The service level that it promises."""
    agreement: tuple[AgreementRef, ...] = ()
    """Agreements that it rests on."""
    category: tuple[CategoryRef, ...] = ()
    """The categories that it is in."""
    channel: tuple[ChannelRef, ...] = ()
    """Channels that it is sold through."""
    market_segment: tuple[MarketSegmentRef, ...] = ()
    """Groups of customers that it is made for."""
    place: tuple[PlaceRef, ...] = ()
    """Places where it is sold or delivered."""
    attachment: tuple[AttachmentRefOrValue, ...] = ()
    """Documents and pictures that show it."""


@resource(TMF620.at("productOfferingPrice"), state="lifecycleStatus")
class ProductOfferingPrice(ProductOfferingPriceAttributes, CatalogEntry):
    """What an offering costs, or by how much a price is altered, e.g. by a discount."""

    price: Money | None = None
    """The amount to pay."""
    percentage: float | None = None
    """By how many percent it alters another price, where it is an alteration."""
    tax: tuple[TaxItem, ...] = ()
    """The taxes on it."""
    recurring_charge_period_type: str | None = None
    """Period that the charge recurs in, e.g. "month"."""
    is_bundle: bool | None = None
    """Whether it is made of other prices."""
    bundled_pop_relationship: tuple[BundledProductOfferingPriceRelationship, ...] = ()
    """The prices that it is made of."""
    pop_relationship: tuple[ProductOfferingPriceRelationship, ...] = ()
    """Other prices that it is tied to, e.g. its discounts."""
    pricing_logic_algorithm: tuple[PricingLogicAlgorithm, ...] = ()
    """Formulas that work out the amount."""
    product_offering_term: tuple[ProductOfferingTerm, ...] = ()
    """Commitments that the customer has to make to get the price."""
    prod_spec_char_value_use: tuple[ProductSpecificationCharacteristicValueUse, ...] = ()
    """The properties of the product that the price is for, e.g. one bandwidth."""
    place: tuple[PlaceRef, ...] = ()
    """Places where the price holds."""


# ---- jobs -------------------------------------------------------------------------------------


# TMF620 accepts the state, the dates and the error on POST, but it is the server that runs the job.
class Job(Entity):
    """What a job has, whether it brings entities in or out."""

    content_type: str | None = None
    """Format of the file."""
    status: ServerSet[JobStateType | None] = None
    """Where the job stands."""
    creation_date: Created[dt.datetime | None] = None
    """When the job was created."""
    completion_date: ServerSet[Annotated[dt.datetime | None, reached("Succeeded", "Failed")]] = None
    """When the job ended, well or not."""
    error_log: ServerSet[str | None] = None
    """Why the job failed."""


@resource(TMF620.at("importJob"), flow=JOB_FLOW, state="status", operations=("create", "delete"))
class ImportJob(Job):
    """A task to bring the entities of a file into the catalogue."""

    url: str
    """Address of the file to read."""
    path: str | None = None
    """Address of the collection that the entities go into."""


@resource(TMF620.at("exportJob"), flow=JOB_FLOW, state="status", operations=("create", "delete"))
class ExportJob(Job):
    """A task to write entities of the catalogue to a file."""

    url: str
    """Address of the file to write."""
    path: str | None = None
    """Address of the collection that the entities come from."""
    query: str | None = None
    """Filter that says which of its entities are written."""
