"""The page /docs: the interface, to be read and tried; nothing of it is from elsewhere."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import shoot
from tests.e2e.edge import Edge, stage

pytestmark = pytest.mark.chromium


@pytest.fixture
def edge(server: str) -> Iterator[Edge]:
    with stage(server) as edge:
        yield edge


@pytest.fixture
def docs(edge: Edge, context: Any) -> Iterator[Page]:
    """Of a stage; at the end its policy has refused nothing, and all came from the stage."""
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda sent: (
            sent.url.startswith((edge.url, "data:", "blob:")) or complaints.append(sent.url)
        ),
    )
    page.goto(edge.url)
    page.get_by_role("link", name="API").click()
    yield page
    page.close()
    assert complaints == []


def test_an_operation_can_be_tried(docs: Page, edge: Edge) -> None:
    docs.locator("#operations-service-models .opblock-summary-control").click()
    docs.get_by_role("button", name="Execute").click()
    answered = docs.locator(".live-responses-table")
    expect(answered.locator("tbody .response-col_status")).to_have_text("200")
    expect(answered).to_contain_text('"doodle"')
    expect(docs.locator(".curl-command")).to_contain_text(f"{edge.url}models")
    assert "GET /dev/models" in edge.asked
    shoot(docs, "docs")


def test_a_public_stage_asks_nobody_to_authorize(docs: Page) -> None:
    expect(docs.locator(".opblock").first).to_be_visible()
    expect(docs.get_by_role("button", name=re.compile("authoriz", re.IGNORECASE))).to_have_count(0)


def test_every_operation_of_the_description_is_shown(docs: Page, server: str) -> None:
    described = docs.request.get(f"{server}/openapi.json").json()["paths"]
    expect(docs.locator(".opblock")).to_have_count(sum(map(len, described.values())))
    expect(
        docs.locator(".opblock-summary-control a, .opblock-summary-control button")
    ).to_have_count(0)


@pytest.mark.parametrize("browser_options", [{"viewport": {"width": 390, "height": 800}}])
def test_it_fits_a_phone(docs: Page) -> None:
    docs.locator("#operations-predict-predict_post .opblock-summary-control").click()
    expect(docs.get_by_role("textbox", name="Body")).to_contain_text("https://")
    assert docs.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("browser_options", [{"color_scheme": "dark"}])
def test_it_is_dark_at_night(docs: Page) -> None:
    expect(docs.locator(".opblock").first).to_be_visible()
    expect(docs.locator("body")).to_have_css("background-color", "rgb(20, 18, 17)")
    expect(docs.locator(".swagger-ui").first).to_have_css("background-color", "rgb(20, 18, 17)")
