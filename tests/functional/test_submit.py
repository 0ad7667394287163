"""`python -m tools.submit` against a batch API in plain sight, on loopback."""

import csv
import io
import json
import os
import pty
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import multipart
import pytest
from click.testing import CliRunner, Result

from chalicelib.bulk.manifests import entries
from chalicelib.sources.read import MAX_BYTES
from localcloud.starting import END_SECONDS, started
from tests.fakes import refusal
from tools.submit import cli
from tools.submitting.csvfile import file_name
from tools.submitting.pace import Pace

TOKEN_VARIABLE = "SERVERLESS_INCEPTION_TOKEN"
BATCH = "20250601-093000-1a2b3c4d"
FINISHED = ("finished", None, None)
STOPPED = ("cancelled", None, 2)
"""Of which the first two images are done, and their results written."""
Run = Callable[..., Result]


@dataclass
class Service:
    """What the API remembers, and how it misbehaves.

    steps: (status, total, done) of a batch, one a look, the last for ever.
    failing: ids of images that fail. cut: results end half-way. more: what records have besides,
        explain or embedding.
    answers: by method and path, what the first requests get: a status with `body`, 0 for nothing,
        None for the usual.
    objects: the bucket, by key. requests: (method, path, body), in order.
    told: the records of the last view.
    """

    url: str = ""
    steps: list[tuple[str, Any, Any]] = field(default_factory=lambda: [FINISHED])
    failing: set[str] = field(default_factory=set)
    answers: dict[str, list[int | None]] = field(default_factory=dict)
    body: bytes = b""
    token: str = ""
    cut: bool = False
    more: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, line: str) -> list[Any]:
        return [body for method, path, body in self.requests if f"{method} {path}" == line]

    @property
    def records(self) -> list[dict[str, Any]]:
        started = self.asked("POST /batches")[-1]
        key = started["manifest"].removeprefix("s3://images/")
        return [self.record(entry.id, entry.source) for entry in entries(key, [self.objects[key]])]

    def record(self, id: str, source: str) -> dict[str, Any]:
        if id in self.failing:
            error = {"code": "ImageUnreadable", "message": "It is no image.", "retryable": False}
            return {"id": id, "source": source, "error": error}
        labels: list[dict[str, Any]]
        labels = [{"name": "cat, tabby", "score": 0.75}, {"name": "dog", "score": 0.25}]
        if self.more == "explain":
            size = {"width": 2, "height": 2, "values": "AAAAAA==", "regions": []}
            labels[0]["heat_map"] = {"method": "activation", **size}
        vector = {"embedding": "AAAAAA=="} if self.more == "embedding" else {}
        cut = {"truncated": True} if id == "a.jpg" else {}
        return {"id": id, "source": source, "labels": labels, "model": "doodle"} | cut | vector

    def view(self) -> dict[str, Any]:
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        status, total, done = step
        view = {
            "batch_id": BATCH, "source": "s3://images/x", "created_at": "2025-06-01T09:30:00Z",
            "status": status, "counts": {"total": total, "done": done, "failed": 0},
        }  # fmt: skip
        if total is not None:
            return view
        self.told = self.records[:done]
        failed = sum("error" in record for record in self.told)
        count = len(self.told)
        return view | {
            "counts": {"total": len(self.records), "done": count, "failed": failed},
            "finished_at": "2025-06-01T09:30:02Z", "labels": {"cat, tabby": count - failed},
            "errors": {"ImageUnreadable": failed} if failed else {},
            "results": f"{self.url}/results?signature=1", "summary": f"{self.url}/summary",
        }  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes
    service: Service

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        self.handle_("GET")

    def do_POST(self) -> None:
        self.handle_("POST")

    def handle_(self, method: str) -> None:
        service, path = self.service, self.path.partition("?")[0]
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = data if path == "/bucket" else json.loads(data or "null")
        with service.lock:
            service.requests.append((method, path, body))
            status = (service.answers.get(f"{method} {path}") or [None]).pop(0)
        if status == 0:
            self.close_connection = True
        elif status:
            self.send(status, service.body)
        elif path in ("/bucket", "/results"):
            assert "Authorization" not in self.headers  # S3 refuses two signatures
            self.store(data) if path == "/bucket" else self.results()
        elif service.token and self.headers["Authorization"] != f"Bearer {service.token}":
            self.send(401, json.dumps(refusal("Unauthorized", "no")).encode())
        else:
            with service.lock:
                self.send(*self.answer(method, path, body))

    def answer(self, method: str, path: str, body: Any) -> tuple[int, bytes]:
        match method, path:
            case "POST", "/uploads":
                key = f"batches/{body.get('batch')}/{body['filename']}"
                form = {"url": f"{self.service.url}/bucket", "fields": {"key": key, "policy": "p"}}
                answer: Any = form | {"s3_uri": f"s3://images/{key}", "expires_in": 3600}
            case "GET", "/batches":
                answer = {"batches": [self.service.view()]}
            case _:
                assert path.startswith(("/batches", f"/batches/{BATCH}"))
                answer = self.service.view()
        status = 202 if (method, path) == ("POST", "/batches") else 200
        return status, json.dumps(answer).encode()

    def store(self, data: bytes) -> None:
        environ = {
            "REQUEST_METHOD": "POST", "CONTENT_TYPE": self.headers["Content-Type"],
            "CONTENT_LENGTH": str(len(data)), "wsgi.input": io.BytesIO(data),
        }  # fmt: skip
        fields, files = multipart.parse_form_data(environ, strict=True)
        assert fields["policy"] == "p"
        with self.service.lock:
            self.service.objects[fields["key"]] = files["file"].raw
        self.send(204, b"")

    def results(self) -> None:
        assert dict(parse_qsl(self.path.partition("?")[2])) == {"signature": "1"}
        data = b"".join(json.dumps(record).encode() + b"\n" for record in self.service.told)
        self.send(200, data[: len(data) // 2] if self.service.cut else data, len(data))

    def send(self, status: int, body: bytes, length: int | None = None) -> None:
        self.close_connection = length != len(body) and length is not None
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def service() -> Iterator[Service]:
    state = Service()
    handler = type("Bound", (Handler,), {"service": state})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        state.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield state
        server.shutdown()


@dataclass
class Time:
    """A clock that only sleeping moves."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time_() -> Time:
    return Time()


@pytest.fixture
def run(service: Service, time_: Time) -> Run:
    def invoke(*arguments: Any, api: str = service.url, **env: str) -> Result:
        pace = Pace(clock=lambda: time_.now, sleep=time_.sleep, backoff=0.0)
        words = [*map(str, arguments), "--api", api]
        result = CliRunner().invoke(cli, words, obj=pace, env=env)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    return invoke


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five images in three folders, two of one name, among what is none."""
    folder = tmp_path / "my photos"
    for name in ("b.JPG", "a.jpg", "zoo/a.jpg", "zoo/Löwe 1.png", "zoo/deep/a.webp"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(f"image {name}".encode())
    for name in ("notes.txt", "._a.jpg", ".thumbs/a.jpg", "zoo/Thumbs.db"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"none")
    return folder


IDS = ["a.jpg", "b.JPG", "zoo/Löwe 1.png", "zoo/a.jpg", "zoo/deep/a.webp"]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_folder_is_uploaded_classified_and_written_as_a_table(
    run: Run, service: Service, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "results.csv"
    result = run(photos, "--out", out, "--model", "doodle", "--max-labels", 2)
    assert result.exit_code == 0, result.output
    assert [row["id"] for row in rows(out)] == IDS
    (started,) = service.asked("POST /batches")
    assert started["model"] == "doodle" and started["max_labels"] == 2
    assert "min_confidence" not in started
    for record in service.records:
        key = record["source"].removeprefix("s3://images/")
        assert service.objects[key] == f"image {record['id']}".encode()
    for row in rows(out):
        assert row["address"] == "", "a key that the service made up"
        assert row["label_1"] == "cat, tabby" and float(row["score_1"]) == 0.75
        assert row["label_2"] == "dog" and float(row["score_2"]) == 0.25
        assert row["file"] == row["id"].rpartition("/")[2] and row["model"] == "doodle"
        assert row["error_code"] == row["error_message"] == ""
        assert row["truncated"] == ("true" if row["id"] == "a.jpg" else "")
    assert len(service.objects) == len(IDS) + 1
    assert (
        f"{BATCH}: 5 images, 0 failed; 2 s from request to results, 2.5 images/s" in result.stdout
    )
    assert re.search(r"^cat, tabby +5$", result.stdout, re.M)
    assert "Uploading: 5/5 files, 0.0/0.0 MB" in result.stderr
    assert "Classifying: 5/5 images, 0 failed" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my photos", "results.csv"]


def test_a_single_picture_is_answered_by_its_labels(run: Run, photos: Path) -> None:
    result = run(photos / "a.jpg")
    assert result.exit_code == 0, result.output
    table = [line.split() for line in result.stdout.splitlines()[2:5]]
    assert table == [["LABEL", "SCORE"], ["cat,", "tabby", "75%"], ["dog", "25%"]]
    assert f"{BATCH}: 1 image, 0 failed" in result.stdout


def test_results_as_jsonl_are_what_the_service_wrote(
    run: Run, service: Service, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "results.jsonl"
    assert run(photos, "--out", out).exit_code == 0
    assert [json.loads(line) for line in out.read_text().splitlines()] == service.records


@pytest.mark.parametrize("more", ["explain", "embedding"])
def test_what_a_table_has_no_room_for_is_in_the_jsonl(
    run: Run, service: Service, photos: Path, tmp_path: Path, more: str
) -> None:
    service.more = more
    out, whole = tmp_path / "results.csv", tmp_path / "results.jsonl"
    result = run(photos, f"--{more}", "--out", out)
    assert result.exit_code == 0, result.output
    (started,) = service.asked("POST /batches")
    assert started[more] is True and not {"explain", "embedding"} - {more} & started.keys()
    assert [row["id"] for row in rows(out)] == IDS and "AAAA" not in out.read_text()
    assert "Heat maps and embeddings are in the JSONL" in result.stdout
    assert f"--follow {BATCH} --api {service.url} --out {whole}" in result.stdout
    result = run("--follow", BATCH, "--out", whole)
    assert result.exit_code == 0 and "Heat maps" not in result.stdout
    assert [json.loads(line) for line in whole.read_text().splitlines()] == service.records
    assert "AAAA" in whole.read_text()
    assert "--out results.jsonl" in run(photos, f"--{more}").stdout


def test_files_are_uploaded_under_the_names_they_were_given(
    run: Run, service: Service, photos: Path
) -> None:
    files = [photos / "b.JPG", photos / "zoo" / "a.jpg"]
    assert run(*files).exit_code == 0
    assert [record["id"] for record in service.records] == [path.as_posix() for path in files]


def test_many_files_keep_their_order(run: Run, service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number:03}.png").write_bytes(b"%d" % number)
    assert run(folder).exit_code == 0
    assert [record["id"] for record in service.records] == [f"{n:03}.png" for n in range(300)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("urls.txt", "\ufeff# mine\r\nhttps://example.com/a.jpg\r\n\r\ns3://images/b.jpg\r\n"),
        ("list.csv", "id,url\na,https://example.com/a.jpg\nb,data:image/png;base64;AAAA\n"),
        ("list.JSONL", '{"id": 7, "url": "http://a/b"}\n{"recordId": "x", "source-ref": "s3://i/b"}\n'),
        ("partly.jsonl", '{"s3_uri": "s3://images/a.jpg"}\nnonsense\n'),
    ],
)  # fmt: skip
def test_a_manifest_is_uploaded_as_it_is(
    run: Run, service: Service, tmp_path: Path, name: str, text: str
) -> None:
    manifest = tmp_path / name
    manifest.write_bytes(text.encode())
    result = run(manifest)
    assert result.exit_code == 0, result.output
    assert list(service.objects.values()) == [text.encode()]
    (started,) = service.asked("POST /batches")
    assert started == {"manifest": f"s3://images/{next(iter(service.objects))}"}
    assert len(service.records) == 2
    assert "2 images, 0 failed" in result.stdout


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("local.txt", "https://example.com/a.jpg\nphotos/b.jpg\n", "photos/b.jpg"),
        ("empty.txt", "# nothing\n", "empty.txt names no image. It is empty."),
        ("headless.csv", "https://example.com/a.jpg\n", "must have one of the columns"),
    ],
)
def test_a_manifest_that_cannot_be_meant_is_not_sent(
    run: Run, service: Service, tmp_path: Path, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text)
    result = run(tmp_path / name)
    assert result.exit_code == 2 and said in result.stderr
    assert service.requests == []


@pytest.mark.parametrize(
    ("uri", "way"), [("s3://images/p/", "prefix"), ("s3://i/a.csv", "manifest")]
)
def test_what_is_in_the_bucket_needs_no_upload(
    run: Run, service: Service, uri: str, way: str
) -> None:
    service.steps = [("queued", 0, 0)]
    assert run(uri, "--no-wait").exit_code == 0
    assert service.requests == [("POST", "/batches", {way: uri})]


def test_failed_images_have_a_status_of_their_own_and_an_example(
    run: Run, service: Service, photos: Path, tmp_path: Path
) -> None:
    service.failing = {"zoo/a.jpg", "a.jpg"}
    result = run(photos)
    assert result.exit_code == 3
    assert re.search(r"^ImageUnreadable +2 +a.jpg: It is no image.$", result.stdout, re.M)
    assert "5 images, 2 failed" in result.stdout
    assert f"--follow {BATCH} --api {service.url} --out results.csv" in result.stdout
    out = tmp_path / "failed.csv"
    assert run("--follow", BATCH, "--out", out).exit_code == 3
    failed = [row for row in rows(out) if row["error_code"]]
    assert {row["id"] for row in failed} == service.failing
    assert all(row["error_message"] == "It is no image." and not row["label_1"] for row in failed)


def test_files_that_no_form_would_take_are_left_out_and_named(
    run: Run, service: Service, photos: Path
) -> None:
    (photos / "empty.png").touch()
    with (photos / "huge.tif").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    result = run(photos)
    assert result.exit_code == 3
    assert [record["id"] for record in service.records] == IDS
    assert "empty.png: it is empty." in result.stderr
    assert "huge.tif: it is over 20 MB" in result.stderr


def test_no_file_of_a_folder_is_passed_over_in_silence(
    run: Run, service: Service, photos: Path
) -> None:
    """A picture by its bytes is taken; one that nobody reads here, and what is none, is named."""
    (photos / "no ending").write_bytes(b"\xff\xd8\xff")
    for name in ("IMG_1.HEIC", "raw.nef", "b.svg"):
        (photos / name).write_bytes(b"II*\0")
    for number in range(4):
        (photos / f"note {number}.txt").write_text("no picture")
    (photos / "album").symlink_to(photos)
    (photos / "gone.jpg").symlink_to(photos / "nothing")
    result = run(photos)
    assert result.exit_code == 3
    assert {record["id"] for record in service.records} == {*IDS, "no ending"}
    assert "IMG_1.HEIC: the service does not read HEIC; save it as JPEG" in result.stderr
    assert "raw.nef: the service does not read raw" in result.stderr
    assert "b.svg: the service does not read its format" in result.stderr
    assert "album: it is a link to a folder; name the folder itself." in result.stderr
    assert "gone.jpg: it is a link that leads nowhere." in result.stderr
    others = "skipped: 6 (note 0.txt, note 1.txt, note 2.txt, note 3.txt, notes.txt, …)"
    assert others in result.stderr


def test_others_beside_pictures_are_no_failure(run: Run, photos: Path) -> None:
    result = run(photos)
    assert result.exit_code == 0
    assert "Not pictures, and skipped: 2 (" in result.stderr


def test_a_folder_of_nothing_that_is_read_says_why(
    run: Run, service: Service, tmp_path: Path
) -> None:
    (tmp_path / "IMG_1.heic").write_bytes(b"x")
    for source in (tmp_path, tmp_path / "IMG_1.heic"):
        result = run(source)
        assert result.exit_code == 2
        assert "No image can be uploaded." in result.stderr and "HEIC" in result.stderr


def test_a_file_that_is_no_picture_is_refused_before_it_is_sent(
    run: Run, service: Service, photos: Path
) -> None:
    (photos / "terms.pdf").write_bytes(b"%PDF-1.7")
    result = run(photos / "terms.pdf")
    assert result.exit_code == 2 and not service.objects
    assert "terms.pdf: it is no picture of a format that the service reads." in result.stderr
    result = run(photos / "a.jpg", photos / "terms.pdf")
    assert result.exit_code == 3 and len(service.records) == 1


def test_a_folder_without_images_is_wrong_usage(run: Run, service: Service, tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 2 and "No image was found" in result.stderr
    assert service.requests == []


def test_faults_that_pass_are_waited_out(
    run: Run, service: Service, photos: Path, tmp_path: Path
) -> None:
    service.answers = {
        "POST /uploads": [None, 503, 0],  # the first asks whether there is a service at all
        "POST /bucket": [503, 0, 500],
        "POST /batches": [429],
        f"GET /batches/{BATCH}": [502, 0, 504],
        "GET /results": [503],
    }
    service.steps = [("running", 5, 1), FINISHED]
    out = tmp_path / "results.csv"
    assert run(photos, "--out", out).exit_code == 0
    assert not any(service.answers.values())
    assert [row["id"] for row in rows(out)] == IDS


def test_a_batch_is_never_started_twice(run: Run, service: Service, photos: Path) -> None:
    service.answers = {"POST /batches": [0]}
    result = run(photos)
    assert result.exit_code == 1
    assert "did not answer it; --list shows what became of it" in result.stderr
    (manifest,) = [key for key in service.objects if key.endswith("manifest.jsonl")]
    assert f"Submit s3://images/{manifest} instead" in result.stderr
    assert len(service.asked("POST /batches")) == 1


def test_a_service_that_is_down_is_one_line(run: Run, photos: Path, free_port: int) -> None:
    result = run(photos, api=f"http://127.0.0.1:{free_port}")
    assert result.exit_code == 1
    assert "cannot be reached: start it with `make run`" in result.stderr
    assert result.output.count("\n") == 1


def test_a_service_without_batch_says_so_at_once(run: Run, service: Service, photos: Path) -> None:
    service.answers = {"POST /uploads": [503]}
    service.body = json.dumps(refusal("NotConfigured", "Batch is not set up here.")).encode()
    result = run(photos)
    assert result.exit_code == 1
    assert result.stderr == "Error: Batch is not set up here. (NotConfigured)\n"
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [(200, b"<html>", "does not answer like this service"), (200, b"{}", "check --api"),
     (404, b"<html>", "answered 404; check --api"), (500, b"", "answered 500; try again later")],
)  # fmt: skip
def test_another_service_is_told_from_this_one(
    run: Run, service: Service, photos: Path, status: int, body: bytes, said: str
) -> None:
    service.answers, service.body = {"POST /uploads": [status]}, body
    result = run(photos)
    assert result.exit_code == 1 and said in result.stderr
    assert result.output.count("\n") == 1


def test_the_token_is_for_the_api_alone(run: Run, service: Service, photos: Path) -> None:
    service.token = "secret"
    refused = run(photos)
    assert refused.exit_code == 1 and f"--token or {TOKEN_VARIABLE}" in refused.stderr
    # the bucket asserts that it saw none
    assert run(photos, **{TOKEN_VARIABLE: "secret"}).exit_code == 0
    assert run("--list", **{TOKEN_VARIABLE: " secret\r\n"}).exit_code == 0
    assert run("--list", "--token", "secret").exit_code == 0
    assert "secret" not in run(photos, "--no-wait", "--token", "secret").output


@pytest.mark.parametrize("token", ["se\ncret", "secret✓", "se\x00cret"])
def test_what_cannot_be_a_token_is_not_sent_and_not_repeated(run: Run, token: str) -> None:
    refused = run("--list", "--token", token)
    assert refused.exit_code == 2 and "copy the token again" in refused.stderr
    assert token not in refused.output


def test_an_upload_that_the_bucket_refuses_names_the_file(
    run: Run, service: Service, photos: Path
) -> None:
    service.answers = {"POST /bucket": [403] * 99}
    service.body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    result = run(photos)
    assert result.exit_code == 1
    assert (
        f"{photos / 'a.jpg'}: The upload was refused: Access Denied (AccessDenied)."
        in result.stderr
    )
    assert service.asked("POST /batches") == []


def test_a_batch_is_left_and_picked_up_again(
    run: Run, service: Service, photos: Path, tmp_path: Path
) -> None:
    service.steps = [("queued", 0, 0), ("running", 3, 1), FINISHED]
    left = run(photos, "--no-wait")
    assert left.exit_code == 0 and left.stdout == f"{BATCH}\n"
    assert f"--follow {BATCH}" in left.stderr
    out = tmp_path / "results.csv"
    result = run("--follow", BATCH, "--out", out)
    assert result.exit_code == 0 and [row["id"] for row in rows(out)] == IDS
    assert "1/3 images" in result.stderr


def test_looks_grow_rarer_and_the_total_may_grow(
    run: Run, service: Service, photos: Path, time_: Time
) -> None:
    service.steps = (
        [("running", 1, 1)] + [("running", 100 * n, 1) for n in range(1, 20)] + [FINISHED]
    )
    result = run(photos)
    assert result.exit_code == 0
    assert time_.slept[0] == 0.5 and time_.slept[-1] == 5.0
    assert time_.slept == sorted(time_.slept)
    assert "1/1900 images" in result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("Classifying")]
    assert len(lines) < len(time_.slept)


def test_the_end_is_met_when_it_is_near(
    run: Run, service: Service, photos: Path, time_: Time
) -> None:
    ends = [10 * n for n in range(99)] + [999] * 3
    service.steps = [*(("running", 1000, done) for done in ends), FINISHED]
    result = run(photos)
    assert result.exit_code == 0
    assert max(time_.slept) == 5.0 and time_.slept[-1] < 1.0
    assert re.search(r"images/s, \d+:\d\d left", result.stderr)


def test_retry_cancel_and_list(run: Run, service: Service, photos: Path) -> None:
    assert run(photos).exit_code == 0
    service.steps = [("running", 5, 4), FINISHED]
    result = run("--retry", BATCH)
    assert result.exit_code == 0 and "4/5 images" in result.stderr
    assert service.asked(f"POST /batches/{BATCH}/retry") == [{}]
    service.steps = [("cancelled", 5, 2)]
    stopped = run("--cancel", BATCH)
    assert stopped.exit_code == 0 and "is cancelled: 2 of 5 images are done" in stopped.stdout
    assert service.asked(f"POST /batches/{BATCH}/cancel") == [{}]
    listed = run("--list")
    assert listed.exit_code == 0 and re.search(rf"^{BATCH} +cancelled +5 +2", listed.stdout, re.M)
    assert f"To go on with it: --retry {BATCH}" in stopped.stdout


def test_a_cancelled_batch_has_its_results_written_and_can_go_on(
    run: Run, service: Service, photos: Path, tmp_path: Path
) -> None:
    assert run(photos).exit_code == 0
    service.steps = [("cancelled", 5, 1), ("cancelled", 5, 2), STOPPED]
    out = tmp_path / "results.csv"
    followed = run("--follow", BATCH, "--out", out)
    assert followed.exit_code == 1 and "was cancelled when 2 of 5" in followed.stderr
    assert [row["id"] for row in rows(out)] == IDS[:2]
    assert f"Their results: {out}\nTo go on with it: --retry {BATCH}" in followed.stderr
    assert f"{BATCH} --api {service.url} --out results.csv" in run("--follow", BATCH).stderr


def test_what_the_service_says_no_to_is_passed_on(run: Run, service: Service) -> None:
    service.answers = {f"POST /batches/{BATCH}/retry": [409]}
    service.body = json.dumps(refusal("Conflict", "Nothing failed in this batch.")).encode()
    result = run("--retry", BATCH)
    assert (
        result.exit_code == 1
        and result.stderr == "Error: Nothing failed in this batch. (Conflict)\n"
    )


def test_results_that_break_off_leave_what_was_there(
    run: Run, service: Service, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "results.jsonl"
    out.write_text("before")
    service.cut = True
    result = run(photos, "--out", out)
    assert result.exit_code == 1
    assert out.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my photos", "results.jsonl"]
    assert f"--follow {BATCH} --api {service.url} --out {out}" in result.stderr
    service.cut = False
    assert run("--follow", BATCH, "--out", out).exit_code == 0
    assert len(out.read_text().splitlines()) == 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Give SOURCES"),
        (["nowhere/"], "nowhere/ does not exist"),
        (["https://example.com/a.jpg"], "urls.txt"),
        (["s3://images/a.jpg"], "a manifest, or a prefix"),
        ([".", "--follow", BATCH], "or exactly one of"),
        (["--follow", BATCH, "--model", "doodle"], "for a new batch: --model"),
        (["--follow", BATCH, "--explain"], "for a new batch: --explain"),
        ([".", "--no-wait", "--out", "x.csv"], "use --follow BATCH_ID"),
        ([".", "--out", "x.xlsx"], ".csv or .jsonl"),
        ([".", "--out", "nowhere/x.csv"], "no folder nowhere"),
        ([".", "--max-labels", "0"], "0"),
    ],
)
def test_wrong_usage(run: Run, service: Service, arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2 and said in result.stderr
    assert service.requests == []


def test_ctrl_c_while_uploading_starts_nothing(service: Service, photos: Path) -> None:
    def clock() -> float:
        if service.objects:
            raise KeyboardInterrupt
        return 0.0

    pace = Pace(clock=clock, backoff=0.0)
    result = CliRunner().invoke(cli, [str(photos), "--api", service.url], obj=pace)
    assert result.exit_code == 130 and "Check with --list" in result.stderr
    assert service.objects and not service.asked("POST /batches")


def test_ctrl_c_leaves_the_batch_running_and_says_how_to_go_on(
    service: Service, photos: Path, tmp_path: Path
) -> None:
    """On a real terminal, with the bars that it gets."""
    service.steps = [("queued", 0, 0), ("running", 2, 1), ("running", 5, 2)]
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "tools.submit", str(photos), "--api", service.url]
    out = tmp_path / "results.csv"
    terminal = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    with started([*command, "--out", str(out)], {"TERM": "xterm"}, **terminal) as process:
        os.close(theirs)
        seen = read_until(ours, "2/5 images")
        process.send_signal(signal.SIGINT)
        seen += read_until(ours, None)
        os.close(ours)
        assert process.wait(END_SECONDS) == 130
    assert re.search(r"Uploading +\[#+\] +100%", seen) and "5/5 files" in seen
    assert re.search(r"Classifying +\[#+-+\] +40%", seen) and "2/5 images, 0 failed" in seen
    assert "The batch continues. To follow it again:" in seen
    again = f".venv/bin/python -m tools.submit --follow {BATCH} --api {service.url} --out {out}"
    assert again in seen
    assert not service.asked(f"POST /batches/{BATCH}/cancel") and not out.exists()


def read_until(terminal: int, text: str | None) -> str:
    seen = ""
    while text is None or text not in seen:
        try:
            seen += os.read(terminal, 4096).decode(errors="replace")
        except OSError:  # the other side is closed
            assert text is None, seen
            break
    return seen


def test_a_file_is_named_by_its_id_or_its_address() -> None:
    named = {
        ("zoo/a.jpg", "s3://images/batches/x-1/000001.jpg"): "a.jpg",
        ("7", "https://example.com/b.png?size=1"): "b.png",
        ("line 7", "s3://mine/photos/c"): "c",
        ("7", "inline"): "",
        ("d.gif", "inline"): "d.gif",
    }
    for (id, source), name in named.items():
        assert file_name(id, source) == name
