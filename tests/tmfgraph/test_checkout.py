"""What contributors do in a checkout: `migration` and `refresh`, run in a copy of it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import environment, open_directory

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent.parent
COPIED = ("docs", "migrations", "models", "resolvers", "schema", "tmfgraph")
FILES = ("app.py", "pyproject.toml", "run")
ATTRIBUTE = '''
    loyalty_tier: str | None = None
    """Tier in the loyalty programme."""
'''


@pytest.fixture
def copy() -> Iterator[Path]:
    """A copy of this checkout, as fresh as one gets it: without a database, with no migrated one anywhere."""
    with open_directory() as directory:
        made = directory / "checkout"
        for name in COPIED:
            shutil.copytree(ROOT / name, made / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in FILES:
            shutil.copy(ROOT / name, made)
        yield made


def run(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    env = environment(HOME=str(copy), XDG_DATA_HOME=str(copy / "data"))
    return subprocess.run(
        [sys.executable, "-m", "tmfgraph", *command],
        cwd=copy,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def files(copy: Path) -> dict[str, str]:
    found = (path for name in COPIED for path in (copy / name).rglob("*") if path.is_file())
    return {
        path.relative_to(copy).as_posix(): path.read_text(encoding="utf-8")
        for path in found
        if path.suffix in (".py", ".md", ".json", ".graphql")
    }


def test_in_a_fresh_checkout_there_is_nothing_to_do(copy: Path) -> None:
    before = files(copy)
    refreshed = run(copy, "refresh")
    assert refreshed.returncode == 0, refreshed.stderr
    assert "Everything is fresh." in refreshed.stdout and "--specs DIR" in refreshed.stdout
    migrated = run(copy, "migration", "nothing")
    assert migrated.returncode == 1 and "nothing to write" in migrated.stderr
    assert files(copy) == before


def test_an_attribute_gets_its_column_and_stands_in_the_snapshots(copy: Path) -> None:
    before = files(copy)
    with (copy / "models" / "party" / "customer.py").open("a", encoding="utf-8") as file:
        file.write(ATTRIBUTE)
    migrated = run(copy, "migration", "add the loyalty tier")
    assert migrated.returncode == 0, migrated.stderr
    numbers = [int(path.name[:4]) for path in (ROOT / "migrations" / "versions").glob("[0-9]*.py")]
    name = f"migrations/versions/{max(numbers) + 1:04}_add_the_loyalty_tier.py"
    assert migrated.stdout.startswith(name)
    [new] = files(copy).keys() - before.keys()
    text = (copy / new).read_text(encoding="utf-8")
    assert new == name and text.count("op.add_column(") == 1
    assert (
        '"customer"' in text
        and '"loyalty_tier"' in text
        and 'op.drop_column("customer", "loyalty_tier")' in text
    )
    again = run(copy, "migration", "again")
    assert again.returncode == 1 and "nothing to write" in again.stderr

    refreshed = run(copy, "refresh")
    assert refreshed.returncode == 0, refreshed.stderr
    changed = {path for path, text in files(copy).items() if before.get(path) != text}
    expected = {"schema/schema.graphql", "schema/openapi/TMF629.json"}
    assert expected <= changed <= expected | {new, "models/party/customer.py", "docs/kinds.md"}
    assert "loyaltyTier: String" in files(copy)["schema/schema.graphql"]


def test_refresh_mends_every_page_that_is_made_of_the_code(copy: Path) -> None:
    before = files(copy)
    pages = ("schema/schema.graphql", "schema/openapi/TMF622.json", "docs/kinds.md")
    for name in pages:
        (copy / name).write_text("stale\n", encoding="utf-8")
    (copy / "schema" / "openapi" / "TMF999.json").write_text("{}\n", encoding="utf-8")
    settings = copy / "docs" / "settings.md"
    rows = settings.read_text(encoding="utf-8").splitlines(keepends=True)
    settings.write_text("".join(row for row in rows if "--port" not in row) + "\nMore.\n", encoding="utf-8")
    refreshed = run(copy, "refresh")
    for name in (*pages, "schema/openapi/TMF999.json", "docs/settings.md"):
        assert f"{name}: changed" in refreshed.stdout
    text = settings.read_text(encoding="utf-8")
    assert text.endswith("\nMore.\n")
    settings.write_text(text.removesuffix("\nMore.\n"), encoding="utf-8")
    assert files(copy) == before


def test_an_empty_migration_is_made_to_be_written_by_hand(copy: Path) -> None:
    made = run(copy, "migration", "--empty", "index more")
    assert made.returncode == 0, made.stderr
    path = copy / made.stdout.partition(":")[0]
    assert "    pass\n" in path.read_text(encoding="utf-8")


def test_what_is_installed_is_no_checkout(copy: Path) -> None:
    (copy / "pyproject.toml").unlink()
    for command in (("refresh",), ("migration", "x")):
        refused = run(copy, *command)
        assert refused.returncode == 1 and "a checkout of the sources" in refused.stderr


def test_the_command_of_a_checkout_names_them() -> None:
    shown = subprocess.run(
        [ROOT / "run", "--help"], capture_output=True, text=True, check=True, env=os.environ
    )
    assert "./run migration" in shown.stdout and "./run refresh" in shown.stdout
