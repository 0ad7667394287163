"""Every state of the page, and the way to it: for the tests and tools that look at all of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from playwright.sync_api import CDPSession, Page, expect

from localcloud.starting import wait_for
from tests.conftest import DOODLES
from tests.e2e.browser import drop, forget
from tests.e2e.test_batch_page import fake_batch
from tests.e2e.test_batch_page import running as part_done
from tests.e2e.test_experiment_page import TWO_ARMS, fake_experiment
from tests.e2e.test_page import draw, expect_answer, expect_problem
from tests.e2e.test_teach_page import FIGURES, fake_teaching, told
from tests.e2e.test_why_page import without_feature_maps
from tests.e2e.test_workflow_page import FAILED, classifying, fake_run

PHONES = 500
"""Pixels: narrower pages are a phone's."""
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
LABELS = sorted(path.stem for path in DOODLES.glob("*.jpg"))


SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Waits until the page's scripts have been told of a change of the window, and it is drawn."""


@dataclass(frozen=True)
class Scene:
    """A page at the address of a server that has a batch and a run, both at their end."""

    page: Page
    url: str
    batch: str
    run: str
    hand: CDPSession
    """What gives the page fingers or a mouse; one alone, as each has its way until it is closed."""

    def open(self, fragment: str) -> None:
        self.page.evaluate("(fragment) => { location.hash = fragment; }", fragment)


def prepare(page: Page, url: str) -> Scene:
    """Has the server classify a batch, two of whose pictures fail, and compare its two models."""

    def ask(path: str, body: Any = None) -> Any:
        answer = page.request.fetch(url + path, method="POST" if body else "GET", data=body)
        assert answer.ok, answer.text()
        return answer.json()

    pictures: list[dict[str, str]] = [
        {"url": f"{url}/models/doodle/samples/{label}.jpg", "id": f"pictures/{label}.jpg"}
        for label in LABELS
    ]
    labelled = [picture | {"label": label} for picture, label in zip(pictures, LABELS, strict=True)]
    faults = [{"url": f"{url}/none.jpg"}, {"url": f"{url}/openapi.json", "id": "notes.jpg"}]
    batch = ask("/batches", {"instances": pictures + faults})["batch_id"]
    models = {"champion": "doodle", "challenger": "doodle-small"}
    run = ask("/workflows", {"instances": labelled, **models})["name"]
    wait_for(lambda: "finished_at" in ask(f"/batches/{batch}"))
    wait_for(lambda: ask(f"/workflows/{run}")["status"] == "succeeded")
    return Scene(page, url, batch, run, page.context.new_cdp_session(page))


def enter(scene: Scene, state: str) -> None:
    """Has the page in that state, on a wide screen by day, as if nobody had been there."""
    page = scene.page
    page.unroute_all(behavior="ignoreErrors")
    resize(scene, 1440, 900)
    page.emulate_media(color_scheme="light")
    page.goto("about:blank")
    forget(page, scene.url)
    page.goto(scene.url)
    STATES[state](scene)


def resize(scene: Scene, width: int, height: int) -> None:
    """Gives the page that size, and fingers where it is a phone's, else a mouse out of the way."""
    scene.page.set_viewport_size({"width": width, "height": height})
    scene.page.mouse.move(0, 0)
    scene.hand.send("Emulation.setTouchEmulationEnabled", {"enabled": width < PHONES})
    scene.page.evaluate(SETTLED)


def looks(scene: Scene, widths: Iterable[int]) -> Iterator[tuple[int, str]]:
    """Shows the page at each width by day and by night, a phone's with fingers; tells which."""
    page = scene.page
    for width in widths:
        resize(scene, width, 900)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.evaluate(SETTLED)
            yield width, scheme


def _idle(scene: Scene) -> None:
    expect(scene.page.locator("#card")).to_be_visible()


def _looking(scene: Scene) -> None:
    scene.page.route("**/predict?*", lambda _: None)
    scene.page.get_by_role("button", name="umbrella").click()
    expect(scene.page.locator("#headline")).to_have_text("Looking…")


def _answer(scene: Scene) -> None:
    scene.page.get_by_role("button", name="umbrella").click()
    expect_answer(scene.page, "umbrella")


def _answer_in_code(scene: Scene) -> None:
    _answer(scene)
    scene.page.get_by_role("tab", name="Python").click()
    scene.page.get_by_text("Answer as JSON").click()


def _vote(scene: Scene) -> None:
    _answer(scene)
    scene.page.locator("#vote").get_by_role("button", name="No", exact=True).click()
    expect(scene.page.get_by_label("What is it?")).to_be_visible()


def _recent(scene: Scene) -> None:
    for label in LABELS:
        scene.page.locator(f"[data-sample={label}]").click()
        expect_answer(scene.page, label)


def _side_by_side(scene: Scene) -> None:
    _answer(scene)
    scene.page.get_by_label("Compare with").select_option(label="Doodle (small)")
    expect(scene.page.locator(".pair-card")).to_have_count(2)


def _where_it_looked(scene: Scene) -> None:
    _answer(scene)
    scene.page.get_by_role("checkbox", name="Show where it looks").check()
    expect(scene.page.locator("#why-said")).to_contain_text("What speaks most for umbrella")


def _kept_from_before(scene: Scene) -> None:
    _answer(scene)
    scene.page.wait_for_function("() => Object.values(localStorage).join().includes('umbrella')")
    scene.page.reload()
    scene.page.locator("#recent-list button").click()
    expect_answer(scene.page, "umbrella")


def _link_to_no_model(scene: Scene) -> None:
    scene.page.goto(f"{scene.url}/?model=none")
    expect_problem(scene.page, "which is not here")


def _camera(scene: Scene) -> None:
    scene.page.evaluate(
        """() => {
          const canvas = Object.assign(document.createElement("canvas"), {width: 640, height: 480});
          const context = canvas.getContext("2d");
          setInterval(() => {
            context.fillStyle = "#dcd3c4";
            context.fillRect(0, 0, 640, 480);
            context.fillStyle = "#4a7c59";
            context.fillRect(220, 140, 200, 260);
          }, 100);
          navigator.mediaDevices.enumerateDevices = async () => [{kind: "videoinput"}];
          navigator.mediaDevices.getUserMedia = async () => canvas.captureStream();
          navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
        }"""
    )
    scene.page.get_by_role("button", name="Use the camera").click()
    expect(scene.page.get_by_role("dialog", name="Camera")).to_be_visible()
    scene.page.wait_for_function("() => document.querySelector('#camera-view').videoWidth === 640")


def _error(scene: Scene) -> None:
    drop(scene.page, [("notes.txt", b"Not a picture.\n" * 20)])
    expect_problem(scene.page, "ImageUnreadable")


def _error_of_an_address(scene: Scene) -> None:
    _answer(scene)
    scene.page.get_by_label("Address of a picture").fill(f"{scene.url}/none.jpg")
    scene.page.keyboard.press("Enter")
    expect_problem(scene.page, "SourceRefused")


def _drawing(scene: Scene) -> None:
    draw(scene.page, "star")
    expect_answer(scene.page, "star")


def _without_a_server(scene: Scene) -> None:
    scene.page.route("**/predict?*", lambda route: route.abort())
    scene.page.get_by_role("button", name="umbrella").click()
    expect_problem(scene.page, "Check that it is running")


def _stand_in(scene: Scene) -> None:
    def miss(route: Any) -> None:
        route.fulfill(json=route.fetch().json() | {"missing": "inception-v3"})

    scene.page.route("**/models", miss)
    scene.page.reload()
    expect(scene.page.locator("#stand-in")).to_contain_text("make model NAME=inception-v3")


def _token(scene: Scene) -> None:
    scene.page.route("**/models", lambda route: route.fulfill(status=401, json={}))
    scene.page.reload()
    expect(scene.page.get_by_role("dialog", name="Sign in")).to_be_visible()


def _batch(scene: Scene) -> None:
    scene.open("#batch")
    expect(scene.page.locator("#batches a").first).to_be_visible()


def _batch_refused(scene: Scene) -> None:
    _batch(scene)
    drop(scene.page, [("list.csv", b"name,size\ncat,1\n")])
    expect(scene.page.locator("#batch-refusal")).to_be_visible()


def _batch_running(scene: Scene) -> None:
    fake_batch(scene.page, lambda _: part_done(done=31, total=80))
    expect(scene.page.locator("#batch-title")).to_have_text("Looking at 80 pictures")


def _batch_finished(scene: Scene) -> None:
    scene.open(f"#batch/{scene.batch}")
    expect(scene.page.locator("#batch-rows tr")).to_have_count(len(LABELS) + 2)


def _batch_gallery(scene: Scene) -> None:
    _batch_finished(scene)
    scene.page.get_by_role("button", name="Gallery").click()
    expect(scene.page.locator("#batch-tiles img").first).to_be_visible()


def _batch_enlarged(scene: Scene) -> None:
    _batch_gallery(scene)
    scene.page.locator("#batch-tiles button").first.click()
    expect(scene.page.locator("#lightbox-picture")).to_be_visible()


def _batch_explained(scene: Scene) -> None:
    scene.open("#batch")
    scene.page.locator("#batch-explain").check()
    drop(scene.page, [("umbrella.jpg", (DOODLES / "umbrella.jpg").read_bytes())])
    scene.page.locator("#batch-rows button").click()
    expect(scene.page.locator("#lightbox-why")).to_be_visible()


def _batch_unexplained(scene: Scene) -> None:
    scene.page.route("**/models", without_feature_maps)
    scene.page.goto(f"{scene.url}/#batch")
    scene.page.reload()
    expect(scene.page.locator("#batch-unexplained")).not_to_be_empty()


def _batch_cancelled(scene: Scene) -> None:
    ended = {"status": "cancelled", "finished_at": "2026-01-01T00:00:09Z"}
    counts = {"counts": {"total": 80, "done": 0, "failed": 0}}
    fake_batch(scene.page, lambda _: ended | counts)
    expect(scene.page.get_by_role("button", name="Go on")).to_be_visible()


def _batch_missing(scene: Scene) -> None:
    scene.open("#batch/never")
    expect(scene.page.locator("#batch-title")).to_have_text("No such batch.")


def _experiment(scene: Scene) -> None:
    fake_experiment(scene.page, TWO_ARMS)
    scene.open("#experiment")
    expect(scene.page.locator("#workflow-recent a").first).to_be_visible()
    scene.page.get_by_text("As a table").click()
    expect(scene.page.locator("#arms-rows tr")).to_have_count(2)


def _experiment_form(scene: Scene) -> None:
    scene.open("#experiment")
    scene.page.get_by_role("button", name="Try it with the samples").click()
    expect(scene.page.locator("#workflow-given")).to_have_text("6 pictures")
    scene.page.locator("#workflow-question").scroll_into_view_if_needed()


def _run_running(scene: Scene) -> None:
    fake_run(scene.page, lambda _: classifying(3, 1))
    expect(scene.page.locator("#workflow-title")).to_have_text("Classifying 80 pictures")


def _run_failed(scene: Scene) -> None:
    fake_run(scene.page, lambda _: FAILED)
    expect(scene.page.locator("#workflow-title")).to_have_text("Judge failed")


def _report(scene: Scene) -> None:
    scene.open(f"#experiment/{scene.run}")
    expect(scene.page.locator(".answers-table tbody tr")).to_have_count(len(LABELS))


def _teach(scene: Scene) -> None:
    scene.open("#teach")
    for label in LABELS[:2]:
        scene.page.locator("#teach-files").set_input_files(DOODLES / f"{label}.jpg")
        scene.page.get_by_role("textbox", name="Label").last.fill(label)
    expect(scene.page.locator("#teach-lack")).to_contain_text("needs at least 3 pictures")


def _teach_running(scene: Scene) -> None:
    fake_teaching(scene.page, told("running", what="looking at pictures", done=5, of=21))
    expect(scene.page.locator("#teach-doing")).to_contain_text("5 of 21")


def _teach_failed(scene: Scene) -> None:
    fake_teaching(scene.page, told("failed", error="A label needs at least 3 different pictures."))
    expect(scene.page.locator("#teach-head")).to_have_text("The training failed.")


def _taught(scene: Scene) -> None:
    fake_teaching(scene.page, told("finished", figures=FIGURES))
    expect(scene.page.locator("#teach-rows tr")).to_have_count(2)


def _docs(scene: Scene) -> None:
    scene.page.goto(f"{scene.url}/docs")
    expect(scene.page.locator(".opblock").first).to_be_visible()


def _docs_tried(scene: Scene) -> None:
    _docs(scene)
    scene.page.locator("#operations-service-models .opblock-summary-control").click()
    scene.page.get_by_role("button", name="Execute").click()
    expect(scene.page.locator(".live-responses-table .response-col_status").first).to_be_visible()


STATES: dict[str, Callable[[Scene], None]] = {
    way.__name__.lstrip("_").replace("_", "-"): way
    for way in (
        _idle, _looking, _answer, _answer_in_code, _vote, _recent, _error, _error_of_an_address,
        _side_by_side, _where_it_looked, _kept_from_before, _link_to_no_model, _camera,
        _drawing, _without_a_server, _stand_in, _token,
        _batch, _batch_refused, _batch_running, _batch_finished, _batch_gallery, _batch_enlarged,
        _batch_explained, _batch_unexplained, _batch_cancelled, _batch_missing,
        _experiment, _experiment_form, _run_running, _run_failed, _report,
        _teach, _teach_running, _teach_failed, _taught,
        _docs, _docs_tried,
    )
}  # fmt: skip
"""By name: what leads from the page, newly opened, to the state."""
