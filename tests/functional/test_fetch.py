"""The fetcher against real hosts on loopback, each misbehaving in its own way."""

import gzip
import os
import random
import socket
import ssl
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path

import pytest
import trustme

from chalicelib.errors import ImageTooLarge, InceptionError, SourceRefused, SourceUnreachable
from chalicelib.sources.fetch import Fetcher
from chalicelib.sources.resolver import Resolve, system_resolver

IMAGE = bytes(range(256)) * 64
OK = b"HTTP/1.1 200 OK\r\n"

Talk = Callable[[socket.socket], None]


class Host:
    """A TCP server on a free port of 127.0.0.1, one thread a connection, gone after `close`.

    talk: what it does with a connection, after the request was read unless `listens` is false.
    """

    def __init__(self, talk: Talk, tls: ssl.SSLContext | None = None, listens: bool = True) -> None:
        self.requests: list[bytes] = []
        self.server_names: list[str | None] = []
        self.gone = threading.Event()
        self._talk, self._tls, self._listens = talk, tls, listens
        if tls:
            tls.sni_callback = lambda _sock, name, _context: self.server_names.append(name)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self.gone.is_set():
                connection.close()
                return
            self._open.append(connection)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                if self._listens:
                    request = b""
                    while not request.endswith(b"\r\n\r\n"):
                        part = connection.recv(65536)
                        if not part:
                            return
                        request += part
                    self.requests.append(request)
                self._talk(connection)

    def close(self) -> None:
        self.gone.set()
        socket.create_connection(("127.0.0.1", self.port)).close()  # wakes accept
        self._threads[0].join()
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def url(self, path: str = "/", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


@pytest.fixture(autouse=True)
def no_thread_stays_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert set(threading.enumerate()) <= before


@contextmanager
def serving(talk: Talk, tls: ssl.SSLContext | None = None, listens: bool = True) -> Iterator[Host]:
    host = Host(talk, tls, listens)
    try:
        yield host
    finally:
        host.close()


def saying(*parts: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)

    return talk


def forever(first: bytes, again: bytes) -> Talk:
    """As fast as the network takes it."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(again)

    return talk


def dripping(first: bytes, drop: bytes) -> Talk:
    """A drop every 20 ms, far more often than any socket's timeout."""
    pause = threading.Event()

    def talk(connection: socket.socket) -> None:
        connection.sendall(first)
        while not pause.wait(0.02):
            connection.sendall(drop)

    return talk


def silent(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def resolving_to(*addresses: str) -> Resolve:
    return lambda host, port: [ip_address(text) for text in addresses]


TO_LOOPBACK = resolving_to("127.0.0.1")


def fetcher(
    time_limit: float = 30,
    resolve: Resolve = TO_LOOPBACK,
    ca_certs: str | None = None,
) -> Fetcher:
    return Fetcher(
        allow_loopback=True,
        resolve=resolve,
        time_limit=time_limit,
        failure_step=0,
        ca_certs=ca_certs,
    )


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: %d\r\n\r\n" % len(IMAGE) + IMAGE,
        OK + b"\r\n" + IMAGE,
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(IMAGE[:1000], IMAGE[1000:]),
        OK + b"content-encoding: Identity\r\n\r\n" + IMAGE,
        OK + b"Content-Length: %d\r\n\r\n" % len(IMAGE) + IMAGE + b"surplus",
        b"HTTP/1.0 200 OK\r\n\r\n" + IMAGE,
        b"HTTP/1.1 200\r\n\r\n" + IMAGE,
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"\r\n" + IMAGE,
        OK + b"Content-Type: text/html\r\nSet-Cookie: a=b\r\n\r\n" + IMAGE,
    ],
)
def test_body_is_read_however_it_is_framed(answer: bytes) -> None:
    with serving(saying(answer)) as host:
        assert fetcher()(host.url()) == IMAGE


def test_request_says_what_it_should_and_no_more() -> None:
    with serving(saying(OK + b"\r\n" + IMAGE)) as host:
        fetcher()(host.url("/köttbullar.jpg?q=a%20b#f", host="Cat.Example."))
    (request,) = host.requests
    line, *headers = request.decode().rstrip().split("\r\n")
    assert line == "GET /k%C3%B6ttbullar.jpg?q=a%20b HTTP/1.1"
    named = dict(header.lower().split(": ", 1) for header in headers)
    assert named["host"] == f"cat.example:{host.port}"
    assert named["accept-encoding"] == "identity"
    assert named["connection"] == "close"
    assert set(named) == {"host", "user-agent", "accept", "accept-encoding", "connection"}


def test_connection_is_made_to_the_checked_address_under_the_hosts_name() -> None:
    with serving(saying(OK + b"\r\n" + IMAGE)) as host:
        assert fetcher()(host.url(host="no-such-name.invalid")) == IMAGE
    assert f"Host: no-such-name.invalid:{host.port}".encode() in host.requests[0]


def test_addresses_are_tried_in_turn() -> None:
    with serving(saying(OK + b"\r\n" + IMAGE)) as host:
        fetch = fetcher(resolve=resolving_to("::1", "127.0.0.9", "127.0.0.1"))
        assert fetch(host.url(host="cat.example")) == IMAGE


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_address_that_swallows_packets_leaves_time_for_the_next() -> None:
    with serving(saying(OK + b"\r\n" + IMAGE)) as host, ExitStack() as sockets:
        full = sockets.enter_context(socket.create_server(("127.0.0.2", host.port), backlog=0))
        for _ in range(4):  # until nobody else can connect
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        fetch = fetcher(time_limit=10, resolve=resolving_to("127.0.0.2", "127.0.0.1"))
        assert fetch(host.url(host="cat.example")) == IMAGE


def test_names_are_resolved_by_the_system_unless_told_otherwise() -> None:
    with serving(saying(OK + b"\r\n" + IMAGE)) as host:
        assert fetcher(resolve=system_resolver)(host.url(host="localhost")) == IMAGE
        assert Fetcher(allow_loopback=True)(host.url(host="localhost")) == IMAGE


def test_relative_redirects_carry_no_cookies() -> None:
    def talk(connection: socket.socket) -> None:
        first = len(host.requests) == 1
        moved = b"HTTP/1.1 302 Found\r\nLocation: cat.jpg\r\nSet-Cookie: a=b\r\n\r\n"
        connection.sendall(moved if first else OK + b"\r\n" + IMAGE)

    with serving(talk) as host:
        assert fetcher()(host.url("/a/b")) == IMAGE
    assert host.requests[1].startswith(b"GET /a/cat.jpg ")
    assert b"cookie" not in host.requests[1].lower()


def test_redirect_loop_ends_after_four_requests() -> None:
    with (
        serving(saying(b"HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n")) as host,
        pytest.raises(SourceRefused, match="more than 3 times"),
    ):
        fetcher()(host.url())
    assert len(host.requests) == 4


SLOW: dict[str, Talk] = {
    "silent": silent,
    "status line": dripping(b"HTTP/1.1 200 ", b"O"),
    "header": dripping(OK + b"X: ", b"x"),
    "headers": dripping(OK, b"X: y\r\n"),
    "body": dripping(OK + b"\r\n", b"x"),
    "body with length": dripping(OK + b"Content-Length: 100000\r\n\r\n", b"x"),
    "chunk size": dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "chunks": dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "trailers": dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    "interim answers": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "empty lines": dripping(b"", b"\r\n"),
}


def test_every_slow_host_is_cut_off_with_the_words_of_a_closed_port() -> None:
    def message(talk: Talk) -> str:
        with serving(talk) as host, pytest.raises(SourceUnreachable) as raised:
            fetcher(time_limit=0.3)(host.url())
        return str(raised.value)

    with serving(silent) as host:
        port = host.port
    with pytest.raises(SourceUnreachable) as raised:
        fetcher()(f"http://127.0.0.1:{port}/")
    closed = str(raised.value)
    assert {name: message(talk) for name, talk in SLOW.items()} == dict.fromkeys(SLOW, closed)


def test_redirects_share_one_time_limit() -> None:
    def talk(connection: socket.socket) -> None:
        host.gone.wait(0.2)
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")

    with serving(talk) as host, pytest.raises(SourceUnreachable):
        fetcher(time_limit=0.5)(host.url())
    assert len(host.requests) < 4


MEGABYTE = b"x" * 10**6

ENDLESS: dict[str, Talk] = {
    "body": forever(OK + b"\r\n", MEGABYTE),
    "chunks": forever(
        OK + b"Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n" % len(MEGABYTE) + MEGABYTE + b"\r\n"
    ),
    "tiny chunks": forever(
        OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1;%b\r\nx\r\n" % (b"e" * 60_000)
    ),
    "interim answers": forever(b"", b"HTTP/1.1 100 Continue\r\nX: %b\r\n\r\n" % (b"y" * 60_000)),
    "trailers": forever(
        OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: %b\r\n" % (b"y" * 60_000)
    ),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_endless_answer_is_stopped_in_bounded_memory(kind: str) -> None:
    fetch = fetcher(time_limit=60)
    with serving(saying(OK + b"\r\n")) as host:
        fetch(host.url())  # imports are not what is measured
    with serving(ENDLESS[kind]) as host:
        tracemalloc.start()
        try:
            with pytest.raises(ImageTooLarge):
                fetch(host.url())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 60 * 10**6


@pytest.mark.parametrize(
    "head",
    [
        OK + b"X: ",  # one line without end
        OK + b"X: y\r\n" * 200,
        OK + b"Transfer-Encoding: chunked\r\n\r\n",  # a chunk size without end
        b"",  # a status line without end
    ],
)
def test_endless_framing_is_given_up(head: bytes) -> None:
    with serving(forever(head, MEGABYTE)) as host, pytest.raises(InceptionError) as raised:
        fetcher(time_limit=60)(host.url())
    assert isinstance(raised.value, SourceUnreachable | ImageTooLarge)


def test_declared_length_over_the_limit_is_refused_before_the_body() -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(OK + b"Content-Length: 20000001\r\n\r\n")
        silent(connection)

    with serving(talk) as host, pytest.raises(ImageTooLarge, match="over 20 MB"):
        fetcher(time_limit=60)(host.url())


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 20000\r\n\r\n" + IMAGE,
        OK + b"Transfer-Encoding: chunked\r\n\r\n4000\r\n" + IMAGE,
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + IMAGE,
        OK + b"Transfer-Encoding: chunked\r\n\r\n-10\r\n" + IMAGE,
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + IMAGE,
        OK + b"Content-Length: 5, 5\r\n\r\n" + IMAGE,
        OK + b"Content-Length: -1\r\n\r\n" + IMAGE,
        OK + b"Content-Length: many\r\n\r\n" + IMAGE,
        OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n" + IMAGE,
        b"",
        b"\r\n",
        IMAGE,
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"220 mail ESMTP\r\n",
    ],
)
def test_broken_answer_is_unreachable(answer: bytes) -> None:
    with serving(saying(answer)) as host, pytest.raises(SourceUnreachable):
        fetcher()(host.url())


def test_body_longer_than_declared_is_cut() -> None:
    with serving(saying(OK + b"Content-Length: 5\r\n\r\n" + IMAGE)) as host:
        assert fetcher()(host.url()) == IMAGE[:5]


def test_gzip_bomb_is_not_inflated() -> None:
    bomb = gzip.compress(bytes(100 * 10**6))
    with (
        serving(saying(OK + b"Content-Encoding: gzip\r\n\r\n" + bomb)) as host,
        pytest.raises(SourceRefused, match="compressed"),
    ):
        fetcher()(host.url())


def test_mutated_answers_raise_nothing_but_our_errors() -> None:
    seeds = [
        OK + b"Content-Length: 300\r\n\r\n" + bytes(300),
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(bytes(100), bytes(9)),
        b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\nno",
    ]
    dice = random.Random(7)
    answers: list[bytes] = []
    for _ in range(400):
        answer = bytearray(dice.choice(seeds))
        for _ in range(dice.randint(1, 6)):
            place = dice.randrange(min(len(answer), 90))
            what = dice.choice([b"\r\n", b"\x00", b"\xff", b":", b" ", b"-1", b"9" * 5000, b""])
            answer[place : place + dice.randint(0, 4)] = what
        answers.append(bytes(answer))

    def talk(connection: socket.socket) -> None:
        connection.sendall(answers[current])

    with serving(talk) as host:
        fetch = fetcher(time_limit=5)
        for current in range(len(answers)):  # noqa: B007  (talk reads it)
            with suppress(InceptionError):
                fetch(host.url())
    assert len(host.requests) >= len(answers)


def test_proxies_netrc_and_cookies_of_the_environment_are_not_used(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    with serving(silent, listens=False) as proxy, serving(saying(OK + b"\r\nimage")) as host:
        code = (
            "from chalicelib.sources.fetch import Fetcher;"
            f"print(Fetcher(allow_loopback=True)('{host.url()}'))"
        )
        names = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        proxies = dict.fromkeys(names, proxy.url()[:-1])
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).resolve().parents[2],
            env=os.environ | proxies | {"HOME": str(tmp_path), "NO_PROXY": "", "no_proxy": ""},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.stdout.strip(), done.stderr) == ("b'image'", "")
    assert b"authorization" not in host.requests[0].lower()


def server_side(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.mark.parametrize("name", ["cat.example", "cat.example.", "CAT.example"])
def test_tls_names_the_host_and_checks_its_certificate(
    authority: trustme.CA, roots: str, name: str
) -> None:
    tls = server_side(authority.issue_cert("cat.example"))
    with serving(saying(OK + b"Content-Length: 16384\r\n\r\n" + IMAGE), tls) as host:
        assert fetcher(ca_certs=roots)(host.url(host=name, scheme="https")) == IMAGE
    assert host.server_names == ["cat.example"]
    assert f"Host: cat.example:{host.port}".encode() in host.requests[0]


def test_tls_of_an_address_is_checked_against_that_address(
    authority: trustme.CA, roots: str
) -> None:
    tls = server_side(authority.issue_cert("127.0.0.1"))
    with serving(saying(OK + b"\r\n" + IMAGE), tls) as host:
        assert fetcher(ca_certs=roots)(host.url(scheme="https")) == IMAGE


@pytest.mark.parametrize("certified", ["dog.example", "127.0.0.1", "sub.cat.example"])
def test_certificate_of_another_name_is_refused(
    authority: trustme.CA, roots: str, certified: str
) -> None:
    tls = server_side(authority.issue_cert(certified))
    with (
        serving(saying(OK + b"\r\n" + IMAGE), tls) as host,
        pytest.raises(SourceRefused, match=r"^cat\.example has no valid certificate"),
    ):
        fetcher(ca_certs=roots)(host.url(host="cat.example", scheme="https"))
    assert host.requests == []


def test_certificate_of_an_unknown_authority_is_refused(authority: trustme.CA) -> None:
    tls = server_side(authority.issue_cert("cat.example"))
    with (
        serving(saying(OK + b"\r\n" + IMAGE), tls) as host,
        pytest.raises(SourceRefused, match="no valid certificate"),
    ):
        fetcher()(host.url(host="cat.example", scheme="https"))
    assert host.requests == []


def test_slow_host_is_cut_off_under_tls_too(authority: trustme.CA, roots: str) -> None:
    for talk in (silent, SLOW["header"], SLOW["body"], SLOW["chunks"]):
        tls = server_side(authority.issue_cert("cat.example"))
        with serving(talk, tls) as host, pytest.raises(SourceUnreachable):
            fetcher(time_limit=0.5, ca_certs=roots)(host.url(host="cat.example", scheme="https"))


@pytest.mark.parametrize(
    "talk",
    [
        silent,
        dripping(b"\x16\x03\x03\x40\x00", b"\x02"),  # a handshake record that never ends
        saying(b"HTTP/1.1 400 This is not TLS\r\n\r\n"),
        saying(),
    ],
)
def test_host_that_speaks_no_tls_is_unreachable(talk: Talk) -> None:
    with serving(talk, listens=False) as host, pytest.raises(SourceUnreachable):
        fetcher(time_limit=0.5)(host.url(scheme="https"))


def test_redirect_from_https_to_http_is_followed(authority: trustme.CA, roots: str) -> None:
    tls = server_side(authority.issue_cert("cat.example"))
    with serving(saying(OK + b"\r\n" + IMAGE)) as plain:
        moved = f"HTTP/1.1 302 Found\r\nLocation: {plain.url('/x')}\r\n\r\n".encode()
        with serving(saying(moved), tls) as host:
            assert fetcher(ca_certs=roots)(host.url(host="cat.example", scheme="https")) == IMAGE


def test_many_threads_share_a_fetcher(authority: trustme.CA, roots: str) -> None:
    tls = server_side(authority.issue_cert("cat.example"))
    bodies: list[bytes] = []
    with serving(saying(OK + b"\r\n" + IMAGE), tls) as host:
        fetch = fetcher(ca_certs=roots)
        url = host.url(host="cat.example", scheme="https")
        threads = [threading.Thread(target=lambda: bodies.append(fetch(url))) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert bodies == [IMAGE] * 16


def test_query_of_a_url_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    malformed = OK + b"X: y\r\nno colon here\r\n\r\n" + IMAGE
    with caplog.at_level("DEBUG"), serving(saying(malformed)) as host, suppress(InceptionError):
        fetcher()(host.url("/?signature=secret"))
    assert "secret" not in caplog.text
