"""What it costs to open the page, and what is shown where a part of it does not arrive."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import drop, sample
from tests.e2e.edge import Bucket, Edge, stage

pytestmark = pytest.mark.chromium

VISITORS = 5


@pytest.fixture
def edge(server: str) -> Iterator[Edge]:
    with stage(server) as edge:
        yield edge


@pytest.fixture
def visitors(browser: Browser) -> Iterator[list[Any]]:
    """Contexts of people who were never here."""
    contexts = [browser.new_context() for _ in range(VISITORS)]
    yield contexts
    for context in contexts:
        context.close()


def expect_whole(page: Page) -> None:
    """All that belongs to the first view is there."""
    expect(page.locator("#card-name")).not_to_be_empty()
    for image in page.locator("#samples img").all():
        expect(image).to_have_js_property("complete", True)
        expect(image).not_to_have_js_property("naturalWidth", 0)
    page.wait_for_load_state("networkidle")
    expect(page.locator("#unloaded")).to_be_hidden()


def test_the_first_view_is_light_and_a_return_lighter(edge: Edge, visitors: list[Any]) -> None:
    visitor = visitors[0]
    page = visitor.new_page()
    page.goto(edge.url)
    expect_whole(page)
    print(f"first view: {len(edge.asked)} requests, {edge.sent} bytes")
    assert len(edge.asked) <= 8, edge.asked
    assert edge.sent <= 150_000
    page.close()
    edge.forget()

    again = visitor.new_page()
    again.goto(edge.url)
    expect_whole(again)
    print(f"return: {len(edge.asked)} requests, {edge.sent} bytes")
    assert len(edge.asked) <= 2, edge.asked


def test_five_visitors_at_once_get_the_whole_page_of_a_throttled_stage(
    edge: Edge, visitors: list[Any]
) -> None:
    pages = [visitor.new_page() for visitor in visitors]
    for page in pages:
        page.goto(edge.url, wait_until="commit")
    for page in pages:
        expect_whole(page)
    assert edge.refused == 0 and len(edge.asked) <= 8 * VISITORS


def test_a_page_whose_script_did_not_arrive_says_so_and_is_loaded_again(
    edge: Edge, visitors: list[Any]
) -> None:
    edge.bucket = Bucket(rate=0, burst=1)
    page = visitors[0].new_page()
    page.goto(edge.url)
    expect(page.locator("#unloaded")).to_be_visible()
    assert edge.refused > 0

    edge.bucket = Bucket(rate=50, burst=100)
    page.get_by_role("link", name="load it again").click()
    expect_whole(page)


def test_it_says_so_where_only_the_script_is_missing(edge: Edge, visitors: list[Any]) -> None:
    page = visitors[0].new_page()
    page.route("**/app-*.js", lambda route: route.abort())
    page.goto(edge.url)
    expect(page.locator("#unloaded")).to_be_visible()


@pytest.mark.parametrize(("tab", "script"), [("Batch", "batch"), ("Experiment", "experiment")])
def test_a_tab_is_fetched_when_it_is_first_opened(
    edge: Edge, visitors: list[Any], tab: str, script: str
) -> None:
    page = visitors[0].new_page()
    page.goto(edge.url)
    expect_whole(page)
    fetched = re.compile(rf"GET /dev/static/{script}-.*\.js")
    assert not any(map(fetched.match, edge.asked))
    page.get_by_role("tab", name=tab).click()
    expect(page.locator("#batch-hint:visible, #workflow-hint:visible")).not_to_be_empty()
    assert any(map(fetched.match, edge.asked))


def test_a_tab_that_did_not_arrive_says_so_and_is_loaded_again(
    edge: Edge, visitors: list[Any]
) -> None:
    page = visitors[0].new_page()
    page.goto(edge.url)
    expect_whole(page)
    page.route("**/batch-*.js", lambda route: route.abort())
    page.get_by_role("tab", name="Batch").click()
    expect(page.locator("#unloaded")).to_be_visible()

    page.unroute("**/batch-*.js")
    page.get_by_role("link", name="load it again").click()
    expect(page.get_by_role("tab", name="Batch")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#batch-hint")).not_to_be_empty()
    expect(page.locator("#unloaded")).to_be_hidden()


@pytest.mark.parametrize("again", ["by its link", "by its tab"])
@pytest.mark.parametrize("way", ["chosen", "dropped"])
def test_a_file_waits_for_a_tab_that_did_not_arrive_at_once(
    edge: Edge, visitors: list[Any], way: str, again: str
) -> None:
    page = visitors[0].new_page()
    page.goto(edge.url)
    expect_whole(page)
    page.route("**/experiment-*.js", lambda route: route.abort())
    page.get_by_role("tab", name="Experiment").click()
    if way == "chosen":
        page.locator("#workflow-files").set_input_files(sample("umbrella"))
    else:
        drop(page, [("umbrella.jpg", sample("umbrella").read_bytes())])
    expect(page.locator("#unloaded")).to_be_visible()

    page.unroute("**/experiment-*.js")
    if again == "by its link":
        page.get_by_role("link", name="load it again").click()
    else:
        page.get_by_role("tab", name="One picture").click()
        page.get_by_role("tab", name="Experiment").click()
    expect(page.locator("#workflow-given")).to_have_text("1 picture")
    expect(page.locator("#unloaded")).to_be_hidden()
    expect(page.locator("#workflow-question")).to_be_visible()
