"""The files that import jobs read and export jobs write: catalogs as JSON, in one directory."""

import asyncio
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from models.declare import Kind, World
from models.json_in import is_object
from models.lens import of
from models.product.catalog import ExportJob, ImportJob
from models.times import now
from resolvers.behaviour.files import read
from resolvers.errors import BadRequest, Invalid
from resolvers.query.tmf630 import from_query
from resolvers.storage.conditions import EVERYTHING, Condition
from resolvers.storage.documents import Draft, prepare
from resolvers.storage.rows import Row
from resolvers.storage.transaction import Transaction

CATALOG = ("Catalog", "Category", "ProductSpecification", "ProductOfferingPrice", "ProductOffering")
LINES = "application/x-ndjson"
ARRAY = "application/json"
PROBLEMS_NAMED = 100
PARAMETERS_AT_MOST = 100


PATH_AT_MOST = 1000
NAME_AT_MOST = 255


def import_needs(draft: Draft) -> Iterator[tuple[Kind, str]]:
    """An import writes what it is about. BadRequest where the job cannot be done."""
    job = of(ImportJob, draft)
    check_job(job)
    return ((kind, "write") for kind in _kinds(draft.kind.world, job))


def export_needs(draft: Draft) -> Iterator[tuple[Kind, str]]:
    """An export reads what it is about. BadRequest where the job cannot be done."""
    job = of(ExportJob, draft)
    check_job(job)
    kinds = _kinds(draft.kind.world, job)
    _conditions(job, kinds)
    return ((kind, "read") for kind in kinds)


def check_job(job: ImportJob | ExportJob) -> PurePosixPath:
    """The path below the exchange directory that a job's url names; BadRequest where it names none."""
    try:
        parts = urlsplit(job.url or "")
    except ValueError:
        raise BadRequest("url cannot be read as the address of a file.") from None
    if parts.scheme not in ("", "file") or parts.netloc not in ("", "localhost"):
        raise BadRequest(
            "url must name a file in the exchange directory of the server, such as "
            "file:///catalog.ndjson; files of other hosts are not fetched or written."
        )
    if job.content_type not in (None, LINES, ARRAY):
        raise BadRequest(f"contentType is {LINES} (one document a line, the default) or {ARRAY}.")
    path = unquote(parts.path)
    names = [name for name in path.split("/") if name not in ("", ".")]
    if not names or ".." in names:
        raise BadRequest("url must name a file inside the exchange directory of the server.")
    sizes = [len(name.encode("utf-8", "surrogatepass")) for name in names]
    if not path.isprintable() or max(sizes) > NAME_AT_MOST or sum(sizes) > PATH_AT_MOST:
        raise BadRequest(
            f"url names a file by printable characters: up to {NAME_AT_MOST} bytes for a name, "
            f"{PATH_AT_MOST} with the directories."
        )
    return PurePosixPath(*names)


class Exchange:
    """Carries out jobs on the files below a directory."""

    def __init__(self, directory: Path, base_url: str) -> None:
        self._directory = directory
        self._base_url = base_url

    async def import_(self, transaction: Transaction, task: Row) -> None:
        """Stores every document of a file over what is there, or none where one is bad."""
        job = of(ImportJob, task)
        kinds = _kinds(transaction.world, job)
        drafts, problems = await asyncio.to_thread(_drafts, self._file(job), kinds)
        if problems:
            more = len(problems) - PROBLEMS_NAMED
            named = "\n".join(problems[:PROBLEMS_NAMED]) + (f"\nand {more} more" if more > 0 else "")
            raise BadRequest(f"Nothing was imported:\n{named}")
        for draft in drafts:
            await transaction.put(draft)
        await transaction.change(task, _succeeded())

    async def export(self, transaction: Transaction, task: Row) -> None:
        """Writes the entities of the path and query to a file, which is complete as soon as it is there."""
        job = of(ExportJob, task)
        file = self._file(job)
        try:
            await self._export(transaction, job, file)
        except OSError as error:
            raise BadRequest(f"{file.name} cannot be written: {error.strerror}.") from error
        await transaction.change(task, _succeeded())

    async def _export(self, transaction: Transaction, job: ExportJob, file: Path) -> None:
        conditions = _conditions(job, _kinds(transaction.world, job))
        # What an earlier export of the same caller made.
        exports = transaction.world.kinds["ExportJob"]
        replaced = await transaction.has_own(exports, url=job.url, status="Succeeded")
        if not replaced and await asyncio.to_thread(file.exists):
            raise _taken(file)
        array = job.content_type == ARRAY
        await asyncio.to_thread(self._directory.mkdir, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._directory, prefix=".export-")
        written = 0
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                out.write("[" if array else "")
                for kind, condition in conditions:
                    async for row in transaction.each(kind, condition):
                        out.write(
                            ("," if array and written else "") + row.json(self._base_url + kind.homes[0].url)
                        )
                        out.write("" if array else "\n")
                        written += 1
                out.write("]" if array else "")
            await asyncio.to_thread(_publish, Path(name), file, replaced)
        except BaseException:
            await asyncio.to_thread(Path(name).unlink, missing_ok=True)
            raise

    def _file(self, job: ImportJob | ExportJob) -> Path:
        """The file that a job's url names; BadRequest where it lies elsewhere, by a link say."""
        path = check_job(job)
        try:
            root = self._directory.resolve()
            file = (root / path).resolve()
        except (OSError, RuntimeError, ValueError):  # a ring of links, say
            raise BadRequest("url must name a file inside the exchange directory of the server.") from None
        if file == root or not file.is_relative_to(root):
            raise BadRequest("url must name a file inside the exchange directory of the server.")
        return file


def _publish(made: Path, file: Path, replaced: bool) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    made.chmod(0o644)
    if replaced:
        made.replace(file)
        return
    try:
        os.link(made, file)  # in one step, and never over what another has put there meanwhile
    except FileExistsError:
        raise _taken(file) from None
    made.unlink()


def _taken(file: Path) -> BadRequest:
    return BadRequest(
        f"There is a file {file.name} already, which no export of yours made; take another name for yours."
    )


def _conditions(job: ExportJob, kinds: Sequence[Kind]) -> list[tuple[Kind, Condition]]:
    """What is exported of each kind; BadRequest where the query cannot be read."""
    try:
        query = parse_qsl(
            (job.query or "").lstrip("?"),
            keep_blank_values=True,
            max_num_fields=PARAMETERS_AT_MOST,
            errors="strict",
        )
    except ValueError:
        raise BadRequest(f"query must be UTF-8, with up to {PARAMETERS_AT_MOST} parameters.") from None
    return [(kind, from_query([kind], query) if query else EVERYTHING) for kind in kinds]


def _kinds(world: World, job: ImportJob | ExportJob) -> tuple[Kind, ...]:
    """The kinds that a job is about: that of its path, else the whole catalog."""
    catalog = tuple(world.kinds[name] for name in CATALOG if name in world.kinds)
    if not job.path:
        return catalog
    resource = urlsplit(job.path).path.rstrip("/").rpartition("/")[2]
    found = tuple(kind for kind in catalog if kind.homes[0].path == resource)
    if not found:
        places = ", ".join(f"/{kind.homes[0].path}" for kind in catalog)
        raise BadRequest(f"path must be one of {places}, or be left out for all of them.")
    return found


def _drafts(file: Path, kinds: tuple[Kind, ...]) -> tuple[list[Draft], list[str]]:
    """The documents of a file, checked, and what is wrong with it."""
    drafts: list[Draft] = []
    problems: list[str] = []
    try:
        for place, document in _documents(file):
            kind = _kind(document, kinds)
            if isinstance(document, Exception):
                problems.append(f"{place}: {document}")
            elif kind is None:
                names = ", ".join(one.name for one in kinds)
                problems.append(f"{place}: @type must be one of {names}")
            else:
                try:
                    drafts.append(prepare(kind, document, imported=True))
                except Invalid as error:
                    problems += [f"{place}: {problem}" for problem in error.problems]
    except FileNotFoundError:
        problems.append(f"There is no file {file.name} in the exchange directory of the server.")
    except UnicodeDecodeError:
        problems.append(f"{file.name} is not UTF-8.")
    except OSError as error:
        problems.append(f"{file.name} cannot be read: {error.strerror}.")
    return drafts, problems


def _documents(file: Path) -> Iterator[tuple[str, Any]]:
    for place, document in read(str(file)):
        yield f"{file.name}:{place.line}", document


def _kind(document: Any, kinds: tuple[Kind, ...]) -> Kind | None:
    names = (document.get("@type"), document.get("@baseType")) if is_object(document) else ()
    if len(kinds) == 1 and not any(isinstance(name, str) and name in kinds[0].world.kinds for name in names):
        return kinds[0]  # what says to be of another kind does not become one of this
    return next((kind for name in names for kind in kinds if kind.name == name), None)


def _succeeded() -> dict[str, Any]:
    return {"status": "Succeeded", "completionDate": now()}
