"""What a reader may see of a kind: the only way to a kind's table for who reads it, or locks its rows.

A View gives a statement columns, what they come from, and the condition that its rows meet. Rights on single
entities and a moment of the past act here alone, so that no statement can forget them.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from models.declare import Kind
from models.tables import table

Policies = tuple[str, ...]
"""Names of the policies that say which entities one sees, sorted. None: all that there are."""


@dataclass(frozen=True, eq=False)
class View:
    """What a reader may see of a kind.

    It is a part of a statement's shape, and of the key by which a statement is kept: readers with the same
    View share statements and their plans. On whose behalf one reads, and at which moment, is no part of it:
    these will be parameters of the statement, which the store puts in.

    Each is made once (`narrowed_view`, `view_of`), so that looking it up costs no more than a kind does.
    """

    kind: Kind
    policies: Policies = ()
    """No policy can be declared yet: nothing can be read through a View that has one."""
    past: bool = False
    """Whether it shows entities as they were at a moment. Nothing can be read through such a View yet."""

    @property
    def rows(self) -> sa.FromClause:
        """What a statement reads from. Where it does, the condition `visible` has to be met."""
        if self.policies or self.past:
            raise NotImplementedError("rights on single entities, and the past")
        return table(self.kind)

    @property
    def c(self) -> ReadOnlyColumnCollection[str, Any]:
        """The columns of its rows, by name."""
        return self.rows.c

    def columns(self, names: Iterable[str]) -> list[sa.ColumnElement[Any]]:
        """The columns of these names; `kind` is the name of the kind, also where the table has but one."""
        own = sa.literal_column(f"'{self.kind.name}'::text").label("kind")
        return [own if name == "kind" and not self.kind.root.special else self.c[name] for name in names]

    @property
    def visible(self) -> sa.ColumnElement[bool]:
        """Whether a row is one that the reader sees: of this kind, where several kinds share the table.

        A condition that nobody meets must stand in the text, as a literal: SQLAlchemy leaves out what is
        joined to its own `false()`, parameters and all.
        """
        return sa.true() if self.kind.general is None else self.c.kind == self.kind.name

    def of(self, kind: Kind) -> "View":
        """What the same reader may see of another kind."""
        return narrowed_view(kind, self.policies, self.past)


@functools.cache
def narrowed_view(kind: Kind, policies: Policies, past: bool) -> View:
    """What those may see of a kind whom these policies narrow down, at present or in the past."""
    return View(kind, policies, past)


@functools.cache
def view_of(kind: Kind) -> View:
    """What the server itself sees of a kind: everything. What callers ask for goes through the gate."""
    return narrowed_view(kind, (), False)
