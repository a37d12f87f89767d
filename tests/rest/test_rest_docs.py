"""The requests of docs/rest.md, run in their order against the demo data."""

import re
from pathlib import Path

from tests.conftest import Client
from tmfgraph import demo
from tmfgraph.settings import Settings

PAGE = Path(__file__).parent.parent.parent / "docs" / "rest.md"
TESTS = Path(__file__).parent.parent


def test_the_requests_of_the_page_answer_as_it_says(client: Client, database_url: str) -> None:
    demo.ensure(database_url, Settings())
    blocks = re.findall(r"```http\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len(blocks) > 15
    for block in blocks:
        lines = block.rstrip().split("\n")
        status = int(lines.pop()) if re.fullmatch(r"\d{3}", lines[-1]) else 200
        head, _, body = "\n".join(lines).partition("\n\n")
        first, *rest = head.split("\n")
        method, path = first.split(" ", 1)
        headers = dict(line.split(": ", 1) for line in rest)
        answer = client.request(method, path, headers=headers, content=body.encode())
        assert answer.status_code == status, (block, answer.text)
        if method == "GET" and status == 200 and path.partition("?")[0].count("/") == 4:
            assert answer.json(), f"{path} finds nothing in the demo data"


def test_the_tests_that_the_table_names_are_there() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("rule by rule")[2]
    sources = {
        path.relative_to(TESTS).as_posix(): path.read_text(encoding="utf-8") for path in TESTS.rglob("*.py")
    }
    for name in re.findall(r"`(test_\w+)`", table):
        assert any(f"def {name}(" in source for source in sources.values()), name
    for name in re.findall(r"`tests/([\w/]*test_\w+\.py)`", table):
        assert name in sources, name


def test_the_page_is_linked_from_the_readme() -> None:
    assert "docs/rest.md" in (PAGE.parent.parent / "README.md").read_text(encoding="utf-8")
