"""How much an operation may ask for, told from its text alone, before anything runs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Self

from graphql import Node

from resolvers.errors import TooMuch


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a document may have at most. A fragment counts at each place that spreads it."""

    tokens: int = 2000
    word: int = 255
    """Characters of one name or number."""
    nesting: int = 64
    """How deep brackets of any sort may stand in each other."""
    literals: int = 64 * 1024
    """Characters of all literal texts."""
    operations: int = 10
    fragments: int = 100
    directives: int = 100
    directives_at_one: int = 4
    """Directives at one field, fragment or operation."""
    aliases: int = 100
    depth: int = 25
    """How many fields may stand below each other."""
    repetitions: int = 25
    """How often one key of one object may be asked for."""
    fields: int = 5000
    introspected: int = 2
    """How many lists of the schema's own parts may stand in each other: the types and their fields."""
    variables: int = 10_000
    """Values in the variables of a request, nested ones included."""
    errors: int = 100
    """Errors that are told of one operation."""
    cost: int = 50_000_000
    """Objects that the answer may come to hold, lists counted as long as they may get."""

    @classmethod
    def of(cls, settings: Any) -> Self:
        return cls(
            tokens=settings.tokens_at_most,
            depth=settings.depth_at_most,
            aliases=settings.aliases_at_most,
            fields=settings.fields_at_most,
            cost=settings.cost_at_most,
        )


def refuse(
    what: str, value: int, limit: int, hint: str, place: tuple[int, int] | None = None, path: str = ""
) -> NoReturn:
    """TooMuch, with the line and column where it shows."""
    raise TooMuch(what, value, limit, hint, place=place, path=path)


def place_of(node: Node) -> tuple[int, int] | None:
    """Line and column of a part of a document."""
    return None if node.loc is None else (node.loc.start_token.line, node.loc.start_token.column)


# ---- the text, before it is parsed ----------------------------------------------------------------

# Quantifiers are possessive: no input makes it look at a character more than a few times.
_TOKEN = re.compile(
    r"""
      (?P<text>"{3}(?:[^"\\]|\\.|"(?!""))*+"{3}|"(?:[^"\\\n\r]|\\.)*+")
    | (?P<punctuator>\.{3}|[^\s,\ufeff\w#"-])
    | (?P<word>[\w-][\w.+-]*+|")
    | \#[^\n\r]*+
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
SHORTER = "ask for it in several requests"


def scan(text: str, limits: Limits) -> int:
    """The number of tokens of a document, TooMuch where its text alone is too much.

    What is not GraphQL counts as well; the parser says so afterwards.
    """
    tokens = depth = parentheses = directives = aliases = literals = 0
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind is None:  # a comment
            continue
        tokens += 1
        if tokens > limits.tokens:
            _refuse_at(match, "tokens", tokens, limits.tokens, SHORTER)
        if kind == "punctuator":
            sign = match[0]
            if sign in "{([":
                depth += 1
                parentheses += sign == "("
                if depth > limits.nesting:
                    _refuse_at(match, "levels of brackets", depth, limits.nesting, "nest less deeply")
            elif sign in "})]":
                depth -= 1
                parentheses -= sign == ")"
            elif sign == "@":
                directives += 1
                if directives > limits.directives:
                    _refuse_at(match, "directives", directives, limits.directives, SHORTER)
            elif sign == ":" and not parentheses:
                aliases += 1
                if aliases > limits.aliases:
                    _refuse_at(match, "aliases", aliases, limits.aliases, SHORTER)
        elif kind == "word":
            if match.end() - match.start() > limits.word:
                _refuse_at(match, "characters of a name or number", len(match[0]), limits.word, "shorten it")
        else:
            literals += match.end() - match.start()
            if literals > limits.literals:
                hint = "give long texts as variables"
                _refuse_at(match, "characters of literal text", literals, limits.literals, hint)
    return tokens


def _refuse_at(match: re.Match[str], what: str, value: int, limit: int, hint: str) -> NoReturn:
    before = match.string[: match.start()]
    line_start = before.rfind("\n") + 1
    refuse(what, value, limit, hint, (before.count("\n") + 1, len(before) - line_start + 1))


def check_variables(variables: Mapping[str, Any], limits: Limits) -> None:
    """TooMuch where variables hold more values than they may."""
    number, level = 0, list[Any](variables.values())
    while level:
        number += len(level)
        if number > limits.variables:
            refuse("values in variables", number, limits.variables, "send fewer at a time")
        level = [
            inner
            for one in level
            for inner in (one.values() if type(one) is dict else one if type(one) is list else ())
        ]


# ---- the static cost ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Size:
    """How long a list may get: as long as it is asked to be, where a variable says it."""

    default: int
    variable: str | None = None
    """The one that says it: a number, or a list that the answer has one object for each element of."""

    def of(self, variables: Mapping[str, Any]) -> int:
        if self.variable is None:
            return self.default
        given = variables.get(self.variable, self.default)
        if type(given) is list:
            return len(given)
        return max(given, 0) if type(given) is int else self.default


ONE = Size(1)


@dataclass(slots=True)
class Weight:
    """What a selection comes to: a sum over its fields that give objects."""

    fields: int
    """All its fields and those below them; what is asked of an interface, of each type that may be there."""
    height: int
    """How many fields stand below each other at most."""
    parts: Sequence["Part"]
    fixed: tuple[int, int] | None = None
    """Its objects, where no variable decides: those that are there once, and those of each node of a list."""

    def __post_init__(self) -> None:
        if all(part.is_fixed for part in self.parts):
            self.fixed = self._sum({}, {})

    def objects(self, variables: Mapping[str, Any], known: dict[int, tuple[int, int]]) -> tuple[int, int]:
        if self.fixed is not None:
            return self.fixed
        found = known.get(id(self))
        if found is None:
            found = known[id(self)] = self._sum(variables, known)
        return found

    def _sum(self, variables: Mapping[str, Any], known: dict[int, tuple[int, int]]) -> tuple[int, int]:
        once = for_each_node = 0
        for part in self.parts:
            if part.of_nodes:
                for_each_node += part.objects(variables, known)
            else:
                once += part.objects(variables, known)
        return once, for_each_node


@dataclass(slots=True)
class Part:
    """One field of a selection that gives objects."""

    key: str
    below: Weight
    size: Size = ONE
    """How many objects it gives."""
    nodes: Size | None = None
    """How many nodes it has, where it is a connection."""
    of_nodes: bool = False
    """Whether it is a connection's `nodes` or `edges`."""

    @property
    def is_fixed(self) -> bool:
        sizes_are = self.size.variable is None and (self.nodes is None or self.nodes.variable is None)
        return sizes_are and self.below.fixed is not None

    def objects(self, variables: Mapping[str, Any], known: dict[int, tuple[int, int]]) -> int:
        once, for_each_node = self.below.objects(variables, known)
        nodes = self.nodes.of(variables) if self.nodes is not None else 1
        return self.size.of(variables) * (1 + once + nodes * for_each_node)


def cost(weight: Weight, variables: Mapping[str, Any]) -> int:
    """How many objects an answer may come to hold."""
    return sum(weight.objects(variables, {}))


def check_cost(weight: Weight, variables: Mapping[str, Any], limit: int) -> int:
    """The cost; TooMuch, with the path that makes the most of it, where it is beyond the limit."""
    found = cost(weight, variables)
    if found > limit:
        path = ".".join(_dearest(weight, variables))
        hint = f"ask for fewer at a time (first), above all at {path}"
        refuse("objects by its lists' lengths", found, limit, hint, path=path)
    return found


def _dearest(weight: Weight, variables: Mapping[str, Any]) -> Iterator[str]:
    known: dict[int, tuple[int, int]] = {}
    while weight.parts:
        part = max(weight.parts, key=lambda one: one.objects(variables, known))
        yield part.key
        weight = part.below
