"""Reads of S3 without boto3, from a server that answers as it is told to."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chalicelib.aws.quickreads import QuickStore, is_enough
from chalicelib.errors import AccessRefused, ObjectMissing, ServiceUnavailable
from tests.loopback import answering

KEYS = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
LISTING = "/results?list-type=2&max-keys=1&prefix=experiment.json"
REFUSED = 403, b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
EMPTY = 200, b"<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>"
OTHER = (
    200,
    b"<ListBucketResult><Contents><Key>experiment.json2</Key></Contents></ListBucketResult>",
)
LISTED = (
    200,
    b"<ListBucketResult><Contents><Key>experiment.json</Key></Contents></ListBucketResult>",
)
BOTO3 = "boto3 was asked"


class S3(BaseHTTPRequestHandler):
    """answers: by path, the last one for ever; a body of None breaks the connection off."""

    answers: dict[str, list[tuple[int, bytes | None]]]
    asked: list[str]

    def do_GET(self) -> None:
        path = self.path.replace("/results/?", "/results?")
        self.asked.append(path)
        assert self.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=a/")
        told = self.answers[path]
        status, body = told.pop(0) if len(told) > 1 else told[0]
        self.send_response(status)
        self.send_header("Content-Length", "3" if body is None else str(len(body)))
        self.send_header("ETag", '"e"')
        self.end_headers()
        self.wfile.write(b"cu" if body is None else body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def s3() -> Iterator[tuple[type[S3], QuickStore]]:
    """Its answers, and a store that asks it. boto3's client says that it was asked."""

    class Told(S3):
        answers, asked = {}, []

    with answering(ThreadingHTTPServer(("127.0.0.1", 0), Told)) as server:
        endpoint = f"http://127.0.0.1:{server.server_port}/"
        yield Told, QuickStore(_boto3, {**KEYS, "AWS_ENDPOINT_URL": endpoint})


def _boto3() -> Any:
    raise OSError(BOTO3)


def test_an_object_is_one_request(s3: tuple[type[S3], QuickStore]) -> None:
    told, store = s3
    told.answers = {"/results/experiment.json": [(200, b"{}")]}
    stored = store.find("results", "experiment.json", 100)
    assert stored is not None and (stored.data, stored.etag) == (b"{}", '"e"')
    assert len(told.asked) == 1


@pytest.mark.parametrize("listing", [EMPTY, OTHER])
def test_what_is_refused_and_not_listed_does_not_exist(
    s3: tuple[type[S3], QuickStore], listing: tuple[int, bytes]
) -> None:
    """So S3 answers a function whose policy lets it list by prefix alone."""
    told, store = s3
    told.answers = {"/results/experiment.json": [REFUSED], LISTING: [listing]}
    assert store.find("results", "experiment.json", 100) is None
    assert told.asked == ["/results/experiment.json", LISTING]


def test_what_is_refused_and_listed_is_a_fault_unless_it_came_meanwhile(
    s3: tuple[type[S3], QuickStore],
) -> None:
    told, store = s3
    told.answers = {"/results/experiment.json": [REFUSED], LISTING: [LISTED]}
    with pytest.raises(AccessRefused):
        store.find("results", "experiment.json", 100)
    told.answers = {"/results/experiment.json": [REFUSED, (200, b"{}")], LISTING: [LISTED]}
    assert store.find("results", "experiment.json", 100)


def test_a_read_tells_a_refusal_from_an_absence(s3: tuple[type[S3], QuickStore]) -> None:
    told, store = s3
    told.answers = {
        "/results/refused": [REFUSED],
        "/results/none": [(404, b"<Error><Code>NoSuchKey</Code></Error>")],
    }
    with pytest.raises(AccessRefused):
        store.read("results", "refused", 100)
    with pytest.raises(ObjectMissing):
        store.read("results", "none", 100)


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "NoSuchBucket"), (403, "ExpiredToken"), (503, "SlowDown"), (301, "PermanentRedirect")],
)
def test_boto3_knows_what_to_do_about_anything_else(
    s3: tuple[type[S3], QuickStore], status: int, code: str
) -> None:
    told, store = s3
    answer = status, f"<Error><Code>{code}</Code></Error>".encode()
    told.answers = {"/results/experiment.json": [answer]}
    with pytest.raises(ServiceUnavailable) as caught:
        store.find("results", "experiment.json", 100)
    assert BOTO3 in caught.value.detail
    told.answers = {"/results/experiment.json": [REFUSED], LISTING: [answer]}
    with pytest.raises(ServiceUnavailable) as caught:
        store.find("results", "experiment.json", 100)
    assert BOTO3 in caught.value.detail


def test_an_answer_that_breaks_off_is_asked_for_once_more(
    s3: tuple[type[S3], QuickStore],
) -> None:
    told, store = s3
    told.answers = {"/results/experiment.json": [(200, None), (200, b"{}")]}
    assert store.read("results", "experiment.json", 100) == b"{}"
    told.answers = {"/results/experiment.json": [(200, None)]}
    with pytest.raises(ServiceUnavailable) as caught:
        store.read("results", "experiment.json", 100)
    assert "s3://results/experiment.json" in caught.value.detail


def test_what_only_boto3_knows_is_left_to_it() -> None:
    assert is_enough(KEYS)
    assert not is_enough({**KEYS, "AWS_REGION": ""})
    assert not is_enough({**KEYS, "HTTPS_PROXY": "http://proxy:3128"})


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("eu-west-1", "https://results.s3.eu-west-1.amazonaws.com/a%20b"),
        ("cn-north-1", "https://results.s3.cn-north-1.amazonaws.com.cn/a%20b"),
    ],
)
def test_a_bucket_has_a_host_of_its_own(region: str, address: str) -> None:
    assert QuickStore(_boto3, {**KEYS, "AWS_REGION": region})._address("results", "a b") == address
