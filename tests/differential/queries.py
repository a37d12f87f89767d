"""Random valid GraphQL queries over the whole schema, each made of a seed alone.

A query is grown from the root down. What makes it valid is kept on the way: a `Scope` for each place in the
answer knows which field each response key stands for, so that what is asked for twice merges, and what cannot
is given another alias; each variable gets a type that fits the one place it is made for.

Every query is also led to one type of the schema, its goal, and asks for much of that: so all types are
reached in turn, whatever chance does.
"""

import functools
import json
import random
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_composite_type,
    is_leaf_type,
)
from graphql.language.print_string import print_string

from models import WHOLE
from resolvers.graphql.graph import schema
from schema.graphql.types import NODES_AT_MOST

HOSTILE = [
    "",
    " ",
    "a",
    "0",
    'say "hi"',
    "back\\slash\\",
    "it's",
    "line\nbreak\r\ttab",
    "\x01\x1f\x7f",
    "\u2028\u2029",
    "é ü ß",
    "𝄞 👩‍👩‍👧 🏳️‍🌈",
    '{"looks": ["like", "JSON"]}',
    "null",
    "true",
    "1e2",
    "%s {x} $1 {0!r}",
    "'; drop table service; --",
    "</script><!--",
    "x" * 300,
    "2026-01-02T03:04:05.678Z",
]
"""Texts that a careless writer of source, SQL or JSON stumbles over."""

ALIASES = [
    *"rodPx", "out", "run", "None", "class", "import", "n0", "d0", "k0", "v1", "key", "document", "nodes",
    "id", "name", "target", "state", "atType", "extension", "kind", "__typename", "_", "Entity", "true",
]  # fmt: skip
PATTERNS = ["^a", "b$", "a|é", "[A-Z]", "a.b", r"\d+", "x'y", ".", ""]
BAD_PATTERNS = ["(", "(?=a)", r"(a)\1", "a**", "x" * 201]
BAD_CURSORS = [
    "WzVd",
    "W251bGxd",
    "W3RydWVd",
    "",
    "x",
    "not a cursor",
    "e30",
    "W10",
    "WyJ4Il0",
    "é",
    "bnVsbA",
]
MISSING_IDS = ["missing", "", "no such id", "\u0001", "Customer:missing", "Nothing:1", "x" * 200]


class Name(str):
    """A value of an enumeration, which a document writes without quotes."""


@dataclass(frozen=True)
class Use:
    """A variable where a value may stand."""

    name: str


@dataclass
class Known:
    """What a generator knows of the stored data, so that its questions have answers."""

    ids: dict[str, list[str]] = field(default_factory=dict)
    """By name of the kind."""
    shared: list[str] = field(default_factory=list)
    """Ids that several kinds hold."""
    values: dict[str, list[Any]] = field(default_factory=dict)
    """Values that attributes have somewhere, by their GraphQL name."""
    inputs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """What could be written, by name of the kind, as GraphQL inputs have it."""
    cursor: Callable[[random.Random, str, Sequence[tuple[str, str]]], str] | None = None
    """A real cursor in the list of this node, sorted by these keys."""


# ---- what the schema offers ---------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One step on the way to a type: a field, or else a fragment on another type."""

    field: str | None
    on: str
    """The type that the step leads to."""


class Map:
    """The composite types of a schema, and the ways between them."""

    def __init__(self, core: GraphQLSchema) -> None:
        self.core = core
        self.query = core.query_type
        assert self.query is not None
        composites: list[Any] = [
            one
            for one in core.type_map.values()
            if is_composite_type(one) and not one.name.startswith("__") and one is not core.mutation_type
        ]
        self.possible: dict[str, frozenset[str]] = {one.name: self._possible(one) for one in composites}
        reached = self._reached(self.query.name)
        self.types: dict[str, Any] = {one.name: one for one in composites if one.name in reached}
        self.goals = sorted(name for name in self.types if not self.is_union(name) and name != "Query")

    def _possible(self, found: Any) -> frozenset[str]:
        if isinstance(found, GraphQLObjectType):
            return frozenset({found.name})
        return frozenset(one.name for one in self.core.get_possible_types(found))

    def is_union(self, name: str) -> bool:
        return isinstance(self.core.type_map[name], GraphQLUnionType)

    def fields(self, name: str) -> dict[str, GraphQLField]:
        found: Any = self.core.type_map[name]
        return getattr(found, "fields", {})

    @functools.cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Every field of every type that a query can reach."""
        return frozenset((name, one) for name in self.types for one in self.fields(name))

    @functools.cache  # noqa: B019 - there is one map
    def overlapping(self, name: str) -> tuple[str, ...]:
        """The types that a fragment inside this one may be on."""
        own = self.possible[name]
        return tuple(sorted(other for other in self.types if not own.isdisjoint(self.possible[other])))

    @functools.cache  # noqa: B019
    def steps(self, name: str) -> tuple[Step, ...]:
        """Where one gets from a type."""
        into = [Step(key, get_named_type(one.type).name) for key, one in self.fields(name).items()]
        fields = [step for step in into if step.on in self.possible]
        if isinstance(self.core.type_map[name], GraphQLObjectType):
            return tuple(fields)
        return (*fields, *(Step(None, one) for one in sorted(self.possible[name])))

    def _reached(self, start: str) -> set[str]:
        found, queue = {start}, [start]
        for name in queue:
            for step in self.steps(name):
                if step.on not in found:
                    found.add(step.on)
                    queue.append(step.on)
        return found

    @functools.cache  # noqa: B019
    def distances(self, goal: str) -> dict[str, int]:
        """How many steps it takes to a type from each other one."""
        before: dict[str, list[str]] = {}
        for name in self.types:
            for step in self.steps(name):
                before.setdefault(step.on, []).append(name)
        found, queue = {goal: 0}, [goal]
        for name in queue:
            for earlier in before.get(name, ()):
                if earlier not in found:
                    found[earlier] = found[name] + 1
                    queue.append(earlier)
        return found

    def way(self, rng: random.Random, goal: str) -> list[Step]:
        """One of the shortest ways from the query to a type; mostly by way of a list, where one would do."""
        distances, at, made = self.distances(goal), "Query", list[Step]()
        while at != goal:
            nearer = [s for s in self.steps(at) if distances.get(s.on, 99) == distances[at] - 1]
            made.append(rng.choice(nearer))
            at = made[-1].on
        return [*self._listed(rng, made[0].on), *made[1:]] if rng.random() < 0.7 else made

    def _listed(self, rng: random.Random, name: str) -> list[Step]:
        """The way to what is of a type, through the list of all that is."""
        into = [step for step in self.steps("Query") if step.on == f"{name}Connection"]
        if not into:
            return [step for step in self.steps("Query") if step.on == name][:1]
        edge = Step("edges", f"{name}Edge"), Step("node", name)
        return [into[0], *(edge if rng.random() < 0.3 else [Step("nodes", name)])]


@functools.cache
def whole() -> Map:
    """The map of the whole graph."""
    return Map(schema(WHOLE)._schema)


# ---- what a query is made of --------------------------------------------------------------------


@dataclass
class Fragment:
    """A named fragment; complete when all of its selections are made."""

    name: str
    on: str
    selections: "list[Selection]" = field(default_factory=list)
    complete: bool = False

    def __str__(self) -> str:
        return f"fragment {self.name} on {self.on} {_braced(self.selections)}"


@dataclass
class Selection:
    """A field, an inline fragment or a named one, with its directives."""

    parent: str
    """The type that it stands in."""
    directives: str = ""
    alias: str | None = None
    name: str = ""
    """Of the field; empty where it is a fragment."""
    arguments: str = ""
    on: str | None = None
    """The condition of an inline fragment, if any."""
    fragment: Fragment | None = None
    selections: "list[Selection]" = field(default_factory=list)

    @property
    def key(self) -> str:
        return self.alias or self.name

    def __str__(self) -> str:
        if self.fragment is not None:
            return f"...{self.fragment.name}{self.directives}"
        inside = f" {_braced(self.selections)}" if self.selections else ""
        if not self.name:
            return f"...{f' on {self.on}' if self.on else ''}{self.directives}{inside}"
        alias = f"{self.alias}: " if self.alias else ""
        return f"{alias}{self.name}{self.arguments}{self.directives}{inside}"


def _braced(selections: Iterable[Selection]) -> str:
    return "{ " + " ".join(map(str, selections)) + " }"


@dataclass
class Keyed:
    """What one response key stands for at one place of the answer."""

    shape: str
    """Lists and nulls of the type, and the type itself where it has no fields."""
    uses: list[Selection]
    below: "Scope"


class Scope(dict[str, Keyed]):
    """The response keys at one place of the answer."""

    def takes(self, one: Selection, shape: str) -> bool:
        """Whether a field can stand here beside all others."""
        found = self.get(one.key)
        return found is None or (
            found.shape == shape and all(self._agree(one, other) for other in found.uses)
        )

    def _agree(self, one: Selection, other: Selection) -> bool:
        if (one.name, one.arguments) == (other.name, other.arguments):
            return True
        types = whole().core.type_map
        objects = all(isinstance(types[each.parent], GraphQLObjectType) for each in (one, other))
        return objects and one.parent != other.parent

    def add(self, one: Selection, shape: str) -> "Scope":
        """The scope below a field that stands here."""
        found = self.setdefault(one.key, Keyed(shape, [], Scope()))
        found.uses.append(one)
        return found.below

    def takes_all(self, selections: Iterable[Selection]) -> bool:
        """Whether all of these, which go together, can stand here."""
        for one in selections:
            if not one.name:
                if not self.takes_all(_inner(one)):
                    return False
            elif not self.takes(one, shape_of(one)) or (
                one.key in self and not self[one.key].below.takes_all(one.selections)
            ):
                return False
        return True

    def add_all(self, selections: Iterable[Selection]) -> None:
        for one in selections:
            if one.name:
                self.add(one, shape_of(one)).add_all(one.selections)
            else:
                self.add_all(_inner(one))


def _inner(one: Selection) -> list[Selection]:
    return one.selections if one.fragment is None else one.fragment.selections


def shape_of(one: Selection) -> str:
    """What must be alike of two fields with the same response key."""
    if one.name == "__typename":
        return "String!"
    if one.name == "__type":
        return "__Type"
    type_ = whole().fields(one.parent)[one.name].type
    named = get_named_type(type_)
    return str(type_) if is_leaf_type(named) else str(type_).replace(named.name, "")


@dataclass
class Variable:
    """A variable of the operation, and how to make values for it."""

    name: str
    type: str
    default: str | None
    make: Callable[[], Any]
    required: bool
    may_be_null: bool

    def __str__(self) -> str:
        return f"${self.name}: {self.type}{'' if self.default is None else f' = {self.default}'}"


@dataclass
class Query:
    """A document, and several sets of variables to run it with."""

    text: str
    variables: list[dict[str, Any]]
    operation_name: str | None
    pairs: set[tuple[str, str]]
    """The fields that it asks for, each with the type that it names it in."""


# ---- growing ------------------------------------------------------------------------------------


def query(rng: random.Random, known: Known, goal: str | None = None, sets: int = 3) -> Query:
    """A random query; with a goal, one that leads there."""
    return _Growth(rng, known, goal).query(sets)


def mutation(rng: random.Random, known: Known, avoided: Collection[str] = ()) -> Query:
    """Some random writes, one after the other, of no kind that is to be avoided."""
    return _Growth(rng, known, None).mutation(avoided)


class _Growth:
    """One operation, as it grows."""

    def __init__(self, rng: random.Random, known: Known, goal: str | None) -> None:
        self._rng = rng
        self._known = known
        self._map = whole()
        self._goal = goal
        self._deepest = rng.choice([2, 4, 5, 7, 9])
        self._left = rng.choice([4, 8, 15, 30, 60])
        """How many more fields to ask for, about."""
        self._wild = rng.random() < 0.12
        """Whether it provokes errors."""
        self._directed = rng.choice([0.0, 0.0, 0.15, 0.3])
        """How often there is a directive."""
        self._variable = rng.choice([0.0, 0.2, 0.5])
        """How often a value is a variable."""
        self._fragments: list[Fragment] = []
        self._variables: list[Variable] = []
        self._pairs: set[tuple[str, str]] = set()

    def query(self, sets: int) -> Query:
        scope, made = Scope(), list[Selection]()
        if self._goal is not None:
            made += self._towards(self._map.way(self._rng, self._goal), "Query", scope, 0)
        for _ in range(self._rng.choice([0, 0, 1, 2]) if made else self._rng.choice([1, 1, 2, 3])):
            made += self._root(scope)
        if not made:
            made = [self._typename("Query", scope)]
        name, others = None, list[str]()
        if self._rng.random() < 0.1:
            name = "Asked"
            others = ["query Other { __typename }"] * (self._rng.random() < 0.5)
        declared = f"({', '.join(map(str, self._variables))})" if self._variables else ""
        operation = f"query {name or self._rng.choice(['', 'Q'])}{declared} {_braced(made)}"
        if not declared and name is None and self._rng.random() < 0.3:
            operation = _braced(made)
        parts = [operation, *others, *map(str, self._fragments)]
        self._rng.shuffle(parts)
        wanted = sets if self._variables else min(sets, 3)
        variables = [self._values() for _ in range(wanted)]
        return Query(self._rng.choice([" ", "\n"]).join(parts), variables, name, self._pairs)

    def mutation(self, avoided: Collection[str]) -> Query:
        scope, made = Scope(), list[Selection]()
        self._left = self._rng.choice([2, 6, 15])
        names = [name for name in self._map.fields("Mutation") if name[len("create") :] not in avoided]
        for _ in range(self._rng.choice([1, 1, 2, 3])):
            made += self._field("Mutation", self._rng.choice(names), scope, 0)
        declared = f"({', '.join(map(str, self._variables))})" if self._variables else ""
        parts = [f"mutation{declared} {_braced(made)}", *map(str, self._fragments)]
        return Query("\n".join(parts), [self._values()], None, self._pairs)

    def _root(self, scope: Scope) -> list[Selection]:
        chance = self._rng.random()
        if chance < 0.06:
            return [self._typename("Query", scope)]
        if chance < 0.07:
            one = Selection("Query", name="__type", arguments='(name: "Customer")')
            inside = Selection("__Type", name="__typename")
            one.selections = [inside]
            if scope.takes_all([one]):
                scope.add_all([one])
                return [one]
            return []
        special = {"node": 0.1, "_entities": 0.08, "party": 0.03, "parties": 0.05, "_service": 0.001}
        names = [name for name in self._map.fields("Query") if name not in special]
        name = next((n for n, share in special.items() if self._rng.random() < share), None)
        if name is None:
            name = self._rng.choice(names)
        if self._rng.random() < 0.1:
            return self._fragment("Query", "Query", scope, 0)
        return self._field("Query", name, scope, 0)

    # ---- selections -----------------------------------------------------------------------------

    def _selections(self, parent: str, scope: Scope, depth: int) -> list[Selection]:
        """Some of what a type offers; never nothing."""
        made: list[Selection] = []
        fields = list(self._map.fields(parent))
        leaves = [n for n in fields if is_leaf_type(get_named_type(self._map.fields(parent)[n].type))]
        inner = [n for n in fields if n not in leaves]
        at_the_goal = parent == self._goal
        if at_the_goal:
            wanted = [n for n in fields if self._rng.random() < (0.75 if n in leaves or depth < 6 else 0.3)]
        else:
            wanted = self._rng.sample(leaves, min(len(leaves), self._rng.randint(0, 4)))
            if depth < self._deepest and self._left > 0:
                wanted += self._rng.sample(inner, min(len(inner), self._rng.choice([0, 1, 1, 2, 3])))
                if parent.endswith("Connection") and not {"nodes", "edges"} & set(wanted):
                    wanted.append(self._rng.choice(["nodes", "nodes", "edges"]))
        self._rng.shuffle(wanted)
        for name in wanted:
            below = depth + 1 if not at_the_goal or name in leaves else max(depth + 1, self._deepest - 1)
            made += self._field(parent, name, scope, below)
        abstract = not isinstance(self._map.core.type_map[parent], GraphQLObjectType)
        if depth < self._deepest + 2 and self._left > -20:
            for _ in range(self._rng.choice([1, 2, 3] if abstract else [0, 0, 0, 0, 1, 2])):
                made += self._fragment(parent, self._condition(parent), scope, depth)
            if self._rng.random() < 0.08 and made:
                made += self._again(parent, scope, depth)
        if not made or self._rng.random() < 0.15:
            made.append(self._typename(parent, scope))
        return made

    def _condition(self, parent: str) -> str:
        """A type for a fragment, mostly one that is more special."""
        names = self._map.overlapping(parent)
        special = [name for name in names if name in self._map.possible[parent]]
        return self._rng.choice(special if special and self._rng.random() < 0.7 else names)

    def _typename(self, parent: str, scope: Scope) -> Selection:
        for alias in (None, *self._rng.sample(ALIASES, 4), f"typename{len(scope)}"):
            one = Selection(parent, alias=alias, name="__typename")
            if (self._rng.random() < 0.7 or alias) and scope.takes(one, "String!"):
                one.directives = self._directives()
                scope.add(one, "String!")
                return one
        raise AssertionError("the last alias is a new one")

    def _field(
        self, parent: str, name: str, scope: Scope, depth: int, then: Callable[..., Any] | None = None
    ) -> list[Selection]:
        """A field with all below it; nothing where it cannot stand here."""
        found = self._map.fields(parent)[name]
        plain = then is not None and "first" in found.args and self._rng.random() < 0.6
        arguments = "" if plain else self._arguments(parent, name, found)
        one = Selection(parent, name=name, arguments=arguments)
        if self._rng.random() < 0.15:
            one.alias = self._rng.choice(ALIASES)
        shape = shape_of(one)
        while not scope.takes(one, shape):
            one.alias = f"{self._rng.choice(ALIASES)}_{len(scope)}_{self._rng.randint(0, 99)}"
        below = scope.add(one, shape)
        one.directives = self._directives()
        self._left -= 1
        self._pairs.add((parent, name))
        named = get_named_type(found.type)
        if not is_leaf_type(named):
            if then is not None:
                one.selections = then(named.name, below, depth + 1)
            else:
                one.selections = self._selections(named.name, below, depth)
        return [one]

    def _again(self, parent: str, scope: Scope, depth: int) -> list[Selection]:
        """A field that stands here already, once more with other things below it."""
        held = [use for keyed in scope.values() for use in keyed.uses if use.parent == parent]
        if not held:
            return []
        use = self._rng.choice(held)
        one = Selection(parent, alias=use.alias, name=use.name, arguments=use.arguments)
        if not scope.takes(one, shape_of(one)):
            return []
        one.directives = self._directives()
        below = scope.add(one, shape_of(one))
        if use.name == "__type":
            one.selections = [Selection("__Type", name="__typename")]
        elif use.selections:
            named = get_named_type(self._map.fields(parent)[use.name].type).name
            one.selections = self._selections(named, below, depth + 1)
        return [one]

    def _fragment(
        self, parent: str, on: str, scope: Scope, depth: int, then: Callable[..., Any] | None = None
    ) -> list[Selection]:
        """A fragment on a type: inline, a new named one, or one that is used elsewhere."""
        directives = self._directives()
        if then is None and self._rng.random() < 0.5:
            fitting = [f for f in self._fragments if f.complete and f.on in self._map.overlapping(parent)]
            self._rng.shuffle(fitting)
            for one in fitting[:3]:
                if scope.takes_all(one.selections):
                    scope.add_all(one.selections)
                    return [Selection(parent, directives, fragment=one)]
        grow = then or self._selections
        if self._rng.random() < 0.5:
            named = Fragment(f"{self._rng.choice(['F', 'on_', 'fields'])}{len(self._fragments)}", on)
            self._fragments.append(named)
            named.selections = grow(on, scope, depth + 1)
            named.complete = True
            return [Selection(parent, directives, fragment=named)]
        if on == parent and self._rng.random() < 0.5:
            return [Selection(parent, directives, selections=grow(parent, scope, depth + 1))]
        return [Selection(parent, directives, on=on, selections=grow(on, scope, depth + 1))]

    def _towards(self, way: list[Step], parent: str, scope: Scope, depth: int) -> list[Selection]:
        """What leads along a way, and what there is beside it."""
        if not way:
            return self._selections(parent, scope, depth)
        [step, *rest] = way

        def then(name: str, below: Scope, deeper: int) -> list[Selection]:
            return self._towards(rest, name, below, deeper)

        if step.field is None:
            made = self._fragment(parent, step.on, scope, depth, then)
        else:
            made = self._field(parent, step.field, scope, depth, then)
        if depth and self._rng.random() < 0.3:
            made += self._selections(parent, scope, max(depth, self._deepest))
        return made

    # ---- directives, arguments, values ----------------------------------------------------------

    def _directives(self) -> str:
        if self._rng.random() >= self._directed:
            return ""
        names = self._rng.choice([["skip"], ["include"], ["include"], ["skip", "include"]])
        return "".join(f" @{name}(if: {self._condition_of(name)})" for name in names)

    def _condition_of(self, name: str) -> str:
        """Whether something is left out; more often it is not."""
        likely = self._rng.random() < 0.75
        if self._rng.random() < 0.5:
            return str((name == "include") is likely).lower()
        known = [one for one in self._variables if one.name.startswith("if")]
        if known and self._rng.random() < 0.6:
            return f"${self._rng.choice(known).name}"
        strict = self._rng.random() < 0.5
        default = None if strict and self._rng.random() < 0.6 else self._rng.choice(["true", "false"])
        one = Variable(
            f"if{len(self._variables)}",
            "Boolean!" if strict else "Boolean",
            default,
            lambda: self._rng.random() < 0.5,
            required=default is None,
            may_be_null=not strict and self._wild,
        )
        self._variables.append(one)
        return f"${one.name}"

    def _arguments(self, parent: str, name: str, found: GraphQLField) -> str:
        given: dict[str, Any] = {}
        target = get_named_type(found.type).name
        if parent == "Mutation":
            given = self._write(name, found, target)
        elif target.endswith("Connection"):
            given = self._page(target.removesuffix("Connection"), found)
        elif name == "_entities":
            count = self._rng.choice([0, 1, 1, 2, 4])
            type_ = found.args["representations"].type
            given = {"representations": self._maybe(type_, lambda: self._representations(count))}
        elif "id" in found.args:
            given = {"id": self._maybe(found.args["id"].type, lambda: self._id(target))}
        if not given:
            return ""
        shuffled = list(given.items())
        self._rng.shuffle(shuffled)
        return f"({', '.join(f'{key}: {literal(value)}' for key, value in shuffled)})"

    def _write(self, name: str, found: GraphQLField, target: str) -> dict[str, Any]:
        """Arguments of a field that writes: mostly such that it can be carried out."""
        rng, args, given = self._rng, found.args, dict[str, Any]()
        if "id" in args:
            given["id"] = self._maybe(args["id"].type, lambda: self._id(target))
        if "input" in args:
            type_: Any = get_named_type(args["input"].type)
            variable = f"i{len(self._variables)}"
            make = functools.partial(self._document, name[len("create") :], type_)
            self._variables.append(Variable(variable, f"{type_.name}!", None, make, True, False))
            given["input"] = Use(variable)
        odd = {"ifRevision": [1, 1, 2, "1", 0, None], "idempotencyKey": ["k1", "k2", "k3", "", "é", None]}
        for argument, values in odd.items():
            if argument in args and rng.random() < 0.2:
                given[argument] = rng.choice(values)
        if "force" in args and rng.random() < 0.5:
            given["force"] = rng.choice([True, True, False])
        return given

    def _document(self, name: str, type_: GraphQLInputObjectType) -> Any:
        """An input for a kind, as JSON."""
        rng = self._rng
        if rng.random() < 0.1:
            return _as_json(self._object(type_, "", 0, plain=True))
        source = rng.choice([*self._known.inputs.get(name, ()), {}])
        made = {key: value for key, value in source.items() if key in type_.fields}
        if type_.name.endswith("Update"):
            made = {
                key: made[key] for key in rng.sample(list(made), min(len(made), rng.choice([0, 1, 1, 2, 4])))
            }
            if rng.random() < 0.1:
                made[rng.choice(list(type_.fields))] = None
        elif rng.random() < 0.8:
            made["id"] = rng.choice([f"new-{rng.randint(0, 9)}", *(self._known.ids.get(name) or ["x"])[:2]])
        if rng.random() < 0.1:
            made["extension"] = rng.choice([{"x": [1, {"y": None}]}, {"name": "taken"}, {}, 7])
        return made

    def _page(self, node: str, found: GraphQLField) -> dict[str, Any]:
        """Arguments of a connection."""
        rng, args, given = self._rng, found.args, dict[str, Any]()
        order: list[Any] = []
        if rng.random() < 0.25:
            order = self._order(args["orderBy"].type)
            whole_list = rng.random() < 0.8 or len(order) != 1
            given["orderBy"] = self._maybe(args["orderBy"].type, lambda: order if whole_list else order[0])
        if rng.random() < 0.25:
            given["where"] = self._input(args["where"].type, node, 0, plain=False)
        if "via" in args and rng.random() < 0.3:
            given["via"] = self._input(args["via"].type, "", 0, plain=False)
        sizes = [0, 1, 1, 2, 3, 5, 20, 100, NODES_AT_MOST]
        bad = [-1, NODES_AT_MOST + 1, 2**31 - 1]
        for name, share in (("first", 0.4), ("last", 0.12)):
            if rng.random() < share and (self._wild or not {"first", "last"} & set(given)):
                odd = self._wild and rng.random() < 0.3
                given[name] = self._maybe(args[name].type, lambda odd=odd: rng.choice(bad if odd else sizes))
        for name in ("after", "before"):
            if rng.random() < 0.1:
                odd = self._wild and rng.random() < 0.3
                given[name] = self._maybe(args[name].type, lambda odd=odd: self._cursor(node, order, odd))
        if rng.random() < 0.05:
            given.setdefault(rng.choice(["where", "orderBy", "first", "after", "last", "before"]), None)
        return given

    def _order(self, type_: Any) -> list[Any]:
        keys: Any = get_named_type(type_)
        names = list(keys.fields)
        made = []
        for _ in range(self._rng.choice([0, 1, 1, 1, 2, 3])):
            several = 2 if self._wild and self._rng.random() < 0.2 else 1
            chosen = self._rng.sample(names, several)
            made.append({name: Name(self._rng.choice(["ASC", "DESC"])) for name in chosen})
        return made

    def _cursor(self, node: str, order: list[Any], odd: bool) -> str:
        if odd or self._known.cursor is None:
            return self._rng.choice(BAD_CURSORS)
        return self._known.cursor(
            self._rng, node, [(name, str(way)) for keys in order for name, way in keys.items()]
        )

    def _id(self, target: str) -> str:
        """An id for something of this type: mostly one that is held."""
        rng, ids = self._rng, self._known.ids
        if rng.random() < 0.1:
            return rng.choice(MISSING_IDS)
        names = [name for name in ids if WHOLE.kinds[name].typename in self._map.possible.get(target, ())]
        if not names or rng.random() < 0.05:
            names = list(ids)
        if not names:
            return "x"
        name = rng.choice(names)
        if target != "Entity":
            return rng.choice(ids[name])
        chance = rng.random()
        if chance < 0.2 and self._known.shared:
            return rng.choice(self._known.shared)
        return f"{name}:{rng.choice(ids[name])}" if chance < 0.5 else rng.choice(ids[name])

    def _representations(self, count: int) -> list[Any]:
        return [self._representation() for _ in range(count)]

    def _representation(self) -> Any:
        rng = self._rng
        if self._wild and rng.random() < 0.4:
            return rng.choice(
                [
                    "text", 1, {}, {"__typename": "Customer"}, {"id": "1"}, {"__typename": "Nothing", "id": "1"},
                    {"__typename": "Customer", "id": 1.5}, {"__typename": "Customer", "id": True},
                    {"__typename": "Customer", "id": "missing"}, {"__typename": 5, "id": "x"}, [],
                ]
            )  # fmt: skip
        name = rng.choice(list(self._known.ids) or ["Customer"])
        id: Any = rng.choice(self._known.ids.get(name) or ["missing"])
        if id.isdigit() and rng.random() < 0.5 and str(int(id)) == id:
            id = int(id)
        names = [name, WHOLE.kinds[name].typename]
        if WHOLE.kinds[name].extends is not None:
            names.append("Party")
        return {"__typename": rng.choice(names), "id": id, **({"extra": [1]} if rng.random() < 0.1 else {})}

    def _maybe(self, type_: Any, make: Callable[[], Any]) -> Any:
        """A value, or a variable that has such values."""
        if self._rng.random() >= self._variable:
            return make()
        return self._use(type_, make)

    def _use(self, type_: Any, make: Callable[[], Any], *, strict: bool = False) -> Use:
        """A variable for a place of this type, or one that is there already."""
        rng = self._rng
        named = get_named_type(type_).name
        if not strict and rng.random() < 0.2:
            same = [v for v in self._variables if v.type == str(type_) and not v.name.startswith("if")]
            if same and named not in ("ID", "String"):
                return Use(rng.choice(same).name)
        required = isinstance(type_, GraphQLNonNull)
        text, default, nullable = str(type_), None, not required
        if required and not strict and rng.random() < 0.3:
            text, default, nullable = text[:-1], literal(make()), True
        elif not required and (strict or rng.random() < 0.3):
            text, required, nullable, make = f"{text}!", True, False, _something(make)
        if default is None and rng.random() < 0.25:
            default = literal(make())
        one = Variable(
            f"{rng.choice('abcv')}{len(self._variables)}",
            text,
            default,
            make,
            required=required and default is None,
            # Null for what must not be null: an error of the field.
            may_be_null=nullable and (self._wild or not isinstance(type_, GraphQLNonNull)),
        )
        self._variables.append(one)
        return Use(one.name)

    def _input(self, type_: Any, about: str, depth: int, *, plain: bool) -> Any:
        """A value of an input type; `plain` without variables in it."""
        rng = self._rng
        place = 0.5 if depth == 0 else 0.7
        if not plain and rng.random() < self._variable * place:
            return self._use(type_, lambda: self._input(type_, about, depth, plain=True))
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        elif rng.random() < 0.02:
            return None
        if isinstance(type_, GraphQLList):
            if rng.random() < 0.1:  # one value counts as a list of one
                return self._input(type_.of_type, about, depth + 1, plain=True) or []
            count = rng.choice([0, 1, 1, 2, 3])
            return [self._input(type_.of_type, about, depth + 1, plain=plain) for _ in range(count)]
        if isinstance(type_, GraphQLInputObjectType):
            return self._object(type_, about, depth, plain=plain)
        if isinstance(type_, GraphQLEnumType):
            return Name(rng.choice(list(type_.values)))
        assert isinstance(type_, GraphQLScalarType)
        return self._scalar(type_.name, about)

    def _object(self, type_: GraphQLInputObjectType, about: str, depth: int, *, plain: bool) -> Any:
        rng, names = self._rng, list(type_.fields)
        if depth > 4:
            names = [name for name in names if name not in ("and", "or", "not")]
            flat = [n for n in names if not self._is_nested(type_.fields[n].type)]
            names = flat or names
        if "eq" in type_.fields:
            chosen = rng.sample(names, rng.choice([1, 1, 1, 2]))
        else:
            often = [n for n in ("and", "or", "not") if n in names and rng.random() < 0.12]
            nested = [n for n in names if self._is_nested(type_.fields[n].type)]
            pool = nested if nested and rng.random() < 0.3 else names
            chosen = list(
                dict.fromkeys([*often, *rng.sample(pool, min(len(pool), rng.choice([0, 1, 1, 2])))])
            )
        made = {}
        for name in chosen:
            found = type_.fields[name].type
            compares = "eq" in type_.fields
            if name == "regex" and compares:
                bad = self._wild and rng.random() < 0.3
                made[name] = self._maybe_in(
                    found, lambda bad=bad: rng.choice(BAD_PATTERNS if bad else PATTERNS), plain
                )
                continue
            value = self._input(
                found, about if compares or name in ("and", "or", "not") else name, depth + 1, plain=plain
            )
            if value is None and compares and name not in ("eq", "ne") and not self._wild:
                continue
            made[name] = value
        return made

    def _maybe_in(self, type_: Any, make: Callable[[], Any], plain: bool) -> Any:
        return make() if plain else self._maybe(type_, make)

    def _is_nested(self, type_: Any) -> bool:
        named = get_named_type(type_)
        return isinstance(named, GraphQLInputObjectType) and "eq" not in named.fields

    def _scalar(self, name: str, about: str) -> Any:
        rng = self._rng
        held = self._known.values.get(about, [])
        fits: dict[str, tuple[type[Any], ...]] = {
            "String": (str,), "ID": (str,), "Int": (int,), "Float": (int, float), "Boolean": (bool,),
            "JSON": (str, int, float, bool),
        }  # fmt: skip
        fitting = [v for v in held if type(v) in fits.get(name, ())]
        if name == "Int":
            fitting = [v for v in fitting if -(2**31) <= v < 2**31]
        if name == "DateTime":
            fitting = [v for v in held if isinstance(v, str) and v.endswith("Z") and v[:4].isdigit()]
            fitting = [v for v in fitting if len(v) in (24, 27)]
        if fitting and rng.random() < 0.7:
            return rng.choice(fitting)
        pools: dict[str, list[Any]] = {
            "String": HOSTILE,
            "ID": HOSTILE,
            "Int": [0, 1, -1, 3, 100, 2**31 - 1, -(2**31)],
            "Float": [0, 1, 1.0, -0.0, 0.1, 1e21, 1.5, 2**53, -1e-7],
            "Boolean": [True, False],
            "DateTime": ["2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05+02:00", "0001-01-01T00:00:00Z"],
            "JSON": [*HOSTILE[:6], 1, 1.0, 0.1, True, False, None, *([[1], {"a": 1}] if self._wild else [])],
        }
        return rng.choice(pools[name])

    def _values(self) -> dict[str, Any]:
        """One set of values for the variables."""
        rng, made = self._rng, dict[str, Any]()
        for one in self._variables:
            chance = rng.random()
            if not one.required and chance < 0.3:
                continue
            made[one.name] = None if one.may_be_null and chance < 0.4 else one.make()
        # The one text that JSON from outside must not hold; a document may write it.
        made = {name: "missing" if value == "\0" else value for name, value in made.items()}
        if self._wild and rng.random() < 0.1:
            made["unknown"] = 1
        if self._wild and made and rng.random() < 0.1:
            made[rng.choice(list(made))] = rng.choice([{}, "wrong", 2**40, [None]])
        return made


def _something(make: Callable[[], Any]) -> Callable[[], Any]:
    """Makes values of which none is null."""

    def run() -> Any:
        return next(value for value in iter(make, object()) if value is not None)

    return run


def _as_json(value: Any) -> Any:
    """A value as variables have it."""
    if isinstance(value, dict):
        return {key: _as_json(inner) for key, inner in value.items()}
    return [_as_json(inner) for inner in value] if isinstance(value, list) else value


def literal(value: Any) -> str:
    """A value as a document writes it."""
    if isinstance(value, Use):
        return f"${value.name}"
    if isinstance(value, Name):
        return str(value)
    if isinstance(value, str):
        return print_string(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {literal(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return json.dumps(value)
