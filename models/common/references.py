"""References that several TMF APIs share."""

from models.common.base import ACCOUNT, AGREEMENT, EntityRef, Extensible
from models.declare import External, reference

PAYMENT = External("Payment", "A payment of TMF676, held by another system.")
PAYMENT_METHOD = External("PaymentMethod", "A payment method of TMF670, held by another system.")


@reference(ACCOUNT)
class AccountRef(Extensible):
    """An account of a customer or partner."""

    id: str | None = None
    """Identifier of the account."""
    href: str | None = None
    """Address of the account."""
    description: str | None = None
    """What the account is for."""
    name: str
    """What the account is called."""
    at_referred_type: str | None = None
    """The actual type of the account."""


@reference(AGREEMENT)
class AgreementRef(EntityRef):
    """An agreement that applies."""


@reference(AGREEMENT)
class AgreementItemRef(EntityRef):
    """One item of an agreement that applies."""

    agreement_item_id: str | None = None
    """Identifier of the item within the agreement."""


@reference("Appointment")
class AppointmentRef(Extensible):
    """An appointment made for the work."""

    id: str
    """Identifier of the appointment."""
    href: str | None = None
    """Address of the appointment."""
    description: str | None = None
    """What the appointment is about."""
    at_referred_type: str | None = None
    """The actual type of the appointment."""


@reference(External("Constraint", "A policy rule of TMF723, held by another system."))
class ConstraintRef(EntityRef):
    """A rule that restricts the entity."""

    version: str | None = None
    """Version of the rule."""


@reference(PAYMENT)
class PaymentRef(EntityRef):
    """A payment."""


@reference(PAYMENT_METHOD)
class PaymentMethodRef(EntityRef):
    """A way to pay."""


@reference("ProductOffering")
class ProductOfferingRef(EntityRef):
    """The offering that a product is sold by."""


@reference("ProductOfferingPrice")
class ProductOfferingPriceRef(EntityRef):
    """The price of the catalog that applies."""


@reference("Product")
class ProductRef(EntityRef):
    """A product that a customer has."""


@reference("Service")
class ServiceRef(EntityRef):
    """A service of the inventory."""


@reference("Resource")
class ResourceRef(EntityRef):
    """A resource of the inventory."""

    value: str | None = None
    """The resource's value where it is one, such as a telephone number."""


@reference(External("ServiceSpecification", "A service specification of TMF633, held by another system."))
class ServiceSpecificationRef(EntityRef):
    """The specification that a service follows."""

    version: str | None = None
    """Version of the specification."""


@reference(External("ResourceSpecification", "A resource specification of TMF634, held by another system."))
class ResourceSpecificationRef(EntityRef):
    """The specification that a resource follows."""

    version: str | None = None
    """Version of the specification."""
