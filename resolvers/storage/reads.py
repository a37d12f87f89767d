"""The statements that read entities: SQL made by SQLAlchemy, and run by the driver itself.

Each function gives a statement that reads named columns of what one may see of a kind (`View`), with what
the answer needs besides: which parent a row belongs to, by what it is sorted. SQLAlchemy writes the text, in
which every value is a parameter; asyncpg then runs it without the rows being turned into anything else first.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.asyncpg import dialect as _asyncpg

from models.declare import Kind
from models.links import relations
from models.tables import Text, event, key_of, reference
from resolvers.storage.conditions import EVERYTHING, Condition, Order, beyond, expression, sort_key
from resolvers.storage.kept import kept
from resolvers.storage.rows import leads
from resolvers.storage.view import View

_DIALECT: Any = _asyncpg()
STATEMENTS_KEPT = 2000
"""How many statements without values of callers are kept made."""
BYTES_KEPT = 12 * 1024 * 1024
"""How much memory statements with values may take, those of each function: the same filters come again."""


@dataclass(frozen=True)
class Statement:
    """SQL as asyncpg takes it: `$1` in the text is the first of the arguments."""

    text: str
    arguments: tuple[Any, ...] = ()
    keys_at: int | None = None
    """Which of the arguments is the array of keys, where it takes one."""
    at_most_at: int | None = None
    """Which of the arguments is the number of rows to read at most."""
    views: tuple[View, ...] = ()
    """What it reads; the store runs it for those who may see that."""

    @property
    def size(self) -> int:
        """How many bytes it takes, with the conditions that it was made of."""
        return 3000 + 2 * len(self.text) + 4 * sum(map(_size, self.arguments))

    def of(self, keys: Any, at_most: int | None = None) -> "Statement":
        """The same for these keys, or for this one where it takes one."""
        arguments = list(self.arguments)
        assert self.keys_at is not None
        arguments[self.keys_at] = keys
        if self.at_most_at is not None:
            arguments[self.at_most_at] = at_most
        return Statement(self.text, tuple(arguments), self.keys_at, self.at_most_at, self.views)


def _size(value: Any) -> int:
    if isinstance(value, (list, tuple)):
        return 100 + sum(map(_size, value))
    return 60 + (len(value) if isinstance(value, str) else 0)


def compiled(select: Any, *views: View) -> Statement:
    """The statement, which reads these. The driver takes all values as they are: none has to be turned."""
    made: Any = select.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    values = made.params
    names: list[str] = list(made.positiontup or ())
    arguments = (values[name] for name in names)
    places = {name: place for place, name in enumerate(names)}
    return Statement(str(made), tuple(arguments), places.get("keys"), places.get("at_most"), views)


@dataclass(frozen=True)
class Page:
    """Which part of a list to read, and in which order."""

    condition: Condition = EVERYTHING
    order: tuple[Order, ...] = ()
    limit: int | None = 100
    offset: int = 0
    after: tuple[Any, ...] | None = None
    before: tuple[Any, ...] | None = None
    backwards: bool = False
    """Take from the end: the last rows before `before`. The statement then gives them last row first."""

    @property
    def sorts(self) -> int:
        """How many sort keys a row has: those that were asked for, and the id."""
        return len(self.order) + 1


ROW = ("kind", "key", "id", "revision", "modified", "document")
"""The columns of a whole entity, in the order of `rows.Row`."""


# ---- by key -------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=STATEMENTS_KEPT)
def by_key(view: View, columns: tuple[str, ...]) -> Statement:
    """The entities that hold one of the keys."""
    held = view.c.key == sa.any_(_keys())
    return compiled(sa.select(*view.columns(columns)).where(held, view.visible), view)


@functools.lru_cache(maxsize=STATEMENTS_KEPT)
def by_id(view: View, columns: tuple[str, ...]) -> Statement:
    """The entities that have one of these ids, which are its keys."""
    ids = sa.bindparam("keys", (), type_=sa.ARRAY(sa.Text))
    held = view.c.id == sa.any_(ids)
    return compiled(sa.select(*view.columns(columns)).where(held, view.visible), view)


@functools.lru_cache(maxsize=STATEMENTS_KEPT)
def one(view: View, columns: tuple[str, ...]) -> Statement:
    """The entity with this id, which is the key to give."""
    held = view.c.id == sa.bindparam("keys", "", type_=Text)
    return compiled(sa.select(*view.columns(columns)).where(held, view.visible), view)


def anywhere(views: Sequence[View], id: str) -> Statement:
    """Whole entities with this id, of these kinds."""
    parts = [
        sa.select(*view.columns(ROW)).where(view.c.key == key_of(view.kind, id), view.visible)
        for view in views
    ]
    return compiled(sa.union_all(*parts), *views)


# ---- lists --------------------------------------------------------------------------------------


@kept(BYTES_KEPT, lambda made: made.size)
def search(views: tuple[View, ...], columns: tuple[str, ...], page: Page, sorts: bool = True) -> Statement:
    """A part of the list of all entities of these kinds; with `sorts`, the sort keys follow the columns."""
    order = _full_order(page)
    parts = []
    for view in views:
        keys = _sort_columns(view, order)
        parts.append(
            sa.select(*view.columns(columns), *_labelled(keys)).where(
                expression(page.condition, view), view.visible, *_bounds(keys, page)
            )
        )
    whole = (parts[0] if len(parts) == 1 else sa.union_all(*parts)).subquery()
    turned = page.backwards
    found = [(whole.c[f"sort{n}"], descending != turned) for n, (_, descending) in enumerate(order)]
    shown = list(whole.c)[: len(columns) + (len(order) if sorts else 0)]
    statement = (
        sa.select(*shown)
        .order_by(*(c.desc() if descending else c.asc() for c, descending in found))
        .limit(page.limit)
        .offset(page.offset or None)
    )
    return compiled(statement, *views)


@kept(BYTES_KEPT, lambda made: made.size)
def count(views: tuple[View, ...], condition: Condition) -> Statement:
    """How many entities of these kinds meet the condition."""
    total: Any = sa.literal_column("0")
    for view in views:
        found = sa.select(sa.func.count()).select_from(view.rows)
        total = total + found.where(expression(condition, view), view.visible).scalar_subquery()
    return compiled(sa.select(total), *views)


@kept(BYTES_KEPT, lambda made: made.size)
def count_up_to(views: tuple[View, ...], condition: Condition, limit: int) -> Statement:
    """For each of these kinds, how many of it meet the condition, at most one more than the limit."""
    parts = []
    for view in views:
        found = sa.select(sa.literal_column("1")).select_from(view.rows)
        some = found.where(expression(condition, view), view.visible).limit(limit + 1).subquery()
        parts.append(sa.select(sa.func.count()).select_from(some).scalar_subquery())
    return compiled(sa.select(*parts), *views)


# ---- the ways back ------------------------------------------------------------------------------


@kept(BYTES_KEPT, lambda made: made.size)
def pointing_at(
    view: View,
    target: Kind,
    relations: tuple[str, ...],
    columns: tuple[str, ...],
    page: Page,
    sorts: bool = True,
) -> Statement:
    """For each target key, a part of the list of those entities that refer to it.

    The rows come in the order of the keys, and have before their columns the place of theirs among them,
    counted from 1. No more than `at_most` rows in all.
    """
    parents = _given_keys()
    child = _referrers(view, target, relations, columns, page, parents.c.key)
    shown = list(child.c)[: len(columns) + (page.sorts if sorts else 0)]
    at_most = sa.bindparam("at_most", None, type_=sa.Integer)
    both = parents.join(child, sa.true())
    return compiled(sa.select(parents.c.n, *shown).select_from(both).limit(at_most), view)


def _keys() -> sa.BindParameter[Any]:
    return sa.bindparam("keys", (), type_=sa.ARRAY(sa.Uuid))


def _given_keys() -> sa.TableValuedAlias:
    key = sa.column("key", sa.Uuid)
    return sa.func.unnest(_keys()).table_valued(key, with_ordinality="n", name="parent").render_derived()


def _referrers(
    view: View,
    target: Kind,
    relations: tuple[str, ...],
    columns: Sequence[str],
    page: Page,
    key: Any,
) -> sa.Lateral:
    """The page of entities that refer to the one with this key, for each row of what holds the key."""
    keys = _sort_columns(view, _full_order(page))
    holder = key.table
    links = _links(view, target, relations, key).correlate(holder).subquery()
    turned = [c.desc() if descending != page.backwards else c.asc() for c, descending in keys]
    return (
        sa.select(*view.columns(columns), *_labelled(keys))
        .select_from(links.join(view.rows, view.c.key == links.c.source_key))
        .where(expression(page.condition, view), view.visible, *_bounds(keys, page))
        .order_by(*turned)
        .limit(page.limit)
        .correlate(holder)
        .lateral()
    )


# ---- a whole tree at once -----------------------------------------------------------------------


@dataclass(frozen=True)
class Branch:
    """The entities that hang on those of the level above: referring to them, or referred to."""

    view: View
    columns: tuple[str, ...]
    children: "tuple[Branch, ...]"
    relations: tuple[str, ...]
    target: Kind
    """Of which the level above is, where these refer to it; else the kind that refers to these."""
    page: Page | None
    """Which of those that refer to it; None where they are what it refers to."""
    sorts: bool = False

    @property
    def views(self) -> Iterator[View]:
        """What it reads, and what those below it read."""
        yield self.view
        for child in self.children:
            yield from child.views


@kept(BYTES_KEPT, lambda made: made.size)
def tree(view: View, columns: tuple[str, ...], children: tuple[Branch, ...]) -> Statement:
    """The entity with this id, which is the key to give, and all that hangs on it.

    Records are the number of a branch, counted from 1 with each before its children (0: the entity
    itself), and a tuple as `by_id` gives it. Before the columns of what refers to an entity above stands
    the key of that one; what is referred to is given once, however many refer to it.
    """
    # One value, not an array: for an array PostgreSQL would make a new plan at each run, at some cost.
    id = sa.bindparam("keys", "", type_=Text)
    top = (
        sa.select(*view.columns(columns), view.c.key.label("own"))
        .where(view.c.id == id, view.visible)
        .cte("level0")
    )
    parts = [_tuples(0, top)]
    _grow(parts, top, children)
    return compiled(sa.union_all(*parts), view, *(one for child in children for one in child.views))


def _grow(parts: list[sa.Select[Any]], above: sa.CTE, children: tuple[Branch, ...]) -> None:
    for child in children:
        number = len(parts)
        made = (_referring(child, above) if child.page else _referred(child, above)).cte(f"level{number}")
        parts.append(_tuples(number, made))
        _grow(parts, made, child.children)


def _tuples(number: int, level: sa.CTE) -> Any:
    *shown, _ = level.c
    return sa.select(sa.literal_column(str(number)), sa.func.row(*shown))


def _referring(branch: Branch, above: sa.CTE) -> Any:
    page, columns = branch.page, (*branch.columns, "key")
    assert page is not None
    child = _referrers(branch.view, branch.target, branch.relations, columns, page, above.c.own)
    found = list(child.c)
    shown = found[: len(branch.columns)]
    sorts = found[len(columns) :] if branch.sorts else []
    at_most = sa.bindparam("at_most", None, type_=sa.Integer)
    named = [column.label(f"c{n}") for n, column in enumerate((*shown, *sorts))]
    own = found[len(branch.columns)].label("own")
    return (
        sa.select(above.c.own.label("above"), *named, own)
        .select_from(above.join(child, sa.true()))
        .limit(at_most)
    )


def _referred(branch: Branch, above: sa.CTE) -> Any:
    r, view = reference.alias().c, branch.view
    keys = (
        sa.select(r.target_key)
        .join_from(above, r.target_key.table, r.source_key == above.c.own)
        .where(
            r.source_kind == branch.target.root.name,
            r.relation == sa.any_(sa.literal(list(branch.relations), sa.ARRAY(sa.Text))),
            r.target_kind == view.kind.root.name,
        )
    )
    held = view.c.key == sa.any_(sa.func.array(keys.scalar_subquery()))
    named = [column.label(f"c{n}") for n, column in enumerate(view.columns(branch.columns))]
    return sa.select(*named, view.c.key.label("own")).where(held, view.visible)


# ---- counting the ways back ---------------------------------------------------------------------


@kept(BYTES_KEPT, lambda made: made.size)
def count_pointing_at(
    view: View, target: Kind, relations: tuple[str, ...], condition: Condition
) -> Statement:
    """For each target key, how many of those entities refer to it: place of the key, and number."""
    parents = _given_keys()
    links = _links(view, target, relations, parents.c.key).correlate(parents).subquery()
    number = (
        sa.select(sa.func.count())
        .select_from(links.join(view.rows, view.c.key == links.c.source_key))
        .where(expression(condition, view), view.visible)
        .correlate(parents)
        .scalar_subquery()
    )
    return compiled(sa.select(parents.c.n, number), view)


def _links(
    view: View, target: Kind, among_relations: tuple[str, ...], key: sa.ColumnElement[Any]
) -> sa.Select[Any]:
    """The keys of the entities that refer to a target by one of these relations."""
    r, kind = reference.c, view.kind
    statement = (
        sa.select(r.source_key)
        .distinct()
        .where(
            r.target_key == key,
            r.target_kind == target.root.name,
            r.source_kind == kind.root.name,
            r.relation == sa.any_(sa.literal(list(among_relations), sa.ARRAY(sa.Text))),
        )
    )
    unnamed = any(len(one.targets.named(None)) > 1 for one in relations(kind) if one.path in among_relations)
    return statement.where(leads(view)) if unnamed else statement


# ---- what happened ------------------------------------------------------------------------------


HISTORY = ("id", "type", "time", "actor", "revision", "state_before", "state_after")
"""What is told of an event."""


@functools.lru_cache(maxsize=STATEMENTS_KEPT)
def history(view: View, first: int, after: int) -> Statement:
    """For each key, the first so many events of that entity after a revision, oldest first.

    Before the columns of an event stands the place of its key, counted from 1. No more than `at_most` in all.
    The keys are those of entities that were read through the same view: nothing here asks who may see them.
    """
    parents = _given_keys()
    e = event.c
    happened = (
        sa.select(*(e[name] for name in HISTORY))
        .where(e.entity_key == parents.c.key, e.entity_kind == view.kind.root.name, e.revision > after)
        .order_by(e.revision)
        .limit(first)
        .correlate(parents)
        .lateral()
    )
    at_most = sa.bindparam("at_most", None, type_=sa.Integer)
    both = parents.join(happened, sa.true())
    return compiled(sa.select(parents.c.n, *happened.c).select_from(both).limit(at_most), view)


# ---- parts --------------------------------------------------------------------------------------


def _full_order(page: Page) -> tuple[tuple[Order | None, bool], ...]:
    """The sort keys that were asked for, and the id, which makes the order total."""
    return (*((order, order.descending) for order in page.order), (None, False))


def _sort_columns(
    view: View, orders: Sequence[tuple[Order | None, bool]]
) -> list[tuple[sa.ColumnElement[Any], bool]]:
    return [
        (view.c.id if order is None else sort_key(order, view), descending) for order, descending in orders
    ]


def _labelled(keys: Sequence[tuple[sa.ColumnElement[Any], bool]]) -> list[sa.ColumnElement[Any]]:
    return [column.label(f"sort{n}") for n, (column, _) in enumerate(keys)]


def _bounds(
    columns: Sequence[tuple[sa.ColumnElement[Any], bool]], page: Page
) -> list[sa.ColumnElement[bool]]:
    bounds = []
    if page.after is not None:
        bounds.append(beyond(columns, page.after))
    if page.before is not None:
        bounds.append(beyond([(column, not descending) for column, descending in columns], page.before))
    return bounds
