"""Where the model looked in a batch's pictures, enlarged, in headless Chromium."""

import base64
import csv
import io
import json
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from tests.e2e.browser import drop, sample, shoot, tab_to
from tests.e2e.test_batch_page import batch, expect_finished, fake_batch, paste_list, rows, saved
from tests.e2e.test_why_page import darkness, without_feature_maps

pytestmark = pytest.mark.chromium
__all__ = ["batch"]

THINGS = ("umbrella", "balloon", "banana")
TICK, HEAT, SAID = "Show where it looks", "#lightbox-why-heat", "#lightbox-why-said"


def starts_batch(request: Request) -> bool:
    return request.method == "POST" and request.url.endswith("/batches")


def explained(page: Page) -> None:
    """A batch with heat maps, and its first result enlarged."""
    page.locator("#many").get_by_label(TICK).check()
    with page.expect_request(starts_batch) as told:
        drop(page, [(f"{at}.jpg", sample(it).read_bytes()) for at, it in enumerate(THINGS)])
    assert json.loads(told.value.post_data or "")["explain"] is True
    expect_finished(page, f"All {len(THINGS)} classified")
    rows(page).first.locator("button").click()
    expect(page.locator("#lightbox-why")).to_be_visible()


def choices(page: Page) -> Any:
    return page.get_by_role("dialog").get_by_role("radiogroup", name="Label").get_by_role("radio")


def expect_over_the_picture(page: Page) -> None:
    picture, overlay = (
        page.locator(selector).bounding_box() for selector in ("#lightbox-picture", HEAT)
    )
    assert picture == overlay


def test_labels_are_shown_over_an_enlarged_picture_one_by_one(batch: Page) -> None:
    explained(batch)
    expect(batch.locator(SAID)).to_contain_text(f"What speaks most for {THINGS[0]} is")
    record = json.loads(saved_jsonl(batch)[0])
    assert record["labels"][0]["heat_map"]["method"] == "activation"
    rows(batch).first.locator("button").click()
    expect(choices(batch)).to_have_count(len(record["labels"]))
    expect_over_the_picture(batch)
    choices(batch).nth(1).check()
    expect(batch.locator(SAID)).to_contain_text(record["labels"][1]["name"])
    for name, size in (("", (1440, 900)), ("-phone", (390, 844))):
        batch.set_viewport_size({"width": size[0], "height": size[1]})
        expect_over_the_picture(batch)
        assert batch.evaluate("document.documentElement.scrollWidth <= innerWidth")
        shoot(batch, f"batch-why{name}")


def saved_jsonl(page: Page) -> list[bytes]:
    page.keyboard.press("Escape")
    return saved(page, "Download JSONL")[1].splitlines()


def test_a_csv_says_that_it_has_no_heat_maps(batch: Page) -> None:
    explained(batch)
    batch.keyboard.press("Escape")
    expect(batch.locator("#batch-note")).to_contain_text("heat maps and embeddings are in the JSON")
    table = saved(batch, "Download CSV")[1].decode("utf-8-sig")
    assert "heat" not in table and len(list(csv.reader(io.StringIO(table)))) == len(THINGS) + 1


def test_keyboard_alone_asks_chooses_dims_and_goes_on(batch: Page) -> None:
    tab_to(batch, "#batch-explain")
    batch.keyboard.press("Space")
    expect(batch.locator("#batch-explain")).to_be_checked()
    explained(batch)
    tab_to(batch, "#lightbox-why-labels input")
    batch.keyboard.press("ArrowRight")
    expect(choices(batch).nth(1)).to_be_checked()
    expect(batch.locator("#lightbox-place")).to_have_text(f"1 of {len(THINGS)}")
    batch.keyboard.press("Tab")
    expect(batch.locator("#lightbox-why-strength")).to_be_focused()
    batch.keyboard.press("Home")
    opacity = "canvas => getComputedStyle(canvas).opacity"
    assert batch.locator(HEAT).evaluate(opacity) == "0"
    expect(batch.locator("#lightbox-place")).to_have_text(f"1 of {len(THINGS)}")
    batch.keyboard.press("End")
    batch.get_by_role("button", name="Next").focus()
    batch.keyboard.press("ArrowRight")
    expect(batch.locator("#lightbox-place")).to_have_text(f"2 of {len(THINGS)}")
    expect(batch.locator(SAID)).to_contain_text(f"What speaks most for {THINGS[1]} is")
    expect(choices(batch).first).to_be_checked()
    assert batch.locator(HEAT).evaluate(opacity) == "1"


def faked(page: Page, *heats: dict[str, Any] | None) -> None:
    """Open a batch of umbrellas, with or without such a heat map."""
    url = "https://pictures/umbrella.jpg"
    picture = sample("umbrella").read_bytes()
    page.route(url, lambda route: route.fulfill(body=picture, content_type="image/jpeg"))
    labels = [
        [{"name": "umbrella", "score": 0.9} | ({"heat_map": heat} if heat else {})]
        for heat in heats
    ]
    records = [{"id": f"{at}.jpg", "source": url, "labels": it} for at, it in enumerate(labels)]
    body = "".join(f"{json.dumps(record)}\n" for record in records)
    headers = {"Access-Control-Allow-Origin": "*"}
    page.route("https://bucket/**", lambda route: route.fulfill(body=body, headers=headers))
    ended = {
        "status": "finished", "finished_at": "2026-01-01T00:10:00Z", "labels": {}, "errors": {},
        "counts": {"total": len(heats), "done": len(heats), "failed": 0},
        "results": "https://bucket/r",
    }  # fmt: skip
    fake_batch(page, lambda _: ended)
    rows(page).first.locator("button").click()
    expect(page.locator("#lightbox-picture")).to_be_visible()


def test_what_is_hot_stays_bright_and_a_picture_without_maps_has_none(batch: Page) -> None:
    cells = bytes(255 if column >= 2 else 0 for row in range(2) for column in range(4))
    heat = {"method": "activation", "width": 4, "height": 2, "regions": []}
    asked: list[str] = []
    batch.on("request", lambda request: asked.append(request.url))
    faked(batch, None, heat | {"values": base64.b64encode(cells).decode()})
    expect(batch.locator("#lightbox-why")).to_be_hidden()
    assert not [url for url in asked if "/why-" in url]
    batch.keyboard.press("ArrowRight")
    expect(batch.locator("#lightbox-why")).to_be_visible()
    assert len([url for url in asked if "/why-" in url]) == 1
    cold, hot = darkness(batch.locator(HEAT), 0.1, 0.9)
    assert cold > 240 and hot < 15
    batch.keyboard.press("ArrowLeft")
    expect(batch.locator("#lightbox-why")).to_be_hidden()
    expect(batch.locator(HEAT)).to_have_count(0)


def test_a_model_without_feature_maps_is_not_asked_and_the_page_says_why(batch: Page) -> None:
    batch.locator("#many").get_by_label(TICK).check()
    batch.route("**/models", without_feature_maps)
    batch.reload()
    tick = batch.locator("#batch-explain")
    expect(tick).to_be_disabled()
    expect(tick).to_have_accessible_description(
        "Doodle has no feature maps: it would take 42 inferences per picture. "
        "Use the tab One picture for this."
    )
    with batch.expect_request(starts_batch) as told:
        paste_list(batch, "https://example.com/cat.jpg")
    assert "explain" not in json.loads(told.value.post_data or "")
