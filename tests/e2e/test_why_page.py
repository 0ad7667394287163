"""Where the model looked, shown over the picture in headless Chromium."""

import base64
import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import sample, shoot, tab_to
from tests.e2e.test_page import draw, expect_answer

pytestmark = pytest.mark.chromium
HEAT, SAID = "#why-heat", "#why-said"


def ask_why(page: Page) -> None:
    page.get_by_role("checkbox", name="Show where it looks").check()
    expect(page.locator("#why")).to_be_visible()


def darkness(overlay: Any, *places: float) -> list[int]:
    """How dark the overlay is along its middle, 0 to 255; places from 0 to 1."""
    return overlay.evaluate(
        """(c, places) => {
        const row = c.getContext("2d").getImageData(0, c.height / 2, c.width, 1).data;
        return places.map((x) => row[4 * Math.floor(x * c.width) + 3]); }""",
        places,
    )


def without_feature_maps(route: Any) -> None:
    """Answers the list of models as if each were explained by occlusion."""
    answer = route.fetch()
    body = answer.json()
    for model in body["models"]:
        model["explain_inferences"] = 42
    route.fulfill(response=answer, body=json.dumps(body))


def test_labels_are_shown_over_the_picture_one_by_one(page: Page) -> None:
    page.locator("#file").set_input_files(sample("umbrella"))
    expect_answer(page, "umbrella")
    expect(page.locator(HEAT)).to_have_count(0)
    with page.expect_response("**/predict*") as told:
        ask_why(page)
    labels = told.value.json()["predictions"][0]["labels"]
    assert "explain=true" in told.value.url and labels[0]["heat_map"]["method"] == "activation"
    expect_answer(page, "umbrella")
    expect(page.locator(SAID)).to_contain_text("What speaks most for umbrella is")
    choices = page.get_by_role("radiogroup", name="Label").get_by_role("radio")
    expect(choices).to_have_count(len(labels))
    picture, overlay = (page.locator(selector).bounding_box() for selector in ("#picture", HEAT))
    assert picture == overlay
    shoot(page, "why")
    choices.nth(1).check()
    expect(page.locator(SAID)).to_contain_text(labels[1]["name"])
    expect(page.locator("#curl")).to_contain_text("explain=true")


def test_what_is_hot_stays_bright(page: Page) -> None:
    cells = bytes(255 if column >= 2 else 0 for row in range(2) for column in range(4))
    heat = {
        "method": "occlusion", "width": 4, "height": 2, "values": base64.b64encode(cells).decode(),
        "regions": [{"x": 160, "y": 0, "width": 160, "height": 320}],
    }  # fmt: skip

    def explained(route: Any) -> None:
        answer = route.fetch()
        body = answer.json()
        for label in body["predictions"][0]["labels"]:
            label["heat_map"] = heat
        route.fulfill(response=answer, body=json.dumps(body))

    page.route("**/predict*", explained)
    page.locator("#file").set_input_files(sample("umbrella"))
    expect_answer(page, "umbrella")
    ask_why(page)
    expect(page.locator(SAID)).to_contain_text("at the middle right. The service covered")
    cold, hot, edge = darkness(page.locator(HEAT), 0.1, 0.9, 0.99)
    assert cold > 240 and hot < 15
    assert edge == 255, "the line round the region closes where the picture ends"


def test_what_covering_parts_takes_is_said_before(page: Page) -> None:
    page.route("**/models", without_feature_maps)
    page.reload()
    page.locator("#file").set_input_files(sample("umbrella"))
    expect_answer(page, "umbrella")
    expect(page.locator("#explain-price")).to_contain_text(
        "Takes 42 inferences. Estimate: a million"
    )


def test_a_drawing_is_explained_and_can_be_continued(page: Page) -> None:
    draw(page, "umbrella")
    expect(page.locator("#answer")).to_have_attribute("data-state", "answer")
    ask_why(page)
    expect(page.locator("#easel " + HEAT)).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(HEAT)).to_have_count(0)


def test_keyboard_alone_asks_chooses_and_dims(page: Page) -> None:
    page.locator("#file").set_input_files(sample("umbrella"))
    expect_answer(page, "umbrella")
    tab_to(page, "#explain")
    page.keyboard.press("Space")
    expect(page.locator("#why")).to_be_visible()
    expect(page.locator("#explain")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#why-labels input").nth(1)).to_be_checked()
    before = page.locator(HEAT).evaluate("canvas => getComputedStyle(canvas).opacity")
    page.keyboard.press("Tab")
    expect(page.locator("#why-strength")).to_be_focused()
    page.keyboard.press("Home")
    after = page.locator(HEAT).evaluate("canvas => getComputedStyle(canvas).opacity")
    assert (before, after) == ("0.7", "0")
    page.locator("#explain").focus()
    page.keyboard.press("Space")
    expect(page.locator(HEAT)).to_have_count(0)
    expect(page.locator("#why")).to_be_hidden()


def test_its_code_comes_when_it_is_first_asked_for(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("#file").set_input_files(sample("umbrella"))
    expect_answer(page, "umbrella")
    assert not [url for url in asked if "/why-" in url]
    ask_why(page)
    assert len([url for url in asked if "/why-" in url]) == 1


def test_it_fits_a_narrow_phone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.locator("#file").set_input_files(sample("umbrella"))
    expect_answer(page, "umbrella")
    ask_why(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shoot(page, "why-phone")
