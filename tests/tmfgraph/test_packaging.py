"""What is installed: two locks that say the same, a wheel that is complete, and a server run from it."""

import itertools
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import tmfgraph
from tests.serving import environment, open_directory, serving

ROOT = Path(__file__).resolve().parent.parent.parent
BUNDLED = ("migrations", "models", "resolvers", "schema")


def toml(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / name).read_text())


PROJECT = toml("pyproject.toml")["project"]
LOCKED = {package["name"]: package for package in toml("uv.lock")["package"]}


def constraints() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    parsed = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(one.name): str(one.specifier) for one in parsed}


def test_the_version_is_said_once():
    assert PROJECT["version"] == tmfgraph.__version__ == LOCKED["tmfgraph"]["version"]


def test_both_locks_hold_the_same():
    locked = {name: f"=={package['version']}" for name, package in LOCKED.items() if name != "tmfgraph"}
    assert constraints() == locked, (
        "requirements.lock is behind uv.lock: uv lock && uv export --locked --all-extras --no-default-groups "
        "--no-hashes --no-annotate --no-emit-project -o requirements.lock"
    )


def test_the_locks_are_of_these_dependencies():
    asked = itertools.chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    declared = {(canonicalize_name(r.name), str(r.specifier)) for r in map(Requirement, asked)}
    recorded = LOCKED["tmfgraph"]["metadata"]["requires-dist"]
    assert {(one["name"], str(Requirement("x" + one["specifier"]).specifier)) for one in recorded} == declared
    assert toml("uv.lock")["requires-python"].replace(" ", "") == PROJECT["requires-python"]
    for requirement in map(Requirement, itertools.chain(*PROJECT["optional-dependencies"].values())):
        assert requirement.specifier.contains(LOCKED[canonicalize_name(requirement.name)]["version"])


def test_the_locks_name_the_public_index_alone():
    addresses = set(re.findall(r"https?://[^/\"' ]+", (ROOT / "uv.lock").read_text()))
    assert addresses == {"https://pypi.org", "https://files.pythonhosted.org"}
    assert "://" not in (ROOT / "requirements.lock").read_text()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", directory, ROOT]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(directory.glob("*.whl"))


def test_the_wheel_is_complete_and_keeps_to_its_own_name(wheel: Path):
    found = zipfile.ZipFile(wheel).namelist()
    distribution = f"tmfgraph-{tmfgraph.__version__}.dist-info"
    assert {name.partition("/")[0] for name in found} == {"tmfgraph", distribution}
    ours = [path for path in (ROOT / "tmfgraph").rglob("*") if path.is_file()]
    bundled = [ROOT / "app.py", *(p for name in BUNDLED for p in (ROOT / name).rglob("*") if p.is_file())]
    expected = {path.relative_to(ROOT).as_posix() for path in ours}
    expected |= {f"tmfgraph/_app/{path.relative_to(ROOT).as_posix()}" for path in bundled}
    expected = {name for name in expected if "__pycache__" not in name}
    assert {name for name in found if not name.startswith(distribution)} == expected
    assert f"{distribution}/licenses/LICENSE" in found


# How pip says that it found no index, and not that a package is missing there.
NO_INDEX = ("Retrying (Retry(", "Network is unreachable", "Temporary failure in name resolution")


@pytest.mark.slow
def test_the_installed_wheel_serves_from_anywhere(wheel: Path):
    with open_directory() as directory:
        python = directory / "venv" / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", directory / "venv"], check=True)
        pip = [python, "-m", "pip", "--disable-pip-version-check", "--retries", "1", "install", "--quiet"]
        installed = subprocess.run(
            [*pip, "-c", ROOT / "requirements.lock", wheel],
            env=environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if installed.returncode != 0 and any(sign in installed.stderr for sign in NO_INDEX):
            pytest.skip(reason=f"the package index cannot be reached: {installed.stderr.strip()[-200:]}")
        assert installed.returncode == 0, installed.stderr

        # Distributions of these names exist on the index: ours must be found, and theirs left alone.
        packages = next((directory / "venv" / "lib").glob("python*/site-packages"))
        assert not [name for name in ("app", *BUNDLED) if list(packages.glob(f"{name}*"))]
        for name in ("app", *BUNDLED):
            (packages / f"{name}.py").write_text("raise RuntimeError('this is another distribution')\n")

        elsewhere = directory / "elsewhere"
        elsewhere.mkdir()
        command = [str(directory / "venv" / "bin" / "tmfgraph")]
        for workers in ("1", "2"):
            flags = ("--workers", workers)
            with serving(*flags, data_dir=directory / "data", command=command, cwd=elsewhere) as served:
                answer = httpx.post(served.url + "/graphql", json={"query": "{ __typename }"})
                assert answer.json() == {"data": {"__typename": "Query"}}
                assert served.stop() == 0
        assert list(elsewhere.iterdir()) == []
