"""axe finds nothing to say of any state of the page, wide or narrow, by day or by night."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.e2e.states import STATES, Scene, enter, looks, prepare, resize

WIDTHS = (1440, 320)

pytestmark = pytest.mark.chromium


@pytest.fixture(scope="module")
def scene(browser: Any, server: str) -> Iterator[Scene]:
    context = browser.new_context(reduced_motion="reduce")
    yield prepare(context.new_page(), server)
    context.close()


def violations(page: Page) -> list[str]:
    response = Axe().run(page).response
    return [
        f"{it['id']}: {it['help']} {[node['target'] for node in it['nodes']]}"
        for it in response["violations"]
    ]


PRESSED = "a, button, select, summary, input, label[for=file]"
TOO_SMALL = """(pressed) => [...document.querySelectorAll(pressed)]
  .filter((it) => it.checkVisibility({visibilityProperty: true}) && !it.matches(".strip *"))
  .map((it) => [it, (it.matches("input") && it.closest("label") || it).getBoundingClientRect()])
  .filter(([it, {width, height}]) => width > 10 && (height < 44 || width < 20))
  .map(([it, {width, height}]) => `${it.id || it.textContent.trim()}: ${width} x ${height}`)"""
"""What a finger will hardly hit; samples are smaller, as six of them share the narrowest line."""


@pytest.mark.parametrize(
    "state", ["answer-in-code", "where-it-looked", "vote", "recent", "side-by-side", "token"]
)
def test_fingers_hit_what_there_is_to_press(scene: Scene, state: str) -> None:
    enter(scene, state)
    resize(scene, 320, 640)
    assert scene.page.evaluate(TOO_SMALL, PRESSED) == []


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(scene: Scene, state: str) -> None:
    enter(scene, state)
    for width, scheme in looks(scene, WIDTHS):
        assert violations(scene.page) == [], f"{width} px, {scheme}"
        assert scene.page.evaluate("document.documentElement.scrollWidth") <= width
