"""The schema as a whole: its snapshot, its descriptions, and what one line of declaration yields."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType

from models import WHOLE
from models.links import ways_back
from models.tables import tables
from resolvers.graphql.graph import schema, sdl
from tmfgraph import database, migrate

ROOT = Path(__file__).parent.parent.parent


def test_the_snapshot_in_git_is_what_the_declarations_yield() -> None:
    snapshot = ROOT / "schema" / "schema.graphql"
    assert snapshot.read_text(encoding="utf-8") == sdl(WHOLE), "stale: run `./run refresh`"


def test_every_type_field_and_argument_says_what_it_is() -> None:
    silent = []
    for found in schema(WHOLE)._schema.type_map.values():
        if found.name.startswith(("__", "link__")):  # GraphQL's own, and those of federation's @link
            continue
        if isinstance(
            found, (GraphQLObjectType, GraphQLInterfaceType, GraphQLInputObjectType, GraphQLEnumType)
        ):
            silent += [] if found.description else [found.name]
        if isinstance(found, (GraphQLObjectType, GraphQLInterfaceType, GraphQLInputObjectType)):
            silent += [f"{found.name}.{name}" for name, f in found.fields.items() if not f.description]
        if isinstance(found, (GraphQLObjectType, GraphQLInterfaceType)):
            silent += [
                f"{found.name}.{name}({argument})"
                for name, f in found.fields.items()
                for argument, a in f.args.items()
                if not a.description
            ]
    assert silent == []


def test_the_names_of_ways_back_take_no_attribute_of_a_kind() -> None:
    for kind in WHOLE.kinds.values():
        own = {attribute.graphql_name for attribute in kind.attributes}
        assert not own.intersection(way.name for way in ways_back(kind)), kind


def test_only_ids_lists_and_what_the_server_sets_are_never_null() -> None:
    core: Any = schema(WHOLE)._schema
    for kind in WHOLE.kinds.values():
        fields = core.type_map[kind.typename].fields
        never = {a.graphql_name for a in kind.attributes if str(fields[a.graphql_name].type).endswith("!")}
        assert never == {"id", "href"} | {a.graphql_name for a in kind.attributes if a.many}


def test_the_migrations_lead_to_the_declared_tables(database_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    def differences(connection: object) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})  # type: ignore[arg-type]
        return compare_metadata(context, tables(WHOLE))

    assert migrate.at_head(database_url)
    assert database.run(database_url, differences) == []


ONE_LINE = '''
    loyalty_tier: str | None = None
    """Tier in the loyalty programme."""
'''

WHAT_FOLLOWS = """
import sys
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from models import WHOLE
from models.tables import tables
from resolvers.graphql.graph import sdl
from tmfgraph import database
text = sdl(WHOLE)
for header in ("type Customer ", "input CustomerCreate ", "input CustomerUpdate ", "input CustomerFilter ",
               "input CustomerSort "):
    body = text[text.index(header):]
    assert "loyaltyTier:" in body[:body.index("\\n}\\n")], header
found = database.run(sys.argv[1], lambda c: compare_metadata(MigrationContext.configure(c), tables(WHOLE)))
assert [(f[0], f[2], f[3].name) for f in found] == [("add_column", "customer", "loyalty_tier")], found
"""


@pytest.mark.slow
def test_one_line_adds_an_attribute_everywhere(tmp_path: Path, database_url: str) -> None:
    """A line and its docstring: column, migration, field, inputs, filter and sort key follow."""
    for room in ("models", "schema", "resolvers", "tmfgraph"):
        shutil.copytree(ROOT / room, tmp_path / room)
    with (tmp_path / "models" / "party" / "customer.py").open("a", encoding="utf-8") as file:
        file.write(ONE_LINE)
    command = [sys.executable, "-c", WHAT_FOLLOWS, database_url]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# ---- the house rules of the layout ----------------------------------------------------------------


def test_imports_keep_to_the_floors_and_rooms() -> None:
    """The contracts stand in pyproject.toml."""
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_imports_the_wiring() -> None:
    for room in ("models", "schema", "resolvers"):
        for path in (ROOT / room).rglob("*.py"):
            assert not re.search(
                r"^\s*(import app\b|from app import)", path.read_text(encoding="utf-8"), re.M
            ), path


def test_only_one_place_reads_annotations() -> None:
    for room in ("models", "schema", "resolvers"):
        for path in (ROOT / room).rglob("*.py"):
            if path != ROOT / "models" / "declare" / "reading.py":
                assert "get_type_hints" not in path.read_text(encoding="utf-8"), path
