"""What a plan reads, for people: its levels and links, and each statement, without a database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLError

from models.declare import World
from resolvers.errors import BadRequest, CallerError
from resolvers.graphql.documents import Documents
from resolvers.graphql.executor import Executor, InvalidVariables
from resolvers.graphql.graph import graph
from resolvers.graphql.history import Events, part_of
from resolvers.graphql.limits import Limits
from resolvers.graphql.links import ToOne
from resolvers.graphql.lists import Behind, Connection, ListOfAll, Referrers
from resolvers.graphql.mutations import Written
from resolvers.graphql.plan import Grown, Level, Link, Nodes, Plan, Run, TooWide
from resolvers.graphql.roots import Anywhere, Represented, Single
from resolvers.storage import reads
from resolvers.storage.engine import new_engine
from resolvers.storage.reads import Statement
from resolvers.storage.store import Store

NOWHERE = "postgresql://nowhere/"
"""Nothing connects to it: statements are made, and not run."""


@dataclass
class Explained:
    """A plan as it is told: a line for each field of the root, level and link, and the statements."""

    title: str
    lines: list[str] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    """In the order in which they run."""
    writes: bool = False
    """Whether it writes as well, by statements that are not told."""

    @property
    def plan(self) -> str:
        """What is read, level by level. `[1]` says that it is read by the first statement."""
        number = len(self.statements)
        reading = f"{number or 'no'} statement{'' if number == 1 else 's'} to read"
        writing = ", and what it takes to write" if self.writes else ""
        return "\n".join([f"{self.title}: {reading}{writing}", "", *self.lines, ""])

    @property
    def sql(self) -> str:
        """The statements with their numbers; each value is a parameter, named above it where it is known."""
        return "\n".join(_told(number, one) for number, one in enumerate(self.statements, 1))


def _told(number: int, statement: Statement) -> str:
    lines = [f"-- [{number}]"]
    for place, value in enumerate(statement.arguments):
        of_the_level = "the keys" if place == statement.keys_at else "rows at most"
        told = of_the_level if place in (statement.keys_at, statement.at_most_at) else repr(value)
        lines.append(f"-- ${place + 1}: {told}")
    text = "\n".join(line.rstrip() for line in statement.text.splitlines())
    return "\n".join([*lines, f"{text};", ""])


async def explain(world: World, text: str, variables: dict[str, Any] | None = None) -> list[Explained]:
    """The plan of each operation of a document. BadRequest where there is none, with the reason."""
    schema = graph(world)
    executor = Executor(schema)
    document = await Documents(schema.core, Limits()).read(text)
    if document.errors:
        raise BadRequest("\n".join(str(one["message"]) for one in document.errors))
    store = Store(new_engine(NOWHERE), world)
    found = []
    for name, operation in document.operations.items():
        asked = {one.variable.name.value for one in operation.node.variable_definitions or ()}
        given = {key: value for key, value in (variables or {}).items() if key in asked}
        title = f"{operation.node.operation.value} {name or ''}".strip()
        made = Explained(title)
        found.append(made)
        if operation.only_introspects:
            made.lines.append("What the schema tells of itself is read off it.")
            continue
        try:
            coerced = executor.coerced(operation, given)
            plan = executor.plan(operation, coerced)
        except InvalidVariables as error:
            raise BadRequest("\n".join(one.message for one in error.errors)) from None
        except GraphQLError as error:
            raise BadRequest(error.message) from None
        _Teller(made, plan.run(store, "", False, coerced)).plan(plan)
    return found


class _Teller:
    """Walks a plan as a run does, and tells what that would read."""

    def __init__(self, made: Explained, run: Run) -> None:
        self._made = made
        self._run = run

    def plan(self, plan: Plan) -> None:
        for key, root in plan.roots.items():
            try:
                self._root(key, root)
            except (CallerError, GraphQLError) as error:
                self._say(0, f"{key}: {error}")

    def _root(self, key: str, root: Any) -> None:
        match root:
            case ListOfAll():
                self._list(key, root)
            case Single():
                self._single(key, root)
            case Anywhere():
                statement = reads.anywhere(self._run.store.views(root.world.roots), "")
                self._say(0, f"{key}: which kind holds the id {self._read(statement)}, then the entity")
                self._to_one(1, root.link)
            case Represented():
                self._say(0, f"{key}: entities by type and id")
                self._to_one(1, root.link)
            case Written():
                self._made.writes = True
                self._say(0, f"{key}: writes, and gives what was written")
                self._level(1, root.level, "")
            case _:
                self._say(0, f"{key}: reads nothing")

    def _list(self, key: str, root: ListOfAll) -> None:
        page, statement = root.arguments.turned(self._run, root.asked)
        views, made = self._run.store.views(root.kinds), root.connection
        read = self._read(statement(views)) if made.needs_rows(page) else ""
        counted = self._counted(made, reads.count(views, page.condition))
        self._say(0, f"{key}: a list of {root.node.name}{_joined(read, counted)}")
        self._nodes(1, made.selections)

    def _single(self, key: str, root: Single) -> None:
        self._say(0, f"{key}: the {' or '.join(root.names)} with an id")
        level, *others = root.link.levels.values()
        if level.links and not others:
            try:
                statement, hanging = root.tree(self._run, level)
            except (TooWide, CallerError, GraphQLError):
                pass  # then level by level
            else:
                self._level(1, level, self._read(statement), hanging)
                return
        self._to_one(1, root.link)

    # ---- levels ----------------------------------------------------------------------------------

    def _nodes(self, depth: int, selections: Iterable[Nodes]) -> None:
        for one in selections:
            if isinstance(one, Level):
                self._level(depth, one, "")
            elif isinstance(one, Behind):
                for level in one.levels.values():
                    self._by_id(depth, level)

    def _level(self, depth: int, level: Level, read: str, hanging: Sequence[Grown] = ()) -> None:
        """`hanging` is what the statement of the root has read with it."""
        self._say(depth, f"{level.kind.name}: {', '.join(level.columns.all)}{_joined(read)}")
        together = {one.link.number: one for one in hanging}
        for link in level.links:
            try:
                self._link(depth + 1, link, together.get(link.number), read)
            except (CallerError, GraphQLError) as error:
                self._say(depth + 1, f"{_name(link)}: {error}")

    def _by_id(self, depth: int, level: Level) -> None:
        statement = reads.by_id(self._run.store.view(level.kind), level.columns.all)
        self._level(depth, level, self._read(statement))

    def _to_one(self, depth: int, link: ToOne) -> None:
        for level in link.levels.values():
            self._by_id(depth, level)

    # ---- links -----------------------------------------------------------------------------------

    def _link(self, depth: int, link: Link, grown: Grown | None, read: str) -> None:
        match link:
            case ToOne():
                self._say(depth, f"{_name(link)}: what it refers to")
                if grown:  # what is not held there, because it came later, is read by id besides
                    [level] = link.levels.values()
                    self._level(depth + 1, level, read, grown.below)
                else:
                    self._to_one(depth + 1, link)
            case Referrers():
                self._referrers(depth, link, grown, read)
            case Events():
                first, after = link.arguments.turned(self._run, part_of)
                statement = reads.history(self._run.store.view(link.kind), first, after)
                self._say(depth, f"{_name(link)}: its events{_joined(self._read(statement))}")
            case _:
                self._say(depth, f"{_name(link)}: {type(link).__name__}")

    def _referrers(self, depth: int, link: Referrers, grown: Grown | None, read: str) -> None:
        way, made = link.way, link.connection
        relations, page, statement = link.arguments.turned(self._run, link.asked)
        view = self._run.store.view(way.kind)
        if grown is None:
            read = self._read(statement(view)) if made.needs_rows(page) else ""
        counted = self._counted(made, reads.count_pointing_at(view, way.target, relations, page.condition))
        by = ", ".join(relations)
        self._say(
            depth, f"{_name(link)}: each {way.kind.name} that refers to it by {by}{_joined(read, counted)}"
        )
        if grown is None:
            self._nodes(depth + 1, made.selections)
        else:
            for level in made.selections:
                if isinstance(level, Level):
                    self._level(depth + 1, level, read, grown.below)

    # ---- what it says ----------------------------------------------------------------------------

    def _read(self, statement: Statement) -> str:
        self._made.statements.append(statement)
        return f"[{len(self._made.statements)}]"

    def _counted(self, made: Connection, statement: Statement) -> str:
        return f"counted by {self._read(statement)}" if made.counts else ""

    def _say(self, depth: int, words: str) -> None:
        self._made.lines.append("  " * depth + words)


def _name(link: Link) -> str:
    return link.attribute.partition("_")[2]


def _joined(*parts: str) -> str:
    found = [part for part in parts if part]
    return f" {', '.join(found)}" if found else ""
