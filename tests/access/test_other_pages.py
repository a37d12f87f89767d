"""Pages of other sites in a real browser: what they make it send does nothing here."""

import http.server
import re
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.pages.test_pages import CHROMIUM, browser, site  # noqa: F401  (fixtures)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: chromium)"),
]

INDIVIDUAL = "/tmf-api/party/v4/individual"
MUTATION = 'mutation { createIndividual(input: { familyName: "Mallory", givenName: "x" }) { id } }'
OPERATION = f'{{"query": "{MUTATION}"}}'.replace('"Mallory"', '\\"Mallory\\"').replace('"x"', '\\"x\\"')
QUERY = "/graphql?query=%7Bindividuals%7BtotalCount%7D%7D"

ATTACKS = {
    **{
        f"a form as {enctype} to {path}": f"""
            const form = document.createElement('form');
            form.method = 'POST'; form.action = SITE + '{path}'; form.enctype = '{enctype}'; form.target = 'frame';
            const field = document.createElement('input');
            field.name = '{{"familyName": "Mallory", "givenName": "'; field.value = '"}}'; field.type = 'hidden';
            form.append(field); document.body.append(form); form.submit();"""
        for enctype in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")
        for path in (INDIVIDUAL, "/graphql")
    },
    **{
        f"fetch as {kind!r} to {path}": f"""
            const body = new Blob([{body}], {{type: {kind!r}}});
            fetch(SITE + '{path}', {{method: 'POST', mode: 'no-cors', credentials: 'include', body}});"""
        for kind in ("", "text/plain", "application/x-www-form-urlencoded")
        for path, body in ((INDIVIDUAL, "PERSON"), ("/graphql", "OPERATION"))
    },
    **{
        f"a beacon as {kind!r}": f"navigator.sendBeacon(SITE + '{INDIVIDUAL}', new Blob([PERSON], {{type: {kind!r}}}));"
        for kind in ("", "text/plain")
    },
    "a frame": f"document.querySelector('iframe').src = SITE + '{QUERY}';",
    "a GET": f"fetch(SITE + '{QUERY}', {{mode: 'no-cors', credentials: 'include'}});",
    "a link": f"location.href = SITE + '{QUERY}';",
    "a prefetch": f"const s = document.createElement('link'); s.rel = 'prefetch'; s.href = SITE + '{QUERY}'; document.head.append(s);",
}  # fmt: skip
BLOCKED = {
    "an image": f"new Image().src = SITE + '{QUERY}';",
    "a script": f"const s = document.createElement('script'); s.src = SITE + '{QUERY}'; document.head.append(s);",
    "a style": f"const s = document.createElement('link'); s.rel = 'stylesheet'; s.href = SITE + '{QUERY}'; document.head.append(s);",
}  # fmt: skip
"""The browser keeps the answer from the page, but the request has arrived."""

ASKING_FIRST = {
    "POST as JSON": f"fetch(SITE + '{INDIVIDUAL}', {{method: 'POST', headers: {{'content-type': 'application/json'}}, body: PERSON}});",
    "an operation as JSON": "fetch(SITE + '/graphql', {method: 'POST', headers: {'content-type': 'application/json'}, body: OPERATION});",
    "DELETE": f"fetch(SITE + '{INDIVIDUAL}/1', {{method: 'DELETE'}});",
    "a beacon as JSON": f"navigator.sendBeacon(SITE + '{INDIVIDUAL}', new Blob([PERSON], {{type: 'application/json'}}));",
}  # fmt: skip


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    """The port of another server on this machine, with an empty page."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(
                b"<!doctype html><link rel=icon href='data:,'><body><iframe name=frame></iframe>"
            )

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(params=["localhost", "127.0.0.1"], ids=["same-site", "cross-site"])
def page(request: Any, browser: Browser, elsewhere: int) -> Iterator[Page]:  # noqa: F811
    """A page of another origin: of the same site on another port, or of another site."""
    context = browser.new_context()
    made = context.new_page()
    made.goto(f"http://{request.param}:{elsewhere}/")
    yield made
    context.close()


def state(site: str) -> tuple[int, float]:  # noqa: F811
    """How many persons there are, and how many operations have run."""
    persons = httpx.get(f"{site}{INDIVIDUAL}?limit=0", timeout=30).headers["x-total-count"]
    counts = httpx.get(f"{site}/metrics", timeout=30).text
    ran = re.findall(r"^tmfgraph_graphql_operations_total\{.*\} (\S+)$", counts, re.MULTILINE)
    return int(persons), sum(map(float, ran))


def script(site: str, attack: str) -> str:  # noqa: F811
    person = '{"familyName": "Mallory", "givenName": "x"}'
    return f"() => {{ const SITE = '{site}', PERSON = '{person}', OPERATION = {OPERATION!r}; {attack} }}"


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_needs_no_asking_is_refused(page: Page, site: str, attack: str) -> None:  # noqa: F811
    before = state(site)
    with page.expect_response(lambda response: response.url.startswith(site)) as found:
        page.evaluate(script(site, ATTACKS[attack]))
    assert found.value.status == 403
    assert state(site) == before


@pytest.mark.parametrize("attack", BLOCKED)
def test_what_a_page_embeds_does_not_run(page: Page, site: str, attack: str) -> None:  # noqa: F811
    before = state(site)
    with page.expect_event("requestfailed", lambda request: request.url.startswith(site)):
        page.evaluate(script(site, BLOCKED[attack]))
    assert state(site) == before


@pytest.mark.parametrize("attack", ASKING_FIRST)
def test_what_is_asked_for_first_is_not_sent(page: Page, site: str, attack: str) -> None:  # noqa: F811
    before = state(site)
    sent: list[str] = []
    page.on("response", lambda response: sent.append(f"{response.request.method} {response.status}"))
    page.evaluate(script(site, ASKING_FIRST[attack]))
    page.wait_for_timeout(300)
    assert not any(answer.endswith((" 200", " 201", " 204")) for answer in sent), sent
    assert state(site) == before


def test_a_link_to_the_page_opens_it(page: Page, site: str) -> None:  # noqa: F811
    page.evaluate(f"location.href = '{site}/graphql'")
    page.wait_for_selector(".graphiql-execute-button")
    page.locator(".graphiql-execute-button").click()
    page.locator(".result-window").get_by_text("operationalState").first.wait_for()
