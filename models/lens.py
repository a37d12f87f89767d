"""Documents read through the class that declares them: `of(ProductOrder, row).order_date`.

A lens has the attributes of the class, with their declared types, which a type checker knows; a name that
is not declared is an error there, and when it is read. It looks into the document when it is asked, and
checks nothing: documents were checked on their way in.
"""

import datetime as dt
import enum
import functools
import inspect
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from models.declare import Attribute, attributes, case_of, special_of
from models.json_in import is_array, is_object

T = TypeVar("T")


class Readable(Protocol):
    """A document, or what holds one: gives the value of a JSON key, None where there is none."""

    def get(self, key: str, /) -> Any: ...


def of(cls: type[T], document: Readable) -> T:
    """The document as its class declares it.

    A nested object is a lens in turn, of the special case that its `@type` names; an array is a tuple, an
    enumeration its member, a date-time a `datetime`. What is absent is what the class says, else None: so is
    a date-time that cannot be read, as lenient imports keep it, while they keep an unknown value of an
    enumeration as text. A lens of an empty document is false.
    """
    special = case_of(cls, document) if special_of(cls) else cls  # type: ignore[arg-type]
    made = object.__new__(_lens_class(special))
    made.__tmf_document__ = document
    return made


def plain(lens: object) -> dict[str, Any]:
    """The document behind a lens of a nested object, to be put into another; leave it as it is."""
    assert isinstance(lens, _Lens)
    return lens.__tmf_document__


class _Lens:
    __tmf_document__: Any

    def __bool__(self) -> bool:
        document: Any = self.__tmf_document__
        return not isinstance(document, dict) or document != {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.__tmf_document__!r}>"


@functools.cache
def _lens_class(cls: type[Any]) -> Any:
    return type(cls.__name__, (_Lens, cls), {a.name: property(_reading(cls, a)) for a in attributes(cls)})


def _reading(cls: type[Any], attribute: Attribute) -> Callable[[Any], Any]:
    """What reads an attribute of a lens."""
    key, one = attribute.key, _one(attribute.type)
    default = getattr(cls, attribute.name, () if attribute.many else None)

    def scalar(lens: _Lens) -> Any:
        value = lens.__tmf_document__.get(key)
        return default if value is None else value

    def single(lens: _Lens) -> Any:
        value = lens.__tmf_document__.get(key)
        read = None if value is None or one is None else one(value)
        return default if read is None else read

    def many(lens: _Lens) -> Any:
        values = lens.__tmf_document__.get(key)
        if not is_array(values):
            return default
        return tuple(values if one is None else map(one, values))

    if attribute.many:
        return many
    return scalar if one is None else single


def _one(type_: Any) -> Callable[[Any], Any] | None:
    """What a lens makes of a value of a type; None where it stays as it is."""
    if type_ is dt.datetime:
        return _moment
    if not inspect.isclass(type_):
        return None
    if issubclass(type_, enum.StrEnum):
        members: dict[Any, Any] = {member.value: member for member in type_}

        def member(value: Any) -> Any:
            return members.get(value, value)

        return member
    if hasattr(type_, "__tmf_value__"):
        return lambda value: of(type_, value) if is_object(value) else None
    return None


def _moment(text: str) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None
