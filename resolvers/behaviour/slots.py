"""Free time slots: when nobody has an appointment."""

import datetime as dt
from collections.abc import Iterable, Sequence

from models.check import Problem
from models.common import RelatedParty, RelatedPlaceRefOrValue
from models.customer.appointment import Appointment, SearchTimeSlot, TimeSlot
from models.lens import of, plain
from models.times import instant
from resolvers.behaviour.money import Document
from resolvers.behaviour.needed import needed
from resolvers.errors import Invalid
from resolvers.storage.conditions import All, Compare, Condition, Refers
from resolvers.storage.documents import Draft, extended
from resolvers.storage.reactions import Storing
from resolvers.storage.rows import Row
from resolvers.storage.transaction import Transaction

SLOT = dt.timedelta(hours=2)
SLOTS_AT_MOST = 50
WEEK = dt.timedelta(days=7)
DAY_STARTS, DAY_ENDS = 8, 18
LONGEST_SEARCH = dt.timedelta(days=90)
REQUESTED_AT_MOST = 20
Span = tuple[dt.datetime, dt.datetime]


async def search_time_slot(transaction: Transaction, draft: Draft, store: Storing) -> Row:
    """Proposes slots of two hours that no appointment takes.

    Within the spans asked for (open at an end: from now, for a week), or on the working days of the
    next week from 8 to 18 h UTC. What is taken is told by the appointments of the party named, else of
    the place named, else by all of them.
    """
    search = of(SearchTimeSlot, draft)
    found: list[Document] = []
    for party, span in _wanted(search.requested_time_slot):
        whom = party or search.related_party
        taken = await _taken(transaction, whom, search.related_place)
        for start, end in _slots(span):
            if not any(start < other_end and end > other_start for other_start, other_end in taken):
                valid = {"startDateTime": instant(start), "endDateTime": instant(end)}
                slot = {"id": str(len(found) + 1), "validFor": valid}
                found.append({**slot, "relatedParty": plain(whom)} if whom else slot)
            if len(found) >= SLOTS_AT_MOST:
                break
    result = {"status": "done", "searchResult": "success" if found else "fail", "availableTimeSlot": found}
    return await store(extended(draft, result))


def _wanted(requested: Sequence[TimeSlot]) -> list[tuple[RelatedParty | None, Span]]:
    """Whom and when each requested slot asks for; the past is left out."""
    present = dt.datetime.now(dt.UTC)
    if not requested:
        tomorrow = (present + dt.timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        days = (tomorrow + dt.timedelta(days=number) for number in range(WEEK.days))
        return [
            (None, (day.replace(hour=DAY_STARTS), day.replace(hour=DAY_ENDS)))
            for day in days
            if day.weekday() < 5
        ]
    if len(requested) > REQUESTED_AT_MOST:
        message = f"may hold up to {REQUESTED_AT_MOST} spans, not {len(requested)}"
        raise Invalid("SearchTimeSlot", [Problem("$.requestedTimeSlot", message)])
    found: list[tuple[RelatedParty | None, Span]] = []
    for number, slot in enumerate(requested):
        start = slot.valid_for.start_date_time or present
        end = slot.valid_for.end_date_time or _a_week_after(start)
        if end - start > LONGEST_SEARCH:
            message = f"spans more than {LONGEST_SEARCH.days} days"
            raise Invalid("SearchTimeSlot", [Problem(f"$.requestedTimeSlot[{number}].validFor", message)])
        if start < present:  # only whole slots that lie ahead
            start += -((start - present) // SLOT) * SLOT
        found.append((slot.related_party, (start, end)))
    return found


def _a_week_after(start: dt.datetime) -> dt.datetime:
    """A week later, as far as there are dates."""
    last = dt.datetime.max.replace(tzinfo=start.tzinfo)
    return start + min(WEEK, last - start)


def _slots(span: Span) -> Iterable[Span]:
    start, end = span
    while end - start >= SLOT:
        yield start, start + SLOT
        start += SLOT


async def _taken(
    transaction: Transaction, party: RelatedParty | None, place: RelatedPlaceRefOrValue | None
) -> list[Span]:
    kind = needed(transaction.world, "Appointment")
    parts: list[Condition] = [Compare(kind.by_key["status"], "in", ("initialized", "confirmed"))]
    if party:
        parts.append(Refers("relatedParty", (party.id,)))
    elif place and place.id:
        parts.append(Refers("relatedPlace", (place.id,)))
    found: list[Span] = []
    async for appointment in transaction.each(kind, All(tuple(parts))):
        period = of(Appointment, appointment).valid_for
        if period and period.start_date_time and period.end_date_time:
            found.append((period.start_date_time, period.end_date_time))
    return found
