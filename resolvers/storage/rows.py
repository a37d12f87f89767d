"""Stored entities as they are read, and the parts of statements that reading and writing share."""

import functools
import uuid
from dataclasses import dataclass, field
from typing import Any

import msgspec
import sqlalchemy as sa

from models.declare import Kind, Node, World
from models.links import relations
from models.tables import reference
from resolvers.errors import Forbidden, NotFound
from resolvers.storage.view import View

_decode = msgspec.json.decode


@dataclass(slots=True)
class Row:
    """A stored entity: its document as text, decoded when an attribute is first asked for."""

    kind: Kind
    key: uuid.UUID
    id: str
    revision: int
    modified: str
    document: str
    place: tuple[Any, ...] = ()
    """Its sort keys in the list it came in, for the cursor."""
    _body: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def body(self) -> dict[str, Any]:
        """The attributes, without id and href."""
        body = self._body
        if body is None:
            body = self._body = _decode(self.document)
        return body

    def get(self, key: str) -> Any:
        return self.id if key == "id" else self.body.get(key)

    def json(self, url: str) -> str:
        """The document as REST serves it under the home at `url`, the stored text handed through."""
        return f'{{"id":"{self.id}","href":"{url}/{self.id}",{self.document[1:]}'


class Unseen(Row):
    """A stored entity for one who may write and not read it: its id, and Forbidden for all else."""

    __slots__ = ("_missing",)

    def __init__(self, of: Row, missing: Forbidden) -> None:
        """`missing` says what right the caller lacks."""
        self.kind, self.key, self.id, self.place = of.kind, of.key, of.id, ()
        self._missing = missing

    @property
    def refusal(self) -> Forbidden:
        """What stands in the place of all that the caller may not read."""
        return self._missing

    def _refused(self) -> Any:
        raise self._missing

    revision = modified = document = _body = body = property(_refused)  # type: ignore[assignment]

    def get(self, key: str) -> Any:
        return self.id if key == "id" else self._refused()

    def json(self, url: str) -> str:
        """What REST may say of it: where it is."""
        return f'{{"id":"{self.id}","href":"{url}/{self.id}"}}'


def row_columns(view: View) -> tuple[sa.ColumnElement[Any], ...]:
    """What `row` needs of an entity: name of its kind, key, id, revision, when it was written, document."""
    kind, c = view.kind, view.c
    name = c.kind if kind.root.special else sa.literal(kind.name)
    return (name.label("kind"), c.key, c.id, c.revision, c.modified, c.document)


def row(world: World, found: Any, place: tuple[Any, ...] = ()) -> Row:
    """The entity of a record that starts with `row_columns`."""
    return Row(world.kinds[found[0]], found[1], found[2], found[3], found[4], found[5], place)


def among(column: sa.ColumnElement[Any], keys: Any) -> sa.ColumnElement[bool]:
    """Whether a key is one of these: one parameter, however many they are."""
    return column == sa.any_(sa.literal(list(keys), sa.ARRAY(sa.Uuid)))


def leads(view: View) -> sa.ColumnElement[bool]:
    """Whether a reference row leads to its target: the first kind that holds the id, where several may.

    A reference that names its target's kind has one row, of rank 0. One that does not has a row for
    each kind that it may point to: the row counts while no kind of a lower rank holds the id, as far as
    the reader sees: `view` is theirs, of whatever kind.
    """
    earlier = reference.alias("earlier")
    others = map(view.of, _often_unnamed(view.kind.world))
    holds = [
        sa.and_(
            earlier.c.target_kind == other.kind.name,
            sa.exists().where(other.c.key == earlier.c.target_key, other.visible),
        )
        for other in others
    ]
    first = sa.not_(
        sa.exists().where(
            earlier.c.source_key == reference.c.source_key,
            earlier.c.source_kind == reference.c.source_kind,
            earlier.c.relation == reference.c.relation,
            earlier.c.position == reference.c.position,
            earlier.c.rank < reference.c.rank,
            sa.or_(sa.false(), *holds),
        )
    )
    return sa.or_(reference.c.rank == 0, first)


@functools.cache
def _often_unnamed(world: World) -> tuple[Kind, ...]:
    """The kinds that a reference may lead to without naming them, beside others."""
    every = (relation.targets for kind in world.roots for relation in relations(kind))
    names = {name for targets in every if len(targets.named(None)) > 1 for name in targets.named(None)}
    return tuple(kind for kind in world.roots if kind.name in names)


def not_found(node: Node, id: str) -> NotFound:
    return NotFound(f"There is no {node.name} {id[:128]}.")
