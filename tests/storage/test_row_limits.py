"""The database sends no more rows than a request may read: one beyond the bound, which shows that it is too much."""

from collections.abc import Iterator

import pytest

from models import WHOLE
from tests.conftest import Client

AT_MOST = 100
HUBS, EACH = 2, 120


@pytest.fixture(scope="module")
def few(module_database_url: str) -> Iterator[Client]:
    """A client of an application that reads few rows, over some organizations with many customers each."""
    made = Client(module_database_url, rows_at_most=AT_MOST)
    for hub in range(HUBS):
        made.hold(WHOLE.kinds["Organization"], {"id": f"hub{hub}", "tradingName": "n"})
        for number in range(EACH):
            party = {"id": f"hub{hub}", "@referredType": "Organization"}
            made.hold(WHOLE.kinds["Customer"], {"id": f"c{hub}-{number}", "name": "n", "engagedParty": party})
    for number in range(2 * AT_MOST):
        made.hold(WHOLE.kinds["Category"], {"id": "busy", "name": str(number)})
    yield made
    made.close()


@pytest.mark.parametrize(
    ("query", "read"),
    [
        # What is left of the bound after the organizations, and one beyond.
        ("{ organizations { nodes { customers { nodes { id } } } } }", AT_MOST + 1),
        # The organization besides, which the same statement reads.
        ('{ organization(id: "hub0") { customers(first: 500) { nodes { id } } } }', 1 + AT_MOST + 1),
        ('{ category(id: "busy") { history(first: 500) { id } } }', AT_MOST + 1),
    ],
    ids=["ways back", "a tree", "a history"],
)  # fmt: skip
def test_no_more_rows_are_sent_than_show_that_it_is_too_much(few: Client, query: str, read: int) -> None:
    [error] = few.graphql(query)["errors"]
    told = error["extensions"]
    assert (told["code"], told["limit"], told["atMost"]) == ("TOO_MUCH", "rows", AT_MOST)
    assert told["value"] == read
