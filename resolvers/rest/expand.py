"""Whole documents with the entities that their references lead to inlined: `expand` and `depth` of TMF630."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.declare import (
    Attribute,
    Kind,
    Points,
    Targets,
    World,
    attributes,
    case_of,
    link_of,
    special_of,
)
from models.json_in import is_array, is_object
from models.links import Way
from resolvers.entrances import reads
from resolvers.errors import BadRequest, TooMuch
from resolvers.storage.budget import LESS, Pace
from resolvers.storage.loaders import Loaders
from resolvers.storage.reads import Page
from resolvers.storage.rows import Row
from schema.rest.contract import DEPTH_AT_MOST, PATHS_AT_MOST, expandable, family, ways

STEPS_AT_MOST = 10
REFERRERS_AT_MOST = 100
INLINED_AT_MOST = 10_000
NAMED_AT_MOST = 60
OWNERS_AT_MOST = 4

Paths = dict[str, "Paths"]
"""Dotted paths, taken apart: what follows each first name."""


@dataclass(frozen=True)
class Expansion:
    """What a request wants inlined."""

    paths: Paths
    depth: int
    """0: what the paths name alone; 1: all that a document refers to; 2: what that refers to as well."""


@reads("expand or depth")
def parse(kinds: Sequence[Kind], expand: str | None, depth: str | None) -> Expansion | None:
    """What the parameters `expand` and `depth` ask for at the home of these kinds, None for nothing.

    BadRequest where one of them cannot be followed (TMF630 part 2).
    """
    given = [path.strip() for path in expand.split(",")] if expand else []
    if len(given) > PATHS_AT_MOST:
        raise BadRequest(f"expand takes at most {PATHS_AT_MOST} paths, not {len(given)}.")
    paths: Paths = {}
    for path in given:
        steps = path.split(".")
        if len(steps) > STEPS_AT_MOST:
            raise BadRequest(f'A path of expand has at most {STEPS_AT_MOST} names, unlike "{path[:60]}".')
        _check(kinds, steps)
        here = paths
        for step in steps:
            here = here.setdefault(step, {})
    levels = _depth(depth)
    return Expansion(paths, levels) if paths or levels else None


async def expanded(
    loaders: Loaders,
    rows: Iterable[Row],
    expansion: Expansion,
    url_of: Callable[[Row], str],
    base_url: str,
) -> list[dict[str, Any]]:
    """The documents of these entities, with what the expansion wants inlined.

    A reference to what is held here becomes the entity, beside the reference's own attributes that the
    entity does not have; another stays as it is. Under the name of a way back stand the entities that
    refer to this one, the first 100 by id. `url_of` gives the address of each of these entities; what is
    inlined has its own at its official home below `base_url`. BadRequest where it would be too much.

    One statement for each kind that a level of links may lead to, however many documents there are.
    """
    work = _Work(loaders, base_url)
    documents: list[dict[str, Any]] = []
    for row in rows:
        document = _document(row, url_of(row))
        work.entity(document, row, expansion.paths, expansion.depth)
        documents.append(document)
        await work.pace.rest()
    await work.complete()
    return documents


# ---- what can be expanded -----------------------------------------------------------------------


@functools.cache
def _declared(cls: type[Any]) -> Mapping[str, Attribute]:
    return {attribute.key: attribute for attribute in attributes(cls)}


@functools.cache
def _targets(world: World, cls: type[Any]) -> Targets | None:
    """Where a value leads, where it is a reference."""
    link = link_of(cls)
    return world.targets(link) if link else None


def _check(kinds: Sequence[Kind], steps: Sequence[str]) -> None:
    """Refuses a path that leads nowhere, and says where it could have gone."""
    entities, values = set(kinds), set[type[Any]]()
    origin = entities
    for place, step in enumerate(steps):
        entities, values = _beyond(kinds[0].world, entities, values, step)
        if not entities and (not values or place == len(steps) - 1):
            raise BadRequest(f'"{".".join(steps)[:100]}" cannot be expanded: {_offered(origin)}.')
        origin = entities or origin


def _offered(kinds: Iterable[Kind]) -> str:
    found = sorted({name for kind in kinds for name in expandable(kind)})
    more = f" and {len(found) - NAMED_AT_MOST} more" if len(found) > NAMED_AT_MOST else ""
    owners = sorted(kind.name for kind in kinds)
    owner = " or ".join(owners) if len(owners) <= OWNERS_AT_MOST else "an entity of any kind"
    return f"what can be at {owner} is {', '.join(found[:NAMED_AT_MOST])}{more}"


def _beyond(
    world: World, entities: Iterable[Kind], values: Iterable[type[Any]], name: str
) -> tuple[set[Kind], set[type[Any]]]:
    """What one name may lead to from any of these entities and nested values: entities and nested values."""
    kinds = [one for kind in entities for one in family(kind)]
    found: set[Kind] = {ways(kind)[name].kind for kind in kinds if name in ways(kind)}
    inside: set[type[Any]] = set()
    for cls in (*(kind.cls for kind in kinds), *values):
        for attribute in attributes(cls):
            points = attribute.mark(Points)
            if points and points.field == name:
                found.update(world.targets(points).kinds)
            if attribute.is_value and attribute.key == name:
                cases = {attribute.type, *special_of(attribute.type).values()}
                ends = (_targets(world, case) for case in cases)
                found.update(kind for targets in ends if targets for kind in targets.kinds)
                inside |= cases
    return found, inside


def _depth(text: str | None) -> int:
    if text is None or text == "":
        return 0
    if text not in [str(level) for level in range(DEPTH_AT_MOST + 1)]:
        raise BadRequest(f'depth must be a whole number from 0 to {DEPTH_AT_MOST}, not "{text[:60]}".')
    return int(text)


# ---- inlining -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Link:
    """A link to be followed: how to ask for what is at its end, and what to do with that."""

    ask: Callable[[], Awaitable[Any]]
    place: Callable[[Any], None]


class _Work:
    """Inlines level by level: all links of one level are followed at once, so that they go in one batch.

    The documents are its own to change; what hangs below them belongs to the rows until it is copied.
    """

    def __init__(self, loaders: Loaders, base_url: str) -> None:
        self._loaders = loaders
        self._base_url = base_url
        self._world = loaders.world
        self._links: list[_Link] = []
        self.pace = Pace()
        self._inlined = 0
        self._bytes = 0

    async def complete(self) -> None:
        while self._links:
            links, self._links = self._links, []
            answers = await asyncio.gather(*(link.ask() for link in links))
            for link, answer in zip(links, answers, strict=True):
                link.place(answer)
                await self.pace.rest()

    def entity(
        self, value: dict[str, Any], row: Row, paths: Paths, depth: int, taken: Iterable[str] = ()
    ) -> None:
        """Looks for links in an object that an entity is, beside what a reference to it declares."""
        own = {key: a for key, a in row.kind.by_key.items() if key in row.body}
        self._inside(value, own, paths, depth)
        for name, following in paths.items():
            way = ways(row.kind).get(name)
            if way and name not in taken:
                self._back(value, name, way, row, following, depth)

    def _inside(
        self, value: dict[str, Any], declared: Mapping[str, Attribute], paths: Paths, depth: int
    ) -> None:
        """Looks for links at these attributes of an object and below them."""
        for key, attribute in declared.items():
            points = attribute.mark(Points)
            if points:
                if depth or points.field in paths:
                    self._pointed(value, points, value.get(key), paths.get(points.field, {}), depth)
            elif attribute.is_value and key in value and (depth or key in paths):
                following, named = paths.get(key, {}), key in paths
                found = value[key]
                if is_array(found):
                    value[key] = [self._nested(attribute, one, named, following, depth) for one in found]
                else:
                    value[key] = self._nested(attribute, found, named, following, depth)

    def _nested(self, attribute: Attribute, found: Any, named: bool, paths: Paths, depth: int) -> Any:
        if not is_object(found):
            return found
        value = dict(found)
        case = case_of(attribute.type, value)
        targets = _targets(self._world, case) if named or depth else None
        kinds, id = targets.held(value) if targets else ((), "")
        if not kinds:
            self._inside(value, _declared(case), paths, depth)
            return value

        def place(row: Row | None) -> None:
            if row is None:
                self._inside(value, _declared(case), paths, depth)
                return
            entity = self._found(row)
            rest = {key: one for key, one in value.items() if key not in entity}
            value.clear()
            value.update(entity, **rest)
            declared = _declared(case)
            self._inside(value, {k: a for k, a in declared.items() if k in rest}, paths, depth)
            self.entity(value, row, paths, _less(depth), declared)

        self._follow(kinds, id, place)
        return value

    def _pointed(self, value: dict[str, Any], points: Points, given: Any, paths: Paths, depth: int) -> None:
        kinds, id = self._world.targets(points).held(given)

        def place(row: Row | None) -> None:
            if row is not None:
                value[points.field] = self._whole(row, paths, depth)

        if kinds:
            self._follow(kinds, id, place)

    def _follow(self, kinds: Sequence[str], id: str, place: Callable[[Row | None], None]) -> None:
        self._count(1)
        self._links.append(_Link(lambda: self._loaders.first_held(kinds, id), place))

    def _back(self, value: dict[str, Any], name: str, way: Way, row: Row, paths: Paths, depth: int) -> None:
        page = Page(limit=REFERRERS_AT_MOST)
        loader = self._loaders.pointing_at(way.kind, way.target, way.relations, page)

        def place(rows: list[Row]) -> None:
            self._count(len(rows))
            value[name] = [self._whole(one, paths, depth) for one in rows]

        self._links.append(_Link(lambda: loader.load(row.key), place))

    def _whole(self, row: Row, paths: Paths, depth: int) -> dict[str, Any]:
        """The document of an entity that a link led to, with its own links still to be followed."""
        document = self._found(row)
        self.entity(document, row, paths, _less(depth))
        return document

    def _found(self, row: Row) -> dict[str, Any]:
        self._bytes += len(row.document)  # also of one that was read once and stands in many places
        most = self._loaders.budget.bounds.read_bytes
        if most is not None and self._bytes > most:
            raise TooMuch("bytes of inlined entities", self._bytes, most, LESS)
        return _document(row, f"{self._base_url}{row.kind.homes[0].url}/{row.id}")

    def _count(self, number: int) -> None:
        """Refuses too much: references before they are read, held or not; ways back when they have come."""
        self._inlined += number
        if self._inlined > INLINED_AT_MOST:
            raise BadRequest(
                f"At most {INLINED_AT_MOST} entities are inlined in one answer, and this would be more: "
                "ask for fewer at a time (limit), expand fewer paths or lower depth."
            )


def _less(depth: int) -> int:
    return max(depth - 1, 0)


def _document(row: Row, url: str) -> dict[str, Any]:
    return {"id": row.id, "href": url, **row.body}
