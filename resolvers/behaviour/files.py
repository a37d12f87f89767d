"""Files of documents: JSON arrays, single documents, one document a line."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models import json_in
from models.json_in import BadJson


@dataclass(frozen=True)
class Place:
    """Where a document stands."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def read(name: str) -> Iterator[tuple[Place, Any]]:
    """The documents of a file with their places; BadJson in place of one that is no JSON."""
    if name == "-":
        yield from _scan("standard input", sys.stdin.read())
        return
    path = Path(name)
    with path.open(encoding="utf-8-sig") as file:
        first = file.readline()
        if _is_document(first):
            yield from _lines(name, [first], 1)
            yield from _lines(name, file, 2)
        else:
            yield from _scan(name, first + file.read())


def _is_document(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _lines(name: str, lines: Iterable[str], start: int) -> Iterator[tuple[Place, Any]]:
    for number, line in enumerate(lines, start):
        if line.strip():
            yield Place(name, number), _decoded(line)


def _decoded(text: str) -> Any:
    try:
        return json_in.decode(text)
    except BadJson as error:
        return error


def _scan(name: str, text: str) -> Iterator[tuple[Place, Any]]:
    """Documents one behind the other, or in an array, however they are laid out."""
    position, line, counted = 0, 1, 0
    while True:
        while position < len(text) and text[position] in " \t\r\n,[]":
            position += 1
        if position >= len(text):
            return
        line += text.count("\n", counted, position)
        counted = position
        place = Place(name, line)
        try:
            value, position = json_in.DECODER.raw_decode(text, position)
            json_in.accept(value)
            yield place, value
        except (BadJson, json.JSONDecodeError, RecursionError) as error:
            words = (
                f"{error.msg} at line {error.lineno}"
                if isinstance(error, json.JSONDecodeError)
                else str(error)
            )
            yield place, BadJson(f"not JSON: {words}")
            # The next document starts in the first column, as far as one can tell.
            position = min(
                (p for p in (text.find("\n{", position), text.find("\n[", position)) if p >= 0), default=-1
            )
            if position < 0:
                return
