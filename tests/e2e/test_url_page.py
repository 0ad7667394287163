"""The page, as the function's own URL serves it: each tab, once."""

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import DOODLES
from tests.e2e.browser import drop, sample, shoot
from tests.e2e.conftest import LocalCloud
from tests.e2e.test_batch_page import expect_finished, shown
from tests.e2e.test_page import expect_answer

LABELS = sorted(path.stem for path in DOODLES.glob("*.jpg"))

pytestmark = pytest.mark.chromium


@pytest.fixture(scope="module")
def server(cloud: LocalCloud) -> str:
    """What `page` opens here."""
    return cloud.function_url


def test_pictures_are_classified(page: Page, server: str) -> None:
    page.get_by_role("button", name="umbrella").click()
    expect_answer(page, "umbrella")
    expect(page.locator("#curl")).to_contain_text(f"{server.rstrip('/')}/predict?max_labels=5")
    page.get_by_label("Choose a file").set_input_files(sample("banana"))
    expect_answer(page, "banana")
    shoot(page, "url-front")


def test_a_batch_is_uploaded_and_its_results_are_shown(page: Page) -> None:
    page.get_by_role("tab", name="Batch").click()
    expect(page.get_by_role("heading", name="What are all these?")).to_be_visible()
    drop(page, [(f"{label}.jpg", sample(label).read_bytes()) for label in LABELS])
    expect_finished(page, f"All {len(LABELS)} classified")
    assert shown(page) == {f"{label}.jpg": label for label in LABELS}


def test_the_other_tabs_ask_the_function_too(page: Page) -> None:
    page.get_by_role("tab", name="Experiment").click()
    expect(page.locator("#traffic")).to_contain_text("Doodle")
