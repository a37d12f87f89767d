"""tmf-lint, a checker by others for TMF638, 639 and 641, and where it asks for what the official files forbid."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from models import WHOLE
from tests.samples import minimal
from tests.serving import open_directory, serving

CONTRARY = {
    "TMF638-HTTP-001": "posts a Service without serviceSpecification, which Service_Create requires",
    "TMF638-REF-001": "the same; and it wants dangling references refused, which only --strict-references does",
    "TMF639-LC-002": "wants suspended -> alarm refused; TMF has no diagram for the states of resources",
    "TMF641-HTTP-001": "posts the lines under orderItem; they are serviceOrderItem, and required",
    "TMF641-REF-001": "the same; and it wants an order to modify an unknown service refused",
}
"""The rules that fail, with the reason. Those that build on what these create are skipped by the checker."""


@pytest.mark.slow
def test_what_tmf_lint_finds() -> None:
    with open_directory() as directory, serving(data_dir=directory / "data") as served:
        for name in ("Service", "ServiceOrder", "Resource"):
            kind = WHOLE.kinds[name]
            httpx.post(served.url + kind.homes[0].url, json=minimal(kind)).raise_for_status()
        tool = Path(sys.executable).parent / "tmf-lint"
        command = [tool, "check", "--url", served.url, "--format", "json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    failed = {one["rule_id"]: one["message"] for one in report["results"] if one["severity"] == "fail"}
    assert set(failed) == set(CONTRARY), failed
    assert report["summary"]["passed"] >= 21, report["summary"]
