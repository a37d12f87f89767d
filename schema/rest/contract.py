"""What the TMF paths take: where they are, their limits, and the names that clients may use."""

import functools

from models.declare import Home, Kind, Points, World
from models.links import Way, relations, ways_back

LIMIT_BY_DEFAULT = 100
LIMIT_AT_MOST = 1000
ALWAYS = ("id", "href", "@type")
PROBLEM = "application/problem+json"
OPERATIONS_AT_MOST = 100
PATH_AT_MOST = 1000
PATHS_AT_MOST = 20
DEPTH_AT_MOST = 3


def expandable(kind: Kind) -> list[str]:
    """All that `expand` may name at a document of this kind, each of which more names may follow."""
    forward = [expandable_name(kind, r.path) for r in relations(kind) if r.targets.kinds]
    return list(dict.fromkeys((*forward, *ways(kind))))


@functools.cache
def ways(kind: Kind) -> dict[str, Way]:
    """The ways back by the names that `expand` has for them; an attribute of that name goes first."""
    declared = {key for one in family(kind) for key in one.by_key}
    return {way.kind.singular: way for way in ways_back(kind) if way.kind.singular not in declared}


def expandable_name(kind: Kind, path: str) -> str:
    """A relation's path as `expand` names it: `parentId` leads to what is shown as `parent`."""
    attribute = next((one.by_key[path] for one in family(kind) if path in one.by_key), None)
    points = attribute.mark(Points) if attribute else None
    return points.field if points else path


def family(kind: Kind) -> tuple[Kind, ...]:
    return (kind, *kind.special)


SUFFIXES = ("eq", "ne", "gt", "gte", "lt", "lte", "regex")


def filter_names(kind: Kind) -> list[str]:
    """The first-level names, and the ids of references, by which a kind can be filtered over REST."""
    plain = [a.key for a in kind.attributes if a.is_scalar and a.key != "href"]
    references = [
        f"{r.path}.{r.targets.link.id_key}"
        for r in relations(kind)
        if r.path not in kind.by_key or not kind.by_key[r.path].is_scalar
    ]
    return [*plain, *references]


SORT_KEYS_AT_MOST = 8
JSONPATH_AT_MOST = 2000
JSON_PATCH = "application/json-patch+json"


def monitored_at(world: World, path: str) -> Home | None:
    """Where the monitors are for what is created at a path, None where that is never asynchronous."""
    monitor, base = world.kinds.get("Monitor"), path.rpartition("/")[0]
    return next((home for home in monitor.homes if home.api.base == base), None) if monitor else None
