"""What callers do to a stage, in the proportions of a busy day: a seeded mix, mistakes included."""

import base64
import json
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import urllib3

from chalicelib.page import files
from tests.conftest import DOODLES
from tests.sampleimages import file, png, quadrants
from tests.unit.test_http import form

PHOTOS = {path.stem.replace("-", " "): path.read_bytes() for path in sorted(DOODLES.glob("*.jpg"))}
PAGE = ["/", *(f"/static/{name}" for name in sorted(files()))]
READ = [
    "/models", "/openapi.json", "/batches", "/experiment", "/workflows", "/v2",
    "/v2/health/live", "/v2/health/ready", "/v2/models/doodle", "/v2/models/doodle-small/ready",
]  # fmt: skip
IMAGES = {
    "image/jpeg": [file(quadrants(*size), "JPEG") for size in ((64, 48), (1280, 720), (4000, 3000))]
    + [file(quadrants(1600, 1200), "JPEG", progressive=True)],
    "image/png": [file(quadrants(), "PNG"), file(quadrants(1280, 720).convert("RGBA"), "PNG")],
    "image/gif": [file(quadrants(320, 240), "GIF")],
    "image/webp": [file(quadrants(1280, 720), "WEBP")],
    "image/bmp": [file(quadrants(640, 480), "BMP")],
    "image/tiff": [file(quadrants(640, 480), "TIFF", compression="tiff_lzw")],
    "image/avif": [file(quadrants(1280, 720), "AVIF")],
}
BAD_IMAGES = [
    (b"", 422), (b"<!doctype html><html></html>", 422), (b"<svg/>", 422), (b"%PDF-1.7", 422),
    (next(iter(PHOTOS.values()))[:3000], 422), (IMAGES["image/png"][0][:60], 422),
    (png((60_000, 60_000), 8, 2, b"\0"), 413),
]  # fmt: skip
BAD_JSON = [
    (b"{", 400), (b"{}", 400), (b'{"url": 7}', 400), (b'{"b64": "?"}', 400), (b"[" * 5000, 400),
    (b'{"url": "ftp://h/"}', 400), (b'{"s3_uri": "s3://secret/key"}', 400),
    (b'{"b64": "QUJD"}', 422), (b'{"b64": "QUJD", "model": "none"}', 404),
    (json.dumps({"instances": [{"b64": "QUJD"}] * 17}).encode(), 400),
]  # fmt: skip
NOWHERE = [
    ("GET", "/nowhere", 404), ("GET", "/static/none.js", 404), ("DELETE", "/predict", 405),
    ("GET", "/batches/none", 404), ("GET", "/workflows/none", 404), ("GET", "/v2/models/no", 404),
]  # fmt: skip


@dataclass
class Tally:
    """What was answered. slow: kinds whose answer waits on purpose, kept out of `seconds`."""

    seconds: list[float] = field(default_factory=list)
    slow: int = 0
    ids: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    batches: dict[str, int] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return len(self.seconds) + self.slow

    def add(self, other: "Tally") -> None:
        self.seconds += other.seconds
        self.slow += other.slow
        self.ids += other.ids
        self.kinds |= other.kinds
        self.batches |= other.batches
        self.uploads += other.uploads


class Caller:
    """One client, with a connection that it keeps.

    files: base URL of a host of the samples. An answer of any other status than the request's own
    is an AssertionError.
    """

    def __init__(self, stage: str, files: str, seed: int) -> None:
        self.dice = random.Random(seed)
        self.tally = Tally()
        self._stage, self._files = stage, files
        self._pool = urllib3.PoolManager(retries=False, timeout=60)

    def close(self) -> None:
        self._pool.clear()

    def choose(self) -> Callable[["Caller"], None]:
        """One of the things that callers do."""
        return self.dice.choices(list(KINDS), list(KINDS.values()))[0]

    def do(self, kind: Callable[["Caller"], None]) -> None:
        self.tally.kinds.add(kind.__name__)
        kind(self)

    def ask(
        self,
        method: str,
        path: str,
        status: int = 200,
        body: bytes | None = None,
        kind: str = "",
        slow: bool = False,
        **headers: str,
    ) -> Any:
        """The answer's JSON; None for a file."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if kind:
            fields["Content-Type"] = kind
        start = time.perf_counter()
        answer = self._pool.request(method, self._stage + path, body=body, headers=fields)
        seconds = time.perf_counter() - start
        assert answer.status == status, (method, path, status, answer.status, answer.data[:500])
        if slow:
            self.tally.slow += 1
        else:
            self.tally.seconds.append(seconds)
        if "X-Request-Id" in answer.headers:
            self.tally.ids.append(answer.headers["X-Request-Id"])
        is_json = answer.headers.get("Content-Type") == "application/json"
        return answer.json() if is_json else None

    def post(self, path: str, body: Any, status: int = 200, **options: Any) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, status, data, "application/json", **options)

    def photo(self) -> tuple[str, bytes]:
        return self.dice.choice(list(PHOTOS.items()))

    def photo_url(self, name: str) -> str:
        return f"{self._files}/{name.replace(' ', '-')}.jpg"

    def upload(self, form_: dict[str, Any], data: bytes) -> None:
        """As a browser does: straight to the bucket."""
        fields = {**form_["fields"], "file": ("photo.jpg", data)}
        answer = self._pool.request("POST", form_["url"], fields=fields)
        assert answer.status in (200, 201, 204), (answer.status, answer.data[:500])


def _is(answer: Any, name: str) -> None:
    (prediction,) = answer["predictions"]
    assert prediction["labels"][0]["name"] == name, answer


def photo_as_bytes(caller: Caller) -> None:
    name, data = caller.photo()
    client = f"client-{caller.dice.randrange(50)}"
    _is(caller.ask("POST", "/predict", body=data, kind="image/jpeg", X_Client_Id=client), name)


def image_of_any_format(caller: Caller) -> None:
    kind = caller.dice.choice(list(IMAGES))
    data = caller.dice.choice(IMAGES[kind])
    caller.ask("POST", "/predict?max_labels=2", body=data, kind=kind)


def photo_by_url(caller: Caller) -> None:
    name, _ = caller.photo()
    _is(caller.post("/predict", {"url": caller.photo_url(name), "max_labels": 1}), name)


def photo_by_query(caller: Caller) -> None:
    name, _ = caller.photo()
    _is(caller.ask("GET", f"/predict?url={quote(caller.photo_url(name))}"), name)


def photo_as_base64(caller: Caller) -> None:
    name, data = caller.photo()
    text = base64.b64encode(data).decode()
    body = (
        {"b64": text} if caller.dice.random() < 0.5 else {"url": f"data:image/jpeg;base64,{text}"}
    )
    _is(caller.post("/predict", body), name)


def photo_in_a_form(caller: Caller) -> None:
    name, data = caller.photo()
    kind, body = form(("image", data), ("max_labels", b"3"))
    _is(caller.ask("POST", "/predict", body=body, kind=kind), name)


def several_with_one_bad(caller: Caller) -> None:
    names = caller.dice.sample(list(PHOTOS), 3)
    instances = [{"id": name, "url": caller.photo_url(name)} for name in names]
    instances.insert(caller.dice.randrange(4), {"id": "bad", "b64": "QUJD"})
    for prediction in caller.post("/predict", {"instances": instances})["predictions"]:
        if prediction["id"] == "bad":
            assert prediction["error"]["code"] == "ImageUnreadable"
        else:
            assert prediction["labels"][0]["name"] == prediction["id"]


def bad_image(caller: Caller) -> None:
    data, status = caller.dice.choice(BAD_IMAGES)
    caller.ask("POST", "/predict", status, data, "application/octet-stream")


def bad_json(caller: Caller) -> None:
    body, status = caller.dice.choice(BAD_JSON)
    caller.post("/predict", body, status)


def bad_type(caller: Caller) -> None:
    caller.ask("POST", "/predict", 415, b"{}", "text/plain")


def too_large(caller: Caller) -> None:
    caller.ask("POST", "/predict", 413, bytes(10 * 2**20 + 1), "image/jpeg")


def unreachable(caller: Caller) -> None:
    url = caller.dice.choice(["http://10.0.0.1/", "http://127.0.0.1:9/", "http://169.254.169.254/"])
    caller.post("/predict", {"url": url}, 422, slow=True)


def nowhere(caller: Caller) -> None:
    method, path, status = caller.dice.choice(NOWHERE)
    caller.ask(method, path, status)


def health(caller: Caller) -> None:
    assert caller.ask("GET", "/health")["status"] == "ok"


def page(caller: Caller) -> None:
    caller.ask("GET", caller.dice.choice(PAGE), Accept="image/jpeg")


def read(caller: Caller) -> None:
    caller.ask("GET", caller.dice.choice(READ))


def batch(caller: Caller) -> None:
    """A batch of a few images, half the time with a bad one."""
    names = caller.dice.sample(list(PHOTOS), 2)
    instances = [{"id": name, "url": caller.photo_url(name)} for name in names]
    bad = caller.dice.randrange(2)
    instances += [{"id": "bad", "b64": "QUJD"}] * bad
    batch_id = caller.post("/batches", {"instances": instances}, 202)["batch_id"]
    caller.tally.batches[batch_id] = bad


def batch_view(caller: Caller) -> None:
    if caller.tally.batches:
        batch_id = caller.dice.choice(list(caller.tally.batches))
        assert caller.ask("GET", f"/batches/{batch_id}")["batch_id"] == batch_id


def upload(caller: Caller) -> None:
    form_ = caller.post("/uploads", {"filename": "photo.jpg"})
    if caller.dice.random() < 0.5:
        caller.upload(form_, caller.photo()[1])
        caller.tally.uploads.append(form_["s3_uri"])


def vote(caller: Caller) -> None:
    name, data = caller.photo()
    answer = caller.ask("POST", "/predict", body=data, kind="image/jpeg")
    said = {"correct": True} if caller.dice.random() < 0.5 else {"label": name}
    caller.post("/feedback", {"inference_id": answer["inference_id"], **said}, 202)


def forged_vote(caller: Caller) -> None:
    caller.post("/feedback", {"inference_id": "A2sDaoA3L9B3Sppo", "correct": True}, 400)


def open_inference(caller: Caller) -> None:
    name, data = caller.photo()
    tensor: dict[str, Any] = {"name": "image", "shape": [1], "datatype": "BYTES"}
    path = "/v2/models/doodle/infer"
    if caller.dice.random() < 0.5:
        tensor["data"] = [base64.b64encode(data).decode()]
        answer = caller.post(path, {"inputs": [tensor]})
    else:
        binary = len(data).to_bytes(4, "little") + data
        tensor["parameters"] = {"binary_data_size": len(binary)}
        head = json.dumps({"inputs": [tensor]}).encode()
        length = str(len(head))
        answer = caller.ask(
            "POST", path, body=head + binary, kind="application/octet-stream",
            Inference_Header_Content_Length=length,
        )  # fmt: skip
    assert answer["outputs"][1]["data"] == [name]


def bad_inference(caller: Caller) -> None:
    caller.post("/v2/models/doodle/infer", {"inputs": []}, 400)


KINDS: dict[Callable[[Caller], None], int] = {
    photo_as_bytes: 20, image_of_any_format: 12, photo_by_url: 10, photo_by_query: 4,
    photo_as_base64: 6, photo_in_a_form: 4, several_with_one_bad: 4, bad_image: 4, bad_json: 4,
    bad_type: 1, too_large: 1, unreachable: 1, nowhere: 3, health: 4, page: 8, read: 5, batch: 2,
    batch_view: 3, upload: 3, vote: 4, forged_vote: 1, open_inference: 4, bad_inference: 1,
}  # fmt: skip
"""How often callers do what, in hundredths or so."""


def run(stage: str, files: str, seed: int, callers: int, requests: int) -> Tally:
    """Have so many callers at once make so many requests in all, each kind at least once."""
    todo, total, lock = list(KINDS), Tally(), threading.Lock()

    def work(number: int) -> None:
        caller = Caller(stage, files, seed * 1000 + number)
        try:
            while caller.tally.requests < requests / callers:
                with lock:
                    kind = todo.pop() if todo else None
                caller.do(kind or caller.choose())
        finally:
            caller.close()
            with lock:
                total.add(caller.tally)

    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(work, range(callers)))
    return total
