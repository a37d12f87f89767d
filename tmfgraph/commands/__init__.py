"""The commands of `tmfgraph`, one file each; a new one is its file and its name in `NAMES`."""

import argparse
import importlib
from collections.abc import Iterator
from typing import Protocol, cast

from tmfgraph.settings import Settings

NAMES = (
    "serve",
    "migrate",
    "reindex",
    "load",
    "demo",
    "token",
    "migration",
    "refresh",
    "explain",
    "schema",
    "openapi",
    "kinds",
    "conformance",
)
"""The commands as `tmfgraph --help` lists them; each is a module of this package."""


class Command(Protocol):
    """What the module of a command has.

    `--help` of any command imports all of them, so a module imports what it works with only when it runs.
    """

    HELP: str
    """Its line in `tmfgraph --help`."""
    ABOUT: str
    """What its own `--help` says first."""
    EXAMPLES: str
    """What its own `--help` ends with: calls, each indented by two spaces."""

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Adds its arguments to its parser."""
        ...

    def run(self, given: Settings, arguments: argparse.Namespace) -> int:
        """Does the work and returns the exit code. `arguments.parser` is its own, for errors of use."""
        ...


def every() -> Iterator[tuple[str, Command]]:
    """All commands by name."""
    for name in NAMES:
        yield name, cast(Command, importlib.import_module(f"{__name__}.{name}"))
