"""What the tab of a single picture does beyond an answer: compare, remember, take pictures."""

import base64
import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.conftest import DOODLES
from tests.e2e.browser import CHROMIUM, PHONE, QUIET, TOO_FAINT, drop, sample, shoot
from tests.e2e.conftest import file_server
from tests.e2e.test_page import draw, expect_answer, expect_problem

pytestmark = pytest.mark.chromium

CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
LIVE = "() => document.querySelector('#camera-view').srcObject?.active ?? false"


def classify(page: Page, label: str) -> None:
    page.get_by_role("button", name=label, exact=True).click()
    expect_answer(page, label)


def kept(page: Page) -> str:
    return str(page.evaluate("() => Object.values(localStorage).join()"))


# Samples


def test_the_samples_of_the_chosen_model_are_shown(page: Page) -> None:
    expect(page.locator("#samples img")).to_have_count(6)
    expect(page.locator("#samples-credit")).to_have_text(
        "drawn by tools/train_doodle.py (Apache-2.0)"
    )

    def amend(route: Any) -> None:
        listing = route.fetch().json()
        for model in listing["models"]:
            model["samples"] = None if model["name"] == "doodle-small" else model["samples"]
        route.fulfill(json=listing)

    page.route("**/models", amend)
    page.reload()
    expect(page.locator("#samples img")).to_have_count(6)
    page.locator("#model").select_option("doodle-small")
    expect(page.locator("#samples-given")).to_be_hidden()
    page.locator("#model").select_option("doodle")
    expect(page.locator("#samples-given")).to_be_visible()


def test_samples_that_cannot_be_had_say_why(page: Page) -> None:
    said = "The sample one.png of model doodle is missing or damaged; fetch or add the model again."
    error = {"code": "ModelInvalid", "message": said, "retryable": False}
    page.route(
        "**/models/doodle/samples?*",
        lambda route: route.fulfill(status=503, json={"error": error}),
    )
    page.reload()
    expect(page.locator("#samples-problem")).to_have_text(said)


def test_a_model_that_stands_in_for_another_says_so(page: Page) -> None:
    expect(page.locator("#stand-in")).to_be_hidden()

    def amend(route: Any) -> None:
        route.fulfill(json=route.fetch().json() | {"missing": "inception-v3"})

    page.route("**/models", amend)
    page.reload()
    said = page.locator("#stand-in")
    expect(said).to_have_text(
        "inception-v3 is not here, so Doodle answers, which knows drawings only, no photographs. "
        "To get it: make model NAME=inception-v3, then start again."
    )
    assert page.evaluate(TOO_FAINT) == []
    shoot(page, "stand-in")
    page.locator("#model").select_option("doodle-small")
    expect(said).to_be_hidden()


# Links


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:9/cat.jpg"])
def test_a_link_to_a_model_that_is_not_here_says_so(page: Page, server: str, url: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server}/?url={url}&model=in%22ception-v9")
    expect_problem(page, 'The link asks for the model “in"ception-v9”, which is not here.')
    expect(page.locator("#model")).to_have_value("doodle")
    expect(page.locator("#url")).to_have_value(url)
    assert not [address for address in asked if "predict" in address], "another model answered"


def test_a_link_to_a_model_of_the_bucket_finds_it(page: Page, server: str) -> None:
    page.route(
        "**/models/far/samples", lambda route: route.fulfill(json={"model": "far", "samples": []})
    )
    page.goto(f"{server}/?model=far")
    expect(page.locator("#model")).to_have_value("far")
    with page.expect_request("**/predict?*") as sent:
        page.get_by_label("Choose a file").set_input_files(sample("umbrella"))
    assert sent.value.url.endswith("model=far")


# Copies


def test_a_phones_photograph_is_made_smaller_and_says_what_the_network_needs(
    page: Page, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    Image.effect_noise((4000, 3000), 90).save(photo, quality=100, subsampling=0)
    assert photo.stat().st_size > 10_000_000
    with page.expect_request("**/predict?*") as sent:
        page.get_by_label("Choose a file").set_input_files(photo)
    assert len(sent.value.post_data_buffer or b"") < 4_000_000
    expect(page.locator("#caption")).to_contain_text(
        "a copy of 2048 × 1536 px was sent; the network looks at 64 × 64."
    )
    expect(page.locator("#answer")).to_have_attribute("data-state", "answer")


def test_what_is_too_large_and_cannot_be_made_smaller_is_not_sent(
    page: Page, tmp_path: Path
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    (tmp_path / "large.tif").write_bytes(b"II*\0" + bytes(4_100_000))
    page.get_by_label("Choose a file").set_input_files(tmp_path / "large.tif")
    expect_problem(page, "Choose a picture under 4 MB, or give it to Batch")
    assert not [address for address in asked if "predict" in address]


def test_avif_is_sent_as_jpeg_and_heic_that_the_browser_cannot_show_as_it_is(
    page: Page, tmp_path: Path
) -> None:
    with Image.open(sample("umbrella")) as image:
        image.save(tmp_path / "umbrella.avif")
    with page.expect_request("**/predict?*") as sent:
        page.get_by_label("Choose a file").set_input_files(tmp_path / "umbrella.avif")
    assert sent.value.headers["content-type"] == "image/jpeg"
    assert (sent.value.post_data_buffer or b"").startswith(b"\xff\xd8\xff")
    expect_answer(page, "umbrella")
    expect(page.locator("#caption")).to_contain_text("A copy as JPEG, 320 × 320 px, was sent.")
    expect(page.locator("#curl-note")).to_have_text("The page sent a copy of this file as JPEG.")

    heic = b"\0\0\0\x18ftypheic" + bytes(40)
    (tmp_path / "photo.heic").write_bytes(heic)
    with page.expect_request("**/predict?*") as sent:
        page.get_by_label("Choose a file").set_input_files(tmp_path / "photo.heic")
    assert sent.value.post_data_buffer == heic
    expect_problem(page, "save or share it as JPEG")


# What was seen before


def test_recent_answers_survive_a_reload_as_small_copies(page: Page, tmp_path: Path) -> None:
    with Image.open(sample("banana")) as image:
        image.resize((1600, 1600)).save(tmp_path / "banana.png")
    page.get_by_label("Choose a file").set_input_files(tmp_path / "banana.png")
    expect_answer(page, "banana")
    classify(page, "umbrella")
    page.wait_for_function("() => Object.values(localStorage).join().includes('umbrella')")
    copies = re.findall(r"data:image/jpeg;base64,[\w+/=]+", kept(page))
    assert len(copies) == 2 and all(len(copy) < 20_000 for copy in copies)
    assert len(kept(page)) < 60_000

    page.reload()
    again = page.locator("#recent-list button")
    expect(again).to_have_count(2)
    again.filter(has_text="banana").click()
    expect_answer(page, "banana")
    expect(page.locator("#caption")).to_contain_text("banana.png · 1600 × 1600 PNG")
    expect(page.locator("#caption")).to_contain_text("a small copy, from an earlier visit")
    for side in ("naturalWidth", "naturalHeight"):
        expect(page.locator("#picture")).to_have_js_property(side, 144)
    shoot(page, "recent-again")


def test_a_small_copy_is_never_classified_in_the_place_of_the_picture(page: Page) -> None:
    classify(page, "umbrella")
    page.wait_for_function("() => Object.values(localStorage).join().includes('umbrella')")
    page.reload()
    page.locator("#recent-list button").click()
    expect_answer(page, "umbrella")
    expect(page.locator("#compare")).to_be_hidden()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("#model").select_option("doodle-small")
    expect_problem(page, "Only a small copy of this picture was kept.")
    assert not [address for address in asked if "predict" in address]


def test_an_address_from_an_earlier_visit_is_asked_again(
    page: Page, server: str, tmp_path: Path
) -> None:
    (tmp_path / "star.jpg").write_bytes(sample("umbrella").read_bytes())
    with file_server(tmp_path) as files:
        page.get_by_label("Address of a picture").fill(f"{files}/star.jpg")
        page.keyboard.press("Enter")
        expect_answer(page, "umbrella")
        page.wait_for_function("() => Object.values(localStorage).join().includes('star.jpg')")
        assert "data:image" not in kept(page)
        page.goto(server)
        page.locator("#recent-list button").click()
        expect_answer(page, "umbrella")
        page.locator("#model").select_option("doodle-small")
        expect(page.locator("#card-version")).to_contain_text("doodle-small")


def test_a_picture_in_its_address_is_not_kept_whole(page: Page) -> None:
    file = BytesIO()
    Image.effect_noise((400, 400), 90).save(file, "PNG")
    encoded = base64.b64encode(file.getvalue()).decode()
    page.get_by_label("Address of a picture").fill(f"data:image/png;base64,{encoded}")
    page.keyboard.press("Enter")
    expect(page.locator("#answer")).to_have_attribute("data-state", "answer")
    page.wait_for_function("() => Object.values(localStorage).join().includes('data:image/jpeg')")
    assert "data:image/png" not in kept(page) and len(kept(page)) < 25_000


def test_no_more_than_eight_are_kept_and_clear_takes_them_all(page: Page, server: str) -> None:
    for label in ("umbrella", "banana", "balloon", "hourglass", "strawberry", "envelope"):
        classify(page, label)
    for label in ("star", "fish", "house"):
        draw(page, label)
        expect_answer(page, label)
        page.get_by_role("button", name="Clear", exact=True).click()
    page.wait_for_function("() => Object.values(localStorage).join().includes('house')")
    page.reload()
    expect(page.locator("#recent-list button")).to_have_count(8)
    expect(page.locator("#recent")).not_to_contain_text("umbrella")
    page.locator("#recent-clear").click()
    expect(page.locator("#recent")).to_be_hidden()
    page.wait_for_function("() => localStorage.length === 0")
    page.reload()
    expect(page.locator("#samples img").first).to_be_visible()
    expect(page.locator("#recent")).to_be_hidden()


def test_a_browser_that_keeps_nothing_for_pages_is_left_alone(page: Page, server: str) -> None:
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage',"
        " {get() { throw new DOMException('no', 'SecurityError'); }});"
    )
    page.goto(server)
    classify(page, "umbrella")
    classify(page, "banana")
    page.locator("#recent-list button", has_text="umbrella").click()
    expect_answer(page, "umbrella")
    page.reload()
    expect(page.locator("#samples img").first).to_be_visible()
    expect(page.locator("#recent")).to_be_hidden()


def test_entries_that_somebody_else_wrote_do_no_harm(page: Page, server: str) -> None:
    for stored in ("{", "[1, {}]", '[{"source": {}, "answer": {"model": {}, "predictions": []}}]'):
        page.evaluate("(text) => localStorage.setItem('recent answers of /', text)", stored)
        page.reload()
        classify(page, "umbrella")


# Side by side


def test_two_models_answer_side_by_side(page: Page) -> None:
    classify(page, "umbrella")
    with page.expect_request("**/predict?*") as sent:
        page.get_by_label("Compare with").select_option(label="Doodle (small)")
    assert sent.value.url.endswith("model=doodle-small")
    cards = page.locator(".pair-card")
    expect(cards).to_have_count(2)
    expect(cards.nth(0).locator("h4")).to_have_text("Doodle")
    expect(cards.nth(1).locator("h4")).to_have_text("Doodle (small)")
    expect(page.locator("#pair-said")).to_have_text(
        re.compile(r"^Both say umbrella: Doodle with [\d.]+%, Doodle \(small\) with [\d.]+%\.$")
    )
    expect(cards.nth(1).locator("li").first).to_contain_text(
        re.compile(r"umbrella ([\d.]+ points (more|less)|the same)")
    )
    left, right = (cards.nth(place).bounding_box() for place in (0, 1))
    assert left and right and left["y"] == right["y"] and left["x"] < right["x"]
    assert page.evaluate(TOO_FAINT) == []
    shoot(page, "pair")

    sent_models: list[str] = []
    page.on("request", lambda request: sent_models.append(request.url))
    classify(page, "banana")
    expect(page.locator("#pair-said")).to_have_text(re.compile("banana"))
    assert len([url for url in sent_models if "predict?" in url]) == 2
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#pair")).to_be_hidden()
    expect(page.get_by_label("Compare with")).to_be_focused()
    classify(page, "balloon")
    expect(page.locator("#pair")).to_be_hidden()


def test_answers_that_differ_say_so_in_words(page: Page) -> None:
    def muddle(route: Any) -> None:
        answer = route.fetch().json()
        labels = [{"name": "yeti", "score": 0.7}, {"name": "umbrella", "score": 0.2}]
        answer["predictions"][0]["labels"] = labels
        route.fulfill(json=answer)

    page.route("**/predict?*model=doodle-small", muddle)
    classify(page, "umbrella")
    page.get_by_label("Compare with").select_option(label="Doodle (small)")
    expect(page.locator("#pair-said")).to_have_text(
        "They differ: Doodle says umbrella, Doodle (small) says yeti."
    )
    second = page.locator(".pair-card").nth(1).locator("li")
    expect(second.nth(0)).to_contain_text("yeti only here")
    expect(second.nth(1)).to_contain_text("points less")
    expect(page.get_by_role("status").first).to_contain_text("They differ")


def test_a_second_answer_that_fails_leaves_the_first(page: Page) -> None:
    page.route("**/predict?*model=doodle-small", lambda route: route.abort())
    classify(page, "umbrella")
    page.get_by_label("Compare with").select_option(label="Doodle (small)")
    expect(page.locator("#pair-said")).to_have_text("Doodle (small) has no answer.")
    expect(page.locator(".pair-card").nth(1)).to_contain_text("Check that it is running")
    expect_answer(page, "umbrella")


def test_the_same_picture_is_seen_another_way(page: Page, tmp_path: Path) -> None:
    with Image.open(sample("umbrella")) as image:
        wide = Image.new("RGB", (960, 320), image.getpixel((0, 0)))
        wide.paste(image, (320, 0))
        wide.save(tmp_path / "wide.png")
    page.get_by_label("Choose a file").set_input_files(tmp_path / "wide.png")
    expect(page.locator("#answer")).to_have_attribute("data-state", "answer")
    with page.expect_response("**/predict?*resize=crop") as seen:
        page.get_by_label("Compare with").select_option(label="the middle, cropped")
    assert seen.value.json()["predictions"][0]["image"]["resize"] == "crop"
    headings = page.locator(".pair-card h4")
    expect(headings).to_have_text(["The whole, squashed", "The middle, cropped"])
    expect(page.locator(".pair-card").nth(1).locator("li").first).to_contain_text("umbrella")
    expect(page.locator("#pair-said")).to_have_text(
        re.compile(r"^(Both ways it is umbrella, with|It differs: by the whole, squashed,) ")
    )
    shoot(page, "pair-parts")


@pytest.mark.parametrize(
    "browser_options", [PHONE, {"viewport": {"width": 320, "height": 640}}], ids=["phone", "narrow"]
)
def test_two_answers_are_stacked_on_a_phone(page: Page) -> None:
    classify(page, "umbrella")
    page.get_by_label("Compare with").select_option(label="Doodle (small)")
    cards = page.locator(".pair-card")
    expect(cards).to_have_count(2)
    first, second = (cards.nth(place).bounding_box() for place in (0, 1))
    assert first and second and first["x"] == second["x"] and first["y"] < second["y"]
    width = page.viewport_size
    assert width and page.evaluate("document.documentElement.scrollWidth") <= width["width"]
    page.locator("#pair").scroll_into_view_if_needed()
    shoot(page, f"pair-{width['width']}")


# The camera


@pytest.fixture(scope="module")
def with_camera(browser: Any) -> Iterator[Any]:
    other = browser.browser_type.launch(executable_path=CHROMIUM, args=[*QUIET, *CAMERA])
    yield other
    other.close()


@pytest.fixture
def seeing(with_camera: Any, server: str) -> Iterator[Page]:
    context = with_camera.new_context(permissions=["camera"], reduced_motion="reduce")
    page = context.new_page()
    page.goto(server)
    expect(page.locator("#card")).to_be_visible()
    yield page
    context.close()


def test_without_a_camera_no_button_is_shown(page: Page) -> None:
    count = "async () => (await navigator.mediaDevices.enumerateDevices()).length"
    if page.evaluate(count):
        pytest.skip("this machine has a camera")
    expect(page.get_by_role("button", name="Use the camera")).to_be_hidden()


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_nothing_moves_when_the_camera_is_there(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    camera = page.locator("#camera-open")
    places = []
    for is_hidden in (True, False):
        camera.evaluate("(it, isHidden) => { it.hidden = isHidden; }", is_hidden)
        places.append(
            [page.locator(it).bounding_box() for it in ("#url", ".chooser label[for=file]")]
        )
    assert places[0] == places[1]
    assert camera.evaluate("it => it.scrollWidth <= it.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_picture_is_taken_with_the_camera_which_then_is_off(seeing: Page) -> None:
    scripts: list[str] = []
    seeing.on("request", lambda request: scripts.append(request.url))
    button = seeing.get_by_role("button", name="Use the camera")
    button.click()
    seeing.wait_for_function(LIVE)
    seeing.wait_for_function("() => document.querySelector('#camera-view').videoWidth > 0")
    assert any("camera-" in url for url in scripts), "its code comes when it is first used"
    stream = seeing.evaluate_handle("() => document.querySelector('#camera-view').srcObject")
    shoot(seeing, "camera")
    with seeing.expect_request("**/predict?*") as sent:
        seeing.get_by_role("button", name="Take the picture").click()
    assert sent.value.headers["content-type"] == "image/jpeg"
    assert (sent.value.post_data_buffer or b"").startswith(b"\xff\xd8\xff")
    assert stream.evaluate("stream => stream.active") is False
    expect(seeing.locator("#answer")).to_have_attribute("data-state", "answer")
    expect(seeing.locator("#caption")).to_contain_text("camera.jpg")


@pytest.mark.parametrize("way", ["button", "Escape"])
def test_the_camera_is_off_once_its_panel_closes(seeing: Page, way: str) -> None:
    for _ in range(2):
        seeing.get_by_role("button", name="Use the camera").click()
        seeing.wait_for_function(LIVE)
        stream = seeing.evaluate_handle("() => document.querySelector('#camera-view').srcObject")
        if way == "Escape":
            seeing.keyboard.press("Escape")
        else:
            seeing.locator("#camera-close").click()
        expect(seeing.locator("#camera")).to_be_hidden()
        assert stream.evaluate("stream => stream.active") is False
        assert not seeing.evaluate(LIVE)


def test_a_camera_that_is_refused_is_explained(seeing: Page) -> None:
    seeing.evaluate(
        "() => { navigator.mediaDevices.getUserMedia ="
        " async () => { throw new DOMException('no', 'NotAllowedError'); }; }"
    )
    seeing.get_by_role("button", name="Use the camera").click()
    expect_problem(seeing, "does not let this page use the camera")
    expect(seeing.locator("#camera")).to_be_hidden()
    expect(seeing.get_by_role("button", name="Try again")).to_be_visible()


def test_what_is_stored_is_plain(page: Page) -> None:
    classify(page, "umbrella")
    page.wait_for_function("() => localStorage.length > 0")
    (entry,) = json.loads(kept(page))
    assert entry.keys() == {"source", "answer", "elapsed", "asked"}
    assert "bytes" not in entry["source"] and "preview" not in entry["source"]


def answered_with(page: Page, *names: str) -> None:
    """Have the service find these, whatever is asked."""

    def rename(route: Any) -> None:
        answer = route.fetch().json()
        scores = (0.9, 0.05, 0.03)
        answer["predictions"][0]["labels"] = [
            {"name": name, "score": score} for name, score in zip(names, scores, strict=False)
        ]
        route.fulfill(json=answer)

    page.route("**/predict?*", rename)


def test_of_several_names_for_one_thing_the_first_stands_out(page: Page) -> None:
    answered_with(page, "hotdog, hot dog, red hot", "burrito")
    page.get_by_role("button", name="umbrella").click()
    expect_answer(page, "hotdog, hot dog, red hot")
    expect(page.locator("#headline")).not_to_have_class(re.compile("is-long"))
    expect(page.locator("#headline .also")).to_have_text(", hot dog, red hot")
    expect(page.locator("#labels .also")).to_have_text([", hot dog, red hot"])


def test_no_mark_says_of_every_label_that_it_is_only_here(page: Page) -> None:
    classify(page, "umbrella")
    answered_with(page, "yeti", "unicorn")
    page.get_by_label("Compare with").select_option(label="Doodle (small)")
    expect(page.locator("#pair-said")).to_contain_text("They differ")
    expect(page.locator(".pair-card li")).not_to_have_count(0)
    expect(page.locator(".pair-mark")).to_have_count(0)


def test_the_same_file_again_is_seen_before_once(page: Page) -> None:
    for label in ("umbrella", "banana", "umbrella"):
        page.locator("#file").set_input_files(DOODLES / f"{label}.jpg")
        expect_answer(page, label)
    expect(page.locator("#recent-list button")).to_have_text(["umbrella", "banana"])


def test_an_address_without_a_picture_is_no_fault_of_the_browser(page: Page, server: str) -> None:
    page.get_by_label("Address of a picture").fill(f"{server}/none.jpg")
    page.keyboard.press("Enter")
    expect_problem(page, "SourceRefused")
    expect(page.locator("#stage-blind")).to_contain_text("gets no picture from this address")
    drop(page, [("notes.txt", b"Not a picture.")])
    expect(page.locator("#stage-blind")).to_contain_text("cannot show this file")


def test_a_model_whose_title_is_its_name_is_named_once(page: Page) -> None:
    def untitle(route: Any) -> None:
        answer = route.fetch().json()
        for model in answer["models"]:
            model["title"] = model["name"]
        route.fulfill(json=answer)

    page.route("**/models", untitle)
    page.reload()
    expect(page.locator("#card-name")).to_have_text("doodle")
    expect(page.locator("#card-version")).to_have_text("version 1.0")


SHIFTED = """() => new Promise((done) => {
  let sum = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) sum += entry.value;
  }).observe({type: "layout-shift", buffered: true});
  requestAnimationFrame(() => setTimeout(() => done(sum), 100));
})"""


@pytest.mark.parametrize("browser_options", [PHONE], ids=["phone"])
def test_nothing_jumps_on_a_phone_while_the_page_arrives(page: Page) -> None:
    page.reload()
    expect(page.locator("#card")).to_be_visible()
    assert page.evaluate(SHIFTED) < 0.01


@pytest.mark.parametrize("browser_options", [PHONE], ids=["phone"])
def test_a_phone_shows_the_whole_of_what_went_wrong(page: Page) -> None:
    page.get_by_label("Address of a picture").fill(f"https://nosuch.invalid/{'long' * 20}.jpg")
    page.keyboard.press("Enter")
    expect_problem(page, "Unreachable")
    expect(page.locator("#problem")).to_be_in_viewport(ratio=1)


def test_a_focus_ring_has_not_the_colour_of_an_error(page: Page) -> None:
    page.locator("#url").focus()
    ring, error = page.evaluate(
        """() => [getComputedStyle(document.querySelector("#url")).outlineColor,
                  getComputedStyle(document.querySelector("#problem")).borderInlineStartColor]"""
    )
    assert ring != error


def test_more_contrast_is_given_to_who_asks_for_it(page: Page) -> None:
    page.emulate_media(contrast="more")
    muted, ink = page.evaluate(
        """() => ["#card-facts", "#question"].map(
          (each) => getComputedStyle(document.querySelector(each)).color)"""
    )
    assert muted == ink


def test_paper_shows_the_answer_and_nothing_to_press(page: Page) -> None:
    page.get_by_role("button", name="umbrella").click()
    expect_answer(page, "umbrella")
    page.emulate_media(media="print")
    expect(page.locator("#picture")).to_be_visible()
    expect(page.locator("#labels")).to_be_visible()
    pressed = page.locator(":is(button, select, input, [role=tab]):visible")
    assert [control.get_attribute("id") for control in pressed.all()] == []
    page.emulate_media(media="screen")


@pytest.mark.parametrize("width", [580, 720, 799])
def test_the_picker_stands_beside_the_name_of_the_page(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 450})
    page.locator("#model option").first.evaluate("it => { it.text = 'a-model-of-some-length'; }")
    brand, picker = (page.locator(it).bounding_box() for it in (".brand", "#model-picker"))
    assert brand and picker
    assert picker["x"] > brand["x"] + brand["width"] and abs(picker["y"] - brand["y"]) < 20
