"""Every state of the page, wide or narrow, by day or by night: axe is content, and all fits."""

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
    "state",
    [
        *("answer-in-code", "where-it-looked", "vote", "recent", "side-by-side", "token"),
        *("batch", "batch-gallery", "batch-missing", "experiment", "experiment-form", "teach"),
    ],
)
def test_fingers_hit_what_there_is_to_press(scene: Scene, state: str) -> None:
    enter(scene, state)
    resize(scene, 320, 640)
    assert scene.page.evaluate(TOO_SMALL, PRESSED) == []


BEYOND = """() => {
  const isAny = (each, what) => each !== null && (what(each) || isAny(each.parentElement, what));
  const isUnseen = (each) => getComputedStyle(each).clipPath !== "none";
  const isFramed = (each) => getComputedStyle(each).overflowX !== "visible";
  return [...document.body.querySelectorAll("*")].filter((each) => {
    const {left, right, width} = each.getBoundingClientRect();
    const isSeen = width && each.checkVisibility({visibilityProperty: true});
    const isBeyond = left < -1 || right > innerWidth + 1;
    return isSeen && isBeyond && !isAny(each, isUnseen) && !isAny(each.parentElement, isFramed);
  }).map((each) => `${each.localName} ${each.id} ${each.className}`);
}"""
"""What is cut by the window's edge, where nothing scrolls it into sight."""


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_and_all_fits(scene: Scene, state: str) -> None:
    enter(scene, state)
    for width, scheme in looks(scene, WIDTHS):
        assert violations(scene.page) == [], f"{width} px, {scheme}"
        assert scene.page.evaluate(BEYOND) == [], f"{width} px, {scheme}"
