"""Generated requests against every API, by its own OpenAPI document, with a small budget."""

from collections.abc import Iterator

import pytest

from models import WHOLE
from schema.rest.openapi import apis
from tests.serving import open_directory, serving
from tests.tmfgraph.fuzz import run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with open_directory() as directory, serving(data_dir=directory / "data") as served:
        yield served.url


@pytest.mark.parametrize("api", apis(WHOLE))
def test_no_generated_request_breaks_the_server_or_its_promises(url: str, api: str) -> None:
    outcome = run(url, api, examples=3, phases="examples,fuzzing", seed=20261124)
    assert outcome.cases > 0, outcome.report
    assert outcome.passed, outcome.report
