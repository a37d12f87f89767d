"""One OpenAPI 3.1 document per TMF API, made from the declarations: what every path takes and answers."""

import functools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from models.declare import Abstract, Home, Kind, World
from schema.rest import examples
from schema.rest.contract import (
    DEPTH_AT_MOST,
    JSON_PATCH,
    JSONPATH_AT_MOST,
    LIMIT_AT_MOST,
    LIMIT_BY_DEFAULT,
    OPERATIONS_AT_MOST,
    PATH_AT_MOST,
    PATHS_AT_MOST,
    PROBLEM,
    SORT_KEYS_AT_MOST,
    SUFFIXES,
    expandable,
    filter_names,
    monitored_at,
)
from schema.rest.json_schema import ID, Form, Schemas, scalar
from schema.scopes import scope

Part = dict[str, Any]
"""A part of a document: any JSON object."""

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH_QUERY = "application/json-patch-query+json"


@functools.cache
def apis(world: World) -> dict[str, str]:
    """The title of every API, by its number."""
    found = {home.api.number: home.api.title for home, _ in world.homes.values()}
    return dict(sorted(found.items()))


@functools.cache
def document(world: World, number: str, base_url: str = "", *, secured: bool = True) -> Part:
    """The OpenAPI document of one API, all its base paths in one; KeyError for a number that is none.

    Where the server asks for no tokens (`secured` is false) no operation does.
    """
    return _Document(world, number, base_url, secured).whole()


@functools.cache
def encoded(world: World, number: str, base_url: str = "", *, secured: bool = True) -> bytes:
    """The same as it goes over the wire."""
    made = document(world, number, base_url, secured=secured)
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()


def snapshot(world: World, number: str) -> str:
    """The same for people to review: `schema/openapi/TMF622.json` holds it."""
    return json.dumps(document(world, number), ensure_ascii=False, indent=2) + "\n"


def operations(node: Kind | Abstract) -> tuple[str, ...]:
    """What callers may do at the homes of a kind, or of all kinds behind an abstract one."""
    kinds = _kinds(node)
    writes = [one for one in ("create", "patch", "delete") if all(one in k.operations for k in kinds)]
    return ("list", "get", *writes)


def _kinds(node: Kind | Abstract) -> Sequence[Kind]:
    return [node] if isinstance(node, Kind) else node.kinds


# ---- answers that are no success -----------------------------------------------------------------

# By status: the name of the response, what it means, and the headers that come with it.
FAILURES: dict[int, tuple[str, str, tuple[str, ...]]] = {
    400: ("BadRequest", "Something in the request is wrong; every problem is named at once.", ()),
    401: ("Unauthorized", "A valid bearer token is needed.", ("WWW-Authenticate",)),
    403: ("Forbidden", "The token does not have the scope that this needs.", ("WWW-Authenticate",)),
    404: ("NotFound", "There is no such entity.", ()),
    405: ("MethodNotAllowed", "The method is not offered here.", ("Allow",)),
    406: ("NotAcceptable", "The client takes no JSON.", ()),
    409: ("Conflict", "It does not fit the present state: of this entity, or of those that refer to it.", ()),
    412: (
        "PreconditionFailed",
        "The entity is not, or no longer, what If-Match or If-None-Match expects.",
        (),
    ),
    413: ("ContentTooLarge", "The body is too large.", ()),
    415: (
        "UnsupportedMediaType",
        "The body has a media type that is not taken here.",
        ("Accept-Patch", "Accept-Post"),
    ),
    416: ("RangeNotSatisfiable", "The Range begins beyond the end of the list.", ("Content-Range",)),
    422: ("UnprocessableContent", "The Idempotency-Key was used for another request.", ()),
    429: ("TooManyRequests", "Too many requests; try again later.", ("Retry-After",)),
    500: ("InternalServerError", "Something went wrong inside the server.", ()),
    501: ("NotImplemented", "A part of TMF630 that is not offered, such as functions in a filter.", ()),
    503: ("ServiceUnavailable", "Temporarily unavailable; try again later.", ("Retry-After",)),
}
_ALWAYS = (400, 401, 403, 405, 406, 429, 500, 503)
_WRITING = (*_ALWAYS, 409, 412, 413, 415, 422)
FAILURES_OF = {
    "list": (*_ALWAYS, 416, 501),
    "get": (*_ALWAYS, 404),
    "create": _WRITING,
    "bulk": _WRITING,
    "patch": (*_WRITING, 404),
    "delete": (*_ALWAYS, 404, 409, 412),
}

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
HEADERS: dict[str, tuple[str, Part]] = {
    "Accept-Patch": ("The media types that a PATCH takes (RFC 5789).", _TEXT),
    "Accept-Post": ("The media types that a POST takes.", _TEXT),
    "Allow": ("The methods that are offered here.", _TEXT),
    "Content-Range": ("Which items these are, and of how many: `items 0-99/250`.", _TEXT),
    "ETag": ("Tag of what is answered, for If-Match and If-None-Match (RFC 9110).", _TEXT),
    "Idempotency-Replayed": ("`true` where an earlier request with the same key had done it.", _TEXT),
    "Last-Modified": ("When the entity was last written.", _TEXT),
    "Link": ("This page and its neighbours: self, first, prev, next, last (RFC 8288).", _TEXT),
    "Location": ("Address of what was made.", _TEXT),
    "Preference-Applied": ("The preference that was followed (RFC 7240).", _TEXT),
    "Retry-After": ("After how many seconds to try again.", _COUNT),
    "WWW-Authenticate": ("How to authenticate, and what was wrong (RFC 6750).", _TEXT),
    "X-Result-Count": ("How many items this answer holds.", _COUNT),
    "X-Total-Count": ("How many items match in all.", _COUNT),
    "X-Total-Count-Capped": (
        "`true` where counting stopped at the number given; `Prefer: count=exact` counts on.",
        _TEXT,
    ),
}
_SURE = ("Location", "X-Total-Count", "X-Result-Count", "Link")
"""Headers that never fail to come where an operation names them."""


# ---- schemas of our own ----------------------------------------------------------------------------

_DETAILS: Part = {
    "problems": {
        "type": "array",
        "description": "Everything that is wrong with the body, each with its JSON path.",
        "items": {
            "type": "object",
            "required": ["path", "message"],
            "properties": {"path": _TEXT, "message": _TEXT},
        },
    },
    "from": {"type": "string", "description": "The state that an entity cannot leave that way."},
    "to": {"type": "string", "description": "The state that it cannot go to from there."},
    "allowed": {"type": "array", "description": "The states that it can go to.", "items": _TEXT},
    "referrers": {
        "type": "array",
        "description": "Who still refers to the entity.",
        "items": {"type": "object", "properties": {"type": _TEXT, "id": _TEXT, "attribute": _TEXT}},
    },
}
_ERROR: Part = {
    "type": "object",
    "description": "What went wrong, as TMF630 says it.",
    "required": ["code", "reason"],
    "properties": {
        "code": {"type": "string", "description": "Which error it is, for programs: `VALIDATION_FAILED`."},
        "reason": {"type": "string", "description": "The same in a few words."},
        "message": {"type": "string", "description": "What is wrong here, and what can be done about it."},
        "status": {"type": "string", "description": "The HTTP status, as text."},
        "referenceError": {"type": "string", "description": "Address of a page that explains the error."},
        "@type": {"type": "string", "description": "Always `Error`."},
        "@baseType": {"type": "string", "description": "The type that an extension was derived from."},
        "@schemaLocation": {"type": "string", "description": "Address of the schema of an extension."},
        **_DETAILS,
    },
    "additionalProperties": True,
}
_PROBLEM: Part = {
    "type": "object",
    "description": f"The same as problem details (RFC 9457), for those who accept `{PROBLEM}`.",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "description": "Always `about:blank`."},
        "title": {"type": "string", "description": "The error in a few words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What is wrong here, and what can be done about it."},
        "code": {"type": "string", "description": "Which error it is, for programs."},
        **_DETAILS,
    },
    "additionalProperties": True,
}

_POINTER = {"type": "string", "pattern": "^(/([^~/\\u0000]|~[01])*)+$", "maxLength": PATH_AT_MOST}
_QUERY = {"type": "string", "format": "json-patch-query", "minLength": 1, "maxLength": PATH_AT_MOST}


_PATCH_DOC = "A JSON Patch (RFC 6902): all of its operations are carried out, or none."
_QUERY_DOC = (
    "A JSON Patch whose paths select the elements of arrays by what they hold (TMF630 part 5): "
    "`/note/text?note.author=Ada` or `note[?(@.author=='Ada')].text`."
)


def _operations(description: str, path: Part, value: Part) -> Part:
    """The schema of a patch whose operations have such paths."""
    shapes: list[tuple[Part, Part]] = [
        ({"enum": ["add", "replace", "test"]}, {"path": path, "value": value}),
        ({"const": "remove"}, {"path": path}),
        ({"enum": ["move", "copy"]}, {"from": path, "path": path}),
    ]
    found = [_operation(op, others, value) for op, others in shapes]
    return {
        "type": "array",
        "description": description,
        "maxItems": OPERATIONS_AT_MOST,
        "items": {"anyOf": found},
    }


def _operation(op: Part, others: Part, ignored: Part) -> Part:
    """The schema of one operation of a patch; what else it has is ignored (RFC 6902, section 4)."""
    return {
        "type": "object",
        "required": ["op", *others],
        "properties": {"op": op, **others},
        "additionalProperties": ignored,
    }


# ---- parameters --------------------------------------------------------------------------------------

_SUFFIXES = ", ".join(f"`.{suffix}`" for suffix in SUFFIXES if suffix != "eq")
_GUIDE = f"""\
Lists are filtered by the attributes of their entities, e.g. `state=held&relatedParty.id=7`: names are ANDed,
the values of one name, joined by commas, are ORed. A name may be a dotted path into nested values; names that
lead into one array are about the same element of it. With a suffix they compare otherwise: {_SUFFIXES},
e.g. `orderDate.gte=2026-01-01T00:00:00Z`. `filter` takes a JSONPath filter.

Pages are cut by `offset` and `limit` ({LIMIT_BY_DEFAULT} by default, at most {LIMIT_AT_MOST}), or by
`Range: items=0-49`; the header `Link` leads from page to page.

Attributes that are not listed here are kept and come back: that is TMF's way to extend a type, with `@type`,
`@baseType` and `@schemaLocation`. Those that the server sets are ignored where a client sends them."""

_FIELDS: Part = {
    "name": "fields",
    "in": "query",
    "description": "The attributes to answer, dotted where nested, joined by commas; `none` leaves id, href "
    "and @type, which always come.",
    "schema": _TEXT,
}
_DEPTH: Part = {
    "name": "depth",
    "in": "query",
    "description": "Inlines the entities referred to (1), what they refer to (2), and so on.",
    "schema": {"type": "integer", "minimum": 0, "maximum": DEPTH_AT_MOST, "default": 0},
}
_WHOLE = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
_OF_LISTS: dict[str, Part] = {
    "offset": {
        "description": "How many items to leave out at the start.",
        "schema": {**_WHOLE, "default": 0},
    },
    "limit": {
        "description": f"How many items to answer; more than {LIMIT_AT_MOST} count as {LIMIT_AT_MOST}.",
        "schema": {**_WHOLE, "default": LIMIT_BY_DEFAULT},
    },
    "filter": {
        "description": "A JSONPath filter: `$[?(@.relatedParty[?(@.role=='customer' && @.id=='7')])]`.",
        "schema": {"type": "string", "format": "json-path", "maxLength": JSONPATH_AT_MOST},
    },
    "cursor": {
        "description": "Where a page begins; the `next` of the header `Link` carries it.",
        "schema": {"type": "string", "format": "cursor"},
    },
}
_TAGS = {"type": "string", "pattern": '^(\\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)$'}
_HEADERS_IN: dict[str, Part] = {
    "If-Match": {"description": "Write only if the entity still has this ETag.", "schema": _TAGS},
    "If-None-Match": {"description": "Answer 304 if what is asked for still has this ETag.", "schema": _TAGS},
    "If-None-Match-create": {
        "name": "If-None-Match",
        "description": "`*`: create only if no entity has the id that you choose.",
        "schema": {"type": "string", "const": "*"},
    },
    "Idempotency-Key": {
        "description": "A text of your own for this request: sent again under the same key, it is answered "
        "again and not carried out again.",
        "schema": {"type": "string", "pattern": "^[!#-~]{1,255}$"},
    },
    "Prefer-count": {
        "name": "Prefer",
        "description": "`count=exact` counts all items that match, however many there are (RFC 7240).",
        "schema": {"type": "string", "enum": ["count=exact"]},
    },
    "Prefer-async": {
        "name": "Prefer",
        "description": "`respond-async` answers 202 with a Monitor before the work is done (RFC 7240).",
        "schema": {"type": "string", "enum": ["respond-async"]},
    },
}
_FORCE: Part = {
    "name": "force",
    "in": "query",
    "description": "Delete it even where others refer to it.",
    "schema": {"type": "boolean", "default": False},
}


def _shared_parameters() -> dict[str, Part]:
    parameters = {"fields": _FIELDS, "depth": _DEPTH, "force": _FORCE}
    parameters |= {name: {"name": name, "in": "query", **part} for name, part in _OF_LISTS.items()}
    parameters |= {name: {"name": name, "in": "header", **part} for name, part in _HEADERS_IN.items()}
    parameters["id"] = {"name": "id", "in": "path", "required": True, "schema": ID}
    parameters["id"]["description"] = "Identifier of the entity."
    return parameters


def _listed(name: str, description: str, items: Part, **bounds: int) -> Part:
    """A parameter whose values are joined by commas."""
    return {
        "name": name,
        "in": "query",
        "description": description,
        "style": "form",
        "explode": False,
        "schema": {"type": "array", "items": items, **bounds},
    }


# A comma or semicolon would end the text, and one of the others at its start is an operator.
_FILTER_TEXT = {"type": "string", "pattern": "^[^\\u0000,;=~][^\\u0000,;]*$"}


class _Document:
    """One document while it is made."""

    def __init__(self, world: World, number: str, base_url: str, secured: bool) -> None:
        self._title = apis(world)[number]
        self._world = world
        self._number, self._base_url, self._secured = number, base_url, secured
        self._schemas = Schemas(number)
        self._homes = [(home, node) for home, node in world.homes.values() if home.api.number == number]
        self._parameters = _shared_parameters()
        self._examples: dict[str, Part] = {}
        self._operation_ids: set[str] = set()

    def whole(self) -> Part:
        paths: Part = {}
        for home, node in self._homes:
            paths[home.url] = self._collection(home, node)
            paths[f"{home.url}/{{id}}"] = self._entity(home, node)
        nodes = {node.name: node for _, node in self._homes}
        bases = " and ".join(base for base in dict.fromkeys(home.api.base for home, _ in self._homes))
        made = {
            "openapi": "3.1.0",
            "info": {
                "title": f"{self._number} {self._title}",
                "version": "v4",
                "summary": f"{self._title} as TM Forum's {self._number} has it, below {bases}.",
                "description": _GUIDE,
            },
            "servers": [{"url": self._base_url or "/"}],
            "tags": [{"name": name, "description": node.doc} for name, node in nodes.items()],
            "paths": paths,
            "components": self._components(),
        }
        while _drop_unused(made):
            pass
        return made

    def _components(self) -> Part:
        anything = self._schemas.anything()
        schemas = {
            **dict(sorted(self._schemas.components.items())),
            "Error": _ERROR,
            "Problem": _PROBLEM,
            "JsonPatch": _operations(_PATCH_DOC, _POINTER, anything),
            "JsonPatchQuery": _operations(_QUERY_DOC, _QUERY, anything),
        }
        failures = {name: _failure(description, with_) for name, description, with_ in FAILURES.values()}
        bearer = "A JSON Web Token; each operation names the scope that it needs."
        return {
            "schemas": schemas,
            "parameters": self._parameters,
            "headers": {
                name: {"description": description, "schema": schema, "required": name in _SURE}
                for name, (description, schema) in HEADERS.items()
            },
            "responses": {"NotModified": {"description": "It is still what you have."}, **failures},
            "examples": self._examples,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": bearer}
            },
        }

    # ---- paths ------------------------------------------------------------------------------------

    def _collection(self, home: Home, node: Kind | Abstract) -> Part:
        made = {"get": self._list(node)}
        if "create" in operations(node):
            made["post"] = self._create(home, node)
            made["patch"] = self._bulk(node)
        return made

    def _entity(self, home: Home, node: Kind | Abstract) -> Part:
        made: Part = {"parameters": [_parameter("id")], "get": self._get(node)}
        if "patch" in operations(node):
            made["patch"] = self._patch(node)
        if "delete" in operations(node):
            made["delete"] = self._delete(node)
        return made

    def _list(self, node: Kind | Abstract) -> Part:
        parameters = ["fields", *_OF_LISTS, "depth", "If-None-Match", "Prefer-count"]
        body = {"type": "array", "items": self._schemas.node(node, Form.ANSWER)}
        with_ = ("X-Total-Count", "X-Result-Count", "X-Total-Count-Capped", "Content-Range", "Link", "ETag")
        with_ = (*with_, "Preference-Applied")
        return self._operation(
            "list",
            node,
            f"List {node.plural}",
            f"{node.doc} The list is that of all that meet the filters.",
            parameters=[
                *map(_parameter, parameters),
                self._sort(node),
                self._expand(node),
                *self._filters(node),
            ],
            responses={
                "200": _answer("The items, or the first of them.", body, with_),
                "206": _answer("A part of the items, where the server is set to say so.", body, with_),
                "304": _response("NotModified"),
            },
        )

    def _get(self, node: Kind | Abstract) -> Part:
        body = self._schemas.node(node, Form.ANSWER)
        return self._operation(
            "get",
            node,
            f"Get one {node.name}",
            node.doc,
            parameters=[
                *map(_parameter, ("fields", "depth", "If-None-Match")),
                self._expand(node),
            ],
            responses={
                "200": _answer("The entity.", body, ("ETag", "Last-Modified")),
                "304": _response("NotModified"),
            },
        )

    def _create(self, home: Home, node: Kind | Abstract) -> Part:
        made = self._schemas.node(node, Form.ANSWER)
        with_ = ("Location", "ETag", "Last-Modified", "Idempotency-Replayed")
        responses = {"201": _answer("The entity as it was created.", made, with_)}
        parameters = ["fields", "depth", "Idempotency-Key", "If-None-Match-create"]
        if monitored_at(self._world, home.url):
            parameters.append("Prefer-async")
            monitor = self._schemas.kind(self._world.kinds["Monitor"], Form.ANSWER)
            headers = ("Location", "Preference-Applied", "Idempotency-Replayed")
            responses["202"] = _answer("The Monitor that tells how the work goes on.", monitor, headers)
        body = {
            "schema": self._schemas.node(node, Form.CREATE),
            "examples": self._create_examples(node),
        }
        return self._operation(
            "create",
            node,
            f"Create one {node.name}",
            f"{node.doc} {_born(node)}".strip(),
            parameters=[*map(_parameter, parameters), self._expand(node)],
            body={JSON: body},
            responses=responses,
        )

    def _bulk(self, node: Kind | Abstract) -> Part:
        whole = {"path": {"enum": ["/", "/-", ""]}, "value": self._schemas.node(node, Form.CREATE)}
        operation = _operation({"const": "add"}, whole, self._schemas.anything())
        schema = {"type": "array", "items": operation, "minItems": 1, "maxItems": OPERATIONS_AT_MOST}
        values = [_placed(node, examples.given(kind, full=False), kind) for kind in _kinds(node)]
        example = [{"op": "add", "path": "/-", "value": value} for value in values]
        made = {"type": "array", "items": self._schemas.node(node, Form.ANSWER)}
        return self._operation(
            "bulk",
            node,
            f"Create many {node.plural}",
            "All of them are created, or none.",
            parameters=[*map(_parameter, ("fields", "depth")), self._expand(node)],
            body={JSON_PATCH: {"schema": schema, "examples": {"bulk": {"value": example}}}},
            responses={"201": _answer("The entities in the order in which they were given.", made)},
        )

    def _patch(self, node: Kind | Abstract) -> Part:
        changes = {kind.name: {"value": examples.change(kind)} for kind in _kinds(node)}
        merge = {"schema": self._schemas.node(node, Form.UPDATE), "examples": changes}
        first = next(iter(changes.values()))["value"]
        pointed = [{"op": "add", "path": f"/{key}", "value": value} for key, value in first.items()]
        return self._operation(
            "patch",
            node,
            f"Change one {node.name}",
            f"A merge patch changes what it names, removes what is null and replaces arrays. {_moves(node)}",
            parameters=[*map(_parameter, ("fields", "depth", "If-Match")), self._expand(node)],
            body={
                MERGE_PATCH: merge,
                JSON: merge,
                JSON_PATCH: _patched("JsonPatch", pointed),
                JSON_PATCH_QUERY: _patched("JsonPatchQuery", pointed),
            },
            responses={
                "200": _answer(
                    "The entity as it is now.",
                    self._schemas.node(node, Form.ANSWER),
                    ("ETag", "Last-Modified"),
                )
            },
        )

    def _delete(self, node: Kind | Abstract) -> Part:
        return self._operation(
            "delete",
            node,
            f"Delete one {node.name}",
            "Refused where others refer to it, unless it is forced.",
            parameters=[*map(_parameter, ("force", "If-Match"))],
            responses={"204": {"description": "It is deleted."}},
        )

    def _operation(
        self,
        operation: str,
        node: Kind | Abstract,
        summary: str,
        description: str,
        *,
        responses: Mapping[str, Part],
        parameters: Sequence[Part] = (),
        body: Part | None = None,
    ) -> Part:
        right = "read" if operation in ("list", "get") else "write"
        made: Part = {
            "operationId": self._operation_id(operation, node),
            "tags": [node.name],
            "summary": summary,
            "description": " ".join(description.split()),
        }
        if self._secured:
            made["security"] = _security(node, right, operation)
        if parameters:
            made["parameters"] = list(parameters)
        if body:
            made["requestBody"] = {"required": True, "content": body}
        failures = {str(status): _response(FAILURES[status][0]) for status in sorted(FAILURES_OF[operation])}
        return {**made, "responses": {**responses, **failures}}

    def _operation_id(self, operation: str, node: Kind | Abstract) -> str:
        """`listProductOrder`; at a further home of the same kind `listProductOrder2`."""
        name = f"createMany{node.name}" if operation == "bulk" else f"{operation}{node.name}"
        number, id = 1, name
        while id in self._operation_ids:
            number += 1
            id = f"{name}{number}"
        self._operation_ids.add(id)
        return id

    # ---- parameters of a kind -------------------------------------------------------------------------

    def _own(self, node: Kind | Abstract, part: Part) -> Part:
        """A parameter of one kind, shared by its homes."""
        name = f"{node.name}.{part['name'].replace('@', 'at-')}"
        self._parameters[name] = part
        return _parameter(name)

    def _expand(self, node: Kind | Abstract) -> Part:
        found = sorted({name for kind in _kinds(node) for name in expandable(kind)})
        doc = "The references to inline, and the names of kinds that refer to it. After each a dot may lead "
        doc += "on, to what can be expanded in what is inlined."
        return self._own(
            node, _listed("expand", doc, {"type": "string", "enum": found}, maxItems=PATHS_AT_MOST)
        )

    def _sort(self, node: Kind | Abstract) -> Part:
        found = [sign + name for name in _sortable(node) for sign in ("", "-")]
        doc = "The attributes to sort by, `-` for descending; dotted where nested."
        return self._own(
            node, _listed("sort", doc, {"type": "string", "enum": found}, maxItems=SORT_KEYS_AT_MOST)
        )

    def _filters(self, node: Kind | Abstract) -> list[Part]:
        first, *others = _kinds(node)
        found = [n for n in filter_names(first) if all(n in filter_names(other) for other in others)]
        return [self._own(node, self._filter(first, name)) for name in found]

    def _filter(self, kind: Kind, name: str) -> Part:
        attribute = kind.by_key.get(name)
        if attribute is None:
            doc = f"Identifier of what `{name.rpartition('.')[0]}` refers to."
            return _listed(name, doc, _FILTER_TEXT, minItems=1)
        if hasattr(attribute.type, "__members__"):
            items = self._schemas.enumeration(attribute.type)
        else:
            items = _FILTER_TEXT if attribute.type is str else scalar(attribute.type)
        return _listed(name, attribute.doc, items, minItems=1)

    # ---- examples -------------------------------------------------------------------------------------

    def _create_examples(self, node: Kind | Abstract) -> Part:
        kinds = [*node.special, node] if isinstance(node, Kind) else node.kinds
        sizes = {"minimal": "no more than is mandatory", "complete": "most of what there is"}
        found: Part = {}
        for kind in kinds:
            for size, what in sizes.items():
                value = _placed(node, examples.given(kind, full=size == "complete"), kind)
                name = f"{node.name}.{kind.name}.{size}" if kind is not node else f"{kind.name}.{size}"
                self._examples[name] = {"summary": f"{kind.name}: {what}", "value": value}
                found[name] = {"$ref": f"#/components/examples/{name}"}
        return found


_USE = re.compile(r'"#/components/(\w+)/([^"]+)"')


def _drop_unused(document: Part) -> bool:
    """Drops the components that nothing refers to; whether there were any."""
    used = {use.groups() for use in _USE.finditer(json.dumps(document))}
    unused = [
        (part, name)
        for part, found in document["components"].items()
        for name in found
        if part != "securitySchemes" and (part, name) not in used
    ]
    for part, name in unused:
        del document["components"][part][name]
    return bool(unused)


# ---- parts of operations ----------------------------------------------------------------------------


def _placed(node: Kind | Abstract, value: Part, kind: Kind) -> Part:
    """An example at the home of several kinds says which it is."""
    return value if kind is node else {"@type": kind.name, **value}


def _sortable(node: Kind | Abstract) -> list[str]:
    first, *others = _kinds(node)
    found = [a.key for a in first.attributes if a.is_scalar and a.key != "href" and not a.write_only]
    return [key for key in found if all(key in other.by_key for other in others)]


def _born(node: Kind | Abstract) -> str:
    if isinstance(node, Abstract):
        return f"Its `@type` or `@baseType` says what it is: {' or '.join(kind.name for kind in node.kinds)}."
    if node.special:
        names_ = " or ".join(kind.name for kind in node.special)
        return f"Its `@type` or `@baseType` may say that it is a {names_}."
    return ""


def _moves(node: Kind | Abstract) -> str:
    """The changes of state that the kind's life allows."""
    kinds = [kind for kind in _kinds(node) if kind.flow and kind.state and not kind.by_key[kind.state].fixed]
    said: list[str] = []
    for kind in kinds:
        assert kind.flow is not None
        moves = "; ".join(f"{old} to {', '.join(new)}" for old, new in kind.flow.moves.items() if new)
        said.append(f"The `{kind.state}` of a {kind.name} moves from {moves}.")
    return " ".join(said)


def _security(node: Kind | Abstract, right: str, operation: str) -> list[Part]:
    """The scopes that an operation needs, each entry being enough."""
    if isinstance(node, Kind):
        return [{"bearer": [scope(kind, right)]} for kind in dict.fromkeys((node, node.root))]
    reading = [scope(kind, "read") for kind in node.kinds]
    if right == "read":
        return [{"bearer": reading}]
    # To change one at the home of several kinds it has to be found among them first.
    first = reading if operation in ("patch", "delete") else []
    return [{"bearer": [*first, scope(kind, "write")]} for kind in node.kinds]


def _parameter(name: str) -> Part:
    return {"$ref": f"#/components/parameters/{name}"}


def _response(name: str) -> Part:
    return {"$ref": f"#/components/responses/{name}"}


def _headers(names_: Iterable[str]) -> Part:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names_}


def _answer(description: str, schema: Part, with_: Iterable[str] = ()) -> Part:
    made: Part = {"description": description, "content": {JSON: {"schema": schema}}}
    headers = _headers(with_)
    return made | ({"headers": headers} if headers else {})


def _failure(description: str, with_: Iterable[str]) -> Part:
    made = _answer(description, {"$ref": "#/components/schemas/Error"}, with_)
    made["content"][PROBLEM] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return made


def _patched(name: str, example: list[Part]) -> Part:
    return {"schema": {"$ref": f"#/components/schemas/{name}"}, "examples": {"patch": {"value": example}}}
