"""What tests stand on: a real PostgreSQL, a migrated database for each test that asks, a client of the app."""

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import event as sa_event

import app
from models import WHOLE
from models.declare import Kind, World
from resolvers.behaviour.cancel import CANCELS
from resolvers.graphql.graph import graph
from resolvers.storage.documents import prepare
from resolvers.storage.rows import Row
from resolvers.storage.store import Store
from tests.samples import HELD_ORDER
from tmfgraph import migrate
from tmfgraph.embedded import EmbeddedPostgres
from tmfgraph.settings import Settings

_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run the slow tests as well")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the slow tests out, unless all are wanted, or a marker says which, or they are named."""
    if config.getoption("--all") or config.getoption("-m"):
        return
    named = {config.invocation_params.dir / one.partition("::")[0] for one in config.args}
    left_out = pytest.mark.skip(reason="slow: --all runs it, or its name")
    for item in items:
        if item.get_closest_marker("slow") and item.path not in named:
            item.add_marker(left_out)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL of this test run's own."""
    # pytest's tmp_path is closed to the account that PostgreSQL runs under when the tests run as root.
    directory = Path(tempfile.mkdtemp(prefix="tmfgraph-tests-"))
    directory.chmod(0o755)
    server = EmbeddedPostgres(directory / "data", durable=False)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _execute(url: str, statement: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def _named(url: str, name: str) -> str:
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}?{query}"


@pytest.fixture(scope="session")
def template(postgres: str) -> str:
    """Name of a migrated, empty database to copy from."""
    _execute(postgres, "create database template_migrated")
    migrate.upgrade(_named(postgres, "template_migrated"))
    return "template_migrated"


def _copy(postgres: str, template: str) -> str:
    name = f"test_{next(_numbers)}"
    _execute(postgres, f"create database {name} template {template}")
    return _named(postgres, name)


@pytest.fixture
def database_url(postgres: str, template: str) -> str:
    """URL of an empty migrated database, for one test alone."""
    return _copy(postgres, template)


@pytest.fixture(scope="module")
def module_database_url(postgres: str, template: str) -> str:
    """URL of an empty migrated database that the tests of one module share."""
    return _copy(postgres, template)


@pytest.fixture(scope="module")
def twin_database_url(postgres: str, template: str) -> str:
    """URL of one more such database."""
    return _copy(postgres, template)


OF_THE_DRIVER = (
    "WITH RECURSIVE typeinfo_tree",
    "SELECT current_setting('jit')",
    "SELECT set_config('jit'",
)
"""How the statements begin by which the driver learns what types there are."""
OF_THE_POOL = "select 1"
"""By this it learns whether a connection still lives that lay idle: how often depends on the clock."""


class Client:
    """Calls the application as HTTP would, and counts the statements that it sends to the database.

    All of them, those that begin and end a transaction too, but `OF_THE_DRIVER` and `OF_THE_POOL`; a COPY is none.
    The worker and the sequencer do not run beside it: they start with a server.
    """

    def __init__(self, database_url: str, world: World = WHOLE, **settings: Any) -> None:
        graph(world)  # as at the start of a server: no request waits for it
        self.world = world
        self._runner = asyncio.Runner()
        self.app = app.build(Settings(database_url=database_url, **settings), world)
        self.statements: list[str] = []
        engine = self.app.state.engine.sync_engine
        sa_event.listen(engine, "before_cursor_execute", lambda *args: self.statements.append(args[2]))

        def note(record: Any) -> None:
            text = " ".join(record.query.split())
            if not text.startswith(OF_THE_DRIVER) and text != OF_THE_POOL:
                self.statements.append(record.query)

        # What goes past SQLAlchemy, to the driver, and what SQLAlchemy has the driver do for a transaction.
        sa_event.listen(engine, "connect", lambda made, _: made.driver_connection.add_query_logger(note))
        transport = httpx.ASGITransport(self.app)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://localhost:8000")

    @property
    def store(self) -> Store:
        """Reads and writes below both facades."""
        return Store(self.app.state.engine, self.world)

    def hold(self, kind: Kind, document: dict[str, Any]) -> Row:
        """Stores a document as an import does: wherever it stands in its life."""
        draft = prepare(kind, document, imported=True)
        self.run(self.store.put(draft))
        found = self.run(self.store.by_id(kind, draft.id))
        assert found is not None
        return found

    def carry_out(self) -> int:
        """Lets the worker do what is due; gives how many tasks that was."""
        return self.run(self.app.state.worker.carry_out())

    def run(self, work: Any) -> Any:
        return self._runner.run(work)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        self.statements.clear()
        return self.run(self._http.request(method, path, **options))

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, json: Any, **options: Any) -> httpx.Response:
        return self.request("POST", path, json=json, **options)

    def patch(self, path: str, json: Any, **options: Any) -> httpx.Response:
        return self.request("PATCH", path, json=json, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **options)

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer to an operation: data, or errors beside it."""
        return self.post("/graphql", {"query": query, "variables": variables}).json()

    def data(self, query: str, **variables: Any) -> Any:
        """The data of an operation that must succeed."""
        answer = self.graphql(query, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def close(self) -> None:
        self.run(self._http.aclose())
        self.run(self.app.state.engine.dispose())
        self._runner.close()


@pytest.fixture
def client(database_url: str) -> Iterator[Client]:
    """A client of an application on an empty database."""
    made = Client(database_url)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared(module_database_url: str) -> Iterator[Client]:
    """A client of an application on a database that the tests of one module share."""
    made = Client(module_database_url)
    for task in CANCELS.values():
        line = {"id": "1", "action": "add", "service": {"id": "s"}}
        made.hold(WHOLE.kinds[task.kind], {"id": HELD_ORDER, task.items: [line]})
    yield made
    made.close()
