"""The page of a service that is not public: it asks for the token, and keeps it to itself."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from chalicelib.tokens import digest
from tests.e2e.browser import PHONE, TOO_FAINT, sample, shoot, tab_to
from tests.e2e.conftest import LocalCloud, running

TOKEN = "kZ0-example_token"
FITS = "document.documentElement.scrollWidth <= innerWidth"
DESKTOP = {"viewport": {"width": 1280, "height": 800}}

pytestmark = pytest.mark.chromium


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """The app and its AWS, with a token: what `make run TOKEN_SHA256=…` serves."""
    log = tmp_path_factory.mktemp("closed") / "log"
    known = digest(TOKEN)
    with running(log, "doodle", "--schedule-seconds", "2", TOKEN_SHA256=known) as cloud:
        yield cloud


@dataclass
class Visitor:
    """A browser of its own. sent: the header that each request had, and where it went."""

    context: Any
    url: str
    sent: list[tuple[str, str]] = field(default_factory=list)

    def open(self) -> Page:
        """The page in a new tab."""
        page = self.context.new_page()
        page.goto(self.url)
        return page

    def note(self, request: Any) -> None:
        self.sent.append((request.headers.get("authorization", ""), request.url))


@pytest.fixture
def visitor(browser: Any, closed: LocalCloud, browser_options: dict[str, Any]) -> Iterator[Visitor]:
    context = browser.new_context(**{**DESKTOP, "reduced_motion": "reduce", **browser_options})
    visitor = Visitor(context, closed.url)
    complaints: list[str] = []
    context.on("request", visitor.note)
    context.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    context.on("weberror", lambda error: complaints.append(f"thrown: {error.error}"))
    yield visitor
    context.close()
    # the browser itself logs every answer of 400 and more
    assert [
        complaint for complaint in complaints if "Failed to load resource" not in complaint
    ] == []


def dialog(page: Page) -> Any:
    return page.get_by_role("dialog", name="Sign in")


def give(page: Page, token: str) -> None:
    dialog(page).get_by_label("Token").fill(token)
    dialog(page).get_by_role("button", name="Sign in").click()


def sign_in(page: Page, remember: bool = False) -> None:
    expect(dialog(page)).to_be_visible()
    dialog(page).get_by_label("Remember on this device").set_checked(remember)
    give(page, TOKEN)
    expect(dialog(page)).to_be_hidden()
    expect(page.locator("#card")).to_be_visible()


def stored(page: Page) -> dict[str, int]:
    """How many tokens the browser keeps, and where."""
    return {
        store: page.evaluate(f"Object.values({store}).filter((it) => it === '{TOKEN}').length")
        for store in ("sessionStorage", "localStorage")
    }


def test_who_has_signed_in_may_try_the_interface(visitor: Visitor) -> None:
    page = visitor.open()
    sign_in(page)
    page.get_by_role("link", name="API").click()
    expect(page.get_by_role("button", name="Authorize", exact=True)).to_be_visible()
    page.locator("#operations-service-models .opblock-summary-control").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table tbody .response-col_status")).to_have_text("200")


def test_it_asks_once_says_when_it_is_wrong_and_then_works(visitor: Visitor) -> None:
    page = visitor.open()
    expect(dialog(page)).to_be_visible()
    expect(dialog(page).get_by_label("Token")).to_be_focused()
    shoot(page, "token")
    give(page, "guessed")
    expect(dialog(page).get_by_role("alert")).to_contain_text("This token is wrong.")
    shoot(page, "token-wrong")
    give(page, "no tokén ✓")
    expect(dialog(page).get_by_role("alert")).to_contain_text("This token is wrong.")
    sign_in(page)
    page.set_input_files("#file", sample("banana"))
    expect(page.locator("#headline")).to_have_text("banana")
    shoot(page, "token-signed-in")
    assert stored(page) == {"sessionStorage": 1, "localStorage": 0}


def test_without_remembering_it_is_for_this_visit(visitor: Visitor) -> None:
    page = visitor.open()
    sign_in(page)
    page.reload()
    expect(page.locator("#card")).to_be_visible()
    expect(dialog(page)).to_be_hidden()
    expect(dialog(visitor.open())).to_be_visible()


def test_remembered_it_is_for_this_device_until_it_signs_out(visitor: Visitor) -> None:
    sign_in(visitor.open(), remember=True)
    page = visitor.open()
    expect(page.locator("#card")).to_be_visible()
    expect(dialog(page)).to_be_hidden()
    assert stored(page) == {"sessionStorage": 0, "localStorage": 1}
    page.get_by_role("button", name="Sign out").click()
    expect(dialog(page)).to_be_visible()
    expect(page.get_by_role("button", name="Sign out", include_hidden=True)).to_be_hidden()
    assert stored(page) == {"sessionStorage": 0, "localStorage": 0}


def test_not_now_is_taken_for_an_answer_until_something_is_done(visitor: Visitor) -> None:
    page = visitor.open()
    dialog(page).get_by_role("button", name="Not now").click()
    expect(page.locator("#problem")).to_contain_text("sign in")
    with page.expect_response("**/experiment"):
        page.evaluate("location.hash = '#experiment'")
    expect(page.locator("#experiment-problem")).to_contain_text("sign in")
    expect(dialog(page)).to_be_hidden()
    page.evaluate("location.hash = ''")
    page.locator("#retry").click()
    expect(dialog(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog(page)).to_be_hidden()
    page.locator("#retry").click()
    sign_in(page)
    expect(page.locator("#problem")).to_be_hidden()


def test_a_kept_token_that_was_changed_is_asked_for_again(visitor: Visitor) -> None:
    page = visitor.open()
    sign_in(page, remember=True)
    page.evaluate("for (const key of Object.keys(localStorage)) localStorage[key] = 'old'")
    page.reload()
    expect(dialog(page).get_by_role("alert")).to_contain_text("no longer valid")
    assert page.evaluate("Object.values(localStorage).includes('old')") is False
    sign_in(page)


def test_the_token_goes_to_the_service_alone(visitor: Visitor, closed: LocalCloud) -> None:
    page = visitor.open()
    sign_in(page)
    page.set_input_files("#file", sample("umbrella"))
    expect(page.locator("#headline")).to_have_text("umbrella")
    shown = page.locator("#curl").inner_text()
    assert '"Authorization: Bearer $SERVERLESS_INCEPTION_TOKEN"' in shown and TOKEN not in shown
    page.get_by_role("tab", name="Batch").click()
    expect(page.locator("#batch-hint")).not_to_be_empty()
    page.set_input_files("#batch-files", [sample("umbrella"), sample("balloon")])
    expect(page.locator("#batch-rows")).to_contain_text("balloon", timeout=30_000)
    authorized = {url for header, url in visitor.sent if header}
    assert {header for header, _ in visitor.sent} == {"", f"Bearer {TOKEN}"}
    assert all(url.startswith(closed.url) for url in authorized)
    assert not any("/static/" in url or url == f"{closed.url}/" for url in authorized)
    elsewhere = [url for _, url in visitor.sent if url.startswith(closed.aws)]
    assert len([url for url in elsewhere if "results.jsonl" in url]) >= 1
    assert len(elsewhere) >= 3, "two uploads and the results go straight to the buckets"
    assert not any(TOKEN in url for _, url in visitor.sent)


def test_by_keyboard_alone(visitor: Visitor) -> None:
    page = visitor.open()
    expect(dialog(page).get_by_label("Token")).to_be_focused()
    page.keyboard.type("guessed")
    page.keyboard.press("Enter")
    expect(dialog(page).get_by_role("alert")).not_to_be_empty()
    page.keyboard.type(TOKEN)  # over what was wrong, which is selected
    tab_to(page, "#token-remember")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(dialog(page)).to_be_hidden()
    assert stored(page) == {"sessionStorage": 0, "localStorage": 1}


@pytest.mark.parametrize(
    "browser_options", [{"color_scheme": "light"}, {"color_scheme": "dark"}, PHONE],
    ids=["light", "dark", "phone"],
)  # fmt: skip
def test_it_can_be_read(visitor: Visitor, request: pytest.FixtureRequest) -> None:
    page = visitor.open()
    expect(dialog(page)).to_be_visible()
    give(page, "guessed")
    expect(dialog(page).get_by_role("alert")).not_to_be_empty()
    assert page.evaluate(TOO_FAINT) == []
    assert page.evaluate(FITS)
    shoot(page, f"token-{request.node.callspec.id}")
    sign_in(page)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert page.evaluate(FITS)
    shoot(page, f"token-{request.node.callspec.id}-signed-in")
