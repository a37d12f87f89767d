"""`python tests/mutants.py`: small mistakes in the pure rooms, one at a time, and whether their tests notice.

Each is made in a copy of the checkout. One that survives is either a line that no test needs, or a change that
makes no difference.
"""

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PURE = {
    "models/check.py": "tests/storage/test_documents.py",
    "models/json_in.py": "tests/storage/test_documents.py tests/rest/test_requests.py",
    "models/times.py": "tests/models/test_times.py tests/storage/test_documents.py",
    "resolvers/query/tmf630.py": "tests/storage/test_filters.py tests/rest/test_requests.py",
    "resolvers/rest/patches.py": "tests/rest/test_patch.py",
    "resolvers/storage/kept.py": "tests/storage/test_kept.py",
}
"""Files that neither ask the database nor wait, and the tests that are to notice."""
SECONDS_AT_MOST = 600
OPPOSITE = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def mutants(text: str) -> Iterator[tuple[int, str, str]]:
    """Each mistake: its line, what it is, and the whole text with it."""
    tree = ast.parse(text)
    for number, node in enumerate(ast.walk(tree)):
        if not isinstance(node, (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Constant)):
            continue
        made = copy.deepcopy(tree)
        changed = next(one for place, one in enumerate(ast.walk(made)) if place == number)
        before = ast.unparse(changed)
        match changed:
            case ast.Compare(ops=[op, *_]):
                changed.ops[0] = OPPOSITE[type(op)]()
            case ast.BoolOp(op=op):
                changed.op = OPPOSITE[type(op)]()
            case ast.UnaryOp(op=ast.Not()):
                changed.op, changed.operand = ast.Not(), ast.UnaryOp(ast.Not(), changed.operand)
            case ast.Constant(value=bool() as value):
                changed.value = not value
            case ast.Constant(value=int() as value):
                changed.value = value + 1
            case _:
                continue
        ast.fix_missing_locations(made)
        yield node.lineno, f"{before} -> {ast.unparse(changed)}", ast.unparse(made)


def survives(where: Path, file: str, text: str, tests: list[str]) -> bool:
    """Whether the tests pass all the same in the copy."""
    path = where / file
    held = path.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "2", "-p", "no:cacheprovider", *tests]
        env = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            command, cwd=where, env=env, capture_output=True, timeout=SECONDS_AT_MOST, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    finally:
        path.write_text(held, encoding="utf-8")
    return done.returncode == 0


def main() -> int:
    """1 where a mutant survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "files", nargs="*", help=f"which files, of {', '.join(PURE)}; all where none is named"
    )
    parser.add_argument("--number", type=int, default=10, help="how many mistakes in each file")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    alive = 0
    with tempfile.TemporaryDirectory(prefix="tmfgraph-mutants-") as name:
        where = Path(name) / "checkout"
        left_out = shutil.ignore_patterns(".*", "__pycache__", "node_modules")
        shutil.copytree(ROOT, where, ignore=left_out, symlinks=True)
        for file in arguments.files or PURE:
            found = list(mutants((ROOT / file).read_text(encoding="utf-8")))
            for line, what, text in random.Random(arguments.seed).sample(
                found, min(arguments.number, len(found))
            ):
                lives = survives(where, file, text, PURE[file].split())
                alive += lives
                print(f"{'SURVIVES' if lives else 'killed':8} {file}:{line}: {what}", flush=True)
    return int(alive > 0)


if __name__ == "__main__":
    sys.exit(main())
