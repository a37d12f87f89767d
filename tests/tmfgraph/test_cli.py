"""The command line: helpful help, sentences for errors, and a server that starts and stops cleanly."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.serving import MODULE, environment, open_directory, serving
from tmfgraph import __version__, cli, commands, logs

COMMANDS = [
    "serve",
    "migrate",
    "load",
    "demo",
    "schema",
    "explain",
    "kinds",
    "conformance",
    "openapi",
    "reindex",
    "token",
    "migration",
    "refresh",
]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with open_directory() as made:
        yield made / "data"


@pytest.fixture(autouse=True)
def no_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within this process, logging is pytest's."""
    monkeypatch.setattr(logs, "configure", lambda settings: None)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int | str | None, str, str]:
    """The exit code and what was printed to stdout and stderr."""
    try:
        code = cli.main(arguments)
    except SystemExit as leaving:
        code = leaving.code
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]):
    code, help, _ = said(capsys, command, "--help")
    assert code == 0
    assert f"\nexamples:\n  tmfgraph {command}" in help


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]):
    code, help, _ = said(capsys, "--help")
    assert code == 0
    assert all(f"\n    {command}" in help for command in COMMANDS)


def test_every_file_of_a_command_is_listed():
    files = {path.stem for path in Path(commands.__file__).parent.glob("*.py")}
    assert sorted(commands.NAMES) == sorted(files - {"__init__", "common"})


@pytest.mark.parametrize("arguments", [["serve", "--help"], ["serve", "--prot", "1"]])
def test_help_and_a_wrong_flag_load_neither_the_driver_nor_the_schema(arguments: list[str]):
    code = f"""
import sys
from tmfgraph import cli
try:
    cli.main({arguments})
except SystemExit:
    pass
heavy = {{"asyncpg", "sqlalchemy", "alembic", "graphql", "strawberry", "models", "schema", "resolvers"}}
sys.exit(", ".join(heavy & set(sys.modules)) or 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_version(capsys: pytest.CaptureFixture[str]):
    assert said(capsys, "--version") == (0, f"tmfgraph {__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["sreve"], "invalid choice: 'sreve'"),
        (["serve", "--prot", "1"], "unrecognized arguments: --prot"),
        (
            ["serve", "--port", "99999"],
            "--port cannot be '99999': it must be a whole number from 0 to 65535.",
        ),
        (
            ["serve", "--database-url", "sqlite:///x"],
            "--database-url cannot be 'sqlite:///x': it must be a URL",
        ),
        (["load"], "the following arguments are required: FILE"),
        (["demo", "--scale", "0"], "'0' is not a whole number from 1 up"),
        (["migrate", "--port", "1"], "unrecognized arguments: --port"),
    ],
)
def test_a_wrong_call_is_named(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]):
    code, _, errors = said(capsys, *arguments)
    assert code == 2
    assert message in errors


def test_a_wrong_variable_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TMFGRAPH_POOL_SIZE", "plenty")
    code, _, errors = said(capsys, "serve")
    assert code == 2
    assert "TMFGRAPH_POOL_SIZE cannot be 'plenty': it must be a whole number from 1 to 500." in errors


def tmfgraph(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MODULE, *arguments],
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_port_in_use_is_said_before_anything_starts(data_dir: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = tmfgraph("serve", "--port", str(port), "--data-dir", str(data_dir))
    assert done.returncode == 1
    assert done.stderr == (
        f"tmfgraph: Port {port} on 127.0.0.1 is in use by another program. "
        "Stop that program, or choose another port: --port 0 takes a free one.\n"
    )
    assert not data_dir.exists()


@pytest.mark.parametrize(
    ("host", "message"),
    [("nowhere.invalid", "is not an address or a name"), ("192.0.2.1", "is not an address of this machine")],
)
def test_a_host_that_is_not_ours(host: str, message: str, data_dir: Path):
    done = tmfgraph("serve", "--host", host, "--port", "0", "--data-dir", str(data_dir))
    assert done.returncode == 1
    assert done.stderr.startswith(f"tmfgraph: --host {host} {message}")


def test_a_database_that_is_not_there_is_one_sentence():
    done = tmfgraph("migrate", TMFGRAPH_DATABASE_URL="postgresql://tmf:hunter2@127.0.0.1:1/tmf")
    assert done.returncode == 1
    assert done.stderr.startswith(
        "tmfgraph: No PostgreSQL can be reached at postgresql://tmf:***@127.0.0.1:1/tmf: "
    )
    assert "Traceback" not in done.stderr


def test_a_given_database_is_not_migrated_on_the_side(postgres: str):
    done = tmfgraph("load", "nothing.json", "--database-url", postgres)
    assert done.returncode == 1
    assert "Run `tmfgraph migrate` first." in done.stderr


def is_stopped(data_dir: Path) -> bool:
    """Whether no embedded PostgreSQL runs there: a server has a socket."""
    return not any(data_dir.glob("socket/.s.PGSQL.*"))


@pytest.mark.parametrize(
    ("workers", "number"), [("1", signal.SIGTERM), ("1", signal.SIGINT), ("2", signal.SIGTERM)]
)
def test_serve_answers_and_stops_cleanly(data_dir: Path, workers: str, number: signal.Signals):
    with serving("--workers", workers, data_dir=data_dir) as served:
        assert not is_stopped(data_dir)
        for path in ("/", "/tmf-api", "/health/live", "/health/ready"):
            assert httpx.get(served.url + path).status_code == 200, path
        answer = httpx.post(served.url + "/graphql", json={"query": "{ __typename }"})
        assert answer.json() == {"data": {"__typename": "Query"}}
        assert served.stop(number) == 0
    assert "Traceback" not in served.output
    assert f"tmfgraph {__version__} is ready" in served.output
    assert is_stopped(data_dir)


def test_serve_logs_json_lines(data_dir: Path):
    with serving("--log-format", "json", "--log-level", "debug", data_dir=data_dir) as served:
        httpx.get(served.url + "/health/live").raise_for_status()
        assert served.stop() == 0
    lines = [json.loads(line) for line in served.output.splitlines()]
    assert any(line["message"] == "ready" and line["url"] == served.url for line in lines)
    assert any(line.get("path") == "/health/live" and line["status"] == 200 for line in lines)


def test_a_query_is_explained_without_a_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    query = "query Q($id: ID!) { customer(id: $id) { name } }"
    file = tmp_path / "query.graphql"
    file.write_text(query, encoding="utf-8")
    for given in (query, str(file)):
        code, printed, _ = said(capsys, "explain", given, "--variables", '{"id": "1"}')
        assert code == 0
        assert printed.startswith("query Q: 1 statement to read\n")
        assert "FROM customer" in printed
        _, shorter, _ = said(capsys, "explain", given, "--variables", '{"id": "1"}', "--plan-only")
        assert printed.startswith(shorter) and "FROM" not in shorter
    assert "'$id'" in said(capsys, "explain", query)[2]
    assert "cannot be read: No such file" in said(capsys, "explain", str(tmp_path / "none"))[2]
    assert "--variables is no JSON" in said(capsys, "explain", query, "--variables", "{")[2]


def test_the_schema_goes_to_a_file_or_to_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code, printed, _ = said(capsys, "schema")
    assert code == 0
    assert "type Query" in printed
    written = tmp_path / "schema.graphql"
    assert said(capsys, "schema", "--output", str(written)) == (0, "", "")
    assert written.read_text() == printed
    code, _, errors = said(capsys, "schema", "--output", str(tmp_path / "no" / "such.graphql"))
    assert code == 1
    assert "cannot be written: No such file or directory." in errors
