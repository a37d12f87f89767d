"""What a contributor makes anew in a checkout: a migration, and what git keeps of what the code says."""

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tmfgraph import migrate, paths, settings
from tmfgraph.embedded import EmbeddedPostgres


class NotACheckout(Exception):
    """There are no sources to work on here."""


def root() -> Path:
    """The directory of the checkout that this code runs from. NotACheckout where it is installed."""
    found = paths.app_root()
    if not (found / "pyproject.toml").is_file():
        raise NotACheckout("This works on a checkout of the sources, and this tmfgraph is an installed one.")
    return found


# ---- a migration --------------------------------------------------------------------------------


def migration(message: str, *, empty: bool = False) -> Path | None:
    """Writes a migration from the tables of all earlier ones to the declared ones, and tries it.

    None where they agree and no empty one, to be written by hand, is asked for. It works on a database of
    its own, which is thrown away.
    """
    where = root()
    with tempfile.TemporaryDirectory(prefix="tmfgraph-migration-") as name:
        Path(name).chmod(0o755)  # PostgreSQL's account enters it, where root started this
        server = EmbeddedPostgres(Path(name) / "data", durable=False)
        try:
            url = server.start()
            migrate.upgrade(url)
            if not empty and migrate.matches(url):
                return None
            written = migrate.write_revision(url, message, empty=empty)
            _tidy(where, written)
            migrate.upgrade(url)
            return written
        finally:
            server.stop()


def _tidy(where: Path, path: Path) -> None:
    """Formats a generated file, and drops the imports that it does not need."""
    if importlib.util.find_spec("ruff") is None:
        return
    for command in (("check", "--fix", "--quiet"), ("format", "--quiet")):
        subprocess.run([sys.executable, "-m", "ruff", *command, str(path)], cwd=where, check=False)


# ---- snapshots and generated pages --------------------------------------------------------------


def refresh() -> list[Path]:
    """Writes every snapshot and generated page that is not what the code says now, and gives these.

    But for the page on conformance, which needs TM Forum's files.
    """
    where, changed = root(), list[Path]()
    texts = dict(_texts(where))
    gone = [path for path in (where / "schema" / "openapi").glob("*.json") if path not in texts]
    for path in gone:
        path.unlink()
    for path, text in texts.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return [path.relative_to(where) for path in (*gone, *changed)]


def conformance_page() -> Path:
    return root() / "docs" / "conformance.md"


def _texts(where: Path) -> Iterator[tuple[Path, str]]:
    from models import WHOLE
    from resolvers.graphql.graph import sdl
    from schema.rest import openapi
    from tmfgraph import kinds

    yield where / "schema" / "schema.graphql", sdl(WHOLE)
    for number in openapi.apis(WHOLE):
        yield where / "schema" / "openapi" / f"{number}.json", openapi.snapshot(WHOLE, number)
    yield where / "docs" / "kinds.md", kinds.as_markdown(WHOLE)
    page = where / "docs" / "settings.md"
    yield page, _with_table(page.read_text(encoding="utf-8"), settings.as_markdown())


def _with_table(page: str, table: str) -> str:
    """A page with another table in the place of the one that has the same head."""
    head = table.partition("\n")[0]
    before, found, rest = page.partition(f"{head}\n")
    if not found:
        raise ValueError(f'The page has no table with the head "{head}".')
    lines = rest.splitlines(keepends=True)
    rows = next((n for n, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return before + table + "".join(lines[rows:])
