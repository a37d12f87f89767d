"""The table of kinds: where each answers, what it offers, what it links to and how its life goes."""

from collections.abc import Iterable, Iterator, Sequence

from models.check import Relation
from models.declare import ANY, DOMAINS, Kind, World
from models.links import relations, ways_back
from tmfgraph.conformance import events, states, table

_INTRO = """\
# The kinds

Every kind of entity that tmfgraph holds, by domain. `tmfgraph kinds --output docs/kinds.md` writes this page.
A kind answers over REST at each of its paths; the first is the official one, where TM Forum has one.
Links out are references that the graph follows to entities held here; links in are the kinds that may refer
to it, and by what. References to what other systems hold are kept as they come, and are not counted.
"""


def as_markdown(world: World) -> str:
    """The page with all kinds."""
    by_domain = {domain: [k for k in world.kinds.values() if k.domain == domain] for domain in DOMAINS}
    parts = [_INTRO]
    for domain, kinds in by_domain.items():
        if kinds:
            parts += [f"## {domain.capitalize()}\n", _table(kinds), *(_details(kind) for kind in kinds)]
    return "\n".join(parts)


def _table(kinds: Sequence[Kind]) -> str:
    rows = [
        (
            f"[{kind.name}](#{kind.name.lower()})",
            kind.api.number,
            str(len(kind.homes)),
            ", ".join(operations(kind)),
            str(len(kind.attributes)),
            str(len(links(kind))),
            str(len(ways_back(kind))),
            str(len(states(kind))) if kind.flow else "",
            str(len(events(kind))),
        )
        for kind in kinds
    ]
    head = ("Kind", "API", "Paths", "Operations", "Attributes", "Links out", "Links in", "States", "Events")
    return table(head, rows)


def links(kind: Kind) -> tuple[Relation, ...]:
    """The references that lead to kinds held here."""
    return tuple(relation for relation in relations(kind) if relation.targets.kinds)


def operations(kind: Kind) -> tuple[str, ...]:
    """What callers may do."""
    offered = ("list", "get", "create", "patch", "delete")
    return tuple(one for one in offered if one in ("list", "get") or one in kind.operations)


def _details(kind: Kind) -> str:
    lines = [f"### {kind.name}\n", f"{kind.doc}\n"]
    lines += [f"- Paths: {_listed(home.url for home in kind.homes)}"]
    if kind.general and links(kind) == links(kind.general):
        lines.append(f"- A special case of {kind.general.name}, with the same links")
    else:
        lines += [*_links_out(kind), *_links_in(kind)]
    lines += _life(kind)
    lines.append(f"- Events: {_listed(events(kind))}")
    return "\n".join(lines) + "\n"


def _links_out(kind: Kind) -> Iterator[str]:
    if links(kind):
        yield "- Links out:"
    for relation in links(kind):
        yield f"  - `{relation.path}` → {_targets(relation)}"


def _targets(relation: Relation) -> str:
    return "any kind" if relation.targets.link.to is ANY else ", ".join(relation.targets.held_names)


def _links_in(kind: Kind) -> Iterator[str]:
    if ways_back(kind):
        yield "- Links in:"
    for way in ways_back(kind):
        yield f"  - {way.kind.name}: {_listed(way.relations)}"


def _life(kind: Kind) -> Iterator[str]:
    if kind.flow is None:
        if kind.state:
            yield f"- State: `{kind.state}`, free to move"
        return
    yield f"- State: `{kind.state}`, starts as {_listed(kind.flow.starts, ' or ')}"
    for state in states(kind):
        after = kind.flow.moves.get(state, ())
        yield f"  - `{state}` → {_listed(after) if after else 'the end'}"


def _listed(names: Iterable[str], between: str = ", ") -> str:
    return between.join(f"`{name}`" for name in names)
