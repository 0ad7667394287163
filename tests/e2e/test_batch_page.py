"""The page's batches, driven in headless Chromium on the local cloud with the bundled model."""

import csv
import io
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from chalicelib.bulk.manifests import check_manifest
from chalicelib.errors import BadRequest
from localcloud.starting import wait_for
from tests.conftest import DOODLES
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
from tests.e2e.conftest import file_server
from tests.fakes import refusal

LABELS = sorted(path.stem for path in DOODLES.glob("*.jpg"))
PATIENCE = 60_000  # ms: what other tests left on the queue is worked off first

pytestmark = pytest.mark.chromium


@pytest.fixture
def batch(page: Page) -> Page:
    """The page, turned to its batches."""
    page.get_by_role("tab", name="Batch").click()
    expect(page.get_by_role("heading", name="What are all these?")).to_be_visible()
    return page


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "My holiday"
    folder.mkdir()
    return folder


@pytest.fixture
def files(folder: Path) -> Iterator[str]:
    """The address of a loopback server of `folder`."""
    with file_server(folder) as url:
        yield url


@pytest.fixture
def unanswering() -> Iterator[str]:
    """The address of a server that answers nobody before the test is over."""
    over = threading.Event()

    class Silent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            over.wait()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Silent) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        over.set()
        server.shutdown()


def expect_finished(page: Page, title: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(title, timeout=PATIENCE)
    expect(page.locator("#batch-open")).to_have_attribute("data-state", "finished")
    expect(page.locator("#batch-results")).to_be_visible()


def rows(page: Page) -> Any:
    return page.locator("#batch-rows tr")


def paste_list(page: Page, *lines: str) -> None:
    page.get_by_label("paste a list").fill("\n".join(lines))
    page.get_by_role("button", name=re.compile("^Classify ")).click()


def shown(page: Page) -> dict[str, str]:
    """Label by name, of the rows that are shown."""
    names = page.locator("#batch-rows .row-id").all_text_contents()
    labels = page.locator("#batch-rows :is(.row-label, .row-error)").all_text_contents()
    return dict(zip(names, labels, strict=True))


def saved(page: Page, name: str, exact: bool = False) -> tuple[str, bytes]:
    """Name and bytes of the file that a button saves."""
    with page.expect_download() as download:
        page.get_by_role("button", name=name, exact=exact).click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def hold_uploads(page: Page, but: str | None = None) -> list[str]:
    """Have no upload arrive but that of one name; the names, as they are sent."""
    sent: list[str] = []

    def hold(route: Any) -> None:
        body = route.request.post_data_buffer or b""
        sent.extend(re.findall(r'filename="([^"]+)"', body.decode("latin-1")))
        if but and sent[-1:] == [but]:
            route.continue_()

    page.route(re.compile(r"-images-\d+$"), hold)
    return sent


def fake_batch(page: Page, answer: Callable[[int], dict[str, Any]]) -> None:
    """Open a batch whose state, at the nth look, is `answer(n)`."""
    looks: list[int] = []
    common = {"batch_id": "b-1", "source": "3 instances", "created_at": "2026-01-01T00:00:00Z"}

    def fulfill(route: Any) -> None:
        looks.append(1)
        route.fulfill(json=common | answer(len(looks)))

    page.route("**/batches/b-1", fulfill)
    page.evaluate("location.hash = '#batch/b-1'")


def running(done: int, total: int) -> dict[str, Any]:
    return {"status": "running", "counts": {"total": total, "done": done, "failed": 0}}


def test_ten_files_dropped_ten_results(batch: Page) -> None:
    pictures = [(f"{label}.jpg", sample(label).read_bytes()) for label in LABELS]
    again = [("same.jpg", sample(label).read_bytes()) for label in LABELS[:4]]

    drop(batch, pictures + again)

    expect_finished(batch, "All 10 classified")
    expect(rows(batch)).to_have_count(10)
    names = ["same.jpg", "same (2).jpg", "same (3).jpg", "same (4).jpg"]
    results = shown(batch)
    assert {name: results[name] for name, _ in pictures} == {
        f"{label}.jpg": label for label in LABELS
    }
    assert sorted(results[name] for name in names) == LABELS[:4]
    expect(batch.locator("#batch-facts")).to_contain_text(f"{len(LABELS)} different labels")
    for row in rows(batch).all():
        row.scroll_into_view_if_needed()
        expect(row.locator(".cell-score")).to_contain_text("%")
        expect(row.locator("img")).not_to_have_js_property("naturalWidth", 0)
    batch.evaluate("scrollTo(0, 0)")
    shoot(batch, "batch")


def test_folder_with_what_is_no_picture(batch: Page, folder: Path) -> None:
    shutil.copy(sample("umbrella"), folder / "umbrella.jpg")
    (folder / "broken.jpg").write_bytes(b"This is no JPEG.")
    (folder / "empty.png").write_bytes(b"")
    (folder / "notes.md").write_text("Not a picture.")

    batch.get_by_label("Choose a folder", exact=True).set_input_files(folder)

    expect_finished(batch, "1 of 2 classified")
    assert shown(batch) == {"broken.jpg": "Not readable", "umbrella.jpg": "umbrella"}
    expect(batch.locator("#batch-note")).to_have_text(
        "Left out: 1 file that is no picture, 1 empty file."
    )
    expect(batch.locator("#batch-caption")).to_contain_text("From My-holiday")
    shoot(batch, "batch-errors")


def test_folder_dropped(batch: Page, folder: Path) -> None:
    (folder / "day 1").mkdir()
    (folder / "day 2").mkdir()
    shutil.copy(sample("umbrella"), folder / "day 1" / "1.jpg")
    shutil.copy(sample("banana"), folder / "day 2" / "1.jpg")
    for name in ("10.jpg", "9.jpg"):
        shutil.copy(sample("balloon"), folder / "day 1" / name)
    (folder / ".hidden.jpg").write_bytes(b"Thumbnails of some program")

    drop_from_disk(batch, folder)

    expect_finished(batch, "All 4 classified")
    labels = shown(batch)
    assert list(labels) == ["day 1/1.jpg", "day 1/9.jpg", "day 1/10.jpg", "day 2/1.jpg"]
    assert list(labels.values()) == ["umbrella", "balloon", "balloon", "banana"]
    expect(batch.locator("#batch-caption")).to_contain_text("From My-holiday")
    for image in batch.locator("#batch-rows .thumb img").all():
        expect(image).not_to_have_js_property("naturalWidth", 0)
    expect(batch.locator("#batch-caption")).to_contain_text("From My-holiday")


def test_results_are_in_the_order_that_the_pictures_were_given_in(
    batch: Page, folder: Path
) -> None:
    for number in (1, 2, 10):
        shutil.copy(sample("umbrella"), folder / f"{number}.jpg")
    drop_from_disk(batch, folder)
    expect_finished(batch, "All 3 classified")
    assert list(shown(batch)) == ["1.jpg", "2.jpg", "10.jpg"]


def test_lines_without_a_name_are_called_by_their_address(batch: Page, files: str) -> None:
    lines = f"{files}/a/umbrella%201.jpg\n{files}/none.jpg?size=1\n"

    drop(batch, [("list.txt", lines.encode())])

    expect_finished(batch, "All 2 failed")
    assert list(shown(batch)) == ["1 · umbrella 1.jpg", "2 · none.jpg"]


def test_what_was_classified_and_what_failed_have_colours_of_their_own(batch: Page) -> None:
    pictures = [("good.jpg", sample("umbrella").read_bytes()), ("bad.jpg", b"This is no JPEG.")]
    drop(batch, pictures)
    expect_finished(batch, "1 of 2 classified")
    colour = "(element) => getComputedStyle(element, {}).{}"
    of_bar = colour.format("null", "backgroundColor")
    good = batch.locator("#batch-bar .batch-done").evaluate(of_bar)
    bad = batch.locator(".batch-failed").evaluate(of_bar)
    assert good != bad
    shown = batch.locator(".cell-best .bar").evaluate(
        colour.format("'::before'", "backgroundColor")
    )
    assert shown == good
    assert batch.locator(".row-error").evaluate(colour.format("null", "color")) == bad


def test_bad_line_of_a_manifest_is_a_row_and_the_filter_finds_it(
    batch: Page, folder: Path, files: str
) -> None:
    for label in ("umbrella", "banana"):
        shutil.copy(sample(label), folder)
    lines = ["id,url", f"first,{files}/umbrella.jpg", 'second,"', f"third,{files}/none.jpg"]
    manifest = "\n".join([*lines, f"fourth,{files}/banana.jpg"])

    drop(batch, [("list.csv", manifest.encode())])

    expect_finished(batch, "2 of 4 classified")
    assert list(shown(batch).values()) == ["umbrella", "Bad line", "Refused by its host", "banana"]
    batch.get_by_role("button", name="Bad line 1").click()
    expect(rows(batch)).to_have_count(1)
    expect(rows(batch)).to_contain_text("Line 3 of the manifest")
    expect(batch.get_by_role("button", name="Bad line 1")).to_be_focused()
    batch.get_by_role("button", name="Banana 1").click()
    assert shown(batch) == {"fourth": "banana"}
    batch.get_by_role("button", name="All 4").click()
    expect(rows(batch)).to_have_count(4)


def test_a_batch_of_one_address_says_so(batch: Page, folder: Path, files: str) -> None:
    shutil.copy(sample("umbrella"), folder / "one.jpg")
    paste_list(batch, f"{files}/one.jpg")
    expect_finished(batch, "One picture classified")
    expect(batch.locator("#batch-caption")).to_contain_text("From one address")


def test_failed_address_is_retried(batch: Page, folder: Path, files: str) -> None:
    shutil.copy(sample("umbrella"), folder / "here.jpg")
    paste_list(batch, f"{files}/here.jpg", "", "# a comment", f"{files}/late.jpg")
    expect_finished(batch, "1 of 2 classified")
    assert shown(batch) == {"here.jpg": "umbrella", "late.jpg": "Refused by its host"}
    expect(batch.locator("#batch-facts")).to_contain_text("By doodle")

    shutil.copy(sample("banana"), folder / "late.jpg")
    batch.get_by_role("button", name="Retry 1 failed").click()

    expect_finished(batch, "All 2 classified")
    assert shown(batch) == {"here.jpg": "umbrella", "late.jpg": "banana"}
    expect(batch.get_by_role("button", name="Retry")).to_be_hidden()
    source = rows(batch).first.get_by_role("link")
    expect(source).to_have_attribute("href", f"{files}/here.jpg")


def test_downloads(batch: Page, folder: Path, files: str) -> None:
    names = ["=1+1.jpg", 'a, "b".jpg', "é.jpg"]
    for name in names:
        shutil.copy(sample("umbrella"), folder / name)
    addresses = [f"{files}/=1%2B1.jpg", f"{files}/a,%20%22b%22.jpg", f"{files}/%C3%A9.jpg"]
    paste_list(batch, *addresses, f"{files}/none.jpg")
    expect_finished(batch, "3 of 4 classified")
    batch_id = batch.url.split("/")[-1]

    name, data = saved(batch, "Download CSV")
    jsonl_name, jsonl = saved(batch, "Download JSONL")

    assert (name, jsonl_name) == (f"{batch_id}.csv", f"{batch_id}.jsonl")
    records = [json.loads(line) for line in jsonl.decode().splitlines()]
    assert [record["id"] for record in records] == [*names, "none.jpg"]
    table = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert [row["id"] for row in table] == ["'=1+1.jpg", *names[1:], "none.jpg"]
    assert [row["address"] for row in table] == [record["source"] for record in records]
    for row, record in zip(table[:3], records[:3], strict=True):
        assert row["label_1"] == "umbrella" and row["model"] == record["model"]
        for number, label in enumerate(record["labels"], 1):
            assert row[f"label_{number}"] == label["name"]
            assert float(row[f"score_{number}"]) == label["score"]
    assert table[3]["error_code"] == "SourceRefused" and table[3]["label_1"] == ""
    assert table[3]["error_message"] == records[3]["error"]["message"]


def test_running_batch_is_cancelled(batch: Page, unanswering: str) -> None:
    paste_list(batch, *(f"{unanswering}/{number}.jpg" for number in range(60)))
    expect(batch.get_by_role("heading", name="Looking at 60 pictures")).to_be_visible(
        timeout=PATIENCE
    )
    expect(batch.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "0")
    shoot(batch, "batch-running")

    batch.get_by_role("button", name="Cancel").click()

    expect(batch.locator("#batch-open")).to_have_attribute("data-state", "cancelled")
    expect(batch.get_by_role("heading", level=1)).to_contain_text("Cancelled")
    expect(batch.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(batch.get_by_role("button", name="Go on")).to_be_visible()
    shoot(batch, "batch-cancelled")
    batch.get_by_role("link", name="All batches").click()
    expect(batch.locator("#batches a").first).to_contain_text("Cancelled")


def test_retry_that_was_cancelled_is_followed_until_its_own_results_are_there(
    batch: Page,
) -> None:
    def answer(look: int) -> dict[str, Any]:
        is_written = look > 2
        failed = 1 if is_written else 2
        return {
            "status": "cancelled", "counts": {"total": 2, "done": 2, "failed": failed},
            "results": f"https://bucket/{'stopped' if is_written else 'last-round'}",
            "labels": {"umbrella": 2 - failed}, "errors": {"SourceRefused": failed},
            **({"finished_at": "2026-01-01T00:00:09Z"} if is_written else {}),
        }  # fmt: skip

    failed: dict[str, Any] = {
        "id": "b",
        "source": "http://h/b",
        "error": {"code": "SourceRefused", "message": ""},
    }
    mended: dict[str, Any] = {
        "id": "a",
        "source": "http://h/a",
        "labels": [{"name": "umbrella", "score": 1}],
    }
    files = {"stopped": [mended, failed], "last-round": [{**failed, "id": "a"}, failed]}
    headers = {"Access-Control-Allow-Origin": "*"}

    def fulfill(route: Any) -> None:
        records = files[route.request.url.rpartition("/")[2]]
        route.fulfill(
            body="".join(f"{json.dumps(record)}\n" for record in records), headers=headers
        )

    batch.route("https://bucket/**", fulfill)
    fake_batch(batch, answer)

    expect(batch.locator("#batch-rows .row-label")).to_have_text("umbrella", timeout=PATIENCE)
    assert shown(batch) == {"a": "umbrella", "b": "Refused by its host"}
    expect(batch.get_by_role("button", name="Go on")).to_be_visible()


def test_reload_keeps_the_batch_and_the_list_leads_back_to_it(batch: Page) -> None:
    drop(batch, [(f"{label}.jpg", sample(label).read_bytes()) for label in LABELS[:2]])
    expect_finished(batch, "All 2 classified")
    before = shown(batch)

    batch.reload()
    expect_finished(batch, "All 2 classified")
    expect(rows(batch)).to_have_count(2)
    assert shown(batch) == before

    batch.get_by_role("link", name="All batches").click()
    expect(batch).to_have_url(re.compile("#batch$"))
    expect(batch.get_by_role("heading", name="What are all these?")).to_be_focused()
    batch.reload()
    batch.get_by_role("link", name=re.compile("2 pictures")).first.click()
    expect_finished(batch, "All 2 classified")
    batch.go_back()
    expect(batch.get_by_role("heading", name="What are all these?")).to_be_visible()
    batch.get_by_role("tab", name="One picture").click()
    expect(batch.get_by_role("heading", name="What is this?")).to_be_visible()
    assert "#" not in batch.url


def test_file_that_cannot_be_sent(batch: Page) -> None:
    def lose(route: Any) -> None:
        if b"lost.jpg" in (route.request.post_data_buffer or b""):
            refusal = "<Error><Code>EntityTooLarge</Code></Error>"
            headers = {"Access-Control-Allow-Origin": "*"}
            route.fulfill(status=400, body=refusal, headers=headers)
        else:
            route.continue_()

    batch.route(re.compile(r"-images-\d+$"), lose)
    drop(batch, [(name, sample("umbrella").read_bytes()) for name in ("kept.jpg", "lost.jpg")])
    expect(batch.get_by_role("heading", name="1 of 2 not sent")).to_be_visible(timeout=PATIENCE)
    expect(batch.locator("#batch-problem")).to_contain_text("The bucket refused the file.")
    expect(batch.locator("#batch-problem")).to_contain_text("EntityTooLarge · 400")
    expect(batch.locator("#batch-facts")).to_contain_text("1 of 2 sent")
    shoot(batch, "batch-unsent")

    batch.get_by_role("button", name="Go on without them").click()

    expect_finished(batch, "One picture classified")
    assert shown(batch) == {"kept.jpg": "umbrella"}


@pytest.mark.parametrize(
    ("arrives", "said"),
    [
        (None, "Cancelled before anything was sent."),
        (
            "0.jpg",
            "Cancelled: 1 of 3 files sent, 2 not. What was sent stays in the bucket.",
        ),
    ],
    ids=["none", "one"],
)
def test_a_cancelled_sending_says_what_was_sent(
    batch: Page, arrives: str | None, said: str
) -> None:
    sending = hold_uploads(batch, arrives)
    drop(batch, [(f"{name}.jpg", sample("umbrella").read_bytes()) for name in range(3)])
    expect(batch.locator("#batch-facts")).to_contain_text(f"{1 if arrives else 0} of 3 sent")
    wait_for(lambda: batch.title() and len(sending) == 3)

    batch.get_by_role("button", name="Cancel").click()

    words = batch.locator("#batch-stopped")
    expect(words).to_have_text(f"{said} No batch was started.")
    shoot(batch, f"batch-stopped-{len(said)}")
    drop(batch, [("notes.md", b"Not a picture.")])
    expect(batch.get_by_role("alert")).to_be_visible()
    expect(words).to_be_hidden()


def test_a_batch_that_was_cancelled_while_it_was_being_started_is_in_the_list(batch: Page) -> None:
    started: list[Any] = []

    def hold(route: Any) -> None:
        if route.request.method == "POST":
            started.append(route)
        else:
            route.fallback()

    batch.route("**/batches", hold)
    drop(batch, [("one.jpg", sample("umbrella").read_bytes())])
    wait_for(lambda: batch.title() and started)
    batch.get_by_role("button", name="Cancel").click()
    expect(batch.locator("#batch-stopped")).to_have_text(
        "Cancelled: the file was sent. What was sent stays in the bucket."
        " The batch was being started: look for it in the list."
    )
    answer = started[0].fetch()
    started[0].fulfill(response=answer)
    batch_id = answer.json()["batch_id"]
    expect(batch.locator(f"#batches [href='#batch/{batch_id}']")).to_be_visible()
    expect(batch.locator("#batch-start")).to_be_visible()


def test_a_picture_that_cannot_be_shown_says_so_while_it_is_sent(batch: Page) -> None:
    hold_uploads(batch)
    drop(batch, [("broken.jpg", b"This is no JPEG."), ("b.jpg", sample("banana").read_bytes())])
    blank = batch.locator("#batch-sheet .is-blank")
    expect(blank).to_have_text("This browser cannot show it.")
    expect(blank.locator("span")).to_be_visible()
    assert blank.evaluate("it => it.scrollHeight <= it.clientHeight"), "all of it can be read"
    assert "0 kB of 0 kB" not in batch.locator("#batch-facts").inner_text()
    shoot(batch, "batch-blank")


def test_nothing_to_send_is_explained(batch: Page) -> None:
    drop(batch, [("notes.md", b"Not a picture."), ("more.md", b"Nor is this.")])

    expect(batch.get_by_role("alert")).to_contain_text("None of these files is a picture.")


NO_MANIFESTS = [
    ("m.csv", b"name,size\na,1\n"),
    ("m.csv", b"\xef\xbb\xbf# made by hand\r\n\r\nName;Size;\r\nhttp://h/1;2\r\n"),
    ("m.csv", b"sep=|\nname|size\n"),
    ("m.csv", b"name\tsize\t\n"),
    ("m.csv", b"http://h/1\nhttp://h/2\n"),
    ("m.csv", b",,\n" + b"long " * 40 + b"\n"),
    ("m.csv", b"url,id\n\n,,\n"),
    ("m.txt", b"# nothing yet\n \n"),
    ("m.jsonl", b"\n"),
]


@pytest.mark.parametrize(("name", "data"), NO_MANIFESTS)
def test_a_list_without_addresses_is_refused_before_it_is_sent_in_the_servers_words(
    batch: Page, name: str, data: bytes
) -> None:
    with pytest.raises(BadRequest) as refused:
        check_manifest(name, [data])
    uploads: list[str] = []
    batch.on("request", lambda request: uploads.append(request.url))

    drop(batch, [(name, data)])

    expect(batch.get_by_role("alert")).to_have_text(str(refused.value))
    assert not [url for url in uploads if "uploads" in url]


def test_addresses_pasted_anywhere_fill_the_list(batch: Page) -> None:
    lines = "https://example.com/a.jpg\nhttps://example.com/b.jpg"
    batch.evaluate("(text) => navigator.clipboard.writeText(text)", lines)

    batch.keyboard.press("Control+V")

    expect(batch.get_by_label("paste a list")).to_have_value(lines)
    expect(batch.get_by_role("button", name="Classify 2 addresses")).to_be_enabled()


def test_ten_thousand_results_a_hundred_at_a_time(batch: Page) -> None:
    score = [(37 * number % 10_000) / 10_000 for number in range(10_000)]
    records: list[dict[str, Any]] = [
        {"id": str(number), "source": "s3://i/k", "labels": [{"name": "<b>cat", "score": value}]}
        for number, value in enumerate(score)
    ]
    records[5] = {
        "id": "5",
        "source": "s3://i/k",
        "error": {"code": "ImageTooLarge", "message": ""},
    }
    body = "".join(f"{json.dumps(record)}\n" for record in records)
    headers = {"Access-Control-Allow-Origin": "*"}
    batch.route("https://bucket/**", lambda route: route.fulfill(body=body, headers=headers))
    ended = {
        "status": "finished", "finished_at": "2026-01-01T00:10:00Z",
        "counts": {"total": 10_000, "done": 10_000, "failed": 1},
    }  # fmt: skip

    fake_batch(batch, lambda _: ended | {"results": "https://bucket/r", "labels": {}, "errors": {}})

    expect_finished(batch, "9,999 of 10,000 classified")
    expect(rows(batch)).to_have_count(100)
    expect(batch.locator("#batch-shown")).to_have_text("100 of 10,000")
    batch.get_by_role("button", name="Show 100 more").click()
    expect(rows(batch)).to_have_count(200)
    batch.get_by_role("button", name="Score").click()
    expect(rows(batch)).to_have_count(100)
    first = batch.locator("#batch-rows .row-id").first
    expect(first).to_have_text(f"{score.index(max(score))} · k")
    batch.get_by_role("button", name="Score").click()
    expect(first).to_have_text(f"{score.index(min(score))} · k")
    expect(rows(batch).first).to_contain_text("<b>cat")
    batch.get_by_role("button", name="Name").click()
    expect(first).to_have_text("0 · k")
    batch.get_by_role("button", name="Name").click()
    expect(first).to_have_text("9999 · k")
    batch.get_by_role("button", name="Label").click()
    expect(batch.locator("[aria-sort=ascending]")).to_have_text("Label")
    batch.get_by_role("button", name="Too large 1").click()
    assert shown(batch) == {"5 · k": "Too large"}


@pytest.mark.usefixtures("own_context")
def test_progress_in_words_and_no_look_while_the_tab_is_hidden(page: Page) -> None:
    page.clock.install()
    page.reload()
    expect(page.locator("#card")).to_be_visible()
    hide = """(is) => {
      Object.defineProperty(document, "hidden", {value: is, configurable: true});
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    looks, idle = [0], [True]

    def answer(look: int) -> dict[str, Any]:
        looks[0] = look
        return running(done=1 if idle[0] else look + 1, total=200)

    fake_batch(page, answer)
    facts = page.locator("#batch-facts")
    expect(facts).to_contain_text("1 of 200 done")
    page.evaluate(hide, True)
    before = looks[0]
    pass_minutes(page)
    expect(facts).to_contain_text("1 of 200 done")
    assert looks[0] <= before + 1  # one may have been under way

    idle[0] = False
    page.evaluate(hide, False)
    expect(facts).to_contain_text(re.compile(r"\b([2-9]|\d\d+) of 200 done"))
    page.clock.run_for(5_000)
    expect(facts).to_contain_text("images a second")
    expect(facts).to_contain_text("left")
    expect(page.get_by_role("status")).to_contain_text("Looking at 200 pictures")


def test_server_that_is_away_for_a_while(batch: Page) -> None:
    batch.route("**/batches/b-1", lambda route: route.abort())
    batch.evaluate("location.hash = '#batch/b-1'")
    expect(batch.locator("#batch-problem")).to_contain_text("The server does not answer.")

    batch.unroute("**/batches/b-1")
    fake_batch(batch, lambda _: running(done=1, total=2))
    batch.get_by_role("button", name="Try again").click()

    expect(batch.get_by_role("heading", name="Looking at 2 pictures")).to_be_visible()
    expect(batch.locator("#batch-problem")).to_be_hidden()


def test_batch_that_there_is_not(batch: Page) -> None:
    batch.evaluate("location.hash = '#batch/20000101-000000-00000000'")

    expect(batch.get_by_role("heading", name="No such batch.")).to_be_visible()
    expect(batch.locator("#batch-problem")).to_contain_text("Look for it under All batches.")
    expect(batch.locator("#batch-problem")).to_contain_text("NotFound · 404")
    expect(batch.get_by_role("button", name="Try again")).to_be_hidden()
    expect(batch.locator("#batch-bar")).to_be_hidden()


def test_a_batch_that_went_with_its_server_is_looked_at_no_more(batch: Page) -> None:
    fake_batch(batch, lambda _: running(done=1, total=2))
    expect(batch.get_by_role("heading", name="Looking at 2 pictures")).to_be_visible()
    batch.unroute("**/batches/b-1")

    expect(batch.get_by_role("heading", name="No such batch.")).to_be_visible()
    expect(batch.locator("#batch-problem")).to_contain_text("Look for it under All batches.")
    expect(batch.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(batch.locator("#batch-bar")).to_be_hidden()
    expect(batch.locator("#batch-caption")).to_have_text("")


def test_server_without_buckets_says_how_to_get_them(page: Page) -> None:
    answer = refusal("NotConfigured", "Batch is not set up here.")
    for path in ("**/batches", "**/uploads"):
        page.route(path, lambda route: route.fulfill(status=503, json=answer))

    page.get_by_role("tab", name="Batch").click()
    expect(page.locator("#batch-list-problem")).to_contain_text("make run")
    drop(page, [("umbrella.jpg", sample("umbrella").read_bytes())])
    expect(page.locator("#batch-problem")).to_contain_text("make run")


def test_keyboard_alone(page: Page, folder: Path, files: str) -> None:
    shutil.copy(sample("umbrella"), folder / "umbrella.jpg")
    tab_to(page, "#tab-single")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Batch")).to_be_focused()
    tab_to(page, "#batch-lines")
    page.keyboard.type(f"{files}/umbrella.jpg")
    tab_to(page, "#batch-go")
    page.keyboard.press("Enter")

    expect_finished(page, "One picture classified")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page.get_by_role("status")).to_have_text("One picture classified")
    tab_to(page, "#batch-score button")
    page.keyboard.press("Enter")
    expect(page.locator("#batch-score")).to_have_attribute("aria-sort", "descending")


@pytest.mark.parametrize("browser_options", [PHONE], ids=["phone"])
def test_nothing_scrolls_sideways_on_a_phone(batch: Page) -> None:
    def expect_fit(name: str) -> None:
        shoot(batch, f"phone-batch-{name}")
        assert batch.evaluate("document.documentElement.scrollWidth") <= 360

    expect_fit("start")
    long_name = f"{'a rather long name ' * 8}.jpg"
    pictures = [(f"{label}.jpg", sample(label).read_bytes()) for label in LABELS]
    drop(batch, [*pictures, (long_name, b"This is no JPEG.")])
    expect_finished(batch, f"{len(LABELS)} of {len(LABELS) + 1} classified")
    expect(rows(batch)).to_have_count(len(LABELS) + 1)
    expect_fit("finished")
    rows(batch).first.scroll_into_view_if_needed()
    expect_fit("rows")


@pytest.mark.parametrize(
    "browser_options", [{"color_scheme": "light"}, {"color_scheme": "dark"}], ids=["light", "dark"]
)
def test_contrast_by_day_and_by_night(batch: Page, browser_options: dict[str, Any]) -> None:
    scheme = browser_options["color_scheme"]
    assert batch.evaluate(TOO_FAINT) == []
    shoot(batch, f"batch-start-{scheme}")

    broken = ("broken.jpg", b"This is no JPEG.")
    drop(batch, [("umbrella.jpg", sample("umbrella").read_bytes()), broken])
    expect_finished(batch, "1 of 2 classified")
    expect(rows(batch)).to_have_count(2)

    assert batch.evaluate(TOO_FAINT) == []
    shoot(batch, f"batch-finished-{scheme}")
