"""The validator that only accepts: what it accepts graphql-core accepts too, and it accepts nearly all that is valid."""

import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import DocumentNode, GraphQLError, parse, specified_rules
from strawberry.schema.schema import validate_document

from models import WHOLE
from resolvers.errors import TooMuch
from resolvers.graphql.graph import schema
from resolvers.graphql.limits import Limits
from resolvers.graphql.validator import examine
from tests.differential import queries
from tests.differential.queries import Known

CASES = 300
LIMITS = Limits(tokens=100_000, repetitions=100, fields=100_000, directives_at_one=100, aliases=1000)
KNOWN = Known(ids={"Customer": ["1"], "Organization": ["2"]}, values={"name": ["a", 1, True]})


def validate(schema: Any, document: DocumentNode) -> list[GraphQLError]:
    """What is wrong with a document by the rules of graphql-core and of Strawberry."""
    return validate_document(schema, document, tuple(specified_rules))


def _documents(seed: int) -> Iterator[str]:
    for number in range(CASES):
        yield queries.query(random.Random(f"{seed} {number}"), KNOWN).text


def _broken(text: str, rng: random.Random) -> str:
    """The document with some of its tokens left out, doubled, or put in the place of others."""
    tokens = re.findall(r'"(?:[^"\\\n]|\\.)*"|[\w$@.-]+|\s+|.', text)
    words = [place for place, token in enumerate(tokens) if not token.isspace()]
    for _ in range(rng.choice([1, 1, 2, 3])):
        one, other = rng.choice(words), rng.choice(words)
        match rng.randrange(5):
            case 0:
                tokens[one] = tokens[other]
            case 1:
                tokens[one], tokens[other] = tokens[other], tokens[one]
            case 2:
                tokens[one] = ""
            case 3:
                tokens[one] = tokens[one] + " " + tokens[one]
            case _:
                others = [
                    "null",
                    "1",
                    "1.5",
                    '"x"',
                    "[]",
                    "{}",
                    "id",
                    "$v",
                    "on",
                    "true",
                    "...",
                    "@skip(if: true)",
                ]
                tokens[one] = rng.choice(others)
    return "".join(tokens)


def _parsed(text: str) -> DocumentNode | None:
    try:
        return parse(text)
    except GraphQLError:
        return None


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_what_it_accepts_is_valid_and_it_accepts_what_is(seed: int) -> None:
    core, valid, accepted = schema(WHOLE)._schema, 0, 0
    for text in _documents(seed):
        document = parse(text)
        if validate(core, document):
            continue  # the generator writes some that Strawberry refuses
        examined = examine(core, document, LIMITS)
        assert examined.problem is None, (text, examined.problem)
        valid += 1
        accepted += examined.is_valid
    assert accepted > 0.75 * valid > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 4])
def test_of_broken_documents_it_accepts_none(seed: int) -> None:
    core, rng, accepted, named, wrong = schema(WHOLE)._schema, random.Random(seed), 0, 0, 0
    for text in _documents(seed):
        for _ in range(3):
            broken = _broken(text, rng)
            document = _parsed(broken)
            if document is None:
                continue
            try:
                examined = examine(core, document, LIMITS)
            except TooMuch:
                continue
            errors = validate(core, document)
            wrong += bool(errors)
            if examined.is_valid:
                accepted += 1
                assert not errors, (broken, errors)
            if examined.problem is not None:  # it is certain
                named += 1
                assert errors, (broken, examined.problem)
    assert accepted and named and wrong, "the documents are broken in ways that leave some whole"
