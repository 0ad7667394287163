"""A batch's pictures: after a reload and by a link, enlarged, and as a gallery; in Chromium."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import TOO_FAINT, drop, sample, shoot, tab_to
from tests.e2e.conftest import LocalCloud
from tests.e2e.test_batch_page import (
    LABELS,
    batch,
    expect_finished,
    fake_batch,
    rows,
    saved,
    shown,
)

pytestmark = pytest.mark.chromium
__all__ = ["batch"]

BROKEN = ("broken.jpg", b"This is no JPEG.")
SIZES = [(1440, 900), (820, 1180), (390, 844), (320, 640)]


def classified(page: Page, *more: tuple[str, bytes]) -> None:
    """A batch of the samples, and of more files."""
    drop(page, [*((f"{label}.jpg", sample(label).read_bytes()) for label in LABELS), *more])
    failed = len(more)
    total = len(LABELS) + failed
    title = f"{len(LABELS)} of {total} classified" if failed else f"All {total} classified"
    expect_finished(page, title)


def gallery(page: Page) -> Any:
    """Its tiles, once it is open."""
    page.get_by_role("button", name="Gallery").click()
    expect(page.locator("#batch-table")).to_be_hidden()
    return page.locator("#batch-tiles .tile")


def expect_shown(image: Any) -> None:
    image.scroll_into_view_if_needed()
    expect(image).to_have_js_property("complete", True)
    expect(image).not_to_have_js_property("naturalWidth", 0)


def many(page: Page, count: int, labels: list[Any] | None = None) -> None:
    """Open a finished batch of so many results, whose pictures the bucket has not.

    labels: of each, where it matters; else one of them failed.
    """
    records: list[dict[str, Any]] = [
        {
            "id": f"{number}.jpg", "source": f"s3://images/{number}.jpg", "model": "doodle",
            "labels": [{"name": f"label {number % 40}", "score": (37 * number % count) / count}],
        }
        for number in range(count)
    ]  # fmt: skip
    if labels:
        for record, own in zip(records, labels, strict=True):
            record["labels"] = own
    else:
        records[5] = {
            "id": "5.jpg", "source": "s3://images/5.jpg",
            "error": {"code": "ImageTooLarge", "message": "It is over 20 MB."},
        }  # fmt: skip
    body = "".join(f"{json.dumps(record)}\n" for record in records)
    headers = {"Access-Control-Allow-Origin": "*"}
    page.route("https://bucket/**", lambda route: route.fulfill(body=body, headers=headers))
    ended = {
        "status": "finished", "finished_at": "2026-01-01T00:10:00Z", "labels": {}, "errors": {},
        "counts": {"total": count, "done": count, "failed": 1}, "results": "https://bucket/r",
    }  # fmt: skip
    fake_batch(page, lambda _: ended)
    expect(page.locator("#batch-results")).to_be_visible()


def test_pictures_survive_a_reload_and_a_link_that_was_sent(
    batch: Page, browser: Browser, cloud: LocalCloud
) -> None:
    classified(batch, BROKEN)
    batch.reload()
    expect_finished(batch, f"{len(LABELS)} of {len(LABELS) + 1} classified")
    images = rows(batch).locator("img")
    expect(images).to_have_count(len(LABELS))
    for image in images.all():
        expect_shown(image)
        assert image.get_attribute("src").startswith(cloud.aws)
    expect(rows(batch).locator(".is-blank")).to_have_attribute("title", "Not readable.")

    rows(batch).first.click()
    with batch.expect_popup() as popup, batch.expect_download() as download:
        batch.get_by_role("link", name="Save the picture").click()
    assert Path(download.value.path()).read_bytes().startswith(b"\xff\xd8\xff")
    popup.value.close()

    stranger = browser.new_context()
    visit = stranger.new_page()
    visit.goto(batch.url)
    expect_finished(visit, f"{len(LABELS)} of {len(LABELS) + 1} classified")
    expect_shown(rows(visit).first.locator("img"))
    stranger.close()


def test_pictures_are_asked_for_together_and_those_out_of_sight_not_at_all(batch: Page) -> None:
    many(batch, 1000)
    asked: list[str] = []

    def fulfill(route: Any) -> None:
        places = [int(place) for place in route.request.url.partition("at=")[2].split(",")]
        asked.append(route.request.url)
        pictures = [
            {"at": at, "source": f"s3://images/{at}.jpg", "url": f"https://pictures/{at}"}
            for at in places
        ]
        route.fulfill(json={"pictures": pictures, "expires_in": 300})

    batch.unroute("https://bucket/**")
    batch.route("**/pictures?at=*", fulfill)
    picture = sample("umbrella").read_bytes()
    batch.route("https://pictures/**", lambda route: route.fulfill(body=picture))
    tiles = gallery(batch)
    expect_shown(tiles.first.locator("img"))
    expect(tiles).to_have_count(100)
    assert len(asked) <= 3 and tiles.locator("img").count() < 60
    tiles.last.scroll_into_view_if_needed()
    expect_shown(tiles.last.locator("img"))
    assert len(asked) <= 6


def test_pictures_of_other_results_are_not_taken_for_these(batch: Page) -> None:
    """Between the look at the results and at the pictures, a batch may have gone on."""
    many(batch, 20)
    other = {"at": 0, "source": "s3://images/other.jpg", "url": "https://pictures/other"}
    batch.route(
        "**/pictures?at=*",
        lambda route: route.fulfill(json={"pictures": [other], "expires_in": 300}),
    )
    batch.reload()
    expect(rows(batch).first.locator(".is-blank")).to_be_visible()
    expect(rows(batch).locator("img")).to_have_count(0)


def test_a_picture_that_is_gone_has_its_reason_in_its_place(batch: Page, cloud: LocalCloud) -> None:
    classified(batch)
    s3 = cloud.client("s3")
    record = json.loads(saved(batch, "Download JSONL")[1].splitlines()[0])
    bucket, _, key = record["source"].removeprefix("s3://").partition("/")
    s3.delete_object(Bucket=bucket, Key=key)
    batch.reload()
    expect_finished(batch, f"All {len(LABELS)} classified")
    tiles = gallery(batch)
    expect(tiles.first).to_contain_text("The picture was deleted from the bucket")
    expect_shown(tiles.nth(1).locator("img"))
    shoot(batch, "gallery-gone")
    tiles.first.click()
    expect(batch.locator("#lightbox-blank")).to_contain_text(
        "The picture was deleted from the bucket"
    )
    expect(batch.locator("#lightbox-said")).to_contain_text("%")


def test_what_is_no_picture_for_a_browser_says_so(batch: Page, cloud: LocalCloud) -> None:
    classified(batch)
    record = json.loads(saved(batch, "Download JSONL")[1].splitlines()[0])
    bucket, _, key = record["source"].removeprefix("s3://").partition("/")
    cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=b"no picture any more")
    batch.reload()
    expect(gallery(batch).first).to_contain_text("This browser cannot show it.")


def test_rows_open_enlarged_and_the_keys_lead_on_and_back(batch: Page) -> None:
    classified(batch, BROKEN)
    names = list(shown(batch))
    enlarged = batch.get_by_role("dialog")
    tab_to(batch, "#batch-rows tr:first-child button")
    batch.keyboard.press("Enter")
    expect(enlarged).to_be_visible()
    expect(enlarged.get_by_role("heading")).to_have_text(names[0])
    expect(enlarged.get_by_role("heading")).to_be_focused()
    expect_shown(batch.locator("#lightbox-picture"))
    expect(batch.locator("#lightbox-link")).to_be_hidden()
    expect(enlarged.get_by_role("list", name="Labels")).to_contain_text(LABELS[0])
    expect(batch.locator("#lightbox-model")).to_have_text("by doodle")
    expect(batch.get_by_role("button", name="Previous")).to_have_attribute("aria-disabled", "true")

    batch.keyboard.press("ArrowRight")
    expect(enlarged.get_by_role("heading")).to_have_text(names[1])
    status = enlarged.get_by_role("status")
    expect(status).to_have_text(re.compile(rf"^2 of {len(names)}: {names[1]}, .* 9?\d+\.\d%$"))
    batch.keyboard.press("End")
    expect(enlarged.get_by_role("heading")).to_have_text(names[-1])
    batch.keyboard.press("ArrowRight")
    expect(batch.locator("#lightbox-place")).to_have_text(f"{len(names)} of {len(names)}")
    batch.keyboard.press("ArrowLeft")
    batch.keyboard.press("Escape")
    expect(enlarged).to_be_hidden()
    expect(batch.get_by_role("button", name=f"Enlarge {names[-2]}")).to_be_focused()

    rows(batch).nth(names.index(BROKEN[0])).locator(".cell-trouble").click()
    expect(enlarged).to_contain_text("Not readable")
    expect(enlarged).to_contain_text("not an image")
    batch.mouse.click(4, 4)
    expect(enlarged).to_be_hidden()


def test_gallery_by_keyboard(batch: Page) -> None:
    classified(batch)
    tiles = gallery(batch)
    expect(tiles).to_have_count(len(LABELS))
    tab_to(batch, "#batch-tiles .tile")
    expect(tiles.first).to_be_focused()
    for key, at in (("ArrowRight", 1), ("End", len(LABELS) - 1), ("Home", 0), ("ArrowLeft", 0)):
        batch.keyboard.press(key)
        expect(tiles.nth(at)).to_be_focused()
    batch.keyboard.press("ArrowRight")
    batch.keyboard.press("Enter")
    expect(batch.get_by_role("dialog")).to_be_visible()
    for key in ("ArrowRight", "ArrowRight", "Escape"):
        batch.keyboard.press(key)
    expect(tiles.nth(3)).to_be_focused()
    assert batch.locator("#batch-tiles [tabindex='0']").count() == 1


def test_rows_below_are_reached_by_arrows_and_back(batch: Page) -> None:
    batch.set_viewport_size({"width": 700, "height": 900})
    many(batch, 30)
    tiles = gallery(batch)
    tiles.first.focus()
    batch.keyboard.press("ArrowDown")
    below = batch.evaluate("document.activeElement.getBoundingClientRect().x")
    assert below == tiles.first.evaluate("tile => tile.getBoundingClientRect().x")
    expect(tiles.first).not_to_be_focused()
    batch.keyboard.press("ArrowUp")
    expect(tiles.first).to_be_focused()


def test_filter_by_score_label_and_error_and_what_is_left_is_saved(batch: Page) -> None:
    many(batch, 1000)
    tiles = gallery(batch)
    batch.get_by_label(re.compile("^Score")).select_option("90% and more")
    expect(batch.locator("#batch-shown")).to_have_text("")
    expect(tiles).to_have_count(100)
    expect(batch.locator("#batch-announcement")).to_have_text("100 of 1,000 results")
    batch.get_by_label(re.compile("^Order")).select_option("lowest score first")
    expect(tiles.first).to_contain_text("90.0%")
    batch.get_by_role("button", name="label 7 25", exact=True).click()
    count = tiles.count()
    assert 0 < count < 25
    name, data = saved(batch, "CSV", exact=True)
    table = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert name == "b-1-part.csv" and len(table) == count
    assert {row["label_1"] for row in table} == {"label 7"}
    lines = saved(batch, "JSONL", exact=True)[1].splitlines()
    assert [json.loads(line)["id"] for line in lines] == [row["id"] for row in table]

    batch.get_by_role("button", name="Too large 1").click()
    expect(batch.locator("#batch-none")).to_be_visible()
    batch.get_by_label(re.compile("^Score")).select_option("any")
    expect(tiles).to_have_count(1)
    expect(tiles).to_contain_text("5.jpg")
    tiles.click()
    expect(batch.get_by_role("dialog")).to_contain_text("It is over 20 MB.")
    batch.keyboard.press("Escape")
    batch.get_by_role("button", name="Table").click()
    assert shown(batch) == {"5.jpg": "Too large"}


def test_a_chip_has_the_first_name_of_a_thing_and_keeps_the_rest(batch: Page) -> None:
    corgi = "Cardigan, Cardigan Welsh corgi"
    names = ["hotdog, hot dog, red hot", corgi, "cardigan", "tench, Tinca tinca"]
    labels = [[{"name": name, "score": 0.9}] for name in names]
    many(batch, 4, labels)
    chips = batch.locator("#batch-chips button")
    expect(chips).to_have_text(["All 4", "hotdog 1", f"{corgi} 1", "cardigan 1", "tench 1"])
    expect(chips.nth(1)).to_have_attribute("title", names[0])
    assert chips.nth(3).get_attribute("title") is None


def test_the_bar_of_an_answer_has_one_colour_in_the_table_and_enlarged(batch: Page) -> None:
    many(batch, 1, [[{"name": "tench", "score": 0.9}]])
    colour = "(bar) => getComputedStyle(bar, '::before').backgroundColor"
    in_table = batch.locator(".cell-best .bar").evaluate(colour)
    rows(batch).first.get_by_role("button").click()
    assert batch.locator("#lightbox-said .bar").evaluate(colour) == in_table


def test_the_way_leads_beyond_the_page_that_is_shown(batch: Page) -> None:
    many(batch, 250)
    tiles = gallery(batch)
    tiles.first.click()
    batch.keyboard.press("End")
    expect(batch.locator("#lightbox-place")).to_have_text("250 of 250")
    batch.keyboard.press("Escape")
    expect(tiles).to_have_count(250)
    expect(tiles.last).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_it_fits_and_can_be_read(batch: Page, scheme: Any, width: int, height: int) -> None:
    batch.set_viewport_size({"width": width, "height": height})
    batch.emulate_media(color_scheme=scheme)
    long_name = f"{'a rather long name ' * 6}.jpg"
    classified(batch, BROKEN, (long_name, BROKEN[1]))
    name = f"{scheme}-{width}"

    def expect_fit(state: str) -> None:
        shoot(batch, f"{state}-{name}")
        assert batch.evaluate("document.documentElement.scrollWidth") <= width
        assert batch.evaluate(TOO_FAINT) == []

    expect_fit("rows")
    tiles = gallery(batch)
    for label in LABELS:
        expect_shown(tiles.filter(has_text=f"{label}.jpg").locator("img"))
    batch.locator("#batch-chips").scroll_into_view_if_needed()
    expect_fit("gallery")
    tiles.filter(has_text="banana.jpg").click()
    expect_shown(batch.locator("#lightbox-picture"))
    expect_fit("enlarged")
    batch.keyboard.press("End")
    expect(batch.locator("#lightbox-blank")).to_have_text("This browser cannot show it.")
    expect_fit("enlarged-broken")
