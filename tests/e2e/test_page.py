"""The page, driven in headless Chromium against the running app with the bundled model."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.conftest import DOODLES, ROOT
from tests.e2e.browser import PHONE, TOO_FAINT, drop, sample, shoot, tab_to
from tests.e2e.conftest import LocalCloud, file_server

DRAWINGS = ROOT / "tests" / "data" / "mouse_drawings.json"

pytestmark = pytest.mark.chromium


@pytest.fixture
def files(tmp_path: Path) -> Iterator[str]:
    """The address of a loopback file server with one picture, /umbrella.jpg."""
    shutil.copy(DOODLES / "umbrella.jpg", tmp_path / "umbrella.jpg")
    with file_server(tmp_path) as url:
        yield url


def expect_answer(page: Page, label: str) -> None:
    expect(page.locator("#answer")).to_have_attribute("data-state", "answer")
    expect(page.locator("#headline")).to_have_text(label)
    expect(page.locator("#labels li").first).to_contain_text(label)
    expect(page.locator("#labels li").first).to_contain_text("%")


def expect_problem(page: Page, words: str) -> None:
    expect(page.locator("#answer")).to_have_attribute("data-state", "problem")
    expect(page.locator("#problem")).to_contain_text(words)


def strokes_on_screen(page: Page, label: str) -> list[list[tuple[float, float]]]:
    """Where, in the window, a person's drawing of the thing lies on the canvas."""
    drawing = next(entry for entry in json.loads(DRAWINGS.read_text()) if entry["label"] == label)
    page.get_by_role("tab", name="Draw").click()
    box = page.locator("#canvas").bounding_box()
    assert box
    return [
        [(box["x"] + x * box["width"] / 280, box["y"] + y * box["height"] / 280) for x, y in stroke]
        for stroke in drawing["strokes"]
    ]


def draw(page: Page, label: str) -> None:
    for places in strokes_on_screen(page, label):
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place)
        page.mouse.up()


def test_sample_click_shows_labels_model_time_and_command(page: Page, server: str) -> None:
    page.get_by_role("button", name="umbrella").click()

    expect_answer(page, "umbrella")
    expect(page.locator("#card-version")).to_contain_text("doodle")
    expect(page.locator("#card-description")).not_to_be_empty()
    expect(page.locator("#timing-parts")).to_contain_text("Model")
    expect(page.locator("#certainty")).to_contain_text(re.compile(r"after [\d.]+ m?s"))
    expect(page.locator("#caption")).to_contain_text("JPEG")
    expect(page.locator("#curl")).to_contain_text(f"{server.rstrip('/')}/predict?max_labels=5")
    expect(page.locator("#picture")).not_to_have_js_property("naturalWidth", 0)
    page.mouse.move(0, 0)
    shoot(page, "page")


def test_every_sample_is_offered_and_recognised(page: Page) -> None:
    buttons = page.locator("[data-sample]").all()
    labels = [button.get_attribute("data-sample") or "" for button in buttons]

    assert len(labels) == 6
    assert {sample(label) for label in labels} == set(DOODLES.glob("*.jpg"))
    for button, label in zip(buttons, labels, strict=True):
        button.click()
        expect_answer(page, label)
        expect(button.locator("img")).not_to_have_js_property("naturalWidth", 0)


def test_url(page: Page, files: str) -> None:
    page.get_by_label("Address of a picture").fill(f"{files}/umbrella.jpg")
    page.get_by_role("button", name="Classify").click()

    expect_answer(page, "umbrella")
    expect(page.locator("#timing-parts")).to_contain_text("Fetch")
    expect(page.locator("#caption")).to_contain_text("umbrella.jpg from 127.0.0.1")
    expect(page.locator("#curl")).to_contain_text(f'"url":"{files}/umbrella.jpg"')
    shoot(page, "url")


def test_file_chosen(page: Page) -> None:
    page.get_by_label("Choose a file").set_input_files(sample("umbrella"))

    expect_answer(page, "umbrella")
    expect(page.locator("#curl")).to_contain_text("--data-binary '@umbrella.jpg'")


def test_file_dropped_anywhere(page: Page) -> None:
    drop(page, [("dropped.jpg", sample("umbrella").read_bytes())])

    expect_answer(page, "umbrella")
    expect(page.locator("#caption")).to_contain_text("dropped.jpg")


def test_a_file_that_lacks_its_last_bytes_is_answered_with_a_remark(page: Page) -> None:
    drop(page, [("cut.jpg", sample("umbrella").read_bytes()[:-60])])

    expect_answer(page, "umbrella")
    expect(page.locator("#caption")).to_contain_text("the file is truncated")


def test_picture_pasted(page: Page, tmp_path: Path) -> None:
    Image.open(sample("umbrella")).save(tmp_path / "umbrella.png")  # clipboards hold PNG
    page.evaluate(
        """async (data) => {
          const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
          const blob = new Blob([bytes], {type: "image/png"});
          await navigator.clipboard.write([new ClipboardItem({"image/png": blob})]);
        }""",
        base64.b64encode((tmp_path / "umbrella.png").read_bytes()).decode(),
    )

    page.keyboard.press("Control+V")

    expect_answer(page, "umbrella")


def test_url_pasted_anywhere(page: Page, files: str) -> None:
    page.evaluate("(url) => navigator.clipboard.writeText(url)", f"{files}/umbrella.jpg")

    page.keyboard.press("Control+V")

    expect_answer(page, "umbrella")
    expect(page.get_by_label("Address of a picture")).to_have_value(f"{files}/umbrella.jpg")


@pytest.mark.parametrize("label", ["star", "house", "fish"])
def test_drawing_is_classified_when_the_pen_rests(page: Page, label: str) -> None:
    draw(page, label)

    expect_answer(page, label)
    shoot(page, f"drawing-{label}")


def test_clear_and_undo(page: Page) -> None:
    draw(page, "star")
    expect_answer(page, "star")

    page.get_by_role("button", name="Clear", exact=True).click()

    expect(page.locator("#headline")).to_have_text("Draw me something.")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    draw(page, "star")
    expect_answer(page, "star")
    while page.get_by_role("button", name="Undo").is_enabled():
        page.keyboard.press("Control+Z")
    expect(page.locator("#headline")).to_have_text("Draw me something.")


def test_recent_pictures_come_back(page: Page) -> None:
    page.get_by_role("button", name="umbrella").click()
    expect_answer(page, "umbrella")
    draw(page, "star")
    expect_answer(page, "star")

    page.locator("#recent-list button", has_text="umbrella").click()

    expect_answer(page, "umbrella")
    expect(page.locator("#panel-picture")).to_be_visible()


def test_large_picture_is_made_smaller_before_it_is_sent(page: Page, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    Image.effect_noise((3000, 1500), 90).save(large)
    assert large.stat().st_size > 4_000_000

    with page.expect_request("**/predict?*") as sent:
        page.get_by_label("Choose a file").set_input_files(large)

    assert len(sent.value.post_data_buffer or b"") < 4_500_000
    expect(page.locator("#caption")).to_contain_text("a copy of 2048 × 1024 px was sent")
    expect(page.locator("#answer")).to_have_attribute("data-state", "answer")


def test_text_file_is_refused_in_the_servers_words(page: Page, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Not a picture.\n" * 20)

    page.get_by_label("Choose a file").set_input_files(tmp_path / "notes.txt")

    expect_problem(page, "ImageUnreadable · 422")
    shoot(page, "error-file")


def test_address_field_tells_of_the_picture_that_is_shown(page: Page, files: str) -> None:
    field = page.get_by_label("Address of a picture")
    address = f"{files}/umbrella.jpg"
    field.fill(address)
    page.get_by_role("button", name="Classify").click()
    expect_answer(page, "umbrella")

    page.get_by_role("button", name="banana").click()
    expect_answer(page, "banana")
    expect(field).to_have_value("")
    page.locator("#recent-list button", has_text="umbrella").click()
    expect_answer(page, "umbrella")
    expect(field).to_have_value(address)
    page.get_by_label("Choose a file").set_input_files(sample("balloon"))
    expect_answer(page, "balloon")
    expect(field).to_have_value("")


def test_earlier_picture_is_taken_down_where_it_is_not_what_failed(page: Page) -> None:
    page.get_by_role("button", name="banana").click()
    expect_answer(page, "banana")
    page.get_by_label("Address of a picture").fill("not an address")
    page.get_by_role("button", name="Classify").click()

    expect_problem(page, "This is not a URL.")
    expect(page.locator("#card-role")).to_have_text("Model")
    expect(page.locator("#picture")).to_be_hidden()
    expect(page.locator("#stage-empty")).to_be_visible()
    expect(page.locator("#caption")).to_have_text("")
    page.get_by_role("button", name="banana").click()
    expect(page.locator("#picture")).to_be_visible()


@pytest.mark.parametrize("scheme", ["ftp", "FILE", "gs"])
def test_address_of_another_kind_is_refused_by_its_name(page: Page, scheme: str) -> None:
    page.get_by_label("Address of a picture").fill(f"{scheme}://host.example/cat.jpg")
    page.get_by_role("button", name="Classify").click()

    expect_problem(page, f"not by {scheme.lower()}. Download it")


@pytest.mark.parametrize("browser_options", [{"forced_colors": "active"}], ids=["forced"])
def test_drop_area_is_seen_in_forced_colours(page: Page) -> None:
    style = "(element) => getComputedStyle(element)"
    stage = page.locator("#stage").evaluate(f"{style}.borderTopStyle")
    area = page.locator("#stage-empty").evaluate(f"{style}.outlineStyle")
    assert (stage, area) == ("solid", "dashed")
    shoot(page, "forced-colours")


def middle(element: Locator) -> float:
    box = element.bounding_box()
    assert box
    return box["y"] + box["height"] / 2


@pytest.mark.parametrize(
    "browser_options", [{"viewport": {"width": 320, "height": 640}}], ids=["narrow"]
)
def test_masthead_of_a_narrow_phone_has_a_line_for_the_tabs_and_one_for_the_link(
    page: Page,
) -> None:
    expect(page.get_by_role("tab", name="Teach")).to_be_visible()
    first, *others = (middle(tab) for tab in page.locator("#views [role=tab]").all())
    assert {*others} == {first}
    brand, link = (middle(page.locator(it)) for it in (".brand", ".masthead a"))
    assert abs(brand - link) < 2 and link < first
    assert page.locator("#views").evaluate("(tabs) => tabs.clientHeight") < 40


@pytest.mark.parametrize(
    "browser_options", [{"viewport": {"width": 320, "height": 640}}], ids=["narrow"]
)
def test_picker_shows_the_models_name_on_a_narrow_phone(page: Page) -> None:
    width = "(element) => [element.clientWidth, element.ownerDocument.documentElement.scrollWidth]"
    inside, whole = page.locator("#model").evaluate(width)
    assert whole <= 320
    shoot(page, "narrow")
    assert inside >= 200
    shoot(page, "narrow")


def test_dead_url_says_what_to_do_and_can_be_tried_again(page: Page, free_port: int) -> None:
    dead = f"http://127.0.0.1:{free_port}/cat.jpg"
    page.get_by_label("Address of a picture").fill(dead)
    page.keyboard.press("Enter")

    expect_problem(page, "SourceUnreachable")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    shoot(page, "error-url")


@pytest.mark.parametrize("text", ["", "not an address"])
def test_what_is_no_address_is_explained_without_asking_the_server(page: Page, text: str) -> None:
    page.get_by_label("Address of a picture").fill(text)
    page.keyboard.press("Enter")

    expect_problem(page, "https://example.com/cat.jpg")


def test_server_that_does_not_answer(page: Page) -> None:
    page.route("**/predict?*", lambda route: route.abort())
    page.get_by_role("button", name="umbrella").click()
    expect_problem(page, "Check that it is running")

    page.unroute("**/predict?*")
    page.get_by_role("button", name="Try again").click()

    expect_answer(page, "umbrella")


def test_older_answer_never_replaces_a_newer_one(page: Page, files: str) -> None:
    held: list[Any] = []
    page.route("**/predict?*", lambda route: held.append(route))
    page.get_by_role("button", name="banana").click()
    expect(page.locator("#headline")).to_have_text("Looking…")
    shoot(page, "loading")

    with page.expect_event("requestfailed", lambda request: "predict?" in request.url):
        page.get_by_label("Address of a picture").fill(f"{files}/umbrella.jpg")
        page.keyboard.press("Enter")

    expect_answer(page, "umbrella")
    assert len(held) == 1


def test_model_is_chosen_where_there_are_several(page: Page) -> None:
    def add_model(route: Any) -> None:
        listing = route.fetch().json()
        listing["models"].append({**listing["models"][0], "name": "other", "title": "Other"})
        route.fulfill(json=listing)

    page.route("**/models", add_model)
    page.reload()
    page.get_by_role("combobox", name="Model").select_option("other")

    with page.expect_request("**/predict?*") as sent:
        page.get_by_role("button", name="umbrella").click()

    assert sent.value.url.endswith("model=other")
    expect_problem(page, "ModelNotFound")


def test_server_without_a_model(page: Page) -> None:
    page.route("**/models", lambda route: route.fulfill(json={"default": "", "models": []}))
    page.reload()

    expect_problem(page, "make model NAME=")


def test_keyboard_alone(page: Page, files: str) -> None:
    tab_to(page, "#url")
    page.keyboard.type(f"{files}/umbrella.jpg")
    page.keyboard.press("Enter")
    expect_answer(page, "umbrella")
    expect(page.get_by_role("status")).to_contain_text("umbrella")

    tab_to(page, "[data-sample='banana']")
    page.keyboard.press("Enter")
    expect_answer(page, "banana")

    page.reload()
    tab_to(page, "#tab-picture")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Draw")).to_be_focused()
    expect(page.locator("#panel-draw")).to_be_visible()
    page.keyboard.press("Home")
    expect(page.locator("#panel-picture")).to_be_visible()


def show(page: Page, way: str, files: str, folder: Path) -> None:
    """Have the umbrella classified: a sample, a file in the folder, or by its URL."""
    if way == "sample":
        page.get_by_role("button", name="umbrella").click()
    elif way == "file":
        shutil.copy(sample("umbrella"), folder / "Ann's umbrella.jpg")
        page.get_by_label("Choose a file").set_input_files(folder / "Ann's umbrella.jpg")
    else:
        page.get_by_label("Address of a picture").fill(f"{files}/umbrella.jpg")
        page.keyboard.press("Enter")
    expect_answer(page, "umbrella")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("way", ["sample", "file", "url"])
def test_command_shown_gives_the_same_answer(
    page: Page, files: str, tmp_path: Path, way: str
) -> None:
    show(page, way, files, tmp_path)
    command = ["sh", "-c", page.locator("#curl").text_content() or ""]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout

    shown = json.loads(page.locator("#json").text_content() or "")
    assert json.loads(printed)["predictions"] == shown["predictions"]


LANGUAGES = {"Python": [sys.executable, "-c"], "JavaScript": ["node", "--input-type=module", "-e"]}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("way", ["sample", "file", "url"])
def test_code_shown_gives_the_same_answer(
    page: Page, files: str, tmp_path: Path, way: str, language: str
) -> None:
    if shutil.which(LANGUAGES[language][0]) is None:
        pytest.skip(f"{language} is not installed")
    show(page, way, files, tmp_path)
    page.get_by_role("tab", name=language).click()

    code = page.get_by_role("tabpanel", name=language).text_content() or ""
    printed = subprocess.run(
        [*LANGUAGES[language], code], cwd=tmp_path, capture_output=True, check=True, text=True
    ).stdout
    top = json.loads(page.locator("#json").text_content() or "")["predictions"][0]["labels"][0]
    assert top["name"] in printed and repr(top["score"]) in printed


@pytest.mark.parametrize("way", ["file", "url"])
def test_aws_cli_by_way_of_the_buckets_gives_the_same_label(
    page: Page, cloud: LocalCloud, files: str, tmp_path: Path, way: str
) -> None:
    show(page, way, files, tmp_path)
    page.get_by_role("tab", name="AWS CLI").click()
    code = page.get_by_role("tabpanel", name="AWS CLI").text_content() or ""
    if way == "url" and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    environment = {
        "AWS_ENDPOINT_URL": cloud.aws,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "IMAGES_BUCKET": cloud.images,
        "RESULTS_BUCKET": cloud.results,
        "PYTHONPATH": str(ROOT),
        "no_proxy": "127.0.0.1",
    }
    if shutil.which("aws") is None:
        code = f'aws() {{ "{sys.executable}" -m tests.e2e.awscli "$@"; }}\n{code}'
    printed = subprocess.run(
        ["sh", "-c", code], cwd=tmp_path, capture_output=True, check=True, text=True,
        env=os.environ | environment,
    ).stdout  # fmt: skip
    record = printed[printed.index("{") :]  # after what the CLI says of the upload
    assert json.loads(record)["labels"][0]["name"] == "umbrella"


def test_a_link_shows_the_answer_of_its_picture_and_model(
    page: Page, server: str, files: str
) -> None:
    page.locator("#model").select_option("doodle-small")
    page.get_by_label("Address of a picture").fill(f"{files}/umbrella.jpg")
    page.keyboard.press("Enter")
    expect_answer(page, "umbrella")
    expect(page).to_have_url(re.compile(r"/\?url=http.*umbrella\.jpg&model=doodle-small$"))

    page.goto(page.url)
    expect_answer(page, "umbrella")
    expect(page.locator("#card-version")).to_contain_text("doodle-small")
    expect(page.locator("#model")).to_have_value("doodle-small")

    page.get_by_role("button", name="banana").click()
    expect_answer(page, "banana")
    expect(page).to_have_url(f"{server}/")


def test_a_link_to_another_view_asks_for_no_picture(page: Page, server: str, files: str) -> None:
    page.get_by_label("Address of a picture").fill(f"{files}/umbrella.jpg")
    page.keyboard.press("Enter")
    expect_answer(page, "umbrella")
    address = page.url
    assert "?url=" in address

    page.get_by_role("tab", name="Batch").click()
    expect(page).to_have_url(f"{server}/#batch")
    page.get_by_role("tab", name="One picture").click()
    expect(page).to_have_url(address)
    page.get_by_role("tab", name="Experiment").click()
    expect(page).to_have_url(f"{server}/#experiment")
    page.go_back()
    expect(page).to_have_url(address)
    expect_answer(page, "umbrella")


def test_an_answer_says_what_it_would_cost(page: Page) -> None:
    page.get_by_role("button", name="umbrella").click()
    said = re.compile(
        r"^Estimate: a million such answers cost about \$\d+\.\d\d on AWS in us-east-1"
    )
    expect(page.locator("#cost")).to_have_text(said)


def test_command_is_copied(page: Page) -> None:
    page.get_by_role("button", name="umbrella").click()
    expect_answer(page, "umbrella")
    page.locator("#copy").evaluate(
        """(button) => {
          window.said = [];  // it is said for two seconds
          const watch = new MutationObserver(() => said.push(button.textContent));
          watch.observe(button, {childList: true});
        }"""
    )
    page.get_by_role("button", name="Copy").click()

    page.wait_for_function("() => said.includes('Copied')")
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied == page.locator("#curl").text_content()


@pytest.mark.parametrize("browser_options", [PHONE], ids=["phone"])
def test_nothing_scrolls_sideways_on_a_phone(page: Page, tmp_path: Path) -> None:
    def expect_fit(name: str) -> None:
        shoot(page, f"phone-{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360

    expect_fit("idle")
    page.get_by_role("button", name="umbrella").click()
    expect_answer(page, "umbrella")
    expect(page.locator("#headline")).to_be_in_viewport()
    expect_fit("answer")
    draw(page, "star")
    expect_answer(page, "star")
    expect_fit("drawing")
    (tmp_path / "notes.txt").write_text("Not a picture.")
    page.get_by_label("Choose a file").set_input_files(tmp_path / "notes.txt")
    expect_problem(page, "ImageUnreadable")
    expect_fit("error")


@pytest.mark.parametrize("browser_options", [PHONE], ids=["phone"])
def test_finger_draws_and_does_not_scroll(page: Page) -> None:
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y} for x, y in places]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    for places in strokes_on_screen(page, "star"):
        touch("touchStart", places[0])
        for place in places[1:]:
            touch("touchMove", place)
        touch("touchEnd")

    expect_answer(page, "star")
    assert page.evaluate("scrollY") == 0


@pytest.mark.parametrize(
    "browser_options", [{"color_scheme": "light"}, {"color_scheme": "dark"}], ids=["light", "dark"]
)
def test_contrast_and_white_canvas_by_day_and_by_night(
    page: Page, browser_options: dict[str, Any], tmp_path: Path
) -> None:
    scheme = browser_options["color_scheme"]
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(background[4:].split(",")[0]) < 64) == (scheme == "dark")
    assert page.evaluate(TOO_FAINT) == []

    page.get_by_role("button", name="umbrella").click()
    expect_answer(page, "umbrella")
    assert page.evaluate(TOO_FAINT) == []
    shoot(page, f"answer-{scheme}")

    page.get_by_role("tab", name="Draw").click()
    pixel = "canvas => [...canvas.getContext('2d').getImageData(5, 5, 1, 1).data]"
    assert page.locator("#canvas").evaluate(pixel) == [255, 255, 255, 255]
    assert page.evaluate(TOO_FAINT) == []
    shoot(page, f"canvas-{scheme}")


def test_nothing_is_loaded_from_elsewhere(browser: Browser, server: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    policy = page.goto(server).headers["content-security-policy"]
    expect(page.locator("#card")).to_be_visible()
    context.close()

    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert len(asked) > 5
    assert [url for url in asked if not url.startswith(server)] == []
