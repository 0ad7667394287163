"""axe finds nothing to say of any state of the page, wide or narrow, by day or by night."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.e2e.states import STATES, Scene, enter, looks, prepare

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


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(scene: Scene, state: str) -> None:
    enter(scene, state)
    for width, scheme in looks(scene.page, WIDTHS):
        assert violations(scene.page) == [], f"{width} px, {scheme}"
