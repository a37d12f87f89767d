"""A few attacks of every kind, in every test run; `python -m tests.attack` makes many."""

from collections.abc import Iterator

import pytest

from models import WHOLE
from tests.attack import connections, kills
from tests.attack.inputs import ATTACKS, made
from tests.attack.measure import GENEROUS, Server, attacked, growth, run

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[Server]:
    with attacked() as made:
        yield made


@pytest.mark.parametrize("kind", ATTACKS)
def test_each_seed_makes_an_attack(kind: str) -> None:
    for number in range(5):
        assert made(kind, 1, number, {name: ["one"] for name in WHOLE.kinds}, "salt").requests


def test_no_request_hurts(server: Server) -> None:
    report = run(server, cases=2 * len(ATTACKS), seed=1, bounds=GENEROUS, rounds=1, seconds=20)
    assert not report.failures, str(report)


def test_the_process_does_not_grow(server: Server) -> None:
    only = ["queries", "REST reads", "REST refusals", "REST writes", "hosts"]
    grown = [one for one in growth(server, requests=1_000, only=only) if one.per_request > 8_192]
    assert not grown


def test_no_connection_hurts() -> None:
    flags = ("--header-timeout=2", "--body-timeout=2", "--keep-alive-timeout=2")
    names = (
        "slow_headers",
        "slow_bodies",
        "slow_readers",
        "silent",
        "many",
        "heads",
        "pipelines",
        "disconnects",
        "locks",
        "worker",
    )
    with attacked(*flags) as server:
        found = list(connections.run(server, 20, names))
    assert not [one for one in found if one.faults], "\n".join(map(str, found))


def test_readers_do_not_wait_for_writers() -> None:
    with attacked() as server:
        found = list(connections.run(server, 3, ["writers"]))
    assert not [one for one in found if one.faults], "\n".join(map(str, found))


def test_nothing_acknowledged_is_lost_by_kills_of_the_server() -> None:
    result = kills.kill_server(2)
    assert result.entities and not result.faults, str(result)


def test_nothing_acknowledged_is_lost_by_kills_of_postgres() -> None:
    result = kills.kill_postgres(3)
    assert result.entities and not result.faults, str(result)
