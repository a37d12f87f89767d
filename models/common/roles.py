"""What a party role is made of: partners and customers alike."""

from models.common.base import Extensible, RelatedParty
from models.common.references import AccountRef, AgreementRef, PaymentMethodRef
from models.common.values import Characteristic, ContactMedium, CreditProfile, TimePeriod


class PartyRoleAttributes(Extensible):
    """The attributes of a part that a party plays."""

    name: str
    """Name by which the role is known, such as the customer's name."""
    status: str | None = None
    """Where the role stands in its life."""
    status_reason: str | None = None
    """Why it stands there."""
    account: tuple[AccountRef, ...] = ()
    """The role's accounts."""
    agreement: tuple[AgreementRef, ...] = ()
    """Agreements made in this role."""
    characteristic: tuple[Characteristic, ...] = ()
    """Further properties."""
    contact_medium: tuple[ContactMedium, ...] = ()
    """Ways to reach whoever plays the role."""
    credit_profile: tuple[CreditProfile, ...] = ()
    """How it stood with regard to credit."""
    engaged_party: RelatedParty | None = None
    """The person or organization that plays the role."""
    payment_method: tuple[PaymentMethodRef, ...] = ()
    """Ways in which it pays."""
    related_party: tuple[RelatedParty, ...] = ()
    """Other parties that the role has to do with."""
    valid_for: TimePeriod | None = None
    """When the role is played."""
