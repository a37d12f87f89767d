"""What the README shows is what happens."""

import json
import re
from pathlib import Path

from tests.conftest import Client
from tmfgraph import demo, settings

ROOT = Path(__file__).parent.parent


def test_the_queries_of_the_readme_give_their_answers_on_the_demo_data(
    client: Client, database_url: str
) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    queries = re.findall(r"```graphql\n(.*?)```", text, re.DOTALL)
    answers = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    assert len(queries) == len(answers) == 2
    demo.ensure(database_url, settings.Settings())
    for query, answer in zip(queries, answers, strict=True):
        assert client.graphql(query) == json.loads(answer)


def test_the_curl_of_the_readme_finds_something(client: Client, database_url: str) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    path = re.search(r"curl 'localhost:8000(/[^']*)'", text)
    assert path
    demo.ensure(database_url, settings.Settings())
    answer = client.get(path[1])
    assert answer.status_code == 200 and answer.json()


def test_the_table_of_settings_is_the_one_in_the_code() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert settings.as_markdown() in page, "stale: run `./run refresh`"
