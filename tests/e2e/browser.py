"""Chromium for the tests of the page, and what they see through it."""

import base64
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DOODLES, ROOT

SCREENSHOTS = ROOT / "build" / "screenshots"
CHROMIUM = shutil.which("chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAGE_PATIENCE = 20_000
"""Milliseconds that the page may take to show what is expected, on a machine with much to do."""
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


def sync_api() -> Any:
    """Playwright; where it is missing the test, or the module of tests, is skipped."""
    return pytest.importorskip("playwright.sync_api", reason="needs playwright: make test")


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    sync_api().expect.set_options(timeout=PAGE_PATIENCE)
    with sync_api().sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def browser_options() -> dict[str, Any]:
    """How the page is opened; tests override it with `parametrize`."""
    return {}


@pytest.fixture
def own_context() -> None:
    """For a test that changes more than its page, such as the clock of all pages."""


@pytest.fixture(scope="package")
def contexts(browser: Any) -> Iterator[dict[str, Any]]:
    """By their settings: the contexts that tests share, since to make one, its window and the page
    in it takes twice as long as a further page does. A blank page keeps the window open."""
    made: dict[str, Any] = {}
    yield made
    for context in made.values():
        context.close()


@pytest.fixture
def context(
    browser: Any,
    contexts: dict[str, Any],
    browser_options: dict[str, Any],
    request: pytest.FixtureRequest,
) -> Iterator[Any]:
    """Where the page is opened."""
    settings = {
        "viewport": {"width": 1280, "height": 800},
        "reduced_motion": "reduce",
        "permissions": ["clipboard-read", "clipboard-write"],
    } | browser_options
    if "own_context" in request.fixturenames:
        context = browser.new_context(**settings)
        yield context
        context.close()
        return
    key = repr(settings)
    if key not in contexts:
        contexts[key] = browser.new_context(**settings)
        contexts[key].new_page()
    yield contexts[key]
    for page in contexts[key].pages[1:]:
        page.close()


def forget(page: Any, origin: str) -> None:
    """Have nothing stored for the origin, as if nobody had been there."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
    devtools.detach()


@pytest.fixture
def page(context: Any, server: str) -> Iterator[Any]:
    """The page, opened; at the end nothing may have been refused by the policy or have thrown."""
    expect = sync_api().expect
    complaints: list[str] = []
    page = context.new_page()
    forget(page, server)
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"thrown: {error}"))
    page.goto(server)
    expect(page.locator("#card")).to_be_visible()
    yield page
    page.close()
    # the browser itself logs every answer of 400 and more, and every picture it cannot load
    assert [
        complaint for complaint in complaints if "Failed to load resource" not in complaint
    ] == []


def sample(label: str) -> Path:
    return DOODLES / f"{label.replace(' ', '-')}.jpg"


def pass_minutes(page: Any) -> None:
    """Have minutes pass on the page's clock, with a pause after each, in which an answer arrives.

    Without one a page that asks again and again would ask once: it waits for the answer.
    """
    for _ in range(4):
        page.clock.run_for(60_000)
        page.wait_for_timeout(100)


def shoot(page: Any, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def drop(page: Any, files: Iterable[tuple[str, bytes]], on: str = "h1:visible") -> None:
    """Drop files, of name and content, on the page."""
    encoded = [[name, base64.b64encode(data).decode()] for name, data in files]
    transfer = page.evaluate_handle(
        """(files) => {
          const transfer = new DataTransfer();
          const types = {jpg: "image/jpeg", png: "image/png"};
          for (const [name, data] of files) {
            const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
            transfer.items.add(new File([bytes], name, {type: types[name.split(".").pop()] ?? ""}));
          }
          return transfer;
        }""",
        encoded,
    )
    expect = sync_api().expect
    page.dispatch_event(on, "dragover", {"dataTransfer": transfer})
    expect(page.locator("#drop-veil")).to_be_visible()
    page.dispatch_event(on, "drop", {"dataTransfer": transfer})
    expect(page.locator("#drop-veil")).to_be_hidden()


def drop_from_disk(page: Any, *paths: Path) -> None:
    """Drop files and folders with the pointer, which meets another element at the last moment.

    As it does where the page moves under it.
    """
    hand = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind, x in (("dragEnter", 200), ("dragOver", 200), ("drop", 1000)):
        hand.send("Input.dispatchDragEvent", {"type": kind, "x": x, "y": 300, "data": data})


def tab_to(page: Any, selector: str) -> None:
    """Press Tab until the element has the focus; every stop on the way must be seen to have it."""
    for _ in range(40):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            """(selector) => {
              const at = document.activeElement;
              const ring = at.type === "file" ? at.nextElementSibling : at;
              const style = getComputedStyle(ring);
              return {there: at.matches(selector), ring: style.outlineStyle, name: at.outerHTML};
            }""",
            selector,
        )
        assert stop["ring"] != "none", f"no focus ring on {stop['name'][:80]}"
        if stop["there"]:
            return
    pytest.fail(f"Tab never reached {selector}")


# Every visible piece of text whose contrast with what is behind it is under WCAG's 4.5 to 1.
# https://www.w3.org/TR/WCAG21/#contrast-minimum
TOO_FAINT = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = numbers(colour).map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return numbers(colour)[3] === 0 ? behind(element.parentElement) : colour;
  };
  const hasText = (element) => [...element.childNodes].some(
    (node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
  const ratio = (element) => {
    const pair = [luminance(getComputedStyle(element).color), luminance(behind(element))];
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  };
  return [...document.body.querySelectorAll("*")]
    .filter((element) => element.checkVisibility() && hasText(element) && !element.disabled)
    .filter((element) => ratio(element) < 4.5)
    .map((element) => `${element.textContent.trim()}: ${ratio(element).toFixed(2)}`);
}"""
