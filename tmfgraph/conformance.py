"""The declarations compared with TM Forum's official files: what differs, and why.

The official files are no part of the product. They are the v4 swagger files of the 17 APIs, as TM Forum
publishes them (github.com/tmforum-apis), each with its API first in its name: `TMF622-*.json`.
"""

import datetime as dt
import enum
import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from models import WHOLE
from models.declare import (
    Attribute,
    Json,
    Kind,
    attributes,
    family_attributes,
    special_of,
)

APIS = (
    "TMF620", "TMF622", "TMF629", "TMF632", "TMF635", "TMF637", "TMF638", "TMF639", "TMF640", "TMF641",
    "TMF646", "TMF652", "TMF669", "TMF677", "TMF678", "TMF702", "TMF720",
)  # fmt: skip

SECOND_FILES = {"TMF639": ("/physicalResource", "/logicalResource")}
"""Paths taken from a second file, `alt-TMF639-*.json`, that TM Forum published under the same version."""

OWN_KINDS = ("CustomerUsage", "ResourceActivation", "ServiceActivation")
"""Kinds without an official twin."""

OTHER_NAMES = {
    "ServiceOrderExternalReference": ("ExternalReference", ("TMF641",)),
    "AcceptedTaskStateType": ("TaskStateType", ("TMF641", "TMF677")),
    "CustomerBillStateType": ("stateValue", ("TMF678",)),
    "CustomerBillOnDemandStateType": ("StateValues", ("TMF678",)),
}
"""Official names that say different things in different APIs, or little: ours, the official one, its APIs."""

CHANGES = ("Create", "AttributeValueChange", "StateChange", "Delete")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SCALARS: dict[Any, str] = {
    str: "string", int: "integer", float: "number", bool: "boolean", dt.datetime: "date-time", Json: "Any",
}  # fmt: skip


class SpecsMissing(Exception):
    """The directory lacks an official file."""


@dataclass(frozen=True, order=True)
class Deviation:
    """One thing in which a declaration differs from an official file."""

    api: str
    where: str
    """`ProductOrder.state`, `POST /customerBill` or the name of an event."""
    what: str

    def __str__(self) -> str:
        return f"{self.api} {self.where}: {self.what}"


@dataclass(frozen=True)
class Explained:
    """Why some deviations are meant; `*` stands for anything, as in file names."""

    api: str
    where: str
    what: str
    reason: str

    def fits(self, deviation: Deviation) -> bool:
        return (
            fnmatchcase(deviation.api, self.api)
            and fnmatchcase(deviation.where, self.where)
            and fnmatchcase(deviation.what, self.what)
        )


NOT_HERE = "Nothing of the sort happens here: no batches, questions, milestones or warnings of its own."
ALL_EVENTS = "One rule for every kind: each creation, change and deletion leaves an event, listed or not."
MONITORS = "The server alone keeps monitors: it makes them, and moves their state until the request is done."
BILLS = "TMF678 can only read bills and charges; here they can be brought in as well, and kept right."
STARTS = "A new entity may say where it stands, as long as its life may start there."
REACHED = "The server notes when the state is reached, unless the caller, who may know better, says when."
EARLY = "What is known only later may be given from the start all the same, e.g. with an imported order."
CLOCK = "The server's own clock says when something was created or changed, whatever a caller sends."
TASKS = "The server does what the task asks for, and it alone says how that went."
AT_ATTRIBUTES = "Some files leave @-attributes out of PATCH, most have them: here they can be changed in all."
INVENTORY = "It is the service of TMF638 or the resource of TMF639, and keeps to the rules that it has there."
SPECIAL_RESOURCES = "Special resources share the values and rules of Resource in the first file of TMF639."
ON_REFERENCES = "Only references have it elsewhere. Like every attribute that is not declared it is kept."
NO_PUT = "The only PUT in all the files: TM Forum's guidelines change entities with PATCH."
NOT_THERE = "A slip of the file: it makes an attribute mandatory that it does not have there."
CAPITAL = "A slip of this file: all others begin the name with a small letter."
CASES = "Credentials and contact media of every type have these attributes, where those of no type must."

EXPLAINED = tuple(
    Explained(*row)
    for row in (
        ("*", "*BatchEvent", "never written", NOT_HERE),
        ("*", "*InformationRequiredEvent", "never written", NOT_HERE),
        ("*", "*MilestoneEvent", "never written", NOT_HERE),
        ("*", "*JeopardyEvent", "never written", NOT_HERE),
        ("*", "Monitor*Event", "never written", MONITORS),
        ("*", "*Event", "written", ALL_EVENTS),
        ("TMF678", "* /customerBill*", "offered", BILLS),
        ("TMF678", "* /appliedCustomerBillingRate*", "offered", BILLS),
        ("TMF678", "CustomerBill.*", "patchable", BILLS),
        ("TMF620", "*portJob.*", "not accepted on POST", TASKS),
        ("TMF678", "CustomerBillOnDemand.*", "not accepted on POST", TASKS),
        ("TMF646", "SearchTimeSlot.*", "not patchable", TASKS),
        ("*", "*.state", "accepted on POST", STARTS),
        ("*", "*.status", "accepted on POST", STARTS),
        ("*", "*.startDate", "accepted on POST", REACHED),
        ("*", "*.startDate", "patchable", REACHED),
        ("*", "*.completionDate", "accepted on POST", REACHED),
        ("*", "*.completionDate", "patchable", REACHED),
        ("*", "*.cancellationDate", "patchable", REACHED),
        ("*", "*.expectedCompletionDate", "accepted on POST", EARLY),
        ("*", "*.lastUpdate", "not *", CLOCK),
        ("*", "*.creationDate", "not *", CLOCK),
        ("*", "*.orderDate", "not *", CLOCK),
        ("*", "*.queryUsageConsumptionDate", "not *", CLOCK),
        ("*", "*.@*", "patchable", AT_ATTRIBUTES),
        ("TMF640", "Feature.id", "mandatory", INVENTORY),
        ("TMF640", "Note.*", "mandatory", INVENTORY),
        ("TMF640", "ServiceRefOrValue.id", "mandatory", INVENTORY),
        ("TMF640", "ServiceRelationship.service", "mandatory", INVENTORY),
        ("TMF640", "*.ServiceRelationshipCharacteristic", "not declared", CAPITAL),
        ("TMF702", "Resource.name", "mandatory on POST", INVENTORY),
        ("TMF702", "RelatedParty.*", "mandatory", INVENTORY),
        ("TMF702", "RelatedPlaceRefOrValue.*", "optional", INVENTORY),
        ("TMF702", "ResourceSpecificationRef.href", "optional", INVENTORY),
        ("TMF639", "Resource.*", "not asked for on *", NOT_THERE),
        ("TMF641", "ServiceOrderItemRef.id", "not asked for", NOT_THERE),
        ("TMF639 *", "PUT *", "not offered", NO_PUT),
        ("TMF639 *", "*.@referredType", "not declared", ON_REFERENCES),
        ("TMF639 *", "*.activationFeature", "declared", SPECIAL_RESOURCES),
        ("TMF639 *", "LogicalResource.name", "mandatory on POST", SPECIAL_RESOURCES),
        ("TMF639 *", "ResourceRelationship.relationshipType", "mandatory", SPECIAL_RESOURCES),
        ("TMF639 *", "RelatedPlaceRefOrValue.*", "optional", SPECIAL_RESOURCES),
        ("TMF639 *", "ResourceSpecificationRef.href", "optional", SPECIAL_RESOURCES),
        ("TMF720", "?*Credential.*", "mandatory", CASES),
        ("TMF720", "EmailMedium.*", "mandatory", CASES),
        ("TMF720", "PhoneMedium.*", "mandatory", CASES),
    )
)
"""Of several that fit, the first one counts."""


# ---- the official files -----------------------------------------------------------------------


@dataclass(frozen=True)
class Shape:
    """The attributes of a definition and those that it makes mandatory, inherited ones included."""

    properties: Mapping[str, Any]
    required: frozenset[str]
    missing: frozenset[str]
    """Mandatory attributes that the definition does not have."""


@dataclass(frozen=True, eq=False)
class Official:
    """One official file, or as much of it as counts."""

    api: str
    label: str
    filename: str
    version: str
    base: str
    paths: Mapping[str, frozenset[str]]
    """The methods of each path, listeners and the hub aside."""
    definitions: Mapping[str, Any]

    @functools.cached_property
    def collections(self) -> tuple[str, ...]:
        return tuple(path for path in self.paths if not path.endswith("/{id}"))

    @functools.cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """The declared kinds that answer at one of its paths."""
        urls = {self.base + path for path in self.collections}
        return tuple(
            kind for kind in WHOLE.kinds.values() if urls.intersection(home.url for home in kind.homes)
        )

    @functools.cached_property
    def events(self) -> frozenset[str]:
        """Names of its events; of a second file those of its own kinds."""
        found = frozenset(name for name in self.definitions if name.endswith("Event"))
        if self.label == self.api:
            return found
        own = tuple(kind.name for kind in self.kinds)
        return frozenset(name for name in found if name.startswith(own))

    def shape(self, name: str) -> Shape | None:
        """The shape of a definition; None where there is none, or where it is not an object."""
        definition = self.definitions.get(name)
        if definition is None or "enum" in definition:
            return None
        properties: dict[str, Any] = {}
        required: set[str] = set()
        for part in (*definition.get("allOf", ()), definition):
            inherited = self.shape(_name(part["$ref"])) if "$ref" in part else None
            properties |= inherited.properties if inherited else part.get("properties", {})
            wanted = inherited.required | inherited.missing if inherited else part.get("required", ())
            required.update(wanted)
        known = required.intersection(properties)
        return Shape(properties, frozenset(known), frozenset(required - known))

    def values(self, name: str) -> tuple[str, ...] | None:
        """The values of an enumeration; None where the name is not that of one."""
        found = self.definitions.get(name, {}).get("enum")
        return tuple(found) if found else None

    def reached_from(self, name: str) -> list[str]:
        """A definition and all that its attributes lead to, special cases and enumerations included."""
        found, waiting = dict.fromkeys((name,)), [name]
        while waiting:
            current = waiting.pop()
            shape = self.shape(current)
            names = [n for p in shape.properties.values() if (n := _referred(p))] if shape else []
            cls = twin(self.api, current)
            names += [case for case in (special_of(cls) if cls else ()) if case in self.definitions]
            new = [n for n in names if n not in found and n in self.definitions]
            found |= dict.fromkeys(new)
            waiting += new
        return list(found)


def read(directory: Path) -> list[Official]:
    """The official files in a directory; SpecsMissing where one is not there."""
    found = [_read(directory, f"{api}-*.json", api, api) for api in APIS]
    found += [
        _read(directory, f"alt-{api}-*.json", api, f"{api} (second file)", only)
        for api, only in SECOND_FILES.items()
    ]
    return found


def _read(directory: Path, pattern: str, api: str, label: str, only: tuple[str, ...] = ()) -> Official:
    path = next(iter(sorted(directory.glob(pattern))), None)
    if path is None:
        raise SpecsMissing(f"There is no official file {pattern} in {directory}.")
    content = json.loads(path.read_text(encoding="utf-8"))
    paths = {
        route: frozenset(method.upper() for method in methods if method.upper() in METHODS)
        for route, methods in content["paths"].items()
        if not route.startswith(("/listener/", "/hub"))
    }
    return Official(
        api,
        label,
        path.name,
        content["info"]["version"],
        content["basePath"].rstrip("/"),
        {route: paths[route] for route in paths if not only or route.removesuffix("/{id}") in only},
        content["definitions"],
    )


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _referred(found: Mapping[str, Any]) -> str | None:
    """The definition that an attribute refers to."""
    inner = found.get("items", found)
    return _name(inner["$ref"]) if "$ref" in inner else None


@functools.cache
def _twins() -> Mapping[tuple[str, str] | str, type[Any]]:
    twins: dict[tuple[str, str] | str, type[Any]] = {}
    for cls in _declared():
        if cls.__name__ in OTHER_NAMES:
            name, apis = OTHER_NAMES[cls.__name__]
            twins |= dict.fromkeys(((api, name) for api in apis), cls)
        else:
            twins[cls.__name__] = cls
    return twins


def _declared() -> Iterable[type[Any]]:
    return (*WHOLE.values, *WHOLE.enumerations, *(node.cls for node in WHOLE.nodes))


def twin(api: str, name: str) -> type[Any] | None:
    """The class that declares an official definition."""
    return _twins().get((api, name)) or _twins().get(name)


# ---- the comparison ---------------------------------------------------------------------------


@dataclass(eq=False)
class Comparison:
    """What comparing one official file gave."""

    official: Official
    definitions: dict[str, type[Any]] = field(default_factory=dict)
    """The definitions that a resource leads to, as far as they are declared."""
    deviations: set[Deviation] = field(default_factory=set)

    def note(self, where: str, what: str) -> None:
        self.deviations.add(Deviation(self.official.label, where, what))

    @property
    def attributes(self) -> int:
        """How many attributes were compared."""
        shapes = [self.official.shape(name) for name in self.definitions]
        return sum(len(shape.properties) for shape in shapes if shape)

    @property
    def operations(self) -> int:
        return sum(len(methods) for methods in self.official.paths.values())


@dataclass(frozen=True, eq=False)
class Report:
    """What comparing all official files gave."""

    comparisons: tuple[Comparison, ...]
    without_twin: tuple[Deviation, ...]
    """Declared types that no official resource leads to."""

    @functools.cached_property
    def deviations(self) -> tuple[Deviation, ...]:
        found = [deviation for one in self.comparisons for deviation in one.deviations]
        return tuple(sorted((*found, *self.without_twin)))

    @functools.cached_property
    def explained(self) -> Mapping[Explained, tuple[Deviation, ...]]:
        """The deviations of each explanation; the first that fits is the one."""
        found: dict[Explained, list[Deviation]] = {explanation: [] for explanation in EXPLAINED}
        for deviation in self.deviations:
            explanation = explanation_of(deviation)
            if explanation:
                found[explanation].append(deviation)
        return {explanation: tuple(deviations) for explanation, deviations in found.items()}

    @property
    def unexplained(self) -> tuple[Deviation, ...]:
        return tuple(deviation for deviation in self.deviations if explanation_of(deviation) is None)

    @property
    def idle(self) -> tuple[Explained, ...]:
        """Explanations of nothing."""
        return tuple(explanation for explanation, found in self.explained.items() if not found)


def explanation_of(deviation: Deviation) -> Explained | None:
    return next((explanation for explanation in EXPLAINED if explanation.fits(deviation)), None)


def compare(officials: Sequence[Official]) -> Report:
    """All declarations against all official files."""
    comparisons = tuple(Comparison(official) for official in officials)
    for comparison in comparisons:
        _compare_paths(comparison)
        for kind in comparison.official.kinds:
            _compare_definitions(comparison, kind)
            _compare_writing(comparison, kind)
            _compare_states(comparison, kind)
        _compare_events(comparison)
    _note_extra_attributes(comparisons)
    return Report(comparisons, tuple(_without_twin(comparisons)))


def _compare_paths(comparison: Comparison) -> None:
    official = comparison.official
    offered: dict[str, set[str]] = {}
    for kind in official.kinds:
        for home in kind.homes:
            path = home.url.removeprefix(official.base)
            if path in official.collections:
                operations = {"create": "POST"}, {"patch": "PATCH", "delete": "DELETE"}
                for place, methods in zip((path, path + "/{id}"), operations, strict=True):
                    offered[place] = {"GET", *(m for o, m in methods.items() if o in kind.operations)}
    for path, methods in official.paths.items():
        for method in METHODS:
            if (method in methods) != (method in offered.get(path, ())):
                comparison.note(f"{method} {path}", "not offered" if method in methods else "offered")


def _compare_definitions(comparison: Comparison, kind: Kind) -> None:
    """The types that documents of a kind are made of."""
    official = comparison.official
    for name in official.reached_from(kind.name):
        if name == "Any":
            continue
        cls = twin(official.api, name)
        if cls is None:
            comparison.note(name, "not declared")
            continue
        comparison.definitions[name] = cls
        values, shape = official.values(name), official.shape(name)
        if values is not None:
            _compare_values(comparison, name, cls, values)
        elif shape is not None:
            _compare_attributes(comparison, name, cls, shape)
            if name != kind.name:
                _compare_nested_mandatory(comparison, name, cls, shape, kind.api.number)


def _compare_values(comparison: Comparison, name: str, cls: type[Any], official: Sequence[str]) -> None:
    ours = [member.value for member in cls] if issubclass(cls, enum.StrEnum) else []
    for value in dict.fromkeys((*official, *ours)):
        if (value in official) != (value in ours):
            comparison.note(name, f'{"has no" if value in official else "has the"} value "{value}"')


def _compare_attributes(comparison: Comparison, name: str, cls: type[Any], shape: Shape) -> None:
    ours = {attribute.key: attribute for attribute in attributes(cls)}
    for key in shape.missing:
        comparison.note(f"{name}.{key}", "not asked for")
    for key, found in shape.properties.items():
        if key not in ours:
            comparison.note(f"{name}.{key}", "not declared")
            continue
        declared, wanted = our_type(ours[key]), _official_type(comparison.official.api, found)
        if declared != wanted:
            comparison.note(f"{name}.{key}", f"is {declared}, officially {wanted}")


def _compare_nested_mandatory(
    comparison: Comparison, name: str, cls: type[Any], shape: Shape, api: str
) -> None:
    for attribute in attributes(cls):
        if attribute.key in shape.properties:
            official, ours = attribute.key in shape.required, attribute.mandatory_for(api)
            if official != ours:
                comparison.note(f"{name}.{attribute.key}", "mandatory" if ours else "optional")


def _compare_writing(comparison: Comparison, kind: Kind) -> None:
    """What is mandatory and accepted on POST, and what PATCH may change."""
    official = comparison.official
    whole, created, updated = (official.shape(kind.name + suffix) for suffix in ("", "_Create", "_Update"))
    for written, when in ((created, "POST"), (updated, "PATCH")):
        for key in written.missing if written else ():
            comparison.note(f"{kind.name}.{key}", f"not asked for on {when}")
    # A kind obeys the rules of one API, that of its first path, at whichever path it is called.
    api = kind.api.number
    for attribute in kind.attributes:
        if whole is None or attribute.key not in whole.properties:
            continue
        where = f"{kind.name}.{attribute.key}"
        if created and "create" in kind.operations:
            mandatory = attribute.mandatory_for(api)
            if (attribute.key in created.required) != mandatory:
                comparison.note(where, "mandatory on POST" if mandatory else "optional on POST")
            if (attribute.key in created.properties) == attribute.server_set:
                comparison.note(where, "not accepted on POST" if attribute.server_set else "accepted on POST")
        if (
            updated
            and "patch" in kind.operations
            and (attribute.key in updated.properties) == attribute.fixed
        ):
            comparison.note(where, "not patchable" if attribute.fixed else "patchable")


def _compare_states(comparison: Comparison, kind: Kind) -> None:
    shape = comparison.official.shape(kind.name)
    if kind.flow is None or kind.state is None or shape is None:
        return
    values = comparison.official.values(_referred(shape.properties.get(kind.state, {})) or "")
    for state in states(kind) if values else ():
        if state not in (values or ()):
            comparison.note(f"{kind.name}.{kind.state}", f'has the state "{state}"')


def states(kind: Kind) -> tuple[str, ...]:
    """The states that the rules for a kind's life name."""
    if kind.flow is None:
        return ()
    moves = kind.flow.moves.items()
    return tuple(dict.fromkeys((*kind.flow.starts, *(state for old, new in moves for state in (old, *new)))))


def events(kind: Kind) -> tuple[str, ...]:
    """Names of the events that callers and tasks bring about; `tmfgraph load` may change any entity."""
    written = {
        "AttributeValueChange": "patch" in kind.operations,
        "StateChange": kind.state is not None,
        "Delete": "delete" in kind.operations,
    }
    return tuple(f"{kind.name}{change}Event" for change in CHANGES if written.get(change, True))


def _compare_events(comparison: Comparison) -> None:
    official = comparison.official
    ours = {event for kind in official.kinds for event in events(kind)}
    for event in ours ^ official.events:
        comparison.note(event, "written" if event in ours else "never written")


def _note_extra_attributes(comparisons: Sequence[Comparison]) -> None:
    """Attributes of a class that none of the official definitions of its name has."""
    for cls, having in by_class(comparisons).items():
        if issubclass(cls, enum.StrEnum):
            continue
        official = {key for comparison, name in having for key in _keys(comparison.official, name)}
        comparison, name = having[0]
        for attribute in attributes(cls):
            if attribute.key not in official:
                comparison.note(f"{name}.{attribute.key}", "declared")


def _keys(official: Official, name: str) -> Iterable[str]:
    shape = official.shape(name)
    return shape.properties if shape else ()


def by_class(comparisons: Sequence[Comparison]) -> Mapping[type[Any], list[tuple[Comparison, str]]]:
    """For each class the files that have it, and its name there."""
    found: dict[type[Any], list[tuple[Comparison, str]]] = {}
    for comparison in comparisons:
        for name, cls in comparison.definitions.items():
            found.setdefault(cls, []).append((comparison, name))
    return found


def _without_twin(comparisons: Sequence[Comparison]) -> Iterator[Deviation]:
    """Declared types that no resource of an official file leads to, unless a kind of our own does."""
    accounted = {cls for comparison in comparisons for cls in comparison.definitions.values()}
    for name in OWN_KINDS:
        accounted |= _leading_from(WHOLE.kinds[name].cls) if name in WHOLE.kinds else set()
    accounted |= {node.cls for node in WHOLE.abstracts.values()}
    for cls in _declared():
        if cls not in accounted:
            yield Deviation("*", cls.__name__, "declared")


def _leading_from(cls: type[Any]) -> set[type[Any]]:
    """A declared class and all that its attributes lead to."""
    found, waiting = {cls}, [cls]
    while waiting:
        new = {a.type for a in family_attributes(waiting.pop()) if a.type not in SCALARS} - found
        found |= new
        waiting += [one for one in new if not issubclass(one, enum.StrEnum)]
    return found


def our_type(attribute: Attribute) -> str:
    name = SCALARS.get(attribute.type) or attribute.type.__name__
    return f"[{name}]" if attribute.many else name


def _official_type(api: str, found: Mapping[str, Any]) -> str:
    """The type of an attribute, under the name that it has with us."""
    if found.get("type") == "array":
        return f"[{_official_type(api, found['items'])}]"
    if "$ref" in found:
        name = _name(found["$ref"])
        cls = twin(api, name)
        return cls.__name__ if cls else name
    return "date-time" if found.get("format") == "date-time" else found.get("type", "Any")


# ---- the page ---------------------------------------------------------------------------------

_INTRO = """\
# Conformance

How the declarations of tmfgraph compare with TM Forum's official swagger files of the 17 APIs. This page is
the output of `tmfgraph conformance --specs DIR --output docs/conformance.md`. A test fails where it is stale,
where a deviation is not explained, and where an explanation explains nothing.

Compared are: each path and method; each attribute, its type and whether it is a list, of every resource and
of whatever a resource is made of; what is mandatory; what POST takes and what PATCH may change; the values of
enumerations; the states; the names of events. Not compared are query parameters, headers and the words of
descriptions, nor the paths `/hub` and `/listener/...`, which nearly every file has.

Everywhere alike: POST takes an `id` that the caller gives, which TM Forum leaves to the server; and what is
not declared is kept and given back, as TM Forum's extension pattern asks.
"""


def as_markdown(report: Report) -> str:
    """The report as a page."""
    return "\n".join(
        [
            _INTRO,
            "## The official files\n",
            _files_table(report),
            *_own_kinds(),
            "## Deviations\n",
            'Each group has one reason. "Here" is what tmfgraph does and the official file does not say.\n',
            *_deviation_groups(report),
            "## Types that differ between APIs\n",
            "Several APIs use these types, and not all with the same attributes. Here a type has them all.\n",
            _differing_attributes(report),
            "## Attributes that are mandatory in some APIs only\n",
            _differing_mandatory(report),
        ]
    )


def _files_table(report: Report) -> str:
    rows = [
        (
            one.official.label,
            one.official.filename,
            one.official.version,
            str(len(one.official.paths)),
            str(one.operations),
            str(len(one.definitions)),
            str(one.attributes),
            str(len(one.deviations)),
        )
        for one in report.comparisons
    ]
    sums = (str(sum(int(row[column]) for row in rows)) for column in range(3, 8))
    head = ("API", "File", "Version", "Paths", "Operations", "Definitions", "Attributes", "Deviations")
    return table(head, [*rows, ("Sum", "", "", *sums)])


def _own_kinds() -> Iterator[str]:
    yield "## Kinds of our own\n"
    yield "These have no official twin, and nothing to be compared with.\n"
    rows = (
        (kind.name, f"`{kind.homes[0].url}`", kind.doc) for n in OWN_KINDS if (kind := WHOLE.kinds.get(n))
    )
    yield table(("Kind", "Path", "What it is"), rows)


def _deviation_groups(report: Report) -> Iterator[str]:
    groups: dict[str, list[Deviation]] = {}
    for explanation, found in report.explained.items():
        groups.setdefault(explanation.reason, []).extend(found)
    for reason, found in (*groups.items(), ("Not explained yet.", list(report.unexplained))):
        if found:
            yield f"**{reason}**\n"
            yield table(("API", "Where", "Here"), _rows(found))


def _rows(deviations: Iterable[Deviation]) -> list[tuple[str, str, str]]:
    """A row for all places of one API where the same is the case."""
    places: dict[tuple[str, str], list[str]] = {}
    for deviation in sorted(deviations):
        places.setdefault((deviation.api, deviation.what), []).append(f"`{deviation.where}`")
    return [(api, ", ".join(where), what) for (api, what), where in places.items()]


def _differing_attributes(report: Report) -> str:
    rows = []
    for name, shapes in _shared(report):
        for key in dict.fromkeys(key for shape in shapes.values() for key in shape.properties):
            having = [label for label, shape in shapes.items() if key in shape.properties]
            if len(having) < len(shapes):
                lacking = [label for label in shapes if label not in having]
                rows.append((name, f"`{key}`", ", ".join(having), ", ".join(lacking)))
    return table(("Type", "Attribute", "Has it", "Lacks it"), rows)


def _differing_mandatory(report: Report) -> str:
    rows = []
    for name, shapes in _shared(report):
        for key in dict.fromkeys(key for shape in shapes.values() for key in shape.properties):
            having = {label: shape for label, shape in shapes.items() if key in shape.properties}
            needing = [label for label, shape in having.items() if key in shape.required]
            if needing and len(needing) < len(having):
                rest = [label for label in having if label not in needing]
                rows.append((name, f"`{key}`", ", ".join(needing), ", ".join(rest)))
    return table(("Type", "Attribute", "Mandatory", "Optional"), rows)


def _shared(report: Report) -> Iterator[tuple[str, Mapping[str, Shape]]]:
    """The types that several files have, each with its shape there."""
    for cls, having in sorted(by_class(report.comparisons).items(), key=lambda one: one[0].__name__):
        shapes = {one.official.label: shape for one, name in having if (shape := one.official.shape(name))}
        if len(shapes) > 1:
            yield cls.__name__, shapes


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
