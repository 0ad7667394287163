"""The page's workflows, driven in headless Chromium on the local cloud with two models."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from localcloud.starting import wait_for
from tests.conftest import DOODLES, ROOT
from tests.e2e.browser import (
    PHONE,
    TOO_FAINT,
    drop,
    drop_from_disk,
    pass_minutes,
    sample,
    shoot,
    tab_to,
)
from tests.e2e.conftest import LocalCloud, file_server, running
from tests.fakes import refusal

LABELS = sorted(path.stem for path in DOODLES.glob("*.jpg"))
PATIENCE = 60_000  # ms: a run has a dozen steps, each a function that may have to start
DOODLE = ROOT / "vendor" / "models" / "doodle"
VERDICT = re.compile(r"^[A-Za-z].* images?\b.*\.$")
START = {"name": "r-1", "status": "running", "started_at": "2026-01-01T00:00:00Z"}

pytestmark = pytest.mark.chromium


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """The app with the bundled model and `muddled`, which is wrong about everything."""
    cache = tmp_path_factory.mktemp("models")
    names = (DOODLE / "labels.txt").read_text().split("\n")
    known = [name for name in names if name]
    labels = cache / "labels.txt"
    labels.write_text("\n".join(known[1:] + known[:1]) + "\n")
    add = [sys.executable, "-m", "tools.model", "add", "muddled", str(DOODLE / "model.tflite")]
    options = ["--labels", str(labels), "--title", "Muddled"]
    env = {"MODEL_DIR": str(cache)}
    subprocess.run([*add, *options], cwd=ROOT, env={**os.environ, **env}, check=True)
    log = tmp_path_factory.mktemp("workflow_cloud") / "log"
    with running(log, "doodle", **env, ARMS="muddled=1 doodle=0") as cloud:
        yield cloud


@pytest.fixture(scope="module")
def server(cloud: LocalCloud) -> str:
    return cloud.url


@pytest.fixture
def workflow(page: Page) -> Page:
    """The page, turned to its experiment, with the models there."""
    page.get_by_role("tab", name="Experiment").click()
    expect(page.locator("#workflow-challenger [value=muddled]")).to_be_attached()
    return page


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "My drawings"
    folder.mkdir()
    return folder


@pytest.fixture
def labelled(folder: Path) -> Path:
    """A folder of folders that are named for what is in them."""
    for label, count in (("umbrella", 2), ("banana", 1)):
        (folder / label).mkdir()
        for number in range(count):
            shutil.copy(sample(label), folder / label / f"{number}.jpg")
    shutil.copy(sample("balloon"), folder / "loose.jpg")
    return folder


@pytest.fixture
def files(folder: Path) -> Iterator[str]:
    """The address of a loopback server of `folder`."""
    with file_server(folder) as url:
        yield url


def choose(page: Page, champion: str, challenger: str) -> None:
    page.locator("#workflow-champion").select_option(champion)
    page.locator("#workflow-challenger").select_option(challenger)


def start(page: Page, button: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator("#workflow-open")).to_be_visible(timeout=PATIENCE)


def expect_end(page: Page, status: str, title: str | re.Pattern[str]) -> None:
    run = page.locator("#workflow-open")
    expect(run).to_have_attribute("data-status", status, timeout=PATIENCE)
    expect(page.get_by_role("heading", level=1)).to_have_text(title)


def states(page: Page) -> dict[str, str]:
    """Status by state, as those hear it who do not see the map."""
    lines = page.locator("#workflow-states li").all_text_contents()
    return dict(line.split(": ") for line in lines)


def drawn(page: Page) -> dict[str, str]:
    """Status by state, as the map shows it."""
    nodes = page.locator("#workflow-graph .node")
    attributes: dict[str, str] = nodes.evaluate_all(
        """(nodes) => Object.fromEntries(nodes.map(
          (node) => [node.querySelector(".name").textContent, node.dataset.status]))"""
    )
    return attributes


def answers(page: Page) -> list[list[str]]:
    """What each row of single pictures says, without the picture."""
    rows = page.locator(".answers-table tbody tr")
    said = [row.locator("td").all_inner_texts()[1:] for row in rows.all()]
    return [[" ".join(text.split()) for text in row] for row in said]


def expect_tray(page: Page, labels: list[str]) -> None:
    expect(page.locator("#workflow-labels li")).to_have_text(labels)


def fake_run(page: Page, answer: Callable[[int], dict[str, Any]]) -> list[int]:
    """Open a run whose state, at the nth look, is `answer(n)`; the looks so far."""
    looks: list[int] = []
    common = {"name": "r-1", "started_at": "2026-01-01T00:00:00Z"}
    models = {"champion": "doodle", "challenger": "<b>muddled", "images": 80, "faults": []}

    def fulfill(route: Any) -> None:
        looks.append(1)
        route.fulfill(json=common | models | answer(len(looks)))

    page.route("**/workflows/r-1", fulfill)
    page.evaluate("location.hash = '#experiment/r-1'")
    return looks


def classifying(champion: int, challenger: int) -> dict[str, Any]:
    done = dict.fromkeys(["Prepare", "Valid", "Size", "Champion"], "succeeded")
    return {
        "status": "running",
        "states": {**done, "Classify": "running", "Challenger": "running"},
        "chunks": {"total": 4, "champion": champion, "challenger": challenger},
    }


FAULT = {"error": "SourceUnreachable", "cause": "The bucket did not answer."}
FAILED = {
    "status": "failed",
    "ended_at": "2026-01-01T00:00:09Z",
    "error": "ModelInvalid",
    "cause": "The workflow stopped, since a step of it failed for good.",
    "states": {
        **dict.fromkeys(["Prepare", "Valid", "Size", "Classify", "Judge"], "succeeded"),
        "Fail": "failed",
    },
    "chunks": {"total": 4, "champion": 4, "challenger": 4},
    "faults": [FAULT, {"error": "ModelInvalid", "cause": '{"errorMessage": "A damaged file."}'}],
}


def test_samples_to_done_with_a_report(workflow: Page) -> None:
    choose(workflow, "doodle", "muddled")
    workflow.get_by_role("button", name="Try it with the samples").click()
    expect(workflow.locator("#workflow-given")).to_have_text("6 pictures")
    shown = workflow.locator("#workflow-labels li").all_text_contents()
    assert sorted(shown) == [f"{label} 1" for label in LABELS]
    shoot(workflow, "workflow-samples")

    start(workflow, "Compare on 6 pictures")

    expect_end(
        workflow, "succeeded", re.compile("^doodle is right 100 points more often than muddled")
    )
    expect(workflow.locator("#workflow-outcome")).to_have_text(re.compile("^Kept"))
    drawing = drawn(workflow)
    taken = ["Prepare", "Valid", "Size", "Classify", "Champion", "Challenger"]
    taken += ["Judge", "Decide", "Keep", "Report", "Done"]
    assert {state for state, status in drawing.items() if status == "succeeded"} == set(taken)
    others = {"Promote", "Degraded", "Fail", "Refuse"}
    assert {state for state, status in drawing.items() if status == "skipped"} == others
    assert states(workflow)["Champion, 1 of 1 chunk"] == "succeeded"
    assert states(workflow)["Promote"] == "not needed"
    arms = workflow.locator(".arm-table tbody tr")
    expect(arms.nth(0)).to_contain_text("doodleChampion100.0%")
    expect(arms.nth(1)).to_contain_text("muddledChallenger0.0%")
    expect(workflow.locator(".comparison")).to_contain_text("only doodle on 6")
    picture = workflow.locator(".report-picture img")
    expect(picture).not_to_have_js_property("naturalWidth", 0)
    rows = answers(workflow)
    assert sorted(row[1].lower() for row in rows) == LABELS
    for _, truth, first, second in rows:
        assert first.startswith(f"✓ Right: {truth} ")
        assert second.startswith("✕ Wrong: ")
    shoot(workflow, "workflow-done")


def test_a_second_run_can_be_started_after_the_first(workflow: Page) -> None:
    samples = workflow.get_by_role("button", name="Try it with the samples")
    samples.click()
    start(workflow, "Compare on 6 pictures")
    holds = "!dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    assert not workflow.evaluate(holds), "a reload would ask whether to leave"
    workflow.get_by_role("link", name="All runs").click()
    samples.click()
    expect(workflow.locator("#workflow-sending")).to_have_text("")

    start(workflow, "Compare on 6 pictures")

    expect_end(workflow, "succeeded", VERDICT)


def test_a_cancelled_sending_says_what_was_sent(workflow: Page) -> None:
    workflow.route(re.compile(r"-images-\d+$"), lambda route: None)
    drop(workflow, [("one.jpg", sample("umbrella").read_bytes())])
    workflow.get_by_role("button", name="Compare on 1 picture").click()
    workflow.get_by_role("button", name="Cancel").click()
    said = workflow.locator("#workflow-sending")
    expect(said).to_have_text("Cancelled before anything was sent.")
    drop(workflow, [("one.jpg", sample("umbrella").read_bytes())])
    expect(said).to_have_text("")


def test_material_that_was_taken_back_is_not_started(workflow: Page) -> None:
    started: list[dict[str, Any]] = []
    checks: list[Any] = []

    def hold_first(route: Any) -> None:
        if route.request.method != "POST":
            route.fallback()
        elif not route.request.post_data_json.get("dry_run"):
            started.append(route.request.post_data_json)
            route.fulfill(status=202, json=START)
        elif checks:
            route.fulfill(json={})
        else:
            checks.append(route)

    workflow.route("**/workflows", hold_first)
    workflow.get_by_role("button", name="Try it with the samples").click()
    workflow.get_by_role("button", name="Compare on 6 pictures").click()
    wait_for(lambda: workflow.title() and checks)
    workflow.get_by_role("button", name="Choose others").click()
    drop(workflow, [("one.jpg", sample("umbrella").read_bytes())])
    checks[0].fulfill(json={})
    run = START | {"champion": "doodle", "images": 1, "faults": []} | classifying(0, 0)
    workflow.route("**/workflows/r-1", lambda route: route.fulfill(json=run))
    start(workflow, "Compare on 1 picture")

    assert [request["name"].rsplit("-", 1)[0] for request in started] == ["pictures"]


def test_files_of_the_report(workflow: Page) -> None:
    workflow.get_by_role("button", name="Try it with the samples").click()
    start(workflow, "Compare on 6 pictures")
    expect_end(workflow, "succeeded", VERDICT)
    name = workflow.url.split("/")[-1]

    saved = {}
    for button in ("Results as JSONL", "Report as Markdown", "Report as JSON"):
        with workflow.expect_download() as download:
            workflow.get_by_role("button", name=button).click()
        data = Path(download.value.path()).read_text()
        saved[download.value.suggested_filename] = data

    assert set(saved) == {f"{name}.jsonl", f"{name}.md", f"{name}.json"}
    lines = [json.loads(line) for line in saved[f"{name}.jsonl"].splitlines()]
    assert sorted(line["label"] for line in lines) == LABELS
    assert json.loads(saved[f"{name}.json"])["name"] == name
    title = workflow.get_by_role("heading", level=1).text_content() or ""
    assert title.rstrip(".") in saved[f"{name}.md"]


def test_better_challenger_is_promoted(workflow: Page, server: str) -> None:
    choose(workflow, "muddled", "doodle")
    lines = [f"{server}/models/doodle/samples/{label}.jpg {label}" for label in LABELS]
    workflow.get_by_label("Or paste URLs").fill("\n".join(lines * 3))
    workflow.get_by_label("Promote the challenger").check()

    start(workflow, "Compare on 18 pictures")

    expect_end(workflow, "succeeded", re.compile("^doodle"))
    expect(workflow.locator("#workflow-outcome")).to_have_text(re.compile("^Promoted"))
    assert drawn(workflow)["Promote"] == "succeeded"
    assert len(answers(workflow)) == 18
    workflow.get_by_role("link", name="All runs").click()
    expect(workflow.locator("#traffic")).to_contain_text("100%")


def test_inner_folders_are_the_labels(workflow: Page, labelled: Path) -> None:
    workflow.get_by_label("Choose a folder to test with").set_input_files(labelled)
    expect(workflow.locator("#workflow-given")).to_have_text("4 pictures")
    expect_tray(workflow, ["umbrella 2", "banana 1"])
    expect(workflow.locator("#workflow-note")).to_contain_text("known for 3 of them")

    start(workflow, "Compare on 4 pictures")

    expect_end(workflow, "succeeded", VERDICT)
    expect(workflow.locator("#workflow-caption")).to_contain_text("My-drawings-")
    rows = sorted((name, truth) for name, truth, *_ in answers(workflow))
    truths = sorted(truth for _, truth in rows)
    assert truths == ["Banana", "Umbrella", "Umbrella", "–"]
    assert {name for name, _ in rows} == {
        "umbrella/0.jpg",
        "umbrella/1.jpg",
        "banana/0.jpg",
        "loose.jpg",
    }
    for image in workflow.locator(".answers-table img").all():
        image.scroll_into_view_if_needed()
        expect(image).not_to_have_js_property("naturalWidth", 0)


def test_folder_dropped(workflow: Page, labelled: Path) -> None:
    drop_from_disk(workflow, labelled)

    expect(workflow.locator("#workflow-given")).to_have_text("4 pictures")
    expect_tray(workflow, ["umbrella 2", "banana 1"])


def test_folders_dropped_together_are_the_labels(workflow: Page, labelled: Path) -> None:
    drop_from_disk(workflow, labelled / "umbrella", labelled / "banana")

    expect(workflow.locator("#workflow-given")).to_have_text("3 pictures")
    expect_tray(workflow, ["umbrella 2", "banana 1"])


def test_manifest_with_labels_and_no_challenger(workflow: Page, folder: Path, files: str) -> None:
    for label in ("umbrella", "banana"):
        shutil.copy(sample(label), folder)
    lines = ["id,url,label", f"first,{files}/umbrella.jpg,Umbrella"]
    lines += [f"second,{files}/banana.jpg,envelope", f"third,{files}/none.jpg,banana"]
    choose(workflow, "doodle", "")
    expect(workflow.get_by_label("Promote the challenger")).to_be_disabled()

    drop(workflow, [("list.csv", "\n".join(lines).encode())])
    expect(workflow.locator("#workflow-given")).to_have_text("The list “list”")
    start(workflow, "Start")

    expect_end(workflow, "succeeded", VERDICT)
    assert states(workflow)["Challenger, none"] == "not needed"
    assert drawn(workflow)["Degraded"] == "succeeded"
    expect(workflow.locator("#workflow-outcome")).to_have_text(re.compile("^Degraded"))
    first, second, third = answers(workflow)
    assert first[:2] == ["first", "Umbrella"] and first[2].startswith("✓ Right: Umbrella")
    assert second[2].startswith("✕ Wrong: Banana")
    assert third[2].startswith("Refused by its host")
    expect(workflow.locator(".arm-table tbody tr")).to_have_count(1)
    expect(workflow.locator(".arm-table")).to_contain_text("1 refused by its host")


def test_refused_run_says_why(workflow: Page, cloud: LocalCloud) -> None:
    """The form refuses this by itself, and the route too: only Step Functions starts it."""
    drop(workflow, [("empty.csv", b"id,url,label\n")])
    said = "empty.csv names no image. It is empty."
    expect(workflow.locator("#workflow-refusal")).to_contain_text(said)
    expect(workflow.get_by_role("button", name="Start", exact=True)).to_be_disabled()
    cloud.client("s3").put_object(Bucket=cloud.images, Key="batches/empty.csv", Body=b"url\n")
    states = cloud.client("stepfunctions")
    (machine,) = states.list_state_machines()["stateMachines"]
    asked = json.dumps({"manifest": f"s3://{cloud.images}/batches/empty.csv"})
    arn = machine["stateMachineArn"]
    states.start_execution(stateMachineArn=arn, name="empty-0123abcd", input=asked)
    workflow.evaluate("location.hash = '#experiment/empty-0123abcd'")

    expect_end(workflow, "failed", "It was refused")
    assert drawn(workflow)["Refuse"] == "failed"
    problem = workflow.locator("#workflow-problem")
    expect(problem).to_contain_text(said)
    expect(problem).to_contain_text("Put right what is named here, then start a new run.")
    expect(problem.locator("code")).to_have_text("BadRequest")
    expect(workflow.locator("#workflow-graph .edge.is-taken")).to_have_count(2)
    shoot(workflow, "workflow-refused")

    workflow.get_by_role("link", name="All runs").click()
    expect(workflow.locator("#workflow-recent a").first).to_contain_text("Empty")
    expect(workflow.locator("#workflow-recent a").first).to_contain_text("Failed")


def test_what_cannot_be_promoted_is_said_before_it_runs(workflow: Page) -> None:
    answer = refusal("BadRequest", "promote needs an experiment; set ARMS.")

    def refuse(route: Any) -> None:
        asked = route.request.post_data_json or {}
        route.fulfill(status=400, json=answer) if asked.get("promote") else route.fallback()

    workflow.route("**/workflows", refuse)
    workflow.get_by_role("button", name="Try it with the samples").click()
    workflow.get_by_label("Promote the challenger").check()
    workflow.get_by_role("button", name="Compare on 6 pictures").click()
    expect(workflow.locator("#workflow-refusal")).to_contain_text(answer["error"]["message"])

    workflow.get_by_label("Promote the challenger").uncheck()
    start(workflow, "Compare on 6 pictures")
    expect_end(workflow, "succeeded", VERDICT)


def test_labels_that_no_model_knows_are_said_before_it_runs(workflow: Page, server: str) -> None:
    lines = [f"{server}/models/doodle/samples/umbrella.jpg Umbrella"]
    lines += [f"{server}/models/doodle/samples/banana.jpg zebra"]
    workflow.get_by_label("Or paste URLs").fill("\n".join(lines))
    workflow.get_by_role("button", name="Compare on 2 pictures").click()
    refusal = workflow.locator("#workflow-refusal")
    expect(refusal).to_contain_text("No model here knows “zebra”.")
    expect(workflow.locator("#workflow-open")).to_be_hidden()
    start(workflow, "Start all the same")

    expect_end(workflow, "succeeded", VERDICT)
    first, second = answers(workflow)
    assert first[2].startswith("✓ Right: Umbrella") and second[2].startswith("Banana")
    expect(workflow.locator(".comparison")).to_contain_text("No model here knows “zebra”.")


def test_start_that_got_no_answer_is_the_same_run_again(workflow: Page) -> None:
    asked: list[dict[str, Any]] = []

    def lose_first(route: Any) -> None:
        if route.request.method != "POST" or route.request.post_data_json.get("dry_run"):
            route.fallback()
            return
        asked.append(route.request.post_data_json)
        route.abort() if len(asked) == 1 else route.fulfill(status=202, json=START)

    workflow.route("**/workflows", lose_first)
    workflow.get_by_role("button", name="Try it with the samples").click()
    workflow.get_by_role("button", name="Compare on 6 pictures").click()
    fake_run(workflow, lambda _: classifying(0, 0))
    workflow.evaluate("location.hash = '#experiment'")
    workflow.locator("#workflow-refusal").get_by_role("button", name="Try again").click()

    expect(workflow.get_by_role("heading", level=1)).to_have_text("Classifying 80 pictures")
    assert len(asked) == 2 and asked[0] == asked[1] and asked[0]["name"].startswith("samples-")


@pytest.mark.usefixtures("own_context")
def test_running_is_followed(page: Page) -> None:
    page.clock.install()
    page.reload()
    expect(page.locator("#card")).to_be_visible()
    hide = """(is) => {
      Object.defineProperty(document, "hidden", {value: is, configurable: true});
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    done = [1]
    looks = fake_run(page, lambda _: {**classifying(done[0], 0), "faults": [FAULT]})

    expect(page.get_by_role("heading", level=1)).to_have_text("Classifying 80 pictures")
    assert drawn(page)["Classify"] == drawn(page)["Champion"] == "running"
    assert drawn(page)["Judge"] == "waiting"
    assert states(page)["Champion, 1 of 4 chunks"] == "running"
    expect(page.locator("#workflow-facts")).to_contain_text("doodle against <b>muddled")
    expect(page.locator("#workflow-doing")).to_contain_text("Every chunk goes to both models")
    expect(page.get_by_role("status").and_(page.locator("#workflow-announcement"))).to_have_text(
        "R-1: Classifying 80 pictures"
    )
    page.get_by_text("1 fault tried again or caught").click()
    expect(page.locator("#workflow-faults")).to_contain_text("The bucket did not answer.")
    shoot(page, "workflow-running")
    page.evaluate(hide, True)
    before = len(looks)
    pass_minutes(page)
    assert len(looks) <= before + 1  # one may have been under way
    before = len(looks)
    done[0] = 4
    page.evaluate(hide, False)
    wait_for(lambda: page.clock.run_for(1000) or len(looks) >= before + 3)
    expect(page.locator("#workflow-graph")).to_contain_text("4 of 4 chunks")
    assert drawn(page)["Champion"] == "succeeded"
    assert drawn(page)["Challenger"] == "running"

    page.get_by_role("tab", name="Batch").click()
    before = len(looks)
    pass_minutes(page)
    assert len(looks) <= before + 1  # as above


def test_lost_chunk_is_told_and_the_run_goes_on(page: Page) -> None:
    view = classifying(4, 3)
    view["states"]["Challenger lost"] = "succeeded"
    fake_run(page, lambda _: {**view, "faults": [FAULT]})

    expect(page.locator("#workflow-graph")).to_contain_text("3 of 4, some lost")
    assert states(page)["Challenger, 3 of 4, some lost"] == "running"
    assert drawn(page)["Champion"] == "succeeded"


def test_failed_step_is_found_on_the_map(page: Page) -> None:
    fake_run(page, lambda _: FAILED)

    expect_end(page, "failed", "Judge failed")
    assert drawn(page)["Judge"] == drawn(page)["Fail"] == "failed"
    assert drawn(page)["Classify"] == "succeeded"
    way = page.locator("#workflow-graph .edge.astray.is-taken")
    expect(way).to_have_count(1)
    expect(page.locator("#workflow-problem")).to_contain_text("a step of it failed for good")
    expect(page.locator("#workflow-problem code")).to_have_text("ModelInvalid")
    expect(page.locator("#workflow-facts")).to_contain_text("9 s in all")
    faults = page.locator("#workflow-faults li")
    expect(faults).to_have_text(
        ["SourceUnreachableThe bucket did not answer.", "ModelInvalidA damaged file."]
    )
    expect(faults.first).to_be_visible()
    shoot(page, "workflow-failed")


def test_file_that_cannot_be_sent(workflow: Page) -> None:
    def lose(route: Any) -> None:
        if b"lost.jpg" in (route.request.post_data_buffer or b""):
            refusal = "<Error><Code>EntityTooLarge</Code></Error>"
            headers = {"Access-Control-Allow-Origin": "*"}
            route.fulfill(status=400, body=refusal, headers=headers)
        else:
            route.continue_()

    workflow.route(re.compile(r"-images-\d+$"), lose)
    drop(workflow, [(name, sample("umbrella").read_bytes()) for name in ("kept.jpg", "lost.jpg")])
    workflow.get_by_role("button", name="Compare on 2 pictures").click()
    refusal = workflow.locator("#workflow-refusal")
    expect(refusal).to_contain_text("1 file not sent. The bucket refused the file. Try again.")

    refusal.get_by_role("button", name="Go on without them").click()

    expect(workflow.locator("#workflow-open")).to_be_visible(timeout=PATIENCE)
    expect_end(workflow, "succeeded", VERDICT)
    assert [row[0] for row in answers(workflow)] == ["kept.jpg"]


def test_reload_keeps_the_run_and_the_list_leads_back_to_it(workflow: Page) -> None:
    drop(workflow, [("one.jpg", sample("umbrella").read_bytes())])
    start(workflow, "Compare on 1 picture")
    expect_end(workflow, "succeeded", VERDICT)
    title = workflow.get_by_role("heading", level=1).text_content()

    workflow.reload()
    expect_end(workflow, "succeeded", title or "")
    picture = workflow.locator(".answers-table img")
    expect(picture).to_have_js_property("complete", True)
    expect(picture).not_to_have_js_property("naturalWidth", 0)
    name = workflow.url.split("/")[-1]
    workflow.get_by_role("link", name="All runs").click()
    expect(workflow).to_have_url(re.compile("#experiment$"))
    expect(workflow.get_by_role("heading", name="Put a model to the test")).to_be_focused()
    entry = workflow.locator("#workflow-recent a", has_text=name)
    expect(entry.locator(".run-verdict")).to_have_text(title or "")
    shoot(workflow, "workflow-recent")
    entry.click()
    expect_end(workflow, "succeeded", title or "")
    workflow.go_back()
    expect(workflow.get_by_role("heading", name="Put a model to the test")).to_be_visible()


def test_a_run_without_a_name_shows_its_time_once(page: Page) -> None:
    run = {"name": "20261115-120000-45346da3", "status": "succeeded"}
    times = {"started_at": "2026-11-15T12:00:00Z", "ended_at": "2026-11-15T12:00:09Z"}
    page.route("**/workflows", lambda route: route.fulfill(json={"workflows": [run | times]}))

    page.get_by_role("tab", name="Experiment").click()
    entry = page.locator("#workflow-recent a")
    expect(entry.locator("strong")).to_have_text(re.compile(r"^Run of 15 Nov 2026, \d\d:00$"))
    expect(entry).not_to_contain_text("45346da3")
    expect(entry).to_have_attribute("href", re.compile("45346da3$"))


@pytest.mark.parametrize(("left_out", "said"), [(40, "17 more."), (44, "others.")])
def test_labels_that_a_report_does_not_list_are_others(
    page: Page, left_out: int, said: str
) -> None:
    names = [f"label {number}" for number in range(20)]
    listed = [{"label": name, "images": 2, "known_to": "doodle"} for name in names]
    judgement = {"unknown": listed, "left_out": left_out}
    fake_run(page, lambda _: FAILED | {"status": "succeeded", "judgement": judgement})
    expect(page.locator(".comparison")).to_contain_text(f"“label 2”, {said}")


def test_run_that_is_not_there(page: Page) -> None:
    page.evaluate("location.hash = '#experiment/never'")

    expect(page.get_by_role("heading", level=1)).to_have_text("No such run.")
    expect(page.locator("#workflow-problem")).to_contain_text("Look for it under All runs.")
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()


def test_not_set_up(page: Page) -> None:
    answer = refusal("NotConfigured", "Workflows are not set up here.")
    page.route("**/workflows", lambda route: route.fulfill(status=503, json=answer))

    page.get_by_role("tab", name="Experiment").click()
    expect(page.locator("#workflow-recent-problem")).to_contain_text("make run")
    page.get_by_role("button", name="Try it with the samples").click()
    page.get_by_role("button", name="Compare on 6 pictures").click()
    expect(page.locator("#workflow-refusal")).to_contain_text("make run")


def test_keyboard_alone(page: Page, server: str) -> None:
    expect(page.get_by_role("tab", name="Teach")).to_be_visible()
    tab_to(page, "#tab-single")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="Experiment")).to_be_focused()
    expect(page.locator("#workflow-challenger [value=muddled]")).to_be_attached()
    tab_to(page, "#workflow-lines")
    page.keyboard.type(f"{server}/models/doodle/samples/umbrella.jpg umbrella")
    tab_to(page, "#workflow-go")
    page.keyboard.press("Enter")

    expect(page.locator("#workflow-open")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect_end(page, "succeeded", VERDICT)
    tab_to(page, ".report-files button")


@pytest.mark.parametrize("browser_options", [PHONE], ids=["phone"])
def test_what_starts_a_run_is_near_its_pictures_on_a_phone(workflow: Page) -> None:
    workflow.get_by_role("button", name="Try it with the samples").click()
    expect(workflow.locator("#workflow-given")).to_have_text("6 pictures")
    box = "(element) => element.getBoundingClientRect().top"
    start = workflow.get_by_role("button", name="Compare on 6 pictures").evaluate(box)
    assert start - workflow.locator("#workflow-given").evaluate(box) < 500

    workflow.get_by_role("button", name="Choose others").click()
    expect(workflow.get_by_role("button", name="Try it with the samples")).to_be_visible()
    expect(workflow.locator("#workflow-files")).to_be_focused()


@pytest.mark.parametrize("browser_options", [PHONE], ids=["phone"])
def test_nothing_scrolls_sideways_on_a_phone(workflow: Page, labelled: Path) -> None:
    def expect_fit(name: str) -> None:
        shoot(workflow, f"phone-workflow-{name}")
        assert workflow.evaluate("document.documentElement.scrollWidth") <= 360

    workflow.locator("#workflow-question").scroll_into_view_if_needed()
    long_name = f"{'a rather long name ' * 8}.jpg"
    pictures = [(f"{label}.jpg", sample(label).read_bytes()) for label in LABELS]
    drop(workflow, [*pictures, (long_name, b"This is no JPEG.")])
    expect_fit("start")
    start(workflow, "Compare on 7 pictures")
    expect_end(workflow, "succeeded", VERDICT)
    box = workflow.locator("#workflow-graph svg").bounding_box()
    assert box and box["height"] > box["width"]
    expect_fit("done")
    workflow.locator(".arm-table").scroll_into_view_if_needed()
    expect_fit("report")
    picture = workflow.locator(".report-picture img")
    expect(picture).not_to_have_js_property("naturalWidth", 0)
    box = picture.bounding_box()
    assert box and box["width"] >= 600, "its words are too small to read"
    workflow.locator(".answers-table").scroll_into_view_if_needed()
    expect_fit("answers")
    fake_run(workflow, lambda _: FAILED)
    expect_end(workflow, "failed", "Judge failed")
    expect_fit("failed")


@pytest.mark.parametrize(
    "browser_options", [{"color_scheme": "light"}, {"color_scheme": "dark"}], ids=["light", "dark"]
)
def test_contrast_by_day_and_by_night(workflow: Page, browser_options: dict[str, Any]) -> None:
    scheme = browser_options["color_scheme"]
    workflow.get_by_role("button", name="Try it with the samples").click()
    expect(workflow.locator("#workflow-tray")).to_be_visible()
    assert workflow.evaluate(TOO_FAINT) == []
    shoot(workflow, f"workflow-start-{scheme}")
    start(workflow, "Compare on 6 pictures")
    expect_end(workflow, "succeeded", VERDICT)
    assert workflow.evaluate(TOO_FAINT) == []
    shoot(workflow, f"workflow-done-{scheme}")

    fake_run(workflow, lambda _: FAILED)
    expect_end(workflow, "failed", "Judge failed")
    assert workflow.evaluate(TOO_FAINT) == []
    shoot(workflow, f"workflow-failed-{scheme}")
