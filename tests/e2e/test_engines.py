"""The page's main paths in Firefox and WebKit: the other tests of it are Chromium's alone."""

import csv
import importlib.resources
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.starting import wait_for
from tests.e2e.browser import sample
from tests.e2e.conftest import file_server
from tests.e2e.webdriver import ENGINES, Browser

# what the policy refuses and what is thrown, from here on
WATCH = """
  window.complaints = [];
  const note = (event) => complaints.push(event.message ?? event.reason ?? event.violatedDirective);
  for (const kind of ["error", "unhandledrejection", "securitypolicyviolation"]) {
    addEventListener(kind, note);
  }
"""


@pytest.fixture(scope="module", params=ENGINES)
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    start, missing = ENGINES[request.param]
    if missing:
        pytest.skip(f"needs Debian's {missing}")
    with start(tmp_path_factory.mktemp(request.param)) as browser:
        browser.resize(1280, 900)
        yield browser


@pytest.fixture
def page(engine: Browser, server: str) -> Iterator[Browser]:
    """The page, newly opened; at the end nothing may have been refused or have thrown."""
    engine.open("about:blank")
    engine.open(server)
    engine.run(WATCH)
    engine.see("#card-version", "doodle")
    yield engine
    assert engine.run("return complaints") == []


@pytest.fixture
def files(tmp_path: Path) -> Iterator[str]:
    shutil.copy(sample("umbrella"), tmp_path / "umbrella.jpg")
    with file_server(tmp_path) as url:
        yield url


def expect_answer(page: Browser, label: str) -> None:
    page.see("#answer[data-state=answer] #headline", label)
    assert "%" in page.see("#labels li", label)


def test_a_picture_is_uploaded_and_answered(page: Browser) -> None:
    page.type("#file", str(sample("umbrella")))
    expect_answer(page, "umbrella")
    page.see("#caption", "JPEG")
    wait_for(lambda: page.run("return document.getElementById('picture').naturalWidth > 0"))


def test_a_url_is_answered_and_has_a_link(page: Browser, files: str) -> None:
    page.type("#url", f"{files}/umbrella.jpg")
    page.press_button("Classify")
    expect_answer(page, "umbrella")
    page.open(page.run("return location.href"))
    page.run(WATCH)
    expect_answer(page, "umbrella")


def test_a_file_that_is_no_picture_is_refused_in_words(page: Browser, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Not a picture.\n" * 20)
    page.type("#file", str(tmp_path / "notes.txt"))
    page.see("#problem", "ImageUnreadable · 422")


def test_a_batch_goes_on_to_its_end_and_is_downloaded(page: Browser) -> None:
    page.press_button("Batch")
    page.see("#batch-hint")
    page.type("#batch-files", "\n".join(str(sample(label)) for label in ("umbrella", "banana")))
    page.see("#batch-title", "All 2 classified")
    page.see("#batch-rows .row-label", "banana")
    page.press_button("Download CSV")
    with page.downloaded("*.csv").open(newline="", encoding="utf-8-sig") as saved:
        labels = {row["file"]: row["label_1"] for row in csv.DictReader(saved)}
    assert labels == {"umbrella.jpg": "umbrella", "banana.jpg": "banana"}


def test_pictures_of_a_batch_survive_a_reload_and_open_enlarged(page: Browser) -> None:
    shown = "return document.querySelector(arguments[0])?.naturalWidth > 0"
    page.press_button("Batch")
    page.see("#batch-hint")
    page.type("#batch-files", "\n".join(str(sample(label)) for label in ("umbrella", "banana")))
    page.see("#batch-title", "All 2 classified")
    address = page.run("return location.href")
    page.open("about:blank")
    page.open(address)
    page.run(WATCH)
    page.see("#batch-title", "All 2 classified")
    page.press_button("Gallery")
    wait_for(lambda: page.run(shown, "#batch-tiles li:last-child img"))
    page.click("#batch-tiles li:first-child button")
    page.see("#lightbox-said", "%")
    page.press("ArrowRight")
    page.see("#lightbox-place", "2 of 2")
    wait_for(lambda: page.run(shown, "#lightbox-picture"))
    page.press("Escape")
    focused = "return document.activeElement.matches('#batch-tiles li:last-child button')"
    wait_for(lambda: page.run(focused))


def test_a_run_is_started_and_reported(page: Browser) -> None:
    page.press_button("Experiment")
    page.see("#workflow-question")
    wait_for(lambda: page.run("return document.getElementById('workflow-challenger').length > 1"))
    page.click("#workflow-champion option[value=doodle]")
    page.click("#workflow-challenger option[value=doodle-small]")
    page.press_button("Try it with the samples")
    page.see("#workflow-go", "Compare on 6 pictures")
    page.click("#workflow-go")
    page.see("#workflow-open[data-status=succeeded] #workflow-outcome", "Kept")
    page.see("#workflow-report .arm-table", "doodle-small")


def test_keyboard_alone(page: Browser, files: str) -> None:
    page.tab_to("#url")
    page.press(*f"{files}/umbrella.jpg", "Enter")
    expect_answer(page, "umbrella")
    page.tab_to("[data-sample=banana]")
    page.press("Enter")
    expect_answer(page, "banana")


def test_tabs_are_turned_by_arrows(page: Browser) -> None:
    page.tab_to("#tab-picture")
    page.press("ArrowRight")
    page.see("#panel-draw")
    page.press("Home")
    page.see("#panel-picture")


def test_axe_has_nothing_to_say_of_an_answer(page: Browser) -> None:
    page.press_button("umbrella")
    expect_answer(page, "umbrella")
    page.run((importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text())
    page.run("axe.run().then(({ violations }) => { window.violations = violations; })")
    wait_for(lambda: page.run("return typeof violations !== 'undefined'"))
    assert page.run("return violations.map(({ id, help }) => `${id}: ${help}`)") == []
