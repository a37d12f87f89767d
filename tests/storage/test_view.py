"""A View is the only way to what is stored of a kind, and the gate the only way to a View."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from models import WHOLE
from models.declare import Kind
from models.links import relations, ways_back
from models.tables import table_name
from resolvers.errors import Forbidden
from resolvers.rights import Access
from resolvers.storage import reads
from resolvers.storage.conditions import EVERYTHING, Compare, Condition, Leads
from resolvers.storage.reads import ROW, Branch, Page, Statement
from resolvers.storage.store import Store
from resolvers.storage.view import View, narrowed_view, view_of
from schema.scopes import scope
from tests.conftest import Client

ROOT = Path(__file__).parent.parent.parent
CODE = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for room in ("models", "schema", "resolvers", "tmfgraph", "app.py")
    for path in ([ROOT / room] if room.endswith(".py") else (ROOT / room).rglob("*.py"))
}

# ---- who may name what --------------------------------------------------------------------------

STORAGE = "resolvers/storage"
TABLES = {
    "models/tables.py": "declares them",
    f"{STORAGE}/view.py": "reads and locks their rows, for all others",
    f"{STORAGE}/writes.py": "writes rows",
    f"{STORAGE}/reindex.py": "writes rows",
}
"""Where the table of a kind may be named, and what for."""

UNBOUND = {
    f"{STORAGE}/view.py": "makes them",
    f"{STORAGE}/gate.py": "asks for the right first",
    f"{STORAGE}/transaction.py": "the write has passed the gate; what follows from it, the server does itself",
    f"{STORAGE}/copy.py": "a command of the operator's",
    f"{STORAGE}/reindex.py": "a command of the operator's",
    "resolvers/background/worker.py": "looks for tasks on the server's behalf",
    "tmfgraph/demo/__init__.py": "a command of the operator's",
}
"""Where a View may be had without the gate, and why."""

STATEMENTS = {
    f"{STORAGE}/reads.py": "says what each reads",
    f"{STORAGE}/writes.py": "statements that write, and read nothing for a caller",
}
"""Where the texts of statements are made."""

RIGHTS = {
    "schema/scopes.py": "says which scopes suffice",
    "resolvers/rights.py": "knows the caller's scopes",
    f"{STORAGE}/gate.py": "asks, for all others",
}
"""Where a caller's rights over kinds are asked for."""


def importing(module: str, name: str) -> set[str]:
    """The files that import a name, or the whole module that has it."""
    package, _, last = module.rpartition(".")
    found = set[str]()
    for path, tree in CODE.items():
        for node in ast.walk(tree):
            match node:
                case ast.ImportFrom(module=of, names=names):
                    wanted = {module: name, package: last}.get(of or "")
                    if any(one.name in (wanted, "*") for one in names if wanted):
                        found.add(path)
                case ast.Import(names=names) if any(one.name == module for one in names):
                    found.add(path)
    return found


def calling(matches: Callable[[ast.expr], bool]) -> set[str]:
    """The files that call what matches."""
    return {
        path
        for path, tree in CODE.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and matches(node.func)
    }


def test_the_table_of_a_kind_is_named_by_its_view_and_where_rows_are_written() -> None:
    assert importing("models.tables", "table") | {"models/tables.py"} == set(TABLES)


def test_no_text_of_a_statement_names_the_table_of_a_kind() -> None:
    names = "|".join(table_name(kind) for kind in WHOLE.roots)
    naming = re.compile(rf"\b(from|join|update|into)\s+({names})\b")
    found = []
    for path, tree in CODE.items():
        docstrings = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        found += [
            (path, node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
            and naming.search(node.value)
        ]
    assert found == []


def test_a_view_without_the_gate_is_had_where_the_server_acts_itself() -> None:
    having = importing("resolvers.storage.view", "view_of")
    having |= importing("resolvers.storage.view", "narrowed_view")
    assert having | {f"{STORAGE}/view.py"} == set(UNBOUND)
    made = calling(lambda called: isinstance(called, ast.Name) and called.id == "View")
    assert made == {f"{STORAGE}/view.py"}
    asks = calling(lambda called: isinstance(called, ast.Name) and called.id == "Gate")
    assert asks == {f"{STORAGE}/store.py"}


def test_a_statement_is_made_where_it_is_known_what_it_reads() -> None:
    made = calling(lambda called: isinstance(called, ast.Name) and called.id == "Statement")
    assert made == set(STATEMENTS)


def test_rights_over_kinds_are_asked_for_at_the_gate_alone() -> None:
    def asks(called: ast.expr) -> bool:
        match called:
            case ast.Attribute(attr="may" | "sufficient") | ast.Name(id="sufficient"):
                return True
            case ast.Attribute(attr="check", value=ast.Attribute(attr=of) | ast.Name(id=of)):
                return "access" in of
        return False

    assert calling(asks) == set(RIGHTS)


# ---- what a View is -----------------------------------------------------------------------------

KIND, SPECIAL = WHOLE.kinds["ProductOrder"], WHOLE.kinds["PhysicalResource"]


def test_a_view_is_made_once_and_statements_are_kept_by_it() -> None:
    assert view_of(KIND) is view_of(KIND) is narrowed_view(KIND, (), False) is view_of(SPECIAL).of(KIND)
    narrow, past = narrowed_view(KIND, ("customer",), False), narrowed_view(KIND, (), True)
    assert len({view_of(KIND), view_of(SPECIAL), narrow, past}) == 4
    assert narrow.of(SPECIAL).of(KIND) is narrow
    for make in (reads.by_key, reads.by_id, reads.one):
        assert make(view_of(KIND), ROW) is make(view_of(KIND), ROW)
    assert reads.count((view_of(KIND),), EVERYTHING) is reads.count((view_of(KIND),), EVERYTHING)


@pytest.mark.parametrize("view", [narrowed_view(KIND, ("customer",), False), narrowed_view(KIND, (), True)])
def test_a_view_that_nothing_can_be_read_through_yet_gives_no_statement(view: View) -> None:
    with pytest.raises(NotImplementedError):
        reads.one(view, ROW)
    with pytest.raises(NotImplementedError):
        reads.count((view,), EVERYTHING)


def test_a_kind_of_a_shared_table_sees_its_own_rows() -> None:
    assert "resource.kind = $" in reads.one(view_of(SPECIAL), ROW).text
    assert "WHERE resource.id = $1" in reads.one(view_of(WHOLE.kinds["Resource"]), ROW).text
    assert "'ProductOrder'::text AS kind" in reads.one(view_of(KIND), ROW).text


# ---- that no statement forgets what one may see --------------------------------------------------


def statements(view: View) -> Iterator[Statement]:
    """One of each, past the caches, with what it may lead to."""
    kind = view.kind
    fresh: Any = {
        name: made.__wrapped__ for name, made in vars(reads).items() if hasattr(made, "__wrapped__")
    }
    conditions: list[Condition] = [EVERYTHING]
    conditions += [
        Leads(relation.path, WHOLE.kinds[name], Compare(WHOLE.kinds[name].columns[0], "eq", "x"))
        for relation in relations(kind)
        for name in relation.targets.named(None)
        if name in WHOLE.kinds
    ]
    for name in ("by_key", "by_id", "one"):
        yield fresh[name](view, ROW)
    yield reads.anywhere([view], "7")
    for condition in conditions:
        yield fresh["count"]((view,), condition)
    for condition in conditions[:2]:
        yield fresh["search"]((view,), ROW, Page(condition))
        yield fresh["count_up_to"]((view,), condition, 5)
    for way in ways_back(kind):
        other = view.of(way.kind)
        yield fresh["pointing_at"](other, kind, way.relations, ROW, Page())
        yield fresh["count_pointing_at"](other, kind, way.relations, EVERYTHING)
        to_one = Branch(view, ROW, (), way.relations[:1], way.kind, None)
        branch = Branch(other, ROW, (to_one,), way.relations, kind, Page())
        yield fresh["tree"](view, ROW, (branch,))


@pytest.mark.parametrize("kind", WHOLE.kinds.values(), ids=lambda kind: kind.name)
def test_wherever_a_statement_reads_a_kind_stands_what_one_may_see_of_it(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = "|".join(table_name(one) for one in WHOLE.roots)
    reading = re.compile(rf"(?:FROM|JOIN|,)\s+({names})(?![.\w])")

    def seen(view: View) -> Any:
        return sa.literal_column(f"'seen:{table_name(view.kind.root)}'::text = ''")

    monkeypatch.setattr(View, "visible", property(seen))
    for statement in statements(view_of(kind)):
        found = sorted(reading.findall(statement.text))
        assert found, statement.text
        assert found == sorted(re.findall(r"'seen:(\w+)'", statement.text)), statement.text


# ---- the gate -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WHOLE.kinds.values(), ids=lambda kind: kind.name)
def test_a_statement_runs_for_those_who_may_read_all_that_it_reads(shared: Client, kind: Kind) -> None:
    nobody = Store(shared.app.state.engine, WHOLE, access=Access("a", frozenset()))
    reader = Store(shared.app.state.engine, WHOLE, access=Access("a", frozenset({scope(kind, "read")})))
    for statement in statements(view_of(kind)):
        assert statement.views
        with pytest.raises(Forbidden):
            shared.run(nobody.fetch(statement))
    with pytest.raises(Forbidden, match=scope(kind, "read")):
        nobody.view(kind)
    assert reader.view(kind) is view_of(kind)
    statement = reads.one(reader.view(kind), ROW).of("nothing")
    assert shared.run(reader.fetch(statement)) == []
    with pytest.raises(ValueError, match="for other readers"):
        shared.run(reader.fetch(replace(statement, views=(narrowed_view(kind, ("customer",), False),))))


def test_the_first_scope_that_is_missing_is_the_one_that_is_named(shared: Client) -> None:
    kinds = [WHOLE.kinds["Individual"], WHOLE.kinds["Organization"]]
    store = Store(shared.app.state.engine, WHOLE, access=Access("a", frozenset({scope(kinds[0], "read")})))
    with pytest.raises(Forbidden, match=scope(kinds[1], "read")):
        store.views(kinds)
