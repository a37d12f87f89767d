"""TMF646 Appointment: appointments with customers, and the search for free time slots."""

import datetime as dt
import enum

from models.common import (
    AttachmentRefOrValue,
    ContactMedium,
    Entity,
    EntityRef,
    Extensible,
    Note,
    RelatedParty,
    RelatedPlaceRefOrValue,
    TimePeriod,
)
from models.declare import (
    ANY,
    Api,
    Changed,
    Created,
    External,
    Flow,
    ServerSet,
    enumeration,
    reference,
    resource,
    value,
)

TMF646 = Api("TMF646", "Appointment", "customer", "/tmf-api/appointment/v4")
TMF646_SEED = Api("TMF646", "Appointment", "customer", "/tmf-api/appointmentManagement/v4")


@enumeration
class AppointmentStateType(enum.StrEnum):
    """Where an appointment stands."""

    INITIALIZED = "initialized"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    FAILED = "failed"


@enumeration
class SearchTimeSlotStateType(enum.StrEnum):
    """Where a search for time slots stands."""

    IN_PROGRESS = "inProgress"
    DONE = "done"
    REJECTED = "rejected"
    TERMINATED_WITH_ERROR = "terminatedWithError"


APPOINTMENT_FLOW = Flow(
    starts=("initialized",),
    moves={"initialized": ("confirmed", "cancelled"), "confirmed": ("completed", "failed")},
)

CALENDAR_EVENT = External("CalendarEvent", "An entry of a calendar, held by another system.")


@reference(CALENDAR_EVENT)
class CalendarEventRef(EntityRef):
    """The entry of a calendar that stands for an appointment."""


@reference(ANY)
class RelatedEntity(Extensible):
    """Any entity that has to do with this one, e.g. the order that an appointment is for."""

    id: str
    """Identifier of the entity."""
    href: str | None = None
    """Address of the entity."""
    name: str | None = None
    """Name of the entity."""
    role: str
    """The part it plays."""
    at_referred_type: str
    """The type of the entity."""


@value
class TimeSlot(Extensible):
    """A span of time in which an appointment can be made, or is wished for."""

    id: str | None = None
    """Identifier of the time slot."""
    href: str | None = None
    """Address of the time slot."""
    valid_for: TimePeriod
    """When the time slot starts and ends."""
    related_party: RelatedParty | None = None
    """Whose time it is, e.g. the technician."""


@resource(TMF646.at("appointment"), TMF646_SEED.at("appointment"), flow=APPOINTMENT_FLOW, state="status")
class Appointment(Entity):
    """An arrangement to meet or call somebody, or to do some work, at a time."""

    description: str | None = None
    """What the appointment is about, in free text."""
    category: str | None = None
    """Kind of appointment, e.g. "intervention"."""
    external_id: str | None = None
    """What the customer calls the appointment."""
    status: AppointmentStateType | None = None
    """Where the appointment stands."""
    valid_for: TimePeriod
    """When the appointment starts and ends."""
    creation_date: Created[dt.datetime | None] = None
    """When the appointment was created."""
    last_update: Changed[dt.datetime | None] = None
    """When the appointment was last changed."""
    contact_medium: tuple[ContactMedium, ...] = ()
    """Ways to reach whoever is met."""
    related_place: RelatedPlaceRefOrValue | None = None
    """Where the appointment takes place."""
    related_party: tuple[RelatedParty, ...] = ()
    """Parties with a part in the appointment, e.g. the customer and the technician."""
    related_entity: tuple[RelatedEntity, ...] = ()
    """What the appointment is for, e.g. an order."""
    calendar_event: CalendarEventRef | None = None
    """The entry of a calendar that stands for it."""
    attachment: tuple[AttachmentRefOrValue, ...] = ()
    """Documents and pictures that belong to the appointment."""
    note: tuple[Note, ...] = ()
    """Remarks on the appointment."""


@resource(TMF646.at("searchTimeSlot"), state="status")
class SearchTimeSlot(Entity):
    """A search for free time slots, one of which an appointment can then be made for."""

    requested_time_slot: tuple[TimeSlot, ...] = ()
    """The spans of time to search in."""
    related_party: RelatedParty | None = None
    """Whose time is searched, e.g. the technician's."""
    related_place: RelatedPlaceRefOrValue | None = None
    """Where the appointment shall take place."""
    related_entity: tuple[RelatedEntity, ...] = ()
    """What the appointment will be for, e.g. an order."""
    search_date: Created[dt.datetime | None] = None
    """When the search was made."""
    status: ServerSet[SearchTimeSlotStateType | None] = None
    """Where the search stands."""
    search_result: ServerSet[str | None] = None
    """How the search ended: "success" or "fail"."""
    available_time_slot: ServerSet[tuple[TimeSlot, ...]] = ()
    """The free time slots that were found."""
