"""A few attacks of every kind, in every test run."""

from collections.abc import Iterator

import pytest

from tests.attack.inputs import ATTACKS
from tests.attack.measure import GENEROUS, Server, attacked, growth, run

NOT_YET = {
    "aliases", "cursors", "cyclic_queries", "definitions", "deep", "directives", "documents", "doing_nothing", "entities",
    "foreign_pages", "fragment_bombs", "graphql_bodies", "growing", "headers", "history", "indexed_text", "introspection",
    "jobs", "lists_by_variables", "lists_of_large", "literals", "mutations", "open_values", "operations_at_odds", "patches",
    "query_strings", "regexes", "repeated_fields", "service_sdl", "spreads", "totals", "typenames", "unknown_names",
    "variables_declared", "variables_given",
}  # fmt: skip
"""Kinds that still find faults."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with attacked() as made:
        yield made


def test_no_request_hurts(server: Server) -> None:
    kinds = [kind for kind in ATTACKS if kind not in NOT_YET]
    report = run(server, cases=3 * len(kinds), seed=1, only=kinds, bounds=GENEROUS, rounds=1, seconds=30)
    assert not report.failures, str(report)


@pytest.mark.parametrize("sort", ["queries", "REST reads", "REST writes"])
def test_the_process_does_not_grow(server: Server, sort: str) -> None:
    [found] = growth(server, requests=300, warm=300, only=[sort])
    assert found.per_request < 4_096, found
