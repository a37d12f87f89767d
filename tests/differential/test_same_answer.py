"""Random queries over random data: plans give the answers that graphql-core gives, byte for byte."""

import asyncio
import random

import pytest
from graphql import parse, validate

from models import WHOLE
from resolvers.graphql.graph import schema
from tests.differential import queries
from tests.differential.queries import Known
from tests.differential.same_answer import Report, patient_engine, run

pytestmark = pytest.mark.slow

CASES = 2_000
SEED = 20261124


@pytest.fixture(scope="module")
def report(module_database_url: str, twin_database_url: str) -> Report:
    """What came of the cases of one seed."""
    with asyncio.Runner() as runner:
        engine = patient_engine(module_database_url)
        twin = patient_engine(twin_database_url)
        try:
            return run(engine, runner, SEED, CASES, twin=twin, enough=3)
        finally:
            runner.run(engine.dispose())
            runner.run(twin.dispose())


def test_plans_and_graphql_core_give_the_same_answers(report: Report) -> None:
    assert not report.differences, "\n".join(map(str, report.differences))
    assert report.cases >= CASES


def test_all_that_runs_is_answered_by_plans(report: Report) -> None:
    assert report.without_errors >= 0.6 * report.cases, report
    assert report.compiled >= 0.999 * report.without_errors, (str(report), report.outcomes)


def test_mutations_are_among_them_and_mostly_carried_out(report: Report) -> None:
    assert report.mutations >= 40
    assert report.written >= 0.2 * report.mutations, report


def test_the_queries_reach_every_type_and_nearly_every_field(report: Report) -> None:
    assert {name for name, _ in report.pairs} == {name for name, _ in queries.whole().pairs}
    assert report.coverage >= 0.85, report.missed()


def test_every_generated_query_is_valid() -> None:
    goals = queries.whole().goals
    for seed in range(200):
        made = queries.query(random.Random(seed), Known(), goals[seed % len(goals)])
        assert not validate(schema(WHOLE)._schema, parse(made.text)), made.text
