"""The tab Teach in headless Chromium: pictures with labels become a model that answers."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from stage import teachjobs
from stage.teachjobs import STATUS, TABLE, Status, Wanted
from tests.e2e.browser import shoot
from tests.e2e.conftest import LocalCloud, running
from tests.e2e.test_page import expect_answer
from tools.doodle.drawings import LABELS, TEST_SEEDS, example

pytestmark = pytest.mark.chromium

KINDS = ("clock", "umbrella", "fish")
SECONDS = 90_000
"""Milliseconds that a teaching may take on a busy machine."""
WANTED = {"name": "pets", "base": "doodle", "title": "", "reject": False}
PICTURES = {"cat": 12, "dog": 9}
FIGURES = {
    "right": 19, "of": 21, "interval": [0.71, 0.97], "report": "build/evaluations/pets/report.md",
    "labels": [
        {"label": "cat", "right": 11, "of": 12, "taken_for": "dog"},
        {"label": "dog", "right": 8, "of": 9, "taken_for": "cat"},
    ],
    "notes": ["Fewer than 10 pictures of dog: the figures say little about it."],
}  # fmt: skip


@pytest.fixture(scope="module")
def teachings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the teachings, in which there are no earlier ones."""
    return tmp_path_factory.mktemp("school") / "teachings"


@pytest.fixture(scope="module")
def school(teachings: Path) -> Iterator[LocalCloud]:
    """The app with the bundled model, and models of its own."""
    places = {"MODEL_DIR": str(teachings.parent / "models"), "TEACHINGS_DIR": str(teachings)}
    with running(teachings.parent / "log", "doodle", **places) as cloud:
        yield cloud


@pytest.fixture
def tab(school: LocalCloud, page: Page) -> Page:
    """The tab, opened."""
    page.goto(f"{school.url}/#teach")
    expect(page.locator("#teach-base option").first).to_be_attached()
    return page


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of drawings for each kind."""
    folder = tmp_path_factory.mktemp("drawings")
    for seed in TEST_SEEDS[: 6 * len(LABELS)]:
        kind = LABELS[seed % len(LABELS)]
        if kind in KINDS:
            (folder / kind).mkdir(exist_ok=True)
            example(seed, 64)[0].save(folder / kind / f"{seed}.png")
    return folder


def teach(page: Page, photos: Path, name: str) -> None:
    page.locator("#teach-folder").set_input_files(photos)
    page.get_by_label("Name of the model").fill(name)
    page.get_by_role("button", name="Teach with 18 pictures").click()


def told(state: str, **status: Any) -> dict[str, Any]:
    """The answer about a job."""
    told = {"state": state, "what": "", "done": 0, "of": 0, "said": [], "error": ""} | status
    return {"id": "000001-00000000", "pictures": PICTURES, "wanted": WANTED, "status": told}


def fake_teaching(page: Page, job: dict[str, Any]) -> None:
    """Has the server tell of this job alone, and shows it."""
    page.route("**/teachings", lambda route: route.fulfill(json={"jobs": [job]}))
    page.route("**/teachings/*", lambda route: route.fulfill(json=job))
    page.evaluate("(id) => { location.hash = `#teach/${id}`; }", job["id"])


def test_folders_become_a_model_that_answers(tab: Page, photos: Path) -> None:
    teach(tab, photos, "shapes")
    expect(tab.locator("#teach-head")).to_have_text("shapes is taught.", timeout=SECONDS)
    expect(tab.locator("#teach-right")).to_contain_text("of 18 pictures that it did not learn")
    expect(tab.locator("#teach-rows tr")).to_have_count(len(KINDS))
    expect(tab.locator("#teach-jobs")).to_contain_text("Finished · 3 labels · 18 pictures")
    shoot(tab, "taught")
    tab.get_by_role("button", name="Use this model").click()
    expect(tab.locator("#model")).to_have_value("shapes")
    tab.locator("#file").set_input_files(sorted((photos / "fish").iterdir())[0])
    expect_answer(tab, "fish")
    expect(tab.locator("#card-name")).to_have_text("shapes")


def test_a_teaching_outlives_its_tab(tab: Page, browser: Browser, photos: Path) -> None:
    url = tab.url
    tab.set_viewport_size({"width": 390, "height": 600})  # the button is far from the answer
    teach(tab, photos, "outlived")
    expect(tab).to_have_url(re.compile("#teach/"))
    expect(tab.locator("#teach-head")).to_be_in_viewport()
    tab.close()
    with browser.new_page() as page:
        page.goto(url)
        page.get_by_role("link", name="outlived").click()
        expect(page.locator("#teach-head")).to_have_text("outlived is taught.", timeout=SECONDS)
        page.get_by_role("button", name="Compare with…").click()
        expect(page.locator("#workflow-challenger")).to_have_value("outlived")
        expect(page.locator("#workflow-champion")).not_to_have_value("outlived")


def test_it_learns_on_the_model_that_answers(tab: Page, school: LocalCloud) -> None:
    said = tab.request.get(f"{school.url}/models").json()
    other = said["models"][0] | {"name": "abacus", "title": "Abacus"}
    said["models"].insert(0, other)
    tab.route("**/models", lambda route: route.fulfill(json=said))
    tab.reload()
    expect(tab.locator("#teach-base")).to_contain_text("Abacus")
    expect(tab.locator("#teach-base")).to_have_value("doodle")


def test_it_says_what_is_missing(tab: Page, photos: Path) -> None:
    go, lack = tab.locator("#teach-go"), tab.locator("#teach-lack")
    expect(go).to_be_disabled()
    tab.locator("#teach-folder").set_input_files(photos / "fish")
    expect(lack).to_contain_text("second label")
    tab.locator("#teach-files").set_input_files(sorted((photos / "clock").iterdir())[:2])
    expect(lack).to_have_text("Name every label.")
    names = tab.get_by_role("textbox", name="Label")
    names.last.fill("FISH")
    expect(lack).to_have_text("Two labels have the same name.")
    names.last.fill("clock")
    expect(lack).to_contain_text("needs at least 3 pictures")
    tab.locator("#teach-folder").set_input_files(photos / "clock")
    expect(lack).to_have_text("Give the model a name.")
    name = tab.get_by_label("Name of the model")
    for wrong, why in (("My Pets", "lower-case letters"), ("doodle", "already")):
        name.fill(wrong)
        expect(lack).to_contain_text(why)
        expect(go).to_be_disabled()
    name.fill("pets")
    expect(lack).to_have_text("")
    expect(go).to_be_enabled()
    tab.get_by_role("button", name="Remove clock").click()
    expect(lack).to_contain_text("second label")


def test_what_fails_says_why(tab: Page, photos: Path) -> None:
    same = sorted((photos / "fish").iterdir())[0].read_bytes()
    for label in ("fish", "clock"):
        files: list[Any] = [
            {"name": f"{number}.png", "mimeType": "image/png", "buffer": same}
            for number in range(3)
        ]
        tab.locator("#teach-files").set_input_files(files)
        tab.get_by_role("textbox", name="Label").last.fill(label)
    tab.get_by_label("Name of the model").fill("torn")
    tab.get_by_role("button", name="Teach with 6 pictures").click()
    head = tab.locator("#teach-head")
    expect(head).to_have_text("The training failed.", timeout=SECONDS)
    expect(tab.locator("#teach-doing")).to_contain_text("contradict each other")
    shoot(tab, "teach-failed")
    tab.reload()
    expect(tab.locator("#teach-doing")).to_contain_text("contradict each other")
    with tab.expect_response("**/start") as started:
        tab.get_by_role("button", name="Teach again with 6 pictures").click()
    assert started.value.ok
    expect(head).to_be_focused()
    expect(tab.locator("#teach-doing")).to_contain_text("contradict each other", timeout=SECONDS)


def test_what_an_earlier_server_left_is_taught_again(
    tab: Page, school: LocalCloud, teachings: Path, photos: Path
) -> None:
    id = "900000-00000000"
    shutil.copytree(photos, teachings / id / "pictures")
    files = [*(teachings / id / "pictures").rglob("*.png")]
    lines = [{"image": str(path), "label": path.parent.name} for path in files]
    (teachings / id / TABLE).write_bytes(b"\n".join(map(msgspec.json.encode, lines)))
    (teachings / id / teachjobs.WANTED).write_bytes(
        msgspec.json.encode(Wanted("resumed", "doodle"))
    )
    (teachings / id / STATUS).write_bytes(msgspec.json.encode(Status("running", "beginning")))
    tab.get_by_role("tab", name="One picture").click()
    tab.get_by_role("tab", name="Teach").click()
    tab.get_by_role("link", name="resumed").click()
    expect(tab.locator("#teach-doing")).to_contain_text("The teaching was interrupted")
    tab.get_by_role("button", name="Teach again with 18 pictures").click()
    expect(tab.locator("#teach-head")).to_have_text("resumed is taught.", timeout=SECONDS)
    expect(tab.locator("#teach-retry")).to_be_hidden()
    expect(tab.get_by_role("link", name="resumed")).to_contain_text("Finished")


def test_a_teaching_whose_name_was_taken_meanwhile_is_not_begun_anew(tab: Page) -> None:
    job = told("failed", error="The memory is full.")
    fake_teaching(tab, job | {"wanted": WANTED | {"name": "doodle"}})
    tab.get_by_role("button", name="Teach again with 21 pictures").click()
    expect(tab.get_by_role("alert")).to_contain_text("There is a model doodle already.")


def test_a_teaching_is_watched_and_cancelled(tab: Page) -> None:
    job = told("running", what="looking at pictures", done=5, of=21)

    def cancel(route: Any) -> None:
        if route.request.method == "DELETE":
            job.update(told("cancelled"))
        route.fallback()

    fake_teaching(tab, job)
    tab.route("**/teachings/*", cancel)
    expect(tab.locator("#teach-doing")).to_have_text("looking at pictures: 5 of 21")
    expect(tab.locator("#teach-bar")).to_have_attribute("aria-valuenow", "24")
    tab.get_by_role("button", name="Cancel").click()
    expect(tab.locator("#teach-head")).to_have_text("Cancelled.")
    expect(tab.get_by_role("button", name="Teach again with 21 pictures")).to_be_visible()


def test_where_nothing_teaches_there_is_no_tab(tab: Page, school: LocalCloud) -> None:
    deployed = tab.request.get(f"{school.url}/models").json() | {"teaches": False}
    tab.route("**/models", lambda route: route.fulfill(json=deployed))
    tab.reload()
    expect(tab.locator("#card")).to_be_visible()
    expect(tab.get_by_role("tab", name="Teach")).to_be_hidden()
    tab.get_by_role("tab", name="One picture").focus()
    tab.keyboard.press("ArrowLeft")
    expect(tab.get_by_role("tab", name="Experiment")).to_be_focused()
