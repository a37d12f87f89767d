"""Positions of events: numbered after their commit, in an order that a reader can trust.

A write leaves its event, and says in `pending` that it has no position yet. Whoever numbers moves all that is
pending to `stream`, under the lock of the one row of `counter`. So a position becomes visible only after all
lower ones are, there are no gaps, and the revisions of an entity come in their order: who remembers the last
position that it has read misses nothing and reads nothing twice. Several may number at once.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SECONDS_BETWEEN = 0.02
"""How long after a batch the next is numbered: more commits, of smaller ones, would compete with writers."""

# Of two at once the second waits for the row of `counter`, and then sees it as the first has left it.
# Rows that the first has taken are none of its. A transaction is never cut: there is no limit.
_NUMBER = """
    with held as (
        select value, moment from counter where id = 1 {where} for update
    ), present as materialized (
        select value, greatest(moment + interval '1 microsecond', clock_timestamp()) as moment from held
    ), taken as (
        delete from pending using held
        returning pending.entity_key, pending.entity_kind, pending.revision, pending.quiet, false as own
    ), numbered as (
        select *, (select value from present)
            + row_number() over (order by own, entity_key, entity_kind, revision) as position
        from ({which}) every
    ), moved as (
        insert into stream (position, entity_key, entity_kind, revision, moment, quiet)
        select position, entity_key, entity_kind, revision, (select moment from present), quiet from numbered
    )
    update counter set value = value + (select count(*) from numbered), moment = (select moment from present)
    where id = 1 and exists (select from numbered)
    returning (select count(*) from numbered)
"""
# A look that finds nothing must not lock the row: that would be a write. Nor need it, where a batch was just
# numbered. A moment that is still to come is one of a clock that was set back.
_WHERE_DUE = """
    and exists (select from pending)
    and (moment > clock_timestamp() or moment + $1::float8 * interval '1 second' <= clock_timestamp())
"""
NUMBER = _NUMBER.format(where=_WHERE_DUE, which="select * from taken")
NUMBER_LOADED = _NUMBER.format(
    where="",
    which="""
        select * from taken union all
        select entity_key, entity_kind, 1, true, true
        from unnest($1::uuid[], $2::text[]) loaded (entity_key, entity_kind)
    """,
)

# Only what committed transactions wrote is seen, and with it their positions or what is pending.
UNNUMBERED = """
    insert into pending (entity_key, entity_kind, revision)
    select entity_key, entity_kind, revision from event
    except all (
        select entity_key, entity_kind, revision from stream union all
        select entity_key, entity_kind, revision from pending
    )
"""


async def number(driver: Any, seconds_between: float = 0.0) -> int:
    """Gives a position to every event that is pending, and says to how many. One statement.

    To none where the last batch is younger than this.
    """
    return await driver.fetchval(NUMBER, seconds_between) or 0


async def number_loaded(driver: Any, entities: Sequence[tuple[uuid.UUID, str]]) -> int:
    """Gives positions to what is pending, then to the first events of these entities, by key and kind.

    The last statement of the transaction that loads them, as others wait until it is committed. The events
    are marked as quiet.
    """
    keys, kinds = [key for key, _ in entities], [kind for _, kind in entities]
    return await driver.fetchval(NUMBER_LOADED, keys, kinds) or 0


async def leave_unnumbered(driver: Any) -> int:
    """Makes pending what has no position and is not pending; gives the number of events.

    Servers of a version without positions write such. In a transaction of its own: nobody numbers meanwhile.
    """
    await driver.execute("select from counter where id = 1 for update")
    return int((await driver.execute(UNNUMBERED)).rpartition(" ")[2])


# ---- reading ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far somebody has read: the position of the last event, and which event that was.

    After a fail-over to a standby that lacked the last events, others may stand at their positions.
    """

    position: int
    event: uuid.UUID


class Discontinuity(Exception):
    """What follows on a cursor cannot be told: its event is not held any more, or stands elsewhere."""

    def __init__(self, position: int, first: int) -> None:
        """`first` is the lowest position that is there to be read, or the next one where there is none."""
        self.first = first
        super().__init__(
            f"The event at position {position} is not the one read before; read on from {first}."
        )


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event with its position."""

    position: int
    moment: dt.datetime
    """When it was numbered: the same for all events of a transaction. Never goes back."""
    quiet: bool
    """Whether it is no news: it came with a load, or is older than positions."""
    entity_key: uuid.UUID
    entity_kind: str
    revision: int
    id: uuid.UUID
    entity_id: str
    type: str
    time: str
    actor: str
    state_before: str | None
    state_after: str | None
    document: str

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.position, self.id)


_TOLD = "id, entity_id, type, time, actor, state_before, state_after, document"
SINCE = f"""
    select position, moment, quiet, entity_key, entity_kind, revision, {_TOLD}
    from stream left join event using (entity_key, entity_kind, revision)
    where position >= $1 order by position limit $2
"""
FIRST = "select coalesce((select min(position) from stream), (select value + 1 from counter where id = 1))"
HEAD = """
    select position, event.id from stream join event using (entity_key, entity_kind, revision)
    where position = (select value from counter where id = 1)
"""


async def since(driver: Any, after: Cursor | None, at_most: int) -> list[Numbered]:
    """The next events after one, in the order of their positions; from the first that is held after None.

    Discontinuity where that one is not at its position, or where one that follows is not held any more.
    """
    first = await driver.fetchval(FIRST) if after is None else after.position
    found = await driver.fetch(SINCE, first, at_most + (after is not None))
    if after is not None and (not found or found[0]["id"] != after.event):
        raise Discontinuity(after.position, await driver.fetchval(FIRST))
    events = []
    for expected, record in enumerate(found, first):
        if record["position"] != expected or record["id"] is None:  # what is too old was removed meanwhile
            raise Discontinuity(expected, await driver.fetchval(FIRST))
        events.append(Numbered(*record))
    return events if after is None else events[1:]


async def head(driver: Any) -> Cursor | None:
    """The cursor of the last event: what follows on it is still to come. None where there is no event."""
    found = await driver.fetchrow(HEAD)
    return None if found is None else Cursor(*found)
