"""Makes a plan of an operation: once for each document, for as long as the plan is kept.

Which fields an object of a type has is told by graphql-core, so fragments, aliases, `@skip` and `@include`
mean here what they mean there. What a field does is told by its class (`fields.py` and its neighbours).
"""

import asyncio
import enum
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from graphql import (
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    OperationDefinitionNode,
    OperationType,
    VariableValues,
)

from models.declare import Abstract, Attribute, Kind, Targets, case_of, other, special_of
from models.links import relations
from resolvers.errors import TooMuch
from resolvers.graphql.core import Asked, Collector, Details
from resolvers.graphql.encoding import NULL
from resolvers.graphql.fields import Ask, Field, Graph, RootField
from resolvers.graphql.introspection import Telling
from resolvers.graphql.links import ToOne
from resolvers.graphql.lists import PAGE_INFO, Behind, Connection, Part
from resolvers.graphql.plan import Build, Columns, Level, MakesUnseen, Nodes, Plan, Root, Run
from resolvers.graphql.source import Source, attribute_of
from resolvers.graphql.validator import TELL_OF_THE_SCHEMA
from resolvers.storage.conditions import cursor
from resolvers.storage.rows import Unseen

FIELDS_AT_MOST = 5_000
"""How many fields are looked at for one plan. What asks for the same of the same type shares it, so this is
far more than an honest document has."""


BYTES_OF_A_PART = 200
"""About how long a cursor is, or what else a connection has beside nodes."""


class Selection(Asked):
    """What is asked of an object, by the key in the answer."""

    error: GraphQLError | None = None
    """What stands in the place of the object, where that cannot be made out: null in a directive, say."""


class Compiler:
    """Compiles one operation of a valid document."""

    def __init__(
        self,
        graph: Graph,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
    ) -> None:
        self.world = graph.world
        self._schema = graph.core
        self._fields = graph.fields
        self._operation = operation
        self._fragments = fragments
        self._collector = Collector(self._schema, operation, fragments, variables)
        self._links = self._seen = 0
        self.times = 1
        """How many times an answer has what was read of one entity, at most: by several keys for the same."""
        self._levels: dict[Hashable, Level] = {}
        self._connections: dict[Hashable, Connection] = {}

    def plan(self) -> Plan:
        """The plan. GraphQLError where what is asked of the root cannot be made out, TooMuch."""
        is_query = self._operation.operation is OperationType.QUERY
        type_ = self._schema.query_type if is_query else self._schema.mutation_type
        assert type_ is not None
        asked = self._collector.root(type_)
        roots = {key: self._root(type_, key, details) for key, details in asked.items()}
        return Plan(roots, self._links, self.times)

    # ---- the root -------------------------------------------------------------------------------

    def _root(self, type_: GraphQLObjectType, key: str, details: Details) -> Root:
        name = details[0].node.name.value
        if name == "__typename":
            return _constant(type_.name)
        if name in TELL_OF_THE_SCHEMA:
            return self._told(type_, details)
        found = self._fields[type_.name][name]
        assert isinstance(found, RootField)
        return found.root(self, Ask(key, details, type_.fields[name]))

    def _told(self, query: GraphQLObjectType, details: Details) -> Root:
        """What the schema tells, read beside the event loop."""

        schema, operation, fragments = self._schema, self._operation, self._fragments

        async def told(run: Run) -> Any:
            most = run.store.budget.bounds.answer_bytes
            telling = Telling(schema, operation, fragments, run.variables, most)
            text = await asyncio.to_thread(telling.one, query, details)
            run.store.budget.write(len(text))
            return msgspec.Raw(text)

        return told

    # ---- entities -------------------------------------------------------------------------------

    def level(self, kind: Kind, details: Details, columns: Columns | None = None) -> Level:
        """What is asked of entities of a kind: one level, however many links lead to the same.

        `columns` are those of the list that they come in; else they are read by id.
        """
        asked = {}
        for one in (kind, *kind.special):
            type_ = self.object_type(one.typename)
            asked[one] = self.fields(type_, details)
        places = tuple(_places(found) for found in asked.values())
        key = (kind.name, id(columns) if columns else None, places)
        if key not in self._levels:
            level = self._levels[key] = Level(kind, columns or Columns(names=["id"]))
            scope = _Scope(level.kind)
            for one, found in asked.items():
                entity = Entity(self, level, one, scope)
                level.sources[one.name] = entity.build(found)
                level.unseen[one.name] = entity.unseen
            level.links = list(scope.links.values())
        return self._levels[key]

    def fields(self, type_: GraphQLObjectType, details: Details) -> Selection:
        """What is asked of an object of this type. TooMuch where it adds up."""
        try:
            asked = self._collector.below(type_, details)
        except GraphQLError as error:
            broken = Selection()
            # An exception that is kept would keep all that it was raised through.
            broken.error = error.with_traceback(None)
            return broken
        self._seen += 1 + len(asked)
        if self._seen > FIELDS_AT_MOST:
            raise TooMuch("fields in all parts of a query", None, FIELDS_AT_MOST, "split it into several")
        return Selection(asked)

    def field(self, type_: GraphQLObjectType, name: str) -> Field:
        """What a field of objects does."""
        found = self._fields[type_.name][name]
        assert isinstance(found, Field)
        return found

    def object_type(self, name: str) -> GraphQLObjectType:
        found = self._schema.type_map[name]
        assert isinstance(found, GraphQLObjectType)
        return found

    def names_of(self, cls: type[enum.StrEnum]) -> "Names":
        """The GraphQL names of an enumeration's values."""
        return Names(self._schema.type_map[cls.__name__])

    def number(self) -> int:
        self._links += 1
        return self._links - 1

    @staticmethod
    def bytes_of(keys: Iterable[str]) -> int:
        """About how long an object with these keys is, none of which has more than a cursor."""
        return sum(len(key.encode()) + BYTES_OF_A_PART for key in keys)

    def level_of_each(self, key: str, names: Iterable[str], details: Details) -> ToOne:
        """A link to entities of these kinds."""
        return ToOne(self.number(), attribute_of(key), self._by_name(names, details))

    def _by_name(self, names: Iterable[str], details: Details) -> dict[str, Level]:
        return {name: self.level(self.world.kinds[name], details) for name in names}

    def to_one(self, ask: Ask, targets: Targets, source: Kind, path: str) -> ToOne:
        """The link of a reference that stands at a path of the source's documents."""
        made = self.level_of_each(ask.key, targets.held_names, ask.details)
        if any(
            relation.path == path and relation.targets.link == targets.link for relation in relations(source)
        ):
            made.source, made.relation = source, path
        return made

    # ---- lists ----------------------------------------------------------------------------------

    def connection(self, node: Kind | Abstract, details: Details, offset: int = 0) -> Connection:
        """What is asked of a list; in its records, so many values come before the columns."""
        found = self.fields(self.object_type(f"{node.name}Connection"), details)
        key = (node.name, offset, _places(found))
        if key not in self._connections:
            self._connections[key] = self._made(node, offset, found)
        return self._connections[key]

    def _made(self, node: Kind | Abstract, offset: int, found: Selection) -> Connection:
        made = Connection(node, Columns(offset), error=found.error)
        made.fields = [(key, self._of_connection(made, asked)) for key, asked in found.items()]
        made.bytes_of_each = self.bytes_of(found)
        made.columns.open = made.cursors
        if not made.columns.names:
            made.columns.index("id")
        if [details[0].node.name.value for details in found.values()] == ["nodes"]:
            [made.plain] = found
        return made

    def _of_connection(self, made: Connection, asked: Details) -> Callable[[Part], Any]:
        name = asked[0].node.name.value
        match name:
            case "__typename":
                return _constantly(f"{made.node.name}Connection")
            case "totalCount":
                made.counts = True
                return lambda part: part.total
        made.reads = True
        if name == "nodes":
            number = self._nodes(made, asked)
            return lambda part: part.made[number]
        if name == "pageInfo":
            found = self.fields(self.object_type("PageInfo"), asked)
            if found.error is not None:
                return _constantly(found.error)
            return _object_of({key: self._of_page(made, one) for key, one in found.items()})
        found = self.fields(self.object_type(f"{made.node.name}Edge"), asked)
        edge = {key: self._of_edge(made, one) for key, one in found.items()}
        made.edges += 1
        made.bytes_of_edge = max(made.bytes_of_edge, self.bytes_of(edge))

        def edges(part: Part) -> Any:
            numbers = range(part.count)
            if found.error is not None:
                return [found.error for _ in numbers]
            return [{key: make(part, number) for key, make in edge.items()} for number in numbers]

        return edges

    def _of_page(self, made: Connection, asked: Details) -> Callable[[Part], Any]:
        name = asked[0].node.name.value
        if name == "__typename":
            return _constantly("PageInfo")
        if name in ("startCursor", "endCursor"):
            made.cursors = True
        return PAGE_INFO[name]

    def _of_edge(self, made: Connection, asked: Details) -> Callable[[Part, int], Any]:
        name = asked[0].node.name.value
        if name == "__typename":
            typename = f"{made.node.name}Edge"
            return lambda part, place: typename
        if name == "cursor":
            made.cursors = True
            return lambda part, place: cursor(part.places[place])
        number = self._nodes(made, asked)
        return lambda part, place: part.made[number][place]

    def _nodes(self, made: Connection, asked: Details) -> int:
        """The number of a selection of nodes in a connection."""
        nodes: Nodes
        if isinstance(made.node, Kind):
            nodes = self.level(made.node, asked, made.columns)
        else:
            made.columns.index("kind")
            made.columns.index("id")
            nodes = Behind(made.columns, self._by_name([kind.name for kind in made.node.kinds], asked))
        made.selections.append(nodes)
        return len(made.selections) - 1


def _places(fields: Selection) -> Hashable:
    """What tells whether the same is asked for: the keys, and where in the document they stand."""
    if fields.error is not None:
        return str(fields.error)
    return tuple((key, *(id(one.node) for one in details)) for key, details in fields.items())


class Names(dict[Any, Any]):
    """GraphQL names by value; the error for a value that has none, which a lenient load keeps."""

    def __init__(self, type_: Any) -> None:
        super().__init__({value.value: name for name, value in type_.values.items()})
        self._type = type_

    def __missing__(self, value: Any) -> Any:
        if value is None:
            return NULL
        try:
            return self._type.coerce_output_value(value)
        except Exception as error:
            return error


def _solid(found: Any) -> Any:
    """A list of plain values. Null among them is an error of the field."""
    if found and None in found:
        return [NULL if one is None else one for one in found]
    return found or []


def _constant(value: Any) -> Root:
    async def constant(run: Any) -> Any:
        return value

    return constant


def _constantly(value: Any) -> Callable[[Part], Any]:
    return lambda part: value


def _object_of(fields: Mapping[str, Callable[[Part], Any]]) -> Callable[[Part], Any]:
    return lambda part: {key: make(part) for key, make in fields.items()}


# ---- objects ------------------------------------------------------------------------------------
#
# Each kind of object gets a function of its own, made as source text. For a service order it may be:
#
#     def build(rows, P, run):
#         w4 = P[4]
#         made = []
#         for (c0, c1, c2, c3,) in rows:
#             d = n1(c3)
#             out = make(c1, n0[c2], [n2(x, P, run) for x in d.k0 or ()], None)
#             w4.append((c0, out))
#             made.append(out)
#         return made
#
# where n0 are the names of the states, n1 decodes the notes of a document, n2 makes the object of a note, and
# make is a struct with the keys that the query asks for: id, state, note, services.


@dataclass
class _Scope:
    """What the objects of one level share: those that are asked for the same at the same places."""

    holder: Kind
    """The kind of the entities whose documents the objects are of."""
    links: dict[Hashable, Any] = field(default_factory=dict)
    values: "dict[Hashable, _Nested]" = field(default_factory=dict)


@dataclass
class _Nested:
    """What makes the objects of a value, or of a list of them."""

    build: Build
    whole: bool
    times: int
    """How many times it has what the document has once."""


class Object:
    """Writes the function that makes objects of one type."""

    def __init__(self, compiler: Compiler, scope: _Scope, path: str, typename: str) -> None:
        self.compiler = compiler
        self._scope = scope
        self._read: Counter[str] = Counter()
        """How many times each attribute is read."""
        self.path = path
        """Where in the documents the objects stand."""
        self._type = compiler.object_type(typename)
        self._source = Source(typename)

    @property
    def holder(self) -> Kind:
        """The kind of the entities whose documents the objects are of."""
        return self._scope.holder

    # ---- what fields write with -----------------------------------------------------------------

    def attribute(self, attribute: Attribute, details: Details) -> str:
        """An expression for what an attribute gives."""
        raise NotImplementedError

    def whole(self) -> str:
        """An expression for all of what is stored of the object, which `Field.reads_whole` asks for."""
        raise NotImplementedError

    def name(self, value: Any) -> str:
        """A name for an object that is not of the function's own making."""
        return self._source.name(value)

    def call(self, function: Callable[..., Any], *arguments: str) -> str:
        """An expression that calls a function."""
        return f"{self._source.name(function)}({', '.join(arguments)})"

    def fresh(self) -> str:
        """A variable that nothing else uses."""
        return self._source.fresh()

    def after(self, line: str) -> None:
        """A line that runs when the object, `out`, is made."""
        self._source.after(line)

    def waits(self, number: int, entry: str, condition: str | None = None) -> str:
        """Lets the object wait for a link, where the condition holds; the expression for it until then."""
        line = self._source.waits(number, entry)
        self._source.after(f"if {condition}: {line}" if condition else line)
        return "None"

    def link(self, ask: Ask, what: Any, make: Callable[[], Any]) -> int:
        """The number of a link of the level; the same for all types that ask for it at the same places."""
        places, links = (ask.key, what, *(id(one.node) for one in ask.details)), self._scope.links
        if places not in links:
            links[places] = make()
        return links[places].number

    def _put(self, fields: Selection) -> None:
        """Writes all fields of the object."""
        for key, details in fields.items():
            name = details[0].node.name.value
            if name == "__typename":
                self._source.put(key, repr(self._type.name))
            else:
                ask = Ask(key, details, self._type.fields[name])
                self._source.put(key, self.compiler.field(self._type, name).write(self, ask))
        self._source.error = fields.error

    # ---- attributes -----------------------------------------------------------------------------

    def value(self, attribute: Attribute, read: str, details: Details) -> str:
        """An expression for what an attribute gives; `read` is one for what is stored."""
        if attribute.is_value:
            path = f"{self.path}.{attribute.key}" if self.path else attribute.key
            nested = self._nested(attribute.type, details, path, attribute.many)
            self._read[attribute.key] += nested.times
            self._source.whole &= nested.whole
            one = f"{self._source.name(nested.build)}({{}}, P, run)"
            if attribute.many:
                return one.format(read)
        else:
            one = self._scalar(attribute)
            self._read[attribute.key] += 1
        if attribute.many:
            if one == "{}":
                return f"{self._source.name(_solid)}({read})"
            return f"[{one.format('x')} for x in {read} or ()]"
        if one == "{}":
            return read
        if isinstance(attribute.type, type) and issubclass(attribute.type, enum.StrEnum):
            return one.format(read)
        x = self._source.fresh()
        return f"(None if ({x} := {read}) is None else {one.format(x)})"

    def _scalar(self, attribute: Attribute) -> str:
        if attribute.type is float:
            return "float({})"
        if isinstance(attribute.type, type) and issubclass(attribute.type, enum.StrEnum):
            names = self.compiler.names_of(attribute.type)
            if not attribute.many:
                names[None] = None
            return f"{self._source.name(names)}[{{}}]"
        return "{}"

    @property
    def times(self) -> int:
        return max(self._read.values(), default=1)

    def _nested(self, cls: type[Any], details: Details, path: str, many: bool) -> _Nested:
        """What makes values of a class: for each of its special cases something else, where it has some."""
        if not special_of(cls):
            return self._value_of(cls, cls.__name__, details, path, many)
        cases: dict[Any, _Nested] = {}
        for case in (cls, *special_of(cls).values()):
            typename = other(cls.__name__) if case is cls else case.__name__
            cases[case] = self._value_of(case, typename, details, path, many=False)
        builds = {case: nested.build for case, nested in cases.items()}

        def one(value: Any, pending: Any, run: Any) -> Any:
            return builds[case_of(cls, value)](value, pending, run)

        def each(values: Any, pending: Any, run: Any) -> Any:
            return [builds[case_of(cls, value)](value, pending, run) for value in values or ()]

        whole = all(nested.whole for nested in cases.values())
        return _Nested(each if many else one, whole, max(nested.times for nested in cases.values()))

    def _value_of(self, cls: type[Any], typename: str, details: Details, path: str, many: bool) -> _Nested:
        fields = self.compiler.fields(self.compiler.object_type(typename), details)
        key, made = (typename, path, many, _places(fields)), self._scope.values
        if key not in made:
            made[key] = Value(self.compiler, self._scope, path, typename).build(fields, many)
        return made[key]


class Value(Object):
    """Objects nested in documents."""

    def build(self, fields: Selection, many: bool) -> _Nested:
        self._put(fields)
        self._source.whole &= self.times == 1
        build = self._source.for_each() if many else self._source.for_one()
        return _Nested(build, self._source.whole, self.times)

    def attribute(self, attribute: Attribute, details: Details) -> str:
        return self.value(attribute, f"o.get({attribute.key!r})", details)

    def whole(self) -> str:
        self._read["extension"] += 1
        return "o"


class Entity(Object):
    """Entities, made of the columns of their rows, and of their documents where that is not enough."""

    def __init__(self, compiler: Compiler, level: Level, kind: Kind, scope: _Scope) -> None:
        super().__init__(compiler, scope, "", kind.typename)
        self._level = level
        self.kind = kind
        self._keys: list[str] = []
        """The attributes that are read from the document."""
        self._whole = False
        """Whether all of the document is needed."""
        self._links: dict[str, int] = {}
        """The number of the link by which a field leads on, by its key."""
        self.unseen: MakesUnseen
        """Makes the object of an entity that the caller may not read."""
        if level.kind.special:
            level.columns.index("kind")

    def build(self, fields: Selection) -> Callable[[], Build]:
        """What makes the function; only when all columns of the statement are known."""
        names = {details[0].node.name.value for details in fields.values()} - {"__typename"}
        self._whole = any(self.compiler.field(self._type, name).reads_whole for name in names)
        self._put(fields)
        if self._keys or self._whole:
            self._source.before(f"d = {self.call(self._decoder(), self.column('document'))}")
        self._source.whole &= self.times == 1
        self.compiler.times = max(self.compiler.times, self.times)
        columns = self._level.columns
        self.unseen = self._unseen(fields)
        return lambda: self._source.for_all(columns.variables)

    def _unseen(self, fields: Selection) -> MakesUnseen:
        asked = [(key, details[0].node.name.value, self._links.get(key)) for key, details in fields.items()]

        def unseen(row: Unseen, run: Run) -> Any:
            if fields.error is not None:
                return fields.error
            made = self._source.empty()
            for key, name, number in asked:
                value: Any = self._type.name
                if name != "__typename":
                    value = self.compiler.field(self._type, name).unseen(row, run, made, number)
                setattr(made, attribute_of(key), value)
            return made

        return unseen

    def link(self, ask: Ask, what: Any, make: Callable[[], Any]) -> int:
        self._links[ask.key] = super().link(ask, what, make)
        return self._links[ask.key]

    def column(self, name: str) -> str:
        """An expression for the value of a column."""
        return self._level.columns.variable(name)

    def whole(self) -> str:
        self._read["extension"] += 1
        return "d"

    def attribute(self, attribute: Attribute, details: Details) -> str:
        if attribute.key == "id" or attribute.is_scalar:
            return self.value(attribute, self.column(attribute.name), details)
        if attribute.key not in self._keys:
            self._keys.append(attribute.key)
        place = self._keys.index(attribute.key)
        return self.value(attribute, f"d.get({attribute.key!r})" if self._whole else f"d.k{place}", details)

    def _decoder(self) -> Callable[[str], Any]:
        """Decodes no more of a document than is needed, and passes over the rest."""
        if self._whole:
            return msgspec.json.decode
        fields = [(f"k{n}", Any, None) for n in range(len(self._keys))]
        names = {f"k{n}": key for n, key in enumerate(self._keys)}
        return msgspec.json.Decoder(msgspec.defstruct("Document", fields, rename=names)).decode
