"""What one request may take: compiling it, what it hangs into the answer, and how long that may become."""

import itertools
import random
from collections.abc import Callable

import pytest

from resolvers.errors import TooMuch
from resolvers.executor import Executor
from schema.graphql import schema

# ---- compiling ----------------------------------------------------------------------------------

KEYS = "abcdefgh"


def nested_links(levels: int, aliases: int) -> str:
    """Each fragment asks `aliases` times for what is at the end of a link, by the next fragment."""
    text = '{ customer(id: "1") { ...F0 } }'
    for level in range(levels):
        on, link = ("Customer", "engagedParty") if level == 0 else ("Organization", "relatedParty")
        fields = " ".join(f"{key}: {link} {{ target {{ ...F{level + 1} }} }}" for key in KEYS[:aliases])
        text += f" fragment F{level} on {on} {{ {fields} }}"
    return f"{text} fragment F{levels} on Organization {{ id }}"


def nested_values(levels: int, aliases: int) -> str:
    text = '{ productOrder(id: "1") { productOrderItem { ...F0 } } }'
    for level in range(levels):
        fields = " ".join(f"{key}: productOrderItem {{ ...F{level + 1} }}" for key in KEYS[:aliases])
        text += f" fragment F{level} on ProductOrderItem {{ {fields} }}"
    return f"{text} fragment F{levels} on ProductOrderItem {{ product {{ target {{ name }} }} }}"


def nested_lists(levels: int, aliases: int) -> str:
    text = '{ organization(id: "1") { ...F0 } }'
    for level in range(levels):
        inner = f"nodes {{ relatedParty {{ target {{ ...F{level + 1} }} }} }}"
        fields = " ".join(f"{key}: productOrders(first: 1) {{ {inner} }}" for key in KEYS[:aliases])
        text += f" fragment F{level} on Organization {{ {fields} }}"
    return f"{text} fragment F{levels} on Organization {{ id }}"


@pytest.mark.parametrize("made", [nested_links, nested_values, nested_lists])
@pytest.mark.parametrize("aliases", [2, 4, 8])
def test_compiling_is_linear_in_nested_fragments(made: Callable[[int, int], str], aliases: int) -> None:
    executor = Executor(schema()._schema, lambda document: [])
    links = [executor.plan(made(levels, aliases)).links for levels in range(2, 12, 3)]
    steps = {later - earlier for earlier, later in itertools.pairwise(links)}
    assert len(steps) == 1, links


def test_compiling_has_a_bound_whatever_the_fragments() -> None:
    """Any of the next fragments in any mixture: there are more mixtures than one can share."""
    rng, levels = random.Random(11), 12
    text = '{ organization(id: "1") { ...F0_0 ...F0_1 } }'
    for level, number in itertools.product(range(levels), range(6)):
        fields = []
        for key in KEYS:
            some = rng.sample(range(6), rng.randint(1, 3))
            spreads = " ".join(f"...F{level + 1}_{one}" for one in some)
            fields.append(f"{key}: relatedParty {{ target {{ {spreads} }} }}")
        text += f" fragment F{level}_{number} on Organization {{ {' '.join(fields)} }}"
    for number in range(6):
        text += f" fragment F{levels}_{number} on Organization {{ k{number}: name }}"
    executor = Executor(schema()._schema, lambda document: [])
    with pytest.raises(TooMuch, match="fields in all parts of a query"):
        executor.plan(text)
