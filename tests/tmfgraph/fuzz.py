"""Schemathesis against a running server, by the server's own OpenAPI documents: `python tests/tmfgraph/fuzz.py`.

Every API gets generated requests, good and bad, in all phases; a case fails where the server errs (5xx), or
where its answer is not what the document says. `--examples 400` makes about 10,000 cases an API.
"""

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@dataclass(frozen=True)
class Outcome:
    """What came of one API."""

    api: str
    passed: bool
    cases: int
    report: str


def run(url: str, api: str, *, examples: int, phases: str, seed: int, time_out: int = 3600) -> Outcome:
    """Tries one API of the server at `url`."""
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi/{api}.json",
        "--max-examples", str(examples), "--phases", phases, "--seed", str(seed),
        "--checks", ",".join(CHECKS), "--continue-on-failure", "--no-color", "--warnings", "off",
        "--suppress-health-check", "data_too_large",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=time_out)
    found = re.search(r"(\d+) generated", done.stdout)
    return Outcome(api, done.returncode == 0, int(found[1]) if found else 0, done.stdout + done.stderr)


def main() -> int:
    from models import WHOLE
    from schema.rest.openapi import apis
    from tests.serving import open_directory, serving

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("apis", nargs="*", help="such as TMF622; all where none is named")
    parser.add_argument("--examples", type=int, default=400, help="for each operation (default: 400)")
    parser.add_argument("--phases", default="examples,coverage,fuzzing,stateful")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    failed, total = 0, 0
    with open_directory() as directory, serving(data_dir=directory / "data") as served:
        for api in given.apis or apis(WHOLE):
            outcome = run(served.url, api, examples=given.examples, phases=given.phases, seed=given.seed)
            total += outcome.cases
            print(f"{api}: {outcome.cases:,} cases, {'passed' if outcome.passed else 'FAILED'}", flush=True)
            if not outcome.passed:
                failed += 1
                print(outcome.report)
    print(f"{total:,} cases, {failed} APIs failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
