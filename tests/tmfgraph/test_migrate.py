"""Migrations: they make the declared tables, run twice and by two at once, and say why they cannot."""

import asyncio
import itertools
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from models import WHOLE
from models.tables import tables
from tmfgraph import cli, database, logs, migrate
from tmfgraph.database import DatabaseUnusable

_numbers = itertools.count(1)


def execute(url: str, *statements: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def named(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}?{query}"


@pytest.fixture
def empty(postgres: str) -> str:
    """URL of a database without tables."""
    name = f"migrate_{next(_numbers)}"
    execute(postgres, f"create database {name}")
    return named(postgres, name)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Migrations of the test's own, to be written by the test."""
    ours = Path(str(migrate.config().get_main_option("script_location")))
    directory = tmp_path / "100% ours"
    (directory / "versions").mkdir(parents=True)
    for name in ("env.py", "script.py.mako"):
        shutil.copy(ours / name, directory)
    made = migrate.config()
    made.set_main_option("script_location", str(directory).replace("%", "%%"))
    monkeypatch.setattr(migrate, "config", lambda: made)
    return made


def test_the_migrations_make_the_declared_tables(empty: str):
    migrate.upgrade(empty)
    differences = database.run(
        empty, lambda c: compare_metadata(MigrationContext.configure(c), tables(WHOLE))
    )
    assert differences == []


def test_documents_are_stored_apart_and_uncompressed(empty: str):
    migrate.upgrade(empty)
    stored = sa.text("""
        select relname, attstorage::text, coalesce(reloptions, '{}')
        from pg_class join pg_attribute on attrelid = pg_class.oid
        where attname = 'document' and relkind = 'r' and relnamespace = 'public'::regnamespace
    """)
    rows = database.run(empty, lambda c: [tuple(row) for row in c.execute(stored)])
    expected = {table.name for table in tables(WHOLE).tables.values() if "document" in table.c}
    assert sorted(rows) == [(name, "e", ["toast_tuple_target=512"]) for name in sorted(expected)]


def test_a_generated_migration_stores_documents_apart(scratch: Config, empty: str, monkeypatch):
    monkeypatch.setenv("TMFGRAPH_DATABASE_URL", empty)
    written = command.revision(scratch, "tables", autogenerate=True, rev_id="0001")
    assert written is not None and not isinstance(written, list)
    text = Path(written.path).read_text()
    assert """op.execute('alter table "event" set (toast_tuple_target = 512)')""" in text
    assert """op.execute('alter table "event" alter column document set storage external')""" in text
    assert 'alter table "reference"' not in text


def revision(config: Config, statement: str) -> None:
    written = command.revision(config, "one", rev_id="0001")
    assert written is not None and not isinstance(written, list)
    path = Path(written.path)
    path.write_text(path.read_text().replace("    pass", f"    op.execute({statement!r})", 1))


def test_of_two_at_once_one_waits(scratch: Config, empty: str):
    revision(scratch, "create table one as select pg_sleep(0.5)::text as slept")
    assert not migrate.at_head(empty)
    with ThreadPoolExecutor(2) as two:
        list(two.map(migrate.upgrade, [empty, empty]))
    assert migrate.at_head(empty)
    migrate.upgrade(empty)
    assert migrate.at_head(empty)


def test_a_failed_migration_leaves_nothing(scratch: Config, empty: str):
    revision(scratch, "create table one (id int); select 1/0")
    with pytest.raises(DatabaseUnusable, match=r"could not be migrated, and are as they were: .*"):
        migrate.upgrade(empty)
    assert not migrate.at_head(empty)
    assert database.run(empty, lambda c: sa.inspect(c).get_table_names()) == []


def test_tables_of_a_newer_version_are_refused(empty: str):
    execute(
        empty,
        "create table alembic_version (version_num text primary key)",
        "insert into alembic_version values ('from the future')",
    )
    assert not migrate.at_head(empty)
    with pytest.raises(DatabaseUnusable, match=r"A newer tmfgraph has probably migrated them"):
        migrate.upgrade(empty)


def test_a_user_who_may_not_create_tables_is_told(scratch: Config, empty: str):
    revision(scratch, "create table one (id int)")
    role = f"reader_{next(_numbers)}"
    execute(empty, f"create role {role} login", "revoke create on schema public from public")
    try:
        with pytest.raises(DatabaseUnusable, match="migrate as the owner of the database"):
            migrate.upgrade(re.sub("//[^@]*@", f"//{role}@", empty))
    finally:
        execute(empty, f"drop role {role}")


def test_the_command_says_whether_there_is_something_to_do(
    scratch: Config, empty: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(logs, "configure", lambda settings: None)
    revision(scratch, "create table one (id int)")
    assert cli.main(["migrate", "--check", "--database-url", empty]) == 1
    assert "run `tmfgraph migrate`" in capsys.readouterr().out
    assert cli.main(["migrate", "--database-url", empty]) == 0
    assert cli.main(["migrate", "--check", "--database-url", empty]) == 0


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "postgresql://tmf:hunter2@127.0.0.1:1/tmf",
            "No PostgreSQL can be reached at postgresql://tmf:***@127",
        ),
        ("postgresql://127.0.0.1:port/tmf", "gives no connection"),
    ],
)
def test_a_server_that_is_not_there(url: str, message: str):
    with pytest.raises(DatabaseUnusable) as refused:
        database.check(url)
    assert message in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_database_that_is_not_there(postgres: str):
    with pytest.raises(DatabaseUnusable, match=r'database "nowhere" does not exist\. Check the URL\.'):
        database.check(named(postgres, "nowhere"))


def test_an_old_server_is_refused(empty: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(database, "OLDEST", 99)
    with pytest.raises(DatabaseUnusable, match=r"is PostgreSQL \d+\.\d+; tmfgraph needs version 99 or"):
        database.check(empty)


def test_the_options_of_a_connection_pooler(empty: str):
    separator = "&" if "?" in empty else "?"
    url = f"{empty}{separator}statement_cache_size=0&prepared_statement_cache_size=0&application_name=pooled"
    assert database.run(url, lambda c: c.scalar(sa.text("show application_name"))) == "pooled"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p%40ss@h:1,h2:2/d", "postgresql://u:***@h:1,h2:2/d"),
        ("postgresql://u@h/d?password=secret&x=1", "postgresql://u@h/d?password=***&x=1"),
        ("postgresql://h/d?sslpassword=secret", "postgresql://h/d?sslpassword=***"),
        ("postgresql://u@/d?host=/run/pg", "postgresql://u@/d?host=/run/pg"),
    ],
)
def test_messages_show_no_password(url: str, shown: str):
    assert database.masked(url) == shown
