"""Hostile hosts, each a real server on loopback: whatever they do, one answer in bounded time and
memory.

The limits are the fetcher's own, made small in the short form: 1 second for 10, 1 MB for 20.
"""

import random
import socket
import ssl
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address

import pytest
import trustme

from chalicelib.classification import Classification
from chalicelib.errors import (
    ImageTooLarge,
    ImageUnreadable,
    InceptionError,
    SourceRefused,
    SourceUnreachable,
)
from chalicelib.images.decode import decode
from chalicelib.predict import Predictor
from chalicelib.requests import MAX_INSTANCES, Instance, PredictRequest
from chalicelib.sources.addresses import Address
from chalicelib.sources.fetch import Fetcher
from chalicelib.sources.read import MAX_BYTES, Sources
from tests.conftest import DOODLES
from tests.fakes import ColourClassifier, MemoryStore, OneClassifier
from tests.functional.test_fetch import (
    IMAGE,
    OK,
    TO_LOOPBACK,
    Host,
    Talk,
    saying,
    server_side,
    serving,
    silent,
)
from tests.torture.conftest import Outcome
from tests.torture.hostilehosts import BREAKING, DEAF, ENDLESS, HANGING, LYING
from tests.torture.tripwire import Tripwire
from tests.unit.test_predict import RED

SECONDS_AN_IMAGE, PAUSE = 5.0, 10.0
"""The second: for how long a busy machine may leave a test of the short form alone."""
MEGABYTES_BEYOND = 4
"""What a fetch may take besides the body it may have twice: as blocks, and as a whole."""


class Limits:
    """The fetcher's: the real ones in the long form."""

    def __init__(self, long: bool) -> None:
        self.seconds = 10.0 if long else 1.0
        self.bytes = MAX_BYTES if long else 10**6
        self.an_image = SECONDS_AN_IMAGE + (0 if long else PAUSE)
        self.most_seconds = self.seconds + (SECONDS_AN_IMAGE - 1 if long else PAUSE)
        self.most_memory = 2 * self.bytes + MEGABYTES_BEYOND * 10**6

    def fetcher(self, ca_certs: str | None = None) -> Fetcher:
        return Fetcher(
            allow_loopback=True,
            resolve=TO_LOOPBACK,
            time_limit=self.seconds,
            failure_step=0,
            max_bytes=self.bytes,
            ca_certs=ca_certs,
        )


@pytest.fixture
def limits(long: bool) -> Limits:
    return Limits(long)


def tls(authority: trustme.CA) -> ssl.SSLContext:
    return server_side(authority.issue_cert("cat.example"))


def attempt(fetch: Fetcher, url: str) -> tuple[float, bytes | InceptionError]:
    """Seconds it took, and what came of it; anything but the domain's errors is raised."""
    start = time.perf_counter()
    try:
        outcome: bytes | InceptionError = fetch(url)
    except InceptionError as error:
        outcome = error
    return time.perf_counter() - start, outcome


@contextmanager
def traced() -> Iterator[list[int]]:
    """The peak of Python's memory in the block, in bytes, once it has ended."""
    peak = [0]
    tracemalloc.start()
    try:
        yield peak
        peak[0] = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def warm(fetch: Fetcher) -> None:
    """Imports are not what is measured."""
    with serving(saying(OK + b"Content-Length: 1\r\n\r\nx")) as host:
        assert fetch(host.url()) == b"x"


def closed_port() -> str:
    with serving(silent) as host:
        pass
    return str(attempt(Fetcher(allow_loopback=True, failure_step=0), host.url())[1])


def at_once(
    fetch: Fetcher, kinds: Mapping[str, Talk], scheme: str = "http", **options: object
) -> dict[str, tuple[float, bytes | InceptionError]]:
    """All of these hosts asked at the same time."""
    with ExitStack() as hosts, ThreadPoolExecutor(len(kinds)) as pool:
        urls = []
        for talk in kinds.values():
            host = hosts.enter_context(serving(talk, **options))  # type: ignore[arg-type]
            urls.append(host.url(host="cat.example", scheme=scheme))
        return dict(zip(kinds, pool.map(lambda url: attempt(fetch, url), urls), strict=True))


def test_hanging_and_dripping_hosts(
    limits: Limits, authority: trustme.CA, roots: str, outcome: Outcome
) -> None:
    fetch = limits.fetcher(roots)
    warm(fetch)
    closed = closed_port().removeprefix("127.0.0.1")
    with traced() as peak:
        plain = at_once(fetch, HANGING)
        under_tls = at_once(fetch, HANGING, "https", tls=tls(authority))
        deaf = at_once(fetch, DEAF, "https", listens=False)
    for by_kind in (plain, under_tls, deaf):
        for kind, (seconds, error) in by_kind.items():
            assert isinstance(error, SourceUnreachable), (kind, error)
            assert str(error).removeprefix("cat.example") == closed, kind
            assert seconds < limits.most_seconds, kind
    kinds = len(plain) + len(under_tls) + len(deaf)
    worst = max(
        seconds for outcomes in (plain, under_tls, deaf) for seconds, _ in outcomes.values()
    )
    assert peak[0] < limits.most_memory
    outcome(
        "Host that hangs, or drips a byte a second: at any point of the answer, under TLS, within "
        "its handshake",
        "422 SourceUnreachable in the words of a closed port, at the time limit",
        f"{kinds} kinds at once, limit {limits.seconds:g} s: worst {worst:.2f} s, "
        f"{peak[0] / 1e6:.1f} MB in all",
    )


def test_endless_hosts(limits: Limits, authority: trustme.CA, roots: str, outcome: Outcome) -> None:
    fetch = limits.fetcher(roots)
    warm(fetch)
    worst_seconds = worst_memory = 0.0
    for kind, talk in ENDLESS.items():
        for scheme, context in (("http", None), ("https", tls(authority))):
            with serving(talk, context) as host, traced() as peak:
                seconds, result = attempt(fetch, host.url(host="cat.example", scheme=scheme))
            assert isinstance(result, ImageTooLarge | SourceRefused | SourceUnreachable), kind
            assert seconds < limits.most_seconds, kind
            assert peak[0] < limits.most_memory, (kind, peak)
            worst_seconds, worst_memory = max(worst_seconds, seconds), max(worst_memory, peak[0])
    outcome(
        "Host that sends without end: body, chunks, headers, 1xx answers, lines, a gzip bomb, "
        "the body of a redirect or an error",
        "413 or 422; the connection is closed at the limit of bytes, headers and framing included",
        f"{2 * len(ENDLESS)} hosts, limit {limits.bytes / 1e6:g} MB: worst {worst_seconds:.2f} s, "
        f"{worst_memory / 1e6:.1f} MB",
    )


TAKEN = {
    "length smaller": IMAGE[:100],
    "length 0": b"",
    "an image called HTML": IMAGE,
    "a type of 60,000 letters": IMAGE,
    "99 headers": IMAGE,
}
"""What still has one reading, and nobody is harmed by: the decoder judges the bytes."""


DAMAGED = {
    "length negative", "length of 30 digits", "length of 5,000 digits", "length in hexadecimal",
    "length in words", "length in other digits", "two lengths", "two lengths in a line",
}  # fmt: skip
"""Lengths that are none, or two: https://www.rfc-editor.org/rfc/rfc9112#section-6.3."""


def test_lying_hosts(limits: Limits, outcome: Outcome) -> None:
    fetch = limits.fetcher()
    warm(fetch)
    worst_seconds = worst_memory = 0.0
    refused = 0
    for kind, answer in LYING.items():
        with serving(saying(answer)) as host, traced() as peak:
            seconds, result = attempt(fetch, host.url())
        assert seconds < limits.an_image, kind
        assert peak[0] < limits.most_memory, kind
        if kind in TAKEN:
            assert result == TAKEN[kind], (kind, result)
        if isinstance(result, bytes):
            with pytest.raises(ImageUnreadable):  # no lie of a header makes an image of it
                decode(result, (64, 64))
        else:
            assert result.status in (413, 422), kind
            refused += 1
        if kind in DAMAGED:
            assert isinstance(result, SourceUnreachable), kind
        worst_seconds, worst_memory = max(worst_seconds, seconds), max(worst_memory, peak[0])
    outcome(
        "Host that sends a wrong length, type, encoding, chunks, status or protocol",
        "422, or the answer is judged only by its bytes; nothing is ever decompressed",
        f"{len(LYING)} lies, {refused} refused by the fetcher, the rest by the decoder: worst "
        f"{worst_seconds:.2f} s, {worst_memory / 1e6:.1f} MB",
    )


def test_the_type_a_host_claims_decides_nothing(limits: Limits, outcome: Outcome) -> None:
    photo = (DOODLES / "banana.jpg").read_bytes()
    types = [b"text/html", b"image/svg+xml", b"application/x-sh", b"image/gif", b"", b"\xff"]
    for claimed in types:
        with serving(saying(OK + b"Content-Type: " + claimed + b"\r\n\r\n" + photo)) as host:
            image = decode(limits.fetcher()(host.url()), (64, 64))
        assert image.format == "JPEG"
    for body in (b"<html><script>alert(1)</script>", b"<svg/>", b"#!/bin/sh", b""):
        with serving(saying(OK + b"Content-Type: image/jpeg\r\n\r\n" + body)) as host:
            data = limits.fetcher()(host.url())
        with pytest.raises(ImageUnreadable):
            decode(data, (64, 64))
    outcome(
        "JPEG served as HTML, script or GIF; HTML, SVG and script served as a JPEG",
        "Classified by its bytes; 422 ImageUnreadable",
        f"{len(types)} and 4 kinds",
    )


def test_hosts_that_break_off(
    limits: Limits, authority: trustme.CA, roots: str, outcome: Outcome
) -> None:
    fetch = limits.fetcher(roots)
    closed = closed_port().removeprefix("127.0.0.1")
    outcomes = at_once(fetch, BREAKING)
    found_tls = at_once(fetch, BREAKING, "https", tls=tls(authority))
    for result in (outcomes, found_tls):
        for kind, (seconds, error) in result.items():
            assert isinstance(error, SourceUnreachable), (kind, error)
            assert str(error).removeprefix("cat.example") == closed, kind
            assert seconds < limits.an_image
    outcome(
        "Host that breaks off with RST, at once or midway, under TLS too",
        "422 SourceUnreachable, retryable",
        f"{2 * len(BREAKING)} kinds, worst "
        f"{max(seconds for r in (outcomes, found_tls) for seconds, _ in r.values()):.2f} s",
    )


def redirect(location: str, more: bytes = b"") -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {location}\r\n".encode() + more + b"\r\n"


def test_looping_hosts(limits: Limits, authority: trustme.CA, roots: str, outcome: Outcome) -> None:
    fetch = limits.fetcher(roots)
    seen: dict[str, int] = {}

    def loop(kind: str, url: str, *hosts: Host) -> None:
        seconds, error = attempt(fetch, url)
        assert isinstance(error, SourceRefused), (kind, error)
        assert "more than 3 times" in str(error) and seconds < limits.an_image, kind
        seen[kind] = sum(len(host.requests) for host in hosts)

    fixed = {"itself": "/", "a fragment of itself": "#top", "a relative path": "a/../b",
             "no host": "//127.0.0.1:{port}/"}  # fmt: skip
    for kind, location in fixed.items():

        def say(connection: socket.socket, location: str = location) -> None:
            connection.sendall(redirect(location.format(port=host.port)))

        with serving(say) as host:
            loop(kind, host.url(), host)

    def ever_new(connection: socket.socket) -> None:
        connection.sendall(redirect(f"/{len(host.requests)}?n={'9' * 2000}"))

    with serving(ever_new) as host:
        loop("an address that is new each time", host.url(), host)

    def to_plain(connection: socket.socket) -> None:
        connection.sendall(redirect(plain.url()))

    def to_tls(connection: socket.socket) -> None:
        connection.sendall(redirect(secure.url(host="cat.example", scheme="https")))

    with serving(to_tls) as plain, serving(to_plain, tls(authority)) as secure:
        loop("between http and https", plain.url(), plain, secure)
    assert set(seen.values()) == {4}
    outcome(
        "Redirects in a loop: to itself, to ever new addresses, between two hosts and schemes",
        "422 SourceRefused after 3 redirects, which says so",
        f"{len(seen)} kinds, 4 requests each",
    )


def test_a_request_of_sixteen_hanging_hosts_takes_one_time_limit(
    limits: Limits, outcome: Outcome
) -> None:
    good = OK + b"Content-Type: image/png\r\n\r\n" + RED
    kinds = dict(list(HANGING.items())[: MAX_INSTANCES - 1]) | {"good": saying(good)}
    sources = Sources(limits.fetcher(), MemoryStore().read, frozenset())
    service = Predictor(Classification(sources, OneClassifier(ColourClassifier())))  # type: ignore[arg-type]
    with ExitStack() as hosts:
        instances = [
            Instance(id=kind, url=hosts.enter_context(serving(talk)).url())
            for kind, talk in kinds.items()
        ]
        start = time.perf_counter()
        answer = service.predict(PredictRequest(instances=instances))
        seconds = time.perf_counter() - start
    *bad, image = answer.predictions
    assert len(bad) == MAX_INSTANCES - 1 and seconds < limits.most_seconds
    assert {prediction.error.code for prediction in bad if prediction.error} == {
        "SourceUnreachable"
    }
    assert image.labels and image.labels[0].name == "red"
    outcome(
        "Request of 16 images, 15 of them on hanging hosts",
        "200: the good image is labelled, the others are errors, after one time limit and not 15",
        f"{seconds:.2f} s, limit {limits.seconds:g} s",
    )


def test_name_servers_that_hang(limits: Limits, outcome: Outcome) -> None:
    release = threading.Event()

    def resolve(host: str, port: int) -> list[Address]:
        if host.startswith("cat"):
            release.wait(60)
        return [ip_address("127.0.0.1")]

    fetch = Fetcher(resolve=resolve, time_limit=limits.seconds, failure_step=0, allow_loopback=True)
    with serving(saying(OK + b"\r\n" + IMAGE)) as host:
        before = threading.active_count()
        try:
            with ThreadPoolExecutor(48) as pool:
                names = (f"http://cat-{number}.example/" for number in range(48))
                waiting = [pool.submit(attempt, fetch, name) for name in names]
                good = [attempt(fetch, host.url(host="dog.example"))[1] for _ in range(16)]
                answers = [future.result() for future in waiting]
            left = threading.active_count() - before
        finally:
            release.set()
    assert good == [IMAGE] * 16
    assert all(isinstance(error, SourceUnreachable) for _, error in answers)
    assert all(seconds < limits.most_seconds for seconds, _ in answers)
    assert left <= 48
    worst = max(seconds for seconds, _ in answers)
    outcome(
        "Name server that never answers about some names",
        "422 at the time limit; look-ups are left behind, at most 32 of a name and 512 in all, and "
        "none is waited for; who asks for other names is answered meanwhile",
        f"48 names at once: worst {worst:.2f} s, {left} threads; {len(good)} others answered",
    )


@pytest.mark.skipif(sys.platform != "linux", reason="how a full queue of connections behaves")
def test_hosts_that_accept_nobody(limits: Limits, outcome: Outcome) -> None:
    with ExitStack() as sockets:
        full = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # until nobody else can connect
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"http://cat.example:{full.getsockname()[1]}/"
        seconds, error = attempt(limits.fetcher(), url)
    assert isinstance(error, SourceUnreachable) and seconds < limits.most_seconds
    outcome(
        "Host whose packets get lost: no connection comes about",
        "422 SourceUnreachable at the time limit",
        f"{seconds:.2f} s of {limits.seconds:g} s",
    )


TOKENS = [
    b"\r\n", b"\r\n\r\n", b"\n", b"\0", b"\xff", b":", b" ", b"\t", b"-1", b"-10", b"+5", b"0x",
    b"1_0", b"9" * 400, b"9" * 5000, b"f" * 40, b";", b"=", b"%00", "١".encode(), b"HTTP/1.1 ",
    b"100", b"302", b"Location: ", b"Content-Length: ", b"Transfer-Encoding: chunked",
    b"Content-Encoding: ", b"gzip", b"http://", b"[::1", b"//", b"@", b"#", b"",
]  # fmt: skip


def mutated(dice: random.Random) -> bytes:
    answer = bytearray(dice.choice(list(LYING.values()))[:20_000])
    for _ in range(dice.randint(1, 5)):
        place = dice.randrange(min(len(answer), 120) + 1)
        answer[place : place + dice.randint(0, 6)] = dice.choice(TOKENS)
    return bytes(answer)


def test_mutated_answers(limits: Limits, long: bool, outcome: Outcome) -> None:
    dice, count = random.Random(20), 20_000 if long else 400
    fetch, worst = limits.fetcher(), 0.0
    said = b""

    def talk(connection: socket.socket) -> None:
        connection.sendall(said)

    with serving(talk) as host, Tripwire() as wire:
        for number in range(count):
            said = mutated(dice)
            seconds, result = attempt(fetch, host.url())
            assert seconds < limits.an_image, (number, said[:300])
            assert isinstance(result, bytes) or result.status in (400, 413, 422), said[:300]
            worst = max(worst, seconds)
    assert {to for to, _ in wire.connected} <= {"127.0.0.1", "::1"}
    outcome(
        "Answers mutated at random, tens of thousands of them in the long form",
        "The bytes, or a 4xx; no other exception, no connection elsewhere",
        f"{count:,} answers, worst {worst:.2f} s",
    )
