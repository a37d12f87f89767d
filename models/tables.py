"""The tables of a world: one for each kind, and those of references and events. Metadata for Alembic.

A kind's table is narrow: a derived key, the id, a typed column for each scalar, and the document as
REST serves it (without id and href), which PostgreSQL keeps out of line so that the other columns
stay cheap to read.
"""

import datetime as dt
import functools
import hashlib
import re
import uuid
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from models.declare import Attribute, Json, Kind, World, attributes

_NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s",
    "pk": "%(table_name)s_pkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
}

metadata = sa.MetaData(naming_convention=_NAMING)
"""The tables that every world has, whatever its kinds."""

# Byte order, the same on every engine: fast to compare and stable for paging.
Text = sa.Text(collation="C")

INDEXED_AT_MOST = 255
"""How many characters a text in an index may have: two such texts fit into the 2,704 bytes of an entry."""

_NAMESPACE = uuid.UUID("5f0c1f6e-2f0e-5a55-9d3a-6f1f0c5b7a10").bytes
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def key_of(kind: Kind | str, id: str) -> uuid.UUID:
    """The key of an entity, held or not: its id where that is a UUID, else derived from kind and id.

    The kind may be given by name: that of a table's own kind, or of what another system holds.
    """
    name = kind if isinstance(kind, str) else kind.root.name
    return _key_of(name, id) if len(id) <= INDEXED_AT_MOST else _derived(f"{name}:{id}")


@functools.lru_cache(maxsize=20_000)  # the same specifications, places and parties are referred to all day
def _key_of(name: str, id: str) -> uuid.UUID:
    return uuid.UUID(id) if _UUID.fullmatch(id) else _derived(f"{name}:{id}")


def _derived(name: str) -> uuid.UUID:
    """The UUID of version 5 (RFC 9562) of a name, in half the time of `uuid.uuid5`."""
    hashed = hashlib.sha1(_NAMESPACE + name.encode(), usedforsecurity=False).digest()
    return uuid.UUID(bytes=hashed[:16], version=5)


def table_name(kind: Kind) -> str:
    """`ProductOrder` -> `product_order`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.name).lower()


@functools.cache
def tables(world: World) -> sa.MetaData:
    """All tables of a world: that of each kind, and those that every world has."""
    for kind in world.roots:
        table(kind)
    made = _of_kinds(world)
    for shared in metadata.sorted_tables:
        shared.to_metadata(made)
    return made


@functools.cache
def _of_kinds(world: World) -> sa.MetaData:
    return sa.MetaData(naming_convention=_NAMING)


@functools.cache
def table(kind: Kind) -> sa.Table:
    """The table of a kind; special kinds share that of the general one."""
    if kind.general is not None:
        return table(kind.general)
    family = (sa.Column("kind", Text, nullable=False, comment="Which of the kinds of this table it is."),)
    return sa.Table(
        table_name(kind),
        _of_kinds(kind.world),
        sa.Column("key", sa.Uuid, primary_key=True),
        sa.Column("id", Text, nullable=False, unique=True),
        *(family if kind.special else ()),
        *(sa.Column(a.name, _column_type(a), comment=a.doc) for a in kind.columns),
        sa.Column("revision", sa.BigInteger, nullable=False, comment="Counts the writes; the ETag."),
        sa.Column("modified", Text, nullable=False, comment="When it was last written."),
        sa.Column("document", sa.Text, nullable=False, comment="As REST serves it, without id and href."),
        *(sa.Index(None, *columns) for columns in _indexed(kind)),
        comment=kind.doc,
    )


def _indexed(kind: Kind) -> Iterator[tuple[str, ...]]:
    """Columns that people filter and sort by all day: where it stands in its life, and since when.

    A state comes with the id, by which lists are sorted: else the first page of a rare state would be looked
    for among all entities.
    """
    if kind.special:
        yield ("kind", "id")
    for attribute in kind.columns:
        if attribute.key == kind.state:
            yield (attribute.name, "id")
        elif attribute.type is dt.datetime and attribute.server_set:
            yield (attribute.name,)


@functools.cache
def indexed(kind: Kind) -> frozenset[str]:
    """The attributes of documents of a kind whose texts are in an index, and so have to be short."""
    columns = {column.name for index in table(kind).indexes for column in index.columns}
    return frozenset(a.key for a in kind.columns if a.name in columns)


def _column_type(attribute: Attribute) -> Any:
    scalars: dict[Any, Any] = {int: sa.Integer, float: sa.Double, bool: sa.Boolean}
    return scalars.get(attribute.type, Text)


# One row for every reference in a document, however deeply nested, written with the document.
reference = sa.Table(
    "reference",
    metadata,
    sa.Column("source_key", sa.Uuid, nullable=False),
    sa.Column("source_kind", Text, nullable=False),
    sa.Column("relation", Text, nullable=False, comment="Where it stands: productOrderItem.product."),
    sa.Column("position", sa.Integer, nullable=False, comment="Counts the references of one relation."),
    sa.Column("rank", sa.SmallInteger, nullable=False, comment="0: the kind to look in first."),
    sa.Column("target_key", sa.Uuid, nullable=False),
    sa.Column("target_kind", Text, nullable=False),
    sa.Column("target_id", Text, nullable=False),
    sa.PrimaryKeyConstraint("source_key", "source_kind", "relation", "position", "rank"),
    sa.Index("reference_target", "target_key", "target_kind", "source_kind", "relation"),
    comment="Links between entities, readable both ways.",
)

# One row for every characteristic at the first level of a document, so that they are found by name and value.
characteristic = sa.Table(
    "characteristic",
    metadata,
    sa.Column("source_key", sa.Uuid, nullable=False),
    sa.Column("source_kind", Text, nullable=False),
    sa.Column("place", Text, nullable=False, comment="The attribute that holds it: serviceCharacteristic."),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.Column("value", Text, comment="As text; null for arrays and objects."),
    sa.PrimaryKeyConstraint("source_key", "source_kind", "place", "position"),
    sa.Index("characteristic_name_value", "name", "value", "source_kind", "place"),
    comment="Characteristics by name and value, cut off where they are long.",
)

INDEXED_CHARACTERS = 200


def indexed_text(value: Any) -> str | None:
    """How the value of a characteristic stands in the index: numbers in one form, long texts cut off."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        amount = float(value)
        return str(int(amount)) if amount.is_integer() and abs(amount) < 1e15 else repr(amount)
    return value[:INDEXED_CHARACTERS] if isinstance(value, str) else None


@functools.cache
def has_characteristics(attribute: Attribute) -> bool:
    """Whether the elements of an attribute are characteristics: names with values of any type."""
    if not (attribute.is_value and attribute.many):
        return False
    types = {one.key: one.type for one in attributes(attribute.type)}
    return types.get("name") is str and types.get("value") is Json


# The outbox, written in the transaction of the change it tells of; also the history of each entity.
event = sa.Table(
    "event",
    metadata,
    sa.Column("entity_key", sa.Uuid, nullable=False),
    sa.Column("entity_kind", Text, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False, comment="The entity's revision after the change."),
    sa.Column("id", sa.Uuid, nullable=False, unique=True),
    sa.Column("entity_id", Text, nullable=False),
    sa.Column("type", Text, nullable=False, comment="TMF's name: ProductOrderStateChangeEvent."),
    sa.Column("time", Text, nullable=False),
    sa.Column("actor", Text, nullable=False, comment="Who asked for the change."),
    sa.Column("state_before", Text),
    sa.Column("state_after", Text),
    sa.Column("document", sa.Text, nullable=False, comment="The entity after the change; deleted: before."),
    sa.PrimaryKeyConstraint("entity_key", "entity_kind", "revision"),
    sa.Index("event_time", "time"),
    comment="What happened, in the order in which it happened to each entity.",
)

# Events that have no position yet: written with the event, taken out by the sequencer. It has no key, since
# nothing looks for one row of it, and a write would pay for the index.
pending = sa.Table(
    "pending",
    metadata,
    sa.Column("entity_key", sa.Uuid, nullable=False),
    sa.Column("entity_kind", Text, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column(
        "quiet",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="Whether it is no news: it came with a load.",
    ),
    comment="Events to be numbered.",
)

# Events in the order in which they became visible: without gaps, for each entity in the order of revisions.
stream = sa.Table(
    "stream",
    metadata,
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("entity_key", sa.Uuid, nullable=False),
    sa.Column("entity_kind", Text, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column(
        "moment",
        sa.DateTime(timezone=True),
        nullable=False,
        comment="When it was numbered: the same for all that were numbered together; never goes back.",
    ),
    sa.Column(
        "quiet",
        sa.Boolean,
        nullable=False,
        comment="Whether it is no news: it came with a load, or is older than positions.",
    ),
    comment="Events by position.",
)

# One row, locked by whoever numbers: so positions become visible in their order.
counter = sa.Table(
    "counter",
    metadata,
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False, comment="1."),
    sa.Column("value", sa.BigInteger, nullable=False, comment="The last position that was given."),
    sa.Column("moment", sa.DateTime(timezone=True), nullable=False, comment="When it was given."),
    comment="How far events are numbered.",
)

# Digests of what callers may write and nobody may read.
secret = sa.Table(
    "secret",
    metadata,
    sa.Column("entity_key", sa.Uuid, nullable=False),
    sa.Column("entity_kind", Text, nullable=False),
    sa.Column("place", Text, nullable=False, comment="Which one it is: credential/CREDENTIAL-ID/password."),
    sa.Column("digest", sa.Text, nullable=False, comment="Argon2id, in the PHC string format."),
    sa.PrimaryKeyConstraint("entity_key", "entity_kind", "place"),
    comment="Secrets, as digests alone.",
)

# Creations that a client may ask for again without a second entity coming of it.
idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("actor", Text, nullable=False),
    sa.Column("key", Text, nullable=False, comment="The Idempotency-Key of the request."),
    sa.Column("digest", Text, nullable=False, comment="Of the path and the body of the request."),
    sa.Column("time", Text, nullable=False),
    sa.Column("entity_kind", Text, comment="What was created; null until it is."),
    sa.Column("entity_id", Text),
    sa.Column("revision", sa.BigInteger),
    sa.Column("document", sa.Text),
    sa.PrimaryKeyConstraint("actor", "key"),
    sa.Index("idempotency_time", "time"),
    comment="Answers to requests with an Idempotency-Key, kept for two days.",
)

# When to try again what was begun and not done; the tasks themselves say what there is to do.
postponed = sa.Table(
    "postponed",
    metadata,
    sa.Column("key", sa.Uuid, nullable=False),
    sa.Column("kind", Text, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, comment="How often it was begun."),
    sa.Column("until", Text, nullable=False, comment="When it is tried again."),
    sa.Column("reason", sa.Text, nullable=False, comment="Why it was not done the last time."),
    sa.PrimaryKeyConstraint("key", "kind"),
    comment="Tasks that were begun and not done.",
)

server_key = sa.Table(
    "server_key",
    metadata,
    sa.Column("name", Text, nullable=False, comment="What it is for."),
    sa.Column("value", sa.Text, nullable=False, comment="256 random bits, in hexadecimal."),
    sa.PrimaryKeyConstraint("name"),
    comment="Keys that the servers on this database share, made once.",
)


def new_id() -> uuid.UUID:
    """A new UUID of version 7 (RFC 9562): sorted by time, so that indexes grow at their end."""
    milliseconds = int(dt.datetime.now(dt.UTC).timestamp() * 1000)
    bits = (milliseconds << 80) | (uuid.uuid4().int & ((1 << 80) - 1))
    bits = (bits & ~(0xF << 76)) | (0x7 << 76)
    return uuid.UUID(int=(bits & ~(0x3 << 62)) | (0x2 << 62))
