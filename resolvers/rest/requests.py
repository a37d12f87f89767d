"""What a REST request asks for beside its body: the query string, preconditions, preferences, media types."""

import datetime as dt
import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
from starlette.requests import Request

from models.declare import Kind
from models.json_in import is_array, is_object
from resolvers.entrances import reads, whole
from resolvers.errors import BadRequest, HttpError, TooMuch
from resolvers.query.tmf630 import PATH_AT_MOST, from_json_path, from_query, order_by
from resolvers.storage.conditions import All, Condition, bounded, cursor, read_cursor
from resolvers.storage.idempotency import accepted_key
from resolvers.storage.reads import Page
from resolvers.storage.rows import Row
from schema.rest.contract import ALWAYS, LIMIT_AT_MOST, LIMIT_BY_DEFAULT, PROBLEM

PARAMETERS_AT_MOST = 100
FIELDS_AT_MOST = 200
OF_LISTS = ("offset", "limit", "sort", "filter", "cursor")
OF_ALL = ("fields", "expand", "depth")


class Query:
    """The query string of a request, taken apart and checked."""

    @reads("The query string")
    def __init__(self, request: Request, *, single: bool = False, extra: tuple[str, ...] = ()) -> None:
        known = (*OF_ALL, *extra) if single else (*OF_ALL, *OF_LISTS)
        pairs = _pairs(request)
        self.filters = [(name, value) for name, value in pairs if name not in known]
        if single and self.filters:
            raise BadRequest(
                f'There is no parameter named "{self.filters[0][0][:60]}" here; there are {", ".join(known)}.'
            )
        self._given = {name: value for name, value in pairs if name in known}
        if len(self._given) + len(self.filters) != len(pairs):
            twice = next(n for n, _ in pairs if n in known and [m for m, _ in pairs].count(n) > 1)
            raise BadRequest(f"{twice} is given twice.")
        self.fields = Fields.read(self._given.get("fields"))
        self.expand, self.depth = self._given.get("expand"), self._given.get("depth")

    @property
    def follows(self) -> bool:
        """Whether the answer depends on more than the entities asked for."""
        return bool(self.expand or self.depth)

    @property
    def transforms(self) -> bool:
        """Whether it gives anything else than entities as they are stored."""
        return self.follows or self.fields is not None

    def given(self, name: str) -> str | None:
        return self._given.get(name)

    @reads("The query string")
    def page(self, kinds: Sequence[Kind], request: Request) -> Page:
        """Which part of a list is asked for: by `offset` and `limit`, `Range: items=0-49`, or a cursor."""
        condition: Condition = from_query(kinds, self.filters)
        if self._given.get("filter"):
            condition = All((condition, from_json_path(kinds, self._given["filter"])))
        order = order_by(kinds, self._given.get("sort"))
        offset = self._whole("offset", 0)
        limit = min(self._whole("limit", LIMIT_BY_DEFAULT), LIMIT_AT_MOST)
        span = request.headers.get("range", "")
        if span.startswith("items=") and not {"offset", "limit"}.intersection(self._given):
            first, dash, last = span.removeprefix("items=").partition("-")
            start, end = whole(first), whole(last)
            if not dash or start is None or end is None or start > end:
                raise BadRequest(f'Range must be items=FIRST-LAST, not "{span[:60]}".')
            offset, limit = start, min(end - start + 1, LIMIT_AT_MOST)
        text = self._given.get("cursor")
        after = tuple(read_cursor(text, len(order) + 1)) if text else None
        return Page(bounded(condition), order, limit, offset, after)

    def _whole(self, name: str, default: int) -> int:
        text = self._given.get(name)
        if text is None:
            return default
        number = whole(text)
        if number is None:
            raise BadRequest(f'{name} must be a whole number from 0, not "{text[:60]}".')
        return number

    def links(self, url: str, page: Page, rows: Sequence[Row], total: "Total") -> str:
        """The `Link` header (RFC 8288): this page and its neighbours.

        `next` carries a cursor, so that the last page of a long list costs no more than the first.
        """
        limit = page.limit or 0
        offset = page.offset
        found = {
            "self": self._address(url, page, offset, self._given.get("cursor")),
            "first": self._address(url, page, 0),
        }
        if offset and limit:
            found["prev"] = self._address(url, page, max(offset - limit, 0))
        if (rows and offset + len(rows) < total.number) or (rows and total.capped and len(rows) == limit):
            found["next"] = self._address(url, page, offset + len(rows), cursor(rows[-1].place))
        if limit and total.number and not total.capped:
            found["last"] = self._address(url, page, (total.number - 1) // limit * limit)
        return ", ".join(f'<{address}>; rel="{name}"' for name, address in found.items())

    def _address(self, url: str, page: Page, offset: int, place: str | None = None) -> str:
        kept = {n: v for n, v in self._given.items() if n not in ("offset", "limit", "cursor")}
        where = {"offset": str(offset), "limit": str(page.limit)} | ({"cursor": place} if place else {})
        return f"{url}?{urlencode([*self.filters, *kept.items(), *where.items()])}"


def _pairs(request: Request) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            request.scope["query_string"].decode("ascii"),
            keep_blank_values=True,
            max_num_fields=PARAMETERS_AT_MOST,
            errors="strict",
        )
    except UnicodeDecodeError:
        raise BadRequest("The query string is not UTF-8.") from None
    except ValueError:
        raise BadRequest(f"At most {PARAMETERS_AT_MOST} parameters are taken.") from None


# ---- fields ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fields:
    """Which attributes to give: a tree of names, where one without names below it is given whole."""

    below: Mapping[str, "Fields"]

    @classmethod
    def read(cls, text: str | None) -> "Fields | None":
        """`fields=state,relatedParty.role`; None for all. `none` leaves id, href and @type."""
        if text is None or text == "":
            return None
        tree: dict[str, Any] = {}
        names = () if text == "none" else text.split(",")
        if len(names) > FIELDS_AT_MOST:
            raise TooMuch("names in fields", len(names), FIELDS_AT_MOST, "leave fields out for all of them")
        for name in names:
            branch = tree
            steps = name.strip().split(".")
            if len(steps) > PATH_AT_MOST:
                raise TooMuch("levels of a name in fields", len(steps), PATH_AT_MOST, "name what holds it")
            for step in steps:
                branch = branch.setdefault(step, {})
        return cls._made(tree)

    @classmethod
    def _made(cls, tree: Mapping[str, Any]) -> "Fields":
        return cls({name: cls._made(inner) for name, inner in tree.items()})

    def of(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The chosen part of a whole document: id, href and @type always come."""
        return {k: v for k, v in self._part(document).items() if v is not None} | {
            key: document[key] for key in ALWAYS if key in document
        }

    def of_stored(self, row: Row, url: str) -> str:
        """The same as JSON, of a stored entity: slices of its document, in which only what is named deeper
        becomes objects."""
        keys = (*self.below, *(key for key in ALWAYS if key not in self.below))
        found = _slicer(tuple(key for key in keys if key not in ("id", "href")))(row.document)
        if found is None:
            return msgspec.json.encode(
                self.of({"id": row.id, "href": f"{url}/{row.id}", **row.body})
            ).decode()
        found |= {"id": f'"{row.id}"'.encode(), "href": f'"{url}/{row.id}"'.encode()}
        parts: list[bytes] = []
        for key in keys:
            value = found.get(key)
            if value is not None and value != b"null":
                inner = self.below.get(key)
                if inner and inner.below:
                    value = msgspec.json.encode(inner._within(msgspec.json.decode(value)))
                parts.append(b'"%b":%b' % (key.encode(), value))
        return (b"{" + b",".join(parts) + b"}").decode()

    def _part(self, document: Mapping[str, Any]) -> dict[str, Any]:
        return {
            key: inner._within(document[key]) if inner.below else document[key]
            for key, inner in self.below.items()
            if key in document
        }

    def _within(self, value: Any) -> Any:
        if is_array(value):
            return [self._within(one) for one in value]
        return self._part(value) if is_object(value) else value


SLICES_AT_MOST = 60


@functools.lru_cache(maxsize=500)
def _slicer(keys: tuple[str, ...]) -> Callable[[str], dict[str, bytes] | None]:
    """Takes the values of these names out of documents, as they are written there.

    It gives None, for any document, where a name is one that JSON writes with escapes, or they are many.
    """
    if len(keys) > SLICES_AT_MOST or any(json.dumps(key, ensure_ascii=False) != f'"{key}"' for key in keys):
        return lambda document: None
    names = {f"f{number}": key for number, key in enumerate(keys)}
    absent = msgspec.Raw()
    fields = [(name, msgspec.Raw, absent) for name in names]
    decode = msgspec.json.Decoder(msgspec.defstruct("Slices", fields, rename=names)).decode

    def slices(document: str) -> dict[str, bytes] | None:
        found = decode(document)
        values = ((key, bytes(getattr(found, name))) for name, key in names.items())
        return {key: value for key, value in values if value}

    return slices


# ---- what was counted -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Total:
    """How many entities there are in all: exactly, or at least so many where counting stopped."""

    number: int
    capped: bool

    def headers(self, page: Page, returned: int) -> dict[str, str]:
        headers = {"X-Total-Count": str(self.number), "X-Result-Count": str(returned)}
        if self.capped:
            headers["X-Total-Count-Capped"] = "true"
        if returned:
            end = page.offset + returned - 1
            headers["Content-Range"] = f"items {page.offset}-{end}/{'*' if self.capped else self.number}"
        return headers


def wants_exact_count(request: Request) -> bool:
    """Whether the client asked, by `Prefer: count=exact`, to count on beyond COUNTED_AT_MOST."""
    return "count=exact" in preferences(request)


def preferences(request: Request) -> set[str]:
    """What a client prefers (RFC 7240), in lower case and without parameters."""
    given = ",".join(request.headers.getlist("prefer")).split(",")
    return {preference.partition(";")[0].strip().lower() for preference in given}


# ---- conditional requests (RFC 9110) ----------------------------------------------------------------


def etag(row: Row) -> str:
    """The strong entity tag of an entity: its revision."""
    return f'"{row.revision}"'


def etag_of(body: bytes) -> str:
    """The strong entity tag of an answer made from several entities, or from a part of one."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def etag_of_list(address: str, rows: Iterable[Row]) -> str:
    """The strong entity tag of a list of whole entities, or of a part of each that the address names."""
    revisions = ",".join([f"{row.id}@{row.revision}" for row in rows])
    return etag_of(f"{address} {revisions}".encode())


def last_modified(row: Row) -> str:
    """When the entity was last written, as HTTP writes dates."""
    return format_datetime(dt.datetime.fromisoformat(row.modified), usegmt=True)


def matches(header: str | None, tag: str) -> bool:
    """Whether a list of entity tags holds this one, or is a star."""
    return header is not None and (header.strip() == "*" or tag in _tags(header))


def _tags(header: str) -> Iterable[str]:
    return [part.strip() for part in header.split(",")]


def revisions(request: Request) -> frozenset[int] | None:
    """The revisions that `If-Match` allows a write to replace; None where any will do."""
    header = request.headers.get("if-match")
    if header is None or header.strip() == "*":
        return None
    found = (tag.strip('"') for tag in _tags(header) if tag.startswith('"'))
    return frozenset(int(tag) for tag in found if tag.isascii() and tag.isdigit() and len(tag) < 19)


# ---- media types ------------------------------------------------------------------------------------


def check_acceptable(request: Request) -> None:
    """Refuses with 406 a request that takes no JSON."""
    accept = request.headers.get("accept")
    if accept and not _takes_json(accept):
        raise HttpError(406, "Not acceptable", "Answers are application/json.")


@functools.lru_cache(maxsize=100)
def _takes_json(accept: str) -> bool:
    ranges = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return bool(ranges.intersection(("*/*", "application/*", "application/json", PROBLEM))) or any(
        r.startswith("application/") and r.endswith("json") for r in ranges
    )


def idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    return accepted_key(key.strip().strip('"'), "An Idempotency-Key")
