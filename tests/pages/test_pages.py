"""The pages in a real browser, with every other host out of reach."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from models import WHOLE
from resolvers.pages import EXAMPLES
from schema.rest.openapi import apis
from tests.conftest import Client
from tests.graphql.test_graph import fill
from tests.serving import open_directory, serving
from tests.tmfgraph.test_cli import tmfgraph

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SHOTS = os.environ.get("TMFGRAPH_SCREENSHOTS")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: chromium)"),
]


@pytest.fixture(scope="module")
def site(module_database_url: str) -> Iterator[str]:
    """A running server with a few orders."""
    client = Client(module_database_url)
    fill(client, range(5))
    client.close()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "TMFGRAPH_DATABASE_URL": module_database_url}
    command = [sys.executable, "-m", "tmfgraph", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://localhost:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"{url}/health/ready", timeout=5).status_code == 200:
                    break
            except httpx.HTTPError:
                pass
            assert process.poll() is None and time.monotonic() < deadline, "the server did not start"
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def browser(site: str) -> Iterator[Browser]:
    # Started after the site: Playwright keeps an event loop in this thread, beside which no other can run.
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=quiet)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """A page that notes every request to another host, and lets none through, and every error."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    made = context.new_page()
    outside: list[str] = []
    errors: list[str] = []

    def route(route: Any) -> None:
        if route.request.url.startswith((site, "data:", "blob:")):
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    context.route("**/*", route)
    made.on("pageerror", lambda error: errors.append(str(error)))
    made.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield made
    context.close()
    assert outside == []
    assert errors == []


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))


def test_the_first_page_leads_everywhere(page: Page, site: str) -> None:
    page.goto(site)
    assert page.title() == "tmfgraph"
    shot(page, "index")
    links = [link.get_attribute("href") for link in page.locator("a").all()]
    assert {"/graphql", "/docs", "/tmf-api"} <= set(links)
    assert "/tmf-api/productOrderingManagement/v4/productOrder" in links
    for link in links:
        accept = {"accept": "text/html,*/*;q=0.8"}
        assert httpx.get(f"{site}{link}", headers=accept, timeout=30).status_code == 200, link


def test_graphiql_runs_the_chain_and_shows_the_answer(page: Page, site: str) -> None:
    page.goto(f"{site}/graphql")
    page.wait_for_selector(".graphiql-execute-button")
    tabs = page.locator(".graphiql-tab")
    assert tabs.count() == len(EXAMPLES) == 6
    page.locator(".graphiql-execute-button").click()
    page.locator(".result-window").get_by_text("operationalState").first.wait_for()
    shot(page, "graphiql")
    answer = page.locator(".result-window").inner_text()
    assert "Customer 000000" in answer and "errors" not in answer


def test_graphiql_explains_the_schema(page: Page, site: str) -> None:
    page.goto(f"{site}/graphql")
    page.get_by_label("Show Documentation Explorer").click()
    page.get_by_text("Query", exact=True).first.click()
    page.wait_for_selector("text=All productOrders, page by page.")
    shot(page, "documentation")


def test_swagger_ui_shows_every_api_and_tries_its_paths(page: Page, site: str) -> None:
    page.goto(f"{site}/docs")
    page.locator("#operations-Catalog-listCatalog").wait_for()
    selector = page.locator("#select")
    assert selector.locator("option").all_inner_texts() == [
        f"{n} {title}" for n, title in apis(WHOLE).items()
    ]
    selector.select_option(label="TMF622 Product Ordering")
    operation = page.locator("#operations-ProductOrder-listProductOrder")
    operation.wait_for()
    shot(page, "swagger")
    operation.locator(".opblock-summary").click()
    operation.get_by_text("X-Total-Count", exact=True).first.wait_for()
    operation.get_by_role("button", name="Try it out").click()
    shot(page, "swagger-parameters")
    operation.get_by_role("button", name="Execute").click()
    tried = operation.locator(".live-responses-table")
    tried.locator(".response-col_status").get_by_text("200").wait_for()
    assert '"productOrderItem"' in tried.inner_text()
    tried.scroll_into_view_if_needed()
    shot(page, "swagger-tried")


def test_swagger_ui_creates_from_an_example(page: Page, site: str) -> None:
    page.goto(f"{site}/docs?urls.primaryName={quote('TMF632 Party')}#/Party/createParty")
    operation = page.locator("#operations-Party-createParty")
    operation.get_by_role("button", name="Try it out").click()
    examples = operation.locator(".examples-select select")
    assert len(examples.locator("option").all()) >= 4
    examples.select_option(label="Organization: most of what there is")
    shot(page, "swagger-example")
    operation.get_by_role("button", name="Execute").click()
    tried = operation.locator(".live-responses-table")
    tried.locator(".response-col_status").get_by_text("201").wait_for()
    shot(page, "swagger-created")
    assert '"tradingName": "Acme Telecom"' in tried.inner_text()


def test_swagger_ui_sends_a_token(browser: Browser) -> None:
    with open_directory() as directory, serving("--auth", "on", data_dir=directory / "data") as served:
        token = tmfgraph("token", "--data-dir", str(directory / "data"), "--scope", "tmf622:*:read").stdout
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        name = quote("TMF622 Product Ordering")
        page.goto(f"{served.url}/docs?urls.primaryName={name}#/ProductOrder/listProductOrder")
        operation = page.locator("#operations-ProductOrder-listProductOrder")
        operation.get_by_role("button", name="Try it out").click()
        status = operation.locator(".live-responses-table .response-col_status")
        operation.get_by_role("button", name="Execute").click()
        status.get_by_text("401").wait_for()
        page.locator(".auth-wrapper .authorize").first.click()
        page.locator(".auth-container input").fill(token.strip())
        shot(page, "swagger-token")
        page.locator(".auth-btn-wrapper .authorize").click()
        page.locator(".auth-btn-wrapper .btn-done").click()
        operation.get_by_role("button", name="Execute").click()
        status.get_by_text("200").wait_for()
        page.close()
