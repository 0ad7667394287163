"""What is fuzzed. Whatever a target raises is a crash: the domain's own errors it takes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs

import msgspec

from chalicelib import parsing
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.objects import Batch
from chalicelib.bulk.manifests import Entry, entries
from chalicelib.errors import InceptionError
from chalicelib.images.decode import decode
from chalicelib.images.preprocessing import WHOLE, Preprocessing
from chalicelib.openinference.inferring import infer
from chalicelib.requests import (
    BatchRequest,
    ExperimentRequest,
    FeedbackRequest,
    Instance,
    StartRequest,
    UploadRequest,
)
from tests.fakes import ColourClassifier, MemoryExecutions, MemoryQueue, MemoryStore
from tests.sampleimages import png
from tests.wired import wired

MAX_SECONDS = 5
NOW = 1_800_000_000.0
PICTURE = png((1, 1), 8, 2, b"\0\xff\0\0")
FORM = 'multipart/form-data; boundary="x"'


@contextmanager
def domain_errors() -> Iterator[None]:
    """What the product refuses must be the caller's fault, and said in a sentence."""
    start = time.process_time()
    try:
        yield
    except InceptionError as error:
        assert 400 <= error.status < 500, repr(error)
        assert str(error).endswith("."), repr(error)
        str(error).encode()
    spent = time.process_time() - start
    assert spent < MAX_SECONDS, f"it took {spent:.1f} s"


PREPROCESSINGS = (WHOLE, Preprocessing("crop"), Preprocessing("letterbox", filter="lanczos"))


def images(data: bytes) -> None:
    """In one way or another, as long as the file is."""
    with domain_errors():
        image = decode(data, (32, 24), PREPROCESSINGS[len(data) % len(PREPROCESSINGS)])
        assert image.pixels.shape == (24, 32, 3)


def manifests(data: bytes) -> None:
    """The first byte chooses the form, the second how large the blocks are."""
    if len(data) < 2:
        return
    key = ("m.txt", "m.csv", "m.jsonl")[data[0] % 3]
    size, text = data[1] + 1, data[2:]
    blocks = (text[start : start + size] for start in range(0, len(text), size))
    listed = list(entries(key, blocks))
    assert listed == list(entries(key, [text]))
    assert [entry.position for entry in listed] == list(range(len(listed)))
    for entry in listed:
        if entry.problem is None:
            instance = entry.instance
            assert len([way for way in (instance.url, instance.s3_uri, instance.b64) if way]) == 1
        assert msgspec.json.decode(msgspec.json.encode(entry), type=Entry) == entry


class World:
    """A batch of two images that is begun, and all around it in memory."""

    def __init__(self) -> None:
        self.store, self.queue = MemoryStore(), MemoryQueue()
        self.store.objects["images", "a.png"] = PICTURE
        self.store.objects["images", "m.txt"] = b"s3://images/a.png\n"
        services = wired(
            environment={"ARMS": "colour=1"}, store=self.store, queue=self.queue,
            answers=MemoryQueue(), executions=MemoryExecutions(), fetch=lambda url: PICTURE,
            clock=lambda: NOW,
        )  # fmt: skip
        self.batches, self.events = services.batches, services.events
        self.predictor, self.experiment = services.predictor, services.experiment
        self.workflows = services.workflows
        ledger = Ledger(self.store, "results", "b")
        batch = Batch(batch_id="b", created_at=NOW, source="2 instances", manifest="manifest.jsonl")
        ledger.put(ledger.key("batch.json"), batch)
        pair = [Entry(n, str(n), Instance(s3_uri="s3://images/a.png")) for n in range(2)]
        ledger.put_lines(ledger.key("manifest.jsonl"), [entry.instance for entry in pair])
        ledger.write_chunk(0, 1, pair)

    def receive(self, body: str) -> None:
        self.events.on_message(body, lambda: 900.0)


def messages(data: bytes) -> None:
    """A message of the work queue, which holds any Unicode; then the batch goes on as ever."""
    world = World()
    with domain_errors():
        world.receive(data.decode("utf-8", "replace"))
    for body in world.queue.bodies[:3]:
        with domain_errors():
            world.receive(body)
    for view in world.batches.recent():
        msgspec.json.encode(view)
    msgspec.json.encode(world.batches.view("b"))


def _predict(world: World, content_type: str, body: bytes) -> object:
    request, image = parsing.predict_request(content_type, {}, body)
    return world.predictor.predict(request, image, "someone")


def _query(world: World, body: bytes) -> object:
    query = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return world.predictor.predict(parsing.predict_query(query))


def _workflow(world: World, body: bytes) -> object:
    return world.workflows.start(parsing.json_request(body, StartRequest))


def _infer(world: World, body: bytes) -> object:
    """The first four characters are the header's value."""
    length = body[:4].decode("utf-8", "replace").strip() or None
    request, binary = parsing.infer_request(length, body[4:])
    return infer(ColourClassifier(), request, binary)  # type: ignore[arg-type]


ROUTES: tuple[Callable[[World, bytes], object], ...] = (
    lambda world, body: _predict(world, "application/json", body),
    lambda world, body: _predict(world, FORM, body),
    lambda world, body: _predict(world, body[:60].decode("latin-1"), body[60:]),
    _query,
    lambda world, body: world.batches.create(parsing.json_request(body, BatchRequest)),
    lambda world, body: world.batches.upload(parsing.json_request(body, UploadRequest)),
    lambda world, body: world.experiment.feedback(parsing.json_request(body, FeedbackRequest)),
    lambda world, body: world.experiment.change(parsing.json_request(body, ExperimentRequest)),
    _workflow,
    _infer,
)


def bodies(data: bytes) -> None:
    """The first byte chooses the route, the rest is the body."""
    if data:
        with domain_errors():
            msgspec.json.encode(ROUTES[data[0] % len(ROUTES)](World(), data[1:]))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "images": images,
    "manifests": manifests,
    "messages": messages,
    "bodies": bodies,
}
