"""Makes a plan of a query: once for each document, for as long as the plan is kept.

Which fields an object of a type has is told by graphql-core, so fragments, aliases, `@skip` and `@include`
mean here what they mean there. What a field does is told by its resolver in the schema (`fields.py`).
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
    GraphQLObjectType,
    GraphQLSchema,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    VariableNode,
    get_named_type,
)
from graphql.execution.collect_fields import FragmentDetails, collect_fields, collect_subfields

from models.declare import (
    KINDS,
    Abstract,
    Attribute,
    External,
    Kind,
    Link,
    Points,
    case_of,
    other,
    special_of,
)
from models.links import relations
from resolvers.errors import TooMuch
from resolvers.graphql import fields as graph
from resolvers.graphql.encoding import NULL
from resolvers.graphql.introspection import Telling
from resolvers.graphql.plan import (
    PAGE_INFO,
    Anywhere,
    Arguments,
    Behind,
    Build,
    Columns,
    Connection,
    Entities,
    History,
    Level,
    Listing,
    Nodes,
    Part,
    Plan,
    Root,
    Run,
    Single,
    ToOne,
    WayBack,
)
from resolvers.graphql.source import Source, attribute_of
from resolvers.graphql.validator import TELL_OF_THE_SCHEMA
from resolvers.storage.conditions import cursor
from resolvers.storage.loaders import leads_to

Details = list[Any]
"""The places in a document that ask for one field of an object, as graphql-core collects them."""

FIELDS_AT_MOST = 5_000
"""How many fields are looked at for one plan. What asks for the same of the same type shares it, so this is
far more than an honest document has."""


BYTES_OF_A_PART = 200
"""About how long a cursor is, or what else a connection has beside nodes."""


class NotCovered(Exception):
    """A query that only graphql-core can answer, and why."""


class Compiler:
    """Compiles one operation of a valid document."""

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Any,
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._fragments = {name: FragmentDetails(node, None) for name, node in fragments.items()}
        self._variables = variables
        self._links = self._seen = 0
        self.times = 1
        """How many times an answer has what was read of one entity, at most: by several keys for the same."""
        self._levels: dict[Hashable, Level] = {}
        self._connections: dict[Hashable, Connection] = {}

    def plan(self) -> Plan:
        query = self._schema.query_type
        assert query is not None
        collected = collect_fields(
            self._schema, self._fragments, self._variables, query, self._operation
        ).grouped_field_set
        roots = {key: self._root(query, details) for key, details in collected.items()}
        return Plan(roots, self._links, self.times)

    # ---- the root -------------------------------------------------------------------------------

    def _root(self, query: GraphQLObjectType, details: Details) -> Root:
        name = details[0].node.name.value
        if name == "__typename":
            return _constant(query.name)
        if name in TELL_OF_THE_SCHEMA:
            return self._told(query, details)
        field = query.fields.get(name)
        resolver: Any = field.resolve if field else None
        if isinstance(resolver, graph.Listing):
            connection = self._connection(resolver.node, details)
            return Listing(resolver, _arguments(field, details), connection)
        if isinstance(resolver, graph.Single):
            link = self._to_one("", resolver.names, details)
            return Single(resolver.names, _arguments(field, details), link)
        if resolver is graph.node:
            every = [kind.name for kind in KINDS.values()]
            return Anywhere(_arguments(field, details), self._to_one("", every, details))
        if resolver is graph.entities:
            every = [kind.name for kind in KINDS.values()]
            return Entities(_arguments(field, details), self._to_one("", every, details))
        raise NotCovered(f"Query.{name}")

    def _told(self, query: GraphQLObjectType, details: Details) -> Root:
        """What the schema tells, read beside the event loop."""

        schema, operation = self._schema, self._operation
        fragments = {name: one.definition for name, one in self._fragments.items()}

        async def told(run: Run) -> Any:
            most = run.store.budget.bounds.answer_bytes
            telling = Telling(schema, operation, fragments, run.variables, most)
            text = await asyncio.to_thread(telling.one, query, details)
            run.store.budget.write(len(text))
            return msgspec.Raw(text)

        return told

    # ---- entities -------------------------------------------------------------------------------

    def _level(self, kind: Kind, details: Details, columns: Columns | None = None) -> Level:
        """What is asked of entities of a kind: one level, however many links lead to the same.

        `columns` are those of the list that they come in; else they are read by id.
        """
        asked = {}
        for one in (kind, *kind.special):
            type_ = self.object_type(one.typename)
            asked[one] = type_, self.fields(type_, details)
        places = tuple(_places(found) for _, found in asked.values())
        key = (kind.name, id(columns) if columns else None, places)
        if key not in self._levels:
            level = self._levels[key] = Level(kind, columns or Columns(names=["id"]))
            scope = _Scope(level.kind)
            for one, (_, found) in asked.items():
                level.sources[one.name] = _Entity(self, level, one, scope).build(found)
            level.links = list(scope.links.values())
        return self._levels[key]

    def fields(self, type_: GraphQLObjectType, details: Details) -> dict[str, Details]:
        """What is asked of an object of this type, by the key in the answer. TooMuch where it adds up."""
        collected = collect_subfields(
            self._schema, self._fragments, self._variables, self._operation, type_, details
        )
        self._seen += 1 + len(collected.grouped_field_set)
        if self._seen > FIELDS_AT_MOST:
            raise TooMuch("fields in all parts of a query", None, FIELDS_AT_MOST, "split it into several")
        return collected.grouped_field_set

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

    def _to_one(self, key: str, names: Iterable[str], details: Details) -> ToOne:
        return ToOne(self.number(), attribute_of(key), self._by_name(names, details))

    def _by_name(self, names: Iterable[str], details: Details) -> dict[str, Level]:
        return {name: self._level(KINDS[name], details) for name in names}

    def to_one(self, key: str, link: Link, details: Details, source: Kind, path: str) -> ToOne:
        """The link of a reference that stands at a path of the source's documents."""
        made = self._to_one(key, link.kinds, details)
        if any(relation.path == path and relation.link == link for relation in relations(source)):
            made.source, made.relation = source, path
        return made

    def way_back(self, key: str, resolver: graph.WayBack, field: Any, details: Details) -> WayBack:
        connection = self._connection(resolver.way.kind, details, offset=1)
        return WayBack(self.number(), attribute_of(key), resolver, _arguments(field, details), connection)

    # ---- lists ----------------------------------------------------------------------------------

    def _connection(self, node: Kind | Abstract, details: Details, offset: int = 0) -> Connection:
        found = self.fields(self.object_type(f"{node.name}Connection"), details)
        key = (node.name, offset, _places(found))
        if key not in self._connections:
            self._connections[key] = self._made(node, offset, found)
        return self._connections[key]

    def _made(self, node: Kind | Abstract, offset: int, found: Mapping[str, Details]) -> Connection:
        made = Connection(node, Columns(offset))
        made.fields = [(key, self._of_connection(made, asked)) for key, asked in found.items()]
        made.bytes_of_each = sum(len(key.encode()) + BYTES_OF_A_PART for key in found)
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
            return _object_of({key: self._of_page(made, one) for key, one in found.items()})
        found = self.fields(self.object_type(f"{made.node.name}Edge"), asked)
        edge = {key: self._of_edge(made, one) for key, one in found.items()}
        made.edges += 1
        size = sum(len(key.encode()) + BYTES_OF_A_PART for key in edge)
        made.bytes_of_edge = max(made.bytes_of_edge, size)

        def edges(part: Part) -> Any:
            numbers = range(part.count)
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
            nodes = self._level(made.node, asked, made.columns)
        else:
            made.columns.index("kind")
            made.columns.index("id")
            nodes = Behind(made.columns, self._by_name([kind.name for kind in made.node.kinds], asked))
        made.selections.append(nodes)
        return len(made.selections) - 1


def _arguments(field: Any, details: Details) -> Arguments:
    node = details[0].node
    return Arguments(field, node, not any(_names_variable(one.value) for one in node.arguments or ()))


def _places(fields: Mapping[str, Details]) -> Hashable:
    """What tells whether the same is asked for: the keys, and where in the document they stand."""
    return tuple((key, *(id(one.node) for one in details)) for key, details in fields.items())


def _names_variable(node: Any) -> bool:
    """Whether an argument's value holds a variable."""
    match node:
        case VariableNode():
            return True
        case ListValueNode():
            return any(map(_names_variable, node.values))
        case ObjectValueNode():
            return any(_names_variable(field.value) for field in node.fields)
    return False


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


class _Object:
    """Writes the function that makes objects of one type."""

    def __init__(self, compiler: Compiler, scope: _Scope, path: str, typename: str) -> None:
        self._compiler = compiler
        self._scope = scope
        self._read: Counter[str] = Counter()
        """How many times each attribute is read."""
        self._path = path
        """Where in the documents the objects stand."""
        self._source = Source(typename)

    def value(self, attribute: Attribute, read: str, details: Details) -> str:
        """An expression for what an attribute gives; `read` is one for what is stored."""
        if attribute.is_value:
            path = f"{self._path}.{attribute.key}" if self._path else attribute.key
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
            names = self._compiler.names_of(attribute.type)
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
        fields = self._compiler.fields(self._compiler.object_type(typename), details)
        key, made = (typename, path, many, _places(fields)), self._scope.values
        if key not in made:
            made[key] = _Value(self._compiler, self._scope, path, cls, typename).build(fields, many)
        return made[key]

    def link(self, key: str, what: Any, details: Details, make: Callable[[], Any]) -> int:
        """The number of a link of the level; the same for all types that ask for it at the same places."""
        places, links = (key, what, *(id(one.node) for one in details)), self._scope.links
        if places not in links:
            links[places] = make()
        return links[places].number


class _Value(_Object):
    """Objects nested in documents."""

    def __init__(
        self,
        compiler: Compiler,
        scope: _Scope,
        path: str,
        cls: type[Any],
        typename: str,
    ) -> None:
        super().__init__(compiler, scope, path, typename)
        self._cls = cls
        self._typename = typename
        self._type = compiler.object_type(typename)

    def build(self, fields: Mapping[str, Details], many: bool) -> _Nested:
        for key, details in fields.items():
            self._source.put(key, self._field(key, details))
        self._source.whole &= self.times == 1
        build = self._source.for_each() if many else self._source.for_one()
        return _Nested(build, self._source.whole, self.times)

    def _field(self, key: str, details: Details) -> str:
        name = details[0].node.name.value
        if name == "__typename":
            return repr(self._typename)
        field = self._type.fields[name]
        resolver: Any = field.resolve
        if isinstance(resolver, graph.Reads):
            return self.value(resolver.attribute, f"o.get({resolver.attribute.key!r})", details)
        if isinstance(resolver, graph.Extension):
            self._read["extension"] += 1
            return f"{self._source.name(resolver.of)}(o)"
        if isinstance(resolver, graph.Target):
            return self._target(key, resolver, field, details)
        raise NotCovered(f"{self._typename}.{name}")

    def _target(self, key: str, resolver: graph.Target, field: Any, details: Details) -> str:
        link = resolver.link
        if isinstance(link.to, External):
            return self._external(resolver, field, details)
        holder, path = self._scope.holder, self._path
        number = self.link(
            key,
            (link, path),
            details,
            lambda: self._compiler.to_one(key, link, details, holder, path),
        )
        names, id = self._source.fresh(), self._source.fresh()
        if isinstance(link.to, str):  # whatever type the reference carries
            kinds = self._source.name(link.kinds)
            self._source.after(f"{id} = o.get({link.id_key!r})")
            waits = self._source.waits(number, f"({kinds}, {id}, out)")
            self._source.after(f"if {id} and type({id}) is str: {waits}")
        else:
            find = self._source.name(leads_to)
            self._source.after(f"{names}, {id} = {find}({self._source.name(link)}, o)")
            self._source.after(f"if {names}: {self._source.waits(number, f'({names}, {id}, out)')}")
        return "None"

    def _external(self, resolver: graph.Target, field: Any, details: Details) -> str:
        type_ = get_named_type(field.type)
        assert isinstance(type_, GraphQLObjectType)
        keys = {key: asked[0].node.name.value for key, asked in self._compiler.fields(type_, details).items()}

        def external(o: Any, run: Any) -> Any:
            found = resolver.external(o, run.subgraph)
            return found and {
                key: type_.name if name == "__typename" else found[name] for key, name in keys.items()
            }

        return f"{self._source.name(external)}(o, run)"


class _Entity(_Object):
    """Entities, made of the columns of their rows, and of their documents where that is not enough."""

    def __init__(self, compiler: Compiler, level: Level, kind: Kind, scope: _Scope) -> None:
        super().__init__(compiler, scope, "", kind.typename)
        self._level = level
        self._kind = kind
        self._type = compiler.object_type(kind.typename)
        self._keys: list[str] = []
        """The attributes that are read from the document."""
        self._whole = False
        """Whether all of the document is needed: what its class does not declare."""
        if level.kind.special:
            level.columns.index("kind")

    def build(self, fields: Mapping[str, Details]) -> Callable[[], Build]:
        """What makes the function; only when all columns of the statement are known."""
        asked = (self._type.fields.get(details[0].node.name.value) for details in fields.values())
        self._whole = any(field and isinstance(field.resolve, graph.Extension) for field in asked)
        for key, details in fields.items():
            self._source.put(key, self._field(key, details))
        if self._keys or self._whole:
            decode = self._source.name(self._decoder())
            self._source.before(f"d = {decode}({self._column('document')})")
        self._source.whole &= self.times == 1
        self._compiler.times = max(self._compiler.times, self.times)
        columns = self._level.columns
        return lambda: self._source.for_all(columns.variables)

    def _decoder(self) -> Callable[[str], Any]:
        """Decodes no more of a document than is needed, and passes over the rest."""
        if self._whole:
            return msgspec.json.decode
        fields = [(f"k{n}", Any, None) for n in range(len(self._keys))]
        names = {f"k{n}": key for n, key in enumerate(self._keys)}
        return msgspec.json.Decoder(msgspec.defstruct("Document", fields, rename=names)).decode

    def _field(self, key: str, details: Details) -> str:
        name = details[0].node.name.value
        if name == "__typename":
            return repr(self._type.name)
        field = self._type.fields[name]
        resolver: Any = field.resolve
        if resolver is graph.href:
            return f"run.base_url + {self._kind.homes[0].url + '/'!r} + {self._column('id')}"
        if resolver is graph.revision:
            return self._column("revision")
        if isinstance(resolver, graph.Reads):
            return self._attribute(resolver.attribute, details)
        if isinstance(resolver, graph.Extension):
            self._read["extension"] += 1
            return f"{self._source.name(resolver.of)}(d)"
        if isinstance(resolver, graph.WayBack):
            number = self.link(
                key, resolver.way, details, lambda: self._compiler.way_back(key, resolver, field, details)
            )
            self._source.after(self._source.waits(number, f"({self._column('key')}, out)"))
            return "None"
        if isinstance(resolver, graph.Pointed):
            return self._pointed(key, resolver.attribute, resolver.points, details)
        if resolver is graph.history:
            number = self.link(key, self._kind, details, lambda: self._history(key, field, details))
            self._source.after(self._source.waits(number, f"({self._column('key')}, out)"))
            return "None"
        raise NotCovered(f"{self._type.name}.{name}")

    def _attribute(self, attribute: Attribute, details: Details) -> str:
        if attribute.key == "id" or attribute.is_scalar:
            return self.value(attribute, self._column(attribute.name), details)
        if attribute.key not in self._keys:
            self._keys.append(attribute.key)
        place = self._keys.index(attribute.key)
        return self.value(attribute, f"d.get({attribute.key!r})" if self._whole else f"d.k{place}", details)

    def _column(self, name: str) -> str:
        return self._level.columns.variable(name)

    def _pointed(self, key: str, attribute: Attribute, points: Points, details: Details) -> str:
        holder, path = self._scope.holder, attribute.key
        number = self.link(
            key, points, details, lambda: self._compiler.to_one(key, points.link, details, holder, path)
        )
        names, id = self._source.fresh(), self._source.fresh()
        find = self._source.name(points.found)
        self._source.after(f"{names}, {id} = {find}({self._column(attribute.name)})")
        self._source.after(f"if {names}: {self._source.waits(number, f'({names}, {id}, out)')}")
        return "None"

    def _history(self, key: str, field: Any, details: Details) -> History:
        fields: dict[str, Callable[[Mapping[str, Any]], Any]] = {}
        for inner, asked in self._compiler.fields(self._compiler.object_type("Event"), details).items():
            name = asked[0].node.name.value
            fields[inner] = _of_event(name)
        return History(
            self._compiler.number(),
            attribute_of(key),
            self._kind,
            _arguments(field, details),
            lambda event: {k: make(event) for k, make in fields.items()},
            sum(len(key.encode()) + BYTES_OF_A_PART for key in fields),
        )


def _of_event(name: str) -> Callable[[Mapping[str, Any]], Any]:
    if name == "__typename":
        return lambda event: "Event"
    column = graph.EVENT[name]
    return lambda event: str(event[column]) if column == "id" else event[column]
