"""Values that several TMF APIs share."""

import datetime as dt
import enum
from typing import Annotated

from models.common.base import PLACE, EntityRef, Extensible
from models.common.references import ConstraintRef
from models.declare import ANY, External, Json, enumeration, mandatory_in, reference, value


@enumeration
class OrderItemActionType(enum.StrEnum):
    """What an order item asks for."""

    ADD = "add"
    MODIFY = "modify"
    DELETE = "delete"
    NO_CHANGE = "noChange"


@value
class TimePeriod(Extensible):
    """A span of time, open at an end that is left out."""

    id: str | None = None
    """Identifier of the period, where it has one."""
    href: str | None = None
    """Address of the period, where it has one."""
    end_date_time: dt.datetime | None = None
    """When the period ends."""
    start_date_time: dt.datetime | None = None
    """When the period starts."""


@value
class Quantity(Extensible):
    """An amount with its unit."""

    amount: float | None = None
    """How much, counted in the unit."""
    units: str | None = None
    """The unit, such as "GB" or "month"."""


@value
class Duration:
    """A length of time."""

    amount: int | None = None
    """How many of the units."""
    units: str | None = None
    """The unit of time, such as "month"."""


@value
class Money(Extensible):
    """An amount of money."""

    id: str | None = None
    """Identifier of the amount, where it has one."""
    href: str | None = None
    """Address of the amount, where it has one."""
    unit: str | None = None
    """The currency as an ISO 4217 code, such as "EUR"."""
    value: float | None = None
    """The amount in that currency."""


@value
class Price(Extensible):
    """What something costs, as an amount or as a percentage of another price."""

    percentage: float | None = None
    """Share of the price that it alters, in percent."""
    tax_rate: float | None = None
    """Rate of the tax, in percent."""
    duty_free_amount: Money | None = None
    """The amount before tax."""
    tax_included_amount: Money | None = None
    """The amount with tax."""


@value
class TaxItem(Extensible):
    """A tax on an amount."""

    id: str | None = None
    """Identifier of the tax item."""
    href: str | None = None
    """Address of the tax item."""
    tax_category: str | None = None
    """The kind of tax, such as "VAT"."""
    tax_rate: float | None = None
    """Rate of the tax, in percent."""
    tax_amount: Money | None = None
    """The tax itself."""


@value
class ErrorMessage(Extensible):
    """What went wrong."""

    code: str | None = None
    """Code of the error."""
    reason: str | None = None
    """Why it happened, in a few words."""
    message: str | None = None
    """Details, and what can be done about it."""
    status: str | None = None
    """A finer code of the error, e.g. "sys-ABC-2001"."""
    reference_error: str | None = None
    """Address of a page that explains the error."""


@value
class Note(Extensible):
    """A remark that somebody left."""

    id: str | None = None
    """Identifier of the note within its entity."""
    href: str | None = None
    """Address of the note."""
    author: Annotated[str | None, mandatory_in("TMF638")] = None
    """Who wrote the note."""
    date: Annotated[dt.datetime | None, mandatory_in("TMF638")] = None
    """When the note was written."""
    text: Annotated[str | None, mandatory_in("TMF622", "TMF641", "TMF638")] = None
    """What the note says."""


@value
class CharacteristicRelationship(Extensible):
    """How a characteristic depends on another of the same entity."""

    id: str | None = None
    """Identifier of the other characteristic."""
    href: str | None = None
    """Address of the other characteristic."""
    relationship_type: str | None = None
    """The kind of dependency, such as "aggregation"."""


@value
class Characteristic(Extensible):
    """A property by name and value, as the entity's specification defines it."""

    id: str | None = None
    """Identifier of the characteristic within its entity."""
    name: str
    """Name of the characteristic, such as "vlan"."""
    value_type: str | None = None
    """Type of the value, such as "number"."""
    characteristic_relationship: tuple[CharacteristicRelationship, ...] = ()
    """Other characteristics that this one depends on."""
    value: Json
    """The value, of whatever JSON type."""


@value
class CharacteristicValueSpecification(Extensible):
    """A value, or a range of values, that a characteristic may take."""

    value_type: str | None = None
    """Data type of the value, e.g. "number" or "text"."""
    value: Json | None = None
    """The value, where it is a single one."""
    value_from: int | None = None
    """The low end, where it is a range."""
    value_to: int | None = None
    """The high end, where it is a range."""
    range_interval: str | None = None
    """Whether the ends belong to the range: "open", "closed", "closedBottom" or "closedTop"."""
    regex: str | None = None
    """Regular expression that the value must match."""
    unit_of_measure: str | None = None
    """Unit of the value, e.g. "GB"."""
    is_default: bool | None = None
    """Whether it is the one taken where the customer does not choose."""
    valid_for: TimePeriod | None = None
    """From when until when the value may be chosen."""


@value
class FeatureRelationship(Extensible):
    """How a feature depends on another."""

    id: str | None = None
    """Identifier of the other feature."""
    name: str
    """Name of the other feature."""
    relationship_type: str
    """The kind of dependency, such as "exclusivity"."""
    valid_for: TimePeriod | None = None
    """When the dependency holds."""


@value
class Feature(Extensible):
    """A group of characteristics that is switched on and off as one."""

    id: Annotated[str | None, mandatory_in("TMF638")] = None
    """Identifier of the feature within its entity."""
    is_bundle: bool | None = None
    """Whether the feature groups other features."""
    is_enabled: bool | None = None
    """Whether the feature is switched on."""
    name: str
    """Name of the feature."""
    constraint: tuple[ConstraintRef, ...] = ()
    """Rules that the feature is subject to."""
    feature_characteristic: tuple[Characteristic, ...]
    """The characteristics that make up the feature."""
    feature_relationship: tuple[FeatureRelationship, ...] = ()
    """Other features that this one depends on."""


ATTACHMENT = External("Attachment", "A document of TMF667, held by another system.")


@reference(ATTACHMENT)
class AttachmentRefOrValue(Extensible):
    """A document or picture: itself, or a pointer to where it is held."""

    id: str | None = None
    """Identifier of the attachment."""
    href: str | None = None
    """Address of the attachment."""
    attachment_type: str | None = None
    """What it shows, such as "video" or "contract"."""
    content: str | None = None
    """The content itself in base64, where it is small enough to travel along."""
    description: str | None = None
    """What is to be seen in it."""
    is_ref: bool | None = None
    """Whether it is held elsewhere."""
    mime_type: str | None = None
    """Media type of the content, such as "application/pdf"."""
    name: str | None = None
    """Name of the attachment."""
    url: str | None = None
    """Where the content can be fetched."""
    size: Quantity | None = None
    """Size of the content, with its unit."""
    valid_for: TimePeriod | None = None
    """When the attachment is relevant."""
    at_referred_type: str | None = None
    """The actual type of the attachment referred to."""


@reference(PLACE)
class PlaceRef(EntityRef):
    """A place that another system holds."""


@reference(PLACE)
class RelatedPlaceRefOrValue(Extensible):
    """A place with a part in the entity: itself, or a pointer to where it is held."""

    id: str | None = None
    """Identifier of the place."""
    href: str | None = None
    """Address of the place over REST."""
    name: str | None = None
    """Name of the place."""
    role: str
    """The part it plays, such as "installationAddress"."""
    at_referred_type: str | None = None
    """The actual type of the place referred to."""


@reference(ANY)
class RelatedEntityRefOrValue(Extensible):
    """Any entity with a part in this one; it links where `@referredType` names a kind held here."""

    id: str | None = None
    """Identifier of the entity."""
    href: str | None = None
    """Address of the entity over REST."""
    name: str | None = None
    """Name of the entity."""
    role: str
    """The part it plays."""
    at_referred_type: str | None = None
    """The type of the entity referred to."""


@value
class TargetProductSchema:
    """The schema that products of a specification follow."""

    at_base_type: str | None = None
    """The type that the schema extends."""
    at_schema_location: str
    """Address of the JSON schema."""
    at_type: str
    """Name of the type that the schema describes."""


@value
class MediumCharacteristic(Extensible):
    """The address that a contact medium leads to; which attributes are used depends on the medium."""

    city: str | None = None
    """The city."""
    contact_type: str | None = None
    """What it is used for, such as "primary" or "billing"."""
    country: str | None = None
    """The country."""
    email_address: str | None = None
    """The e-mail address."""
    fax_number: str | None = None
    """The number of the fax."""
    phone_number: str | None = None
    """The telephone number."""
    post_code: str | None = None
    """The postal code."""
    social_network_id: str | None = None
    """The name in a social network."""
    state_or_province: str | None = None
    """The state or province."""
    street1: str | None = None
    """The street, first line."""
    street2: str | None = None
    """The street, second line."""


@value
class ContactMedium(Extensible):
    """A way to reach somebody."""

    medium_type: Annotated[str | None, mandatory_in("TMF629", "TMF669")] = None
    """The kind of medium, such as "email" or "postalAddress"."""
    preferred: bool | None = None
    """Whether this is the preferred way."""
    characteristic: Annotated[MediumCharacteristic | None, mandatory_in("TMF629", "TMF669")] = None
    """The address that it leads to."""
    valid_for: TimePeriod | None = None
    """When it can be used."""


@value
class CreditProfile(Extensible):
    """How a party stood with regard to credit at a time."""

    credit_profile_date: dt.datetime
    """When the profile was drawn up."""
    credit_risk_rating: int | None = None
    """Rating of the risk, as the rating agency counts it."""
    credit_score: int | None = None
    """Score that the rating rests on."""
    valid_for: TimePeriod
    """When the profile holds."""


@reference("ProductSpecification")
class ProductSpecificationRef(EntityRef):
    """The specification that a product follows."""

    version: str | None = None
    """Version of the specification."""
    target_product_schema: TargetProductSchema | None = None
    """The schema that its products follow."""
