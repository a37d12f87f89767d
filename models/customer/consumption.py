"""TMF677 Usage Consumption: reports of how much of their allowances customers have used."""

import datetime as dt

from models.common import Entity, EntityRef, Extensible, Quantity, RelatedParty, TimePeriod
from models.common.task import AcceptedTaskStateType
from models.declare import Api, Created, External, ServerSet, reference, resource, value

TMF677 = Api("TMF677", "Usage Consumption", "customer", "/tmf-api/usageConsumption/v4")

BUCKET = External("Bucket", "A bucket of TMF654, held by another system.")
PARTY_ACCOUNT = External("PartyAccount", "A party account of TMF666, held by another system.")
RESERVE_BALANCE = External("ReserveBalance", "A reservation of TMF654, held by another system.")


@reference(PARTY_ACCOUNT)
class PartyAccountRef(EntityRef):
    """An account that a party has with the provider."""

    description: str | None = None
    """What the account is for."""
    status: str | None = None
    """How the account stands, e.g. "due", "paid" or "in arrears"."""


@reference(RESERVE_BALANCE)
class ReserveBalanceRef(EntityRef):
    """A reservation of a part of a bucket."""


@value
class ConsumptionSummary(Extensible):
    """A counter: how much was used, in all or by one user."""

    id: str | None = None
    """Identifier of the counter."""
    href: str | None = None
    """Address of the counter."""
    counter_type: str | None = None
    """What it counts, e.g. "used"."""
    level: str | None = None
    """What it counts for, e.g. "global" or "user"."""
    value: Quantity | None = None
    """How much it counts, with its unit."""
    value_name: str | None = None
    """How much it counts, written out for display, e.g. "1.9 GB"."""
    consumption_period: TimePeriod | None = None
    """The time that it counts."""
    user: RelatedParty | None = None
    """Whose usage it counts, where it is that of one user."""


class UsageConsumptionEntityRef(EntityRef):
    """What references to whatever has usage share."""

    consumption_summary: tuple[ConsumptionSummary, ...] = ()
    """How much was used, counter by counter."""


@reference("Resource")
class UsageConsumptionLogicalResourceRef(UsageConsumptionEntityRef):
    """A resource that is used, e.g. a telephone number."""


@reference("Product")
class UsageConsumptionProductRef(UsageConsumptionEntityRef):
    """A product that is used, e.g. a tariff or an option of it."""


@reference("Service")
class UsageConsumptionServiceRef(UsageConsumptionEntityRef):
    """A service that is used."""


@value
class BucketRelationship(Extensible):
    """A tie from one bucket to another."""

    relationship_type: str
    """Kind of tie: "isAggregated" where it is part of the other, "aggregator" where it is the whole."""
    bucket_ref_or_value: "BucketRefOrValue"
    """The other bucket."""


@reference(BUCKET)
class BucketRefOrValue(Extensible):
    """An allowance to use up, such as 10 GB or 100 text messages, or an amount of money to spend."""

    id: str | None = None
    """Identifier of the bucket."""
    href: str | None = None
    """Address of the bucket."""
    name: str | None = None
    """What people call the bucket."""
    description: str | None = None
    """What the bucket holds, in free text."""
    usage_type: str | None = None
    """What it is for, e.g. "data" or "voice", or its currency."""
    status: str | None = None
    """How the bucket stands, e.g. "active", "expired" or "suspended"."""
    is_shared: bool | None = None
    """Whether several devices or users draw on it."""
    valid_for: TimePeriod | None = None
    """From when until when it can be used."""
    remaining_value: Quantity | None = None
    """How much is left, with its unit."""
    remaining_value_name: str | None = None
    """How much is left, written out for display, e.g. "1.9 GB"."""
    reserved_value: Quantity | None = None
    """How much of it is reserved: the sum of the reservations."""
    reserve_balance: tuple[ReserveBalanceRef, ...] = ()
    """Reservations that hold a part of it."""
    bucket_counter: tuple[ConsumptionSummary, ...] = ()
    """How much was used, counter by counter."""
    bucket_relationship: tuple[BucketRelationship, ...] = ()
    """Other buckets that it is tied to."""
    product: tuple[UsageConsumptionProductRef, ...] = ()
    """Products that draw on it."""
    service: tuple[UsageConsumptionServiceRef, ...] = ()
    """Services that draw on it."""
    logical_resource: tuple[UsageConsumptionLogicalResourceRef, ...] = ()
    """Resources that draw on it."""
    party_account: PartyAccountRef | None = None
    """The account that it belongs to."""
    related_party: tuple[RelatedParty, ...] = ()
    """Parties with a part in it, e.g. its users."""


@value
class UsageConsumption(Extensible):
    """How much was used and how much is left; in a query, what to report on."""

    id: str | None = None
    """Identifier of the report."""
    href: str | None = None
    """Address of the report."""
    name: str | None = None
    """What people call the report."""
    description: str | None = None
    """What the report says, in free text."""
    state: AcceptedTaskStateType | None = None
    """Where the report stands."""
    creation_date: dt.datetime | None = None
    """When the report was asked for."""
    last_update: dt.datetime | None = None
    """When its state last changed."""
    valid_period: TimePeriod | None = None
    """The time that it is about."""
    bucket_ref_or_value: tuple[BucketRefOrValue, ...] = ()
    """The allowances, with what is left of each."""
    product: tuple[UsageConsumptionProductRef, ...] = ()
    """The products, with what was used of each."""
    service: tuple[UsageConsumptionServiceRef, ...] = ()
    """The services, with what was used of each."""
    logical_resource: tuple[UsageConsumptionLogicalResourceRef, ...] = ()
    """The resources, with what was used of each."""
    party_account: tuple[PartyAccountRef, ...] = ()
    """The accounts that the allowances belong to."""
    related_party: tuple[RelatedParty, ...] = ()
    """The parties that it is about."""


@resource(TMF677.at("queryUsageConsumption"), operations=("create", "delete"))
class QueryUsageConsumption(Entity):
    """A question about how much was used, and the answer."""

    query_usage_consumption_date: Created[dt.datetime | None] = None
    """When the question was asked."""
    search_criteria: UsageConsumption | None = None
    """What to report on."""
    party_account: tuple[PartyAccountRef, ...] = ()
    """The accounts to report on."""
    related_party: tuple[RelatedParty, ...] = ()
    """The parties to report on."""
    usage_consumption: ServerSet[tuple[UsageConsumption, ...]] = ()
    """The answer."""
