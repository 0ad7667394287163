"""axe finds nothing to say of any state of the page, wide or narrow, by day or by night."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.e2e.browser import forget
from tests.e2e.states import STATES, Scene, prepare

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
    page = scene.page
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")
    page.goto("about:blank")
    forget(page, scene.url)
    page.goto(scene.url)
    STATES[state](scene)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert violations(page) == [], f"{width} px, {scheme}"
    page.unroute_all(behavior="ignoreErrors")
