"""The guard, without a socket: a table for DNS, and a web that records who is asked for what."""

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.response import HTTPResponse

from chalicelib.errors import (
    ImageTooLarge,
    InceptionError,
    SourceInvalid,
    SourceRefused,
    SourceUnreachable,
)
from chalicelib.sources.addresses import Address, Target, is_loopback, is_public, parse_location
from chalicelib.sources.fetch import Fetcher
from chalicelib.sources.resolver import Deadline, Resolve

V4, V6 = "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"

DNS = {
    "good.example": [V4],
    "good.example.": [V4],
    "both.example": [V6, V4],
    "xn--bcher-kva.example": [V4],
    "xn--fa-hia.example": [V4],
    "xn--r8jz45g.xn--zckzah": [V4],
    "fass.example": ["10.0.0.7"],
    "snake_case.example": [V4],
    "private.example": ["10.0.0.7"],
    "mixed.example": [V4, "192.168.0.1"],
    "mixed-v6.example": [V6, "fd00:ec2::254"],
    "metadata.example": ["169.254.169.254"],
    "loopback.example": ["127.0.0.1"],
    "loopback-and-public.example": ["127.0.0.1", V4],
    "mapped.example": ["::ffff:10.0.0.7"],
    "nat64.example": ["64:ff9b::a00:7"],
    "6to4.example": ["2002:a00:7::1"],
    "zone.example": ["fe80::1%eth0"],
    "empty.example": [],
    "localhost": ["::1", "127.0.0.1"],
}

INVALID = [
    "http://2130706433/",
    "http://0x7f000001/",
    "http://017700000001/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0x7f.1/",
    "http://0X7F.1/",
    "http://0177.0.0.1/",
    "http://0x7f.0.0.1/",
    "http://127.0.0.0x1/",
    "http://127.0.0.1.1/",
    "http://127.0.0.01/",
    "http://010.0.0.1/",
    "http://256.1.1.1/",
    "http://134744072/",
    "http://0/",
    "http://0x/",
    "http://good.example.0x7f/",
    "http://good.example.1/",
    "http://1.1.1.1.1./",
    "http://127.0.0.1../",
    "http://[::1%25lo]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[2606:4700::1%251]/",
    "http://[::1",
    "http://::1/",
    "http://[]/",
    "http://[127.0.0.1]/",
    "http://[v1.a]/",
    "http://[::1]x/",
    "http://[1::2::3]/",
    "http://０ｘ７f.1/",
    "http://２１３０７０６４３３/",
    "http://①②⑦.1/",
    "http://ẞ.example/",
    "http://xn--bücher.example/",
    "http://\u0301a.example/",
    "http://i❤.example/",
    "http://good\ufe0f.example/",
    "http://bü\u115fcher.example/",
    "http://bücher..example/",
    "http://good.example／@private.example/",
    "http://good.example＠127.0.0.1/",
    "http://bücher.example：22/",
    "http://℀.example/",
    "http://" + "ü" * 64 + ".example/",
    "http://" + "ü." * 200 + "example/",
    "http://user@bücher.example/",
    "http://[::ü]/",
    "http://bücher.example:８０/",
    "http://bücher.example:22/",
    "http://user@good.example/",
    "http://user:pw@good.example/",
    "http://:@good.example/",
    "http://good.example@127.0.0.1/",
    "http://127.0.0.1@good.example/",
    "http://a@b@good.example/",
    "http://good.example%40private.example@good.example/",
    "http://good.example:0/",
    "http://good.example:22/",
    "http://good.example:8080/",
    "http://good.example:65536/",
    "http://good.example:99999/",
    "http://good.example:-80/",
    "http://good.example:80:80/",
    "http://good.example:8０/",
    "http://good.example:80a/",
    "http://good.example:0022/",
    "https://good.example:6443/",
    "http://good.example:+80/",
    "http://good.example\\@private.example/",
    "http://private.example\\.good.example/",
    "http:\\\\good.example/",
    "http://good.example..",
    "http://.good.example/",
    "http://a..good.example/",
    "http://-good.example/",
    "http://good-.example/",
    "http://good.example%00.private.example/",
    "http://good%2fexample/",
    "http://good.example%23@private.example/",
    "http://good,example/",
    "http://good!example/",
    "http://*.example/",
    "http://./",
    "http://%2e/",
    "http:///path",
    "http://",
    "http:good.example",
    "http:/good.example",
    "http://?q",
    "http://#f",
    "http://:80/",
    "https://@/",
    "//good.example/x",
    "/etc/passwd",
    "good.example/cat.jpg",
    "good.example:80",
    "://good.example/",
    "h",
    "ftp://good.example/",
    "file:///etc/passwd",
    "gopher://good.example/",
    "dict://good.example:11211/",
    "ws://good.example/",
    "javascript:alert(1)",
    "jar:http://good.example!/",
    "url:http://good.example",
    "unix:/var/run/docker.sock",
    "s3://b/k",
    "httpx://good.example",
]
INVALID += [
    "",
    " http://good.example/",
    "http://good.example/ ",
    "http://good.example/a b",
    "http://good.example\t/",
    "http://good.example\n.private.example/",
    "ht\ntp://good.example/",
    "http://good.example/\r\nHost: private.example",
    "http://good.example/\x00",
    "http://good.example/\x7f",
    "http://good.example /",
    "http://good.example/\ud800",
    "http://good\u200b.example/",
    "http://good\u00ad.example/",
    "http://" + "a" * 64 + ".example/",
    "http://" + "a." * 127 + "example/",
    "http://good.example/" + "a" * 8192,
]

UNREACHABLE = [
    "http://１２７.0.0.1/",
    "http://１２７．０．０．１/",
    "http://１２７。０。０。１/",
    "http://127。0。0。1/",
    "http://①②⑦.0.0.1/",
    "http://𝟙𝟞𝟡.𝟚𝟝𝟜.𝟙𝟞𝟡.𝟚𝟝𝟜/latest/meta-data/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "http://ℓocalhost/",
    "http://ＰＲＩＶＡＴＥ。example/",
    "http://gооd.example/",
    "http://١٢٧.٠.٠.١/",
    "http://127.0.0.1/",
    "http://127.0.0.1./",
    "http://127.255.255.254/",
    "https://127.0.0.1:443/",
    "http://0.0.0.0/",
    "http://0.1.2.3/",
    "http://10.0.0.1/",
    "http://10.255.255.255/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.170.2/v2/credentials",
    "http://100.64.0.1/",
    "http://100.127.255.255/",
    "http://100.100.100.200/",
    "http://192.0.0.1/",
    "http://192.0.0.192/",
    "http://192.0.2.1/",
    "http://198.51.100.1/",
    "http://203.0.113.1/",
    "http://198.18.0.1/",
    "http://198.19.255.255/",
    "http://192.31.196.1/",
    "http://192.52.193.1/",
    "http://192.88.99.1/",
    "http://192.175.48.1/",
    "http://224.0.0.1/",
    "http://239.255.255.255/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://%31%32%37.0.0.1/",
    "http://127.0.0.1%2e/",
    "HTTP://127.0.0.1/",
    "http://127.0.0.1?@good.example/",
    "http://127.0.0.1#@good.example/",
    "http://127.0.0.1/@good.example",
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[0000::0001]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[::ffff:93.184.215.14]/",
    "http://[::FFFF:169.254.169.254]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[::127.0.0.1]/",
    "http://[::93.184.215.14]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[64:ff9b::5db8:d70e]/",
    "http://[64:ff9b:1::a00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:5db8:d70e::1]/",
    "http://[2001::1]/",
    "http://[2001:0:5ef5:79fd::1]/",
    "http://[2001:2::1]/",
    "http://[2001:10::1]/",
    "http://[2001:20::1]/",
    "http://[2001:1ff::1]/",
    "http://[2001:db8::1]/",
    "http://[3fff::1]/",
    "http://[2620:4f:8000::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fc00::1]/",
    "http://[fe80::1]/",
    "http://[febf::1]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[ff0e::1]/",
    "http://[100::1]/",
    "http://[5f00::1]/",
    "http://[4000::1]/",
    "http://[1fff::1]/",
    "http://private.example/",
    "http://PRIVATE.example/",
    "http://mixed.example/",
    "http://mixed-v6.example/",
    "http://metadata.example/",
    "http://loopback.example/",
    "http://mapped.example/",
    "http://nat64.example/",
    "http://6to4.example/",
    "http://zone.example/",
    "http://empty.example/",
    "http://localhost/",
    "http://nowhere.example/",
    "http://private%2eexample/",
    "http://@private.example/",
    "https://private.example:80/",
]

ACCEPTED = {
    "http://good.example": ("http", "good.example", 80, "/"),
    "HTTPS://GOOD.EXAMPLE/Cat.JPG": ("https", "good.example", 443, "/Cat.JPG"),
    "http://good.example./cat": ("http", "good.example", 80, "/cat"),
    "http://good.example:80/": ("http", "good.example", 80, "/"),
    "http://good.example:/": ("http", "good.example", 80, "/"),
    "http://good.example:00080/": ("http", "good.example", 80, "/"),
    "https://good.example:80/": ("https", "good.example", 80, "/"),
    "http://good.example:443/": ("http", "good.example", 443, "/"),
    "http://good.example/köttbullar/猫.jpg": (
        "http", "good.example", 80, "/k%C3%B6ttbullar/%E7%8C%AB.jpg",
    ),
    "http://good.example/?q=a%20b+c&d=%C3%BC": ("http", "good.example", 80, "/?q=a%20b+c&d=%C3%BC"),
    "http://good.example?q=1": ("http", "good.example", 80, "/?q=1"),
    "http://good.example/a#fragment": ("http", "good.example", 80, "/a"),
    "http://good.example#@private.example": ("http", "good.example", 80, "/"),
    "http://good.example/@127.0.0.1/:8080": ("http", "good.example", 80, "/@127.0.0.1/:8080"),
    "http://good.example/a/../b/./c": ("http", "good.example", 80, "/b/c"),
    "http://good.example//a//b": ("http", "good.example", 80, "//a//b"),
    "http://good.example/?u=http://127.0.0.1/": (
        "http", "good.example", 80, "/?u=http://127.0.0.1/",
    ),
    "http://good%2Eexample/": ("http", "good.example", 80, "/"),
    "http://@good.example/": ("http", "good.example", 80, "/"),
    "http://xn--bcher-kva.example/": ("http", "xn--bcher-kva.example", 80, "/"),
    "http://bücher.example/": ("http", "xn--bcher-kva.example", 80, "/"),
    "https://BU\u0308CHER.Example/ü?ü": ("https", "xn--bcher-kva.example", 443, "/%C3%BC?%C3%BC"),
    "http://ⓖood。ｅxample．/": ("http", "good.example", 80, "/"),
    "http://faß.example/": ("http", "xn--fa-hia.example", 80, "/"),
    "http://例え.テスト:80/": ("http", "xn--r8jz45g.xn--zckzah", 80, "/"),
    "http://snake_case.example/": ("http", "snake_case.example", 80, "/"),
    f"http://{V4}/": ("http", V4, 80, "/"),
    f"http://{V4}./": ("http", V4, 80, "/"),
    f"https://[{V6.upper()}]:443/x": ("https", V6, 443, "/x"),
    "http://both.example/": ("http", "both.example", 80, "/"),
    "http://good.example/" + "a" * 8000: ("http", "good.example", 80, "/" + "a" * 8000),
}  # fmt: skip


class Resolver:
    """DNS from a table; answers by position where a name is asked for again."""

    def __init__(self, **more: list[list[str]]) -> None:
        self.asked: list[str] = []
        self._rounds = more

    def __call__(self, host: str, port: int) -> list[Address]:
        self.asked.append(host)
        rounds = self._rounds.get(host.split(".")[0], [DNS.get(host)])
        answer = rounds[min(self.asked.count(host), len(rounds)) - 1]
        if answer is None:
            raise OSError("no such name")
        return [ip_address(text) for text in answer]


Reply = tuple[int, dict[str, str], bytes]


class Web:
    """Answers by URL, and remembers which targets were connected to."""

    def __init__(self, pages: dict[str, Reply | Exception] | None = None) -> None:
        self.pages = pages or {}
        self.targets: list[Target] = []

    @contextmanager
    def __call__(self, target: Target, deadline: Deadline) -> Iterator[HTTPResponse]:
        self.targets.append(target)
        page = self.pages.get(target.url, (200, {}, b"image"))
        if isinstance(page, Exception):
            raise page
        status, headers, body = page
        yield HTTPResponse(io.BytesIO(body), headers, status, preload_content=False)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def fetcher(web: Web, resolve: Resolve | None = None, *, loopback: bool = False) -> Fetcher:
    return Fetcher(
        exchange=web, resolve=resolve or Resolver(), allow_loopback=loopback, failure_step=0
    )


def words(error: InceptionError, host: str) -> str:
    """The message with the host's name taken out."""
    assert str(error).startswith(f"{host} ")
    return str(error).removeprefix(host)


def closed_port() -> str:
    web = Web({"http://good.example:80/": ConnectionRefusedError()})
    with pytest.raises(SourceUnreachable) as raised:
        fetcher(web)("http://good.example/")
    return words(raised.value, "good.example")


def test_there_are_enough_forms() -> None:
    assert len(set(INVALID)) >= 80
    assert len(set(UNREACHABLE)) >= 80
    assert len(ACCEPTED) >= 15


def test_url_is_invalid(subtests: pytest.Subtests) -> None:
    for url in INVALID:
        with subtests.test(url=url):
            web, resolve = Web(), Resolver()
            with pytest.raises(SourceInvalid) as raised:
                fetcher(web, resolve)(url)
            assert web.targets == []
            assert resolve.asked == []
            assert str(raised.value).endswith(".")


def test_refused_address_is_told_as_a_closed_port(subtests: pytest.Subtests) -> None:
    for url in UNREACHABLE:
        with subtests.test(url=url):
            web = Web()
            with pytest.raises(SourceUnreachable) as raised:
                fetcher(web)(url)
            assert web.targets == []
            assert words(raised.value, parse_location(url).name) == closed_port()
            assert raised.value.__cause__ is None


@pytest.mark.parametrize("url", ACCEPTED)
def test_odd_but_legal_url_is_fetched(url: str) -> None:
    web = Web()
    assert fetcher(web)(url) == b"image"
    (target,) = web.targets
    assert (target.scheme, target.name, target.port, target.path) == ACCEPTED[url]
    assert all(map(is_public, target.addresses))


@pytest.mark.parametrize(
    "cause", [TimeoutError(), ConnectionResetError(), OSError("no route"), ConnectionError("x")]
)
def test_every_failure_to_connect_has_the_same_words(cause: OSError) -> None:
    web = Web({"http://good.example:80/?signature=secret": cause})
    with pytest.raises(SourceUnreachable) as raised:
        fetcher(web)("http://good.example/?signature=secret")
    assert words(raised.value, "good.example") == closed_port()
    assert raised.value.retryable


@pytest.mark.parametrize("took", [0.0, 0.07, 0.93])
def test_every_failure_to_connect_takes_as_long_as_a_refusal(took: float) -> None:
    def elapsed(url: str, resolve: Callable[[Clock], Resolve], cause: Exception) -> float:
        clock = Clock()

        @contextmanager
        def exchange(target: Target, deadline: Deadline) -> Iterator[HTTPResponse]:
            clock.sleep(took)
            raise cause
            yield

        fetch = Fetcher(resolve=resolve(clock), exchange=exchange, clock=clock, sleep=clock.sleep)
        with pytest.raises(SourceUnreachable):
            fetch(url)
        return clock.now - 1000.0

    def slow_dns(clock: Clock) -> Resolve:
        def resolve(host: str, port: int) -> list[Address]:
            clock.sleep(took / 2)
            return Resolver()(host, port)

        return resolve

    def fast_dns(clock: Clock) -> Resolve:
        return Resolver()

    closed = elapsed("http://good.example/", fast_dns, ConnectionRefusedError())
    assert closed == elapsed("http://10.0.0.1/", fast_dns, AssertionError())
    assert closed == elapsed("http://private.example/", fast_dns, AssertionError())
    assert closed == elapsed("http://private.example/", slow_dns, AssertionError())
    assert closed == elapsed("http://nowhere.example/", slow_dns, AssertionError())


def test_failure_is_never_held_back_past_the_time_limit() -> None:
    clock = Clock()
    fetch = Fetcher(clock=clock, sleep=clock.sleep, time_limit=0.5)
    with pytest.raises(SourceUnreachable):
        fetch("http://10.0.0.1/")
    assert clock.now == 1000.5


def test_name_is_resolved_once_and_the_connection_made_to_that_answer() -> None:
    resolve, web = Resolver(rebinding=[[V4], ["127.0.0.1"]]), Web()
    assert fetcher(web, resolve)("http://rebinding.example/") == b"image"
    assert resolve.asked == ["rebinding.example"]
    assert [target.addresses for target in web.targets] == [(IPv4Address(V4),)]


def test_redirect_to_the_same_name_is_resolved_and_checked_again() -> None:
    resolve = Resolver(rebinding=[[V4], ["127.0.0.1"]])
    web = Web({"http://rebinding.example:80/": (302, {"Location": "/again"}, b"")})
    with pytest.raises(SourceUnreachable):
        fetcher(web, resolve)("http://rebinding.example/")
    assert resolve.asked == ["rebinding.example"] * 2
    assert len(web.targets) == 1


def test_all_public_addresses_are_handed_on_in_order() -> None:
    web = Web()
    fetcher(web)("http://both.example/")
    assert web.targets[0].addresses == (IPv6Address(V6), IPv4Address(V4))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "reached"),
    [
        ("b.jpg", "https://good.example:443/a/b.jpg"),
        ("../c?q=1#f", "https://good.example:443/c?q=1"),
        ("/d", "https://good.example:443/d"),
        ("//both.example/e", "https://both.example:443/e"),
        ("http://both.example/f", "http://both.example:80/f"),
        ("/k\u00c3\u00b6tt", "https://good.example:443/k%C3%B6tt"),
        (
            "http://bücher.example/ü".encode().decode("latin-1"),
            "http://xn--bcher-kva.example:80/%C3%BC",
        ),
    ],
)
def test_redirect_is_followed(status: int, location: str, reached: str) -> None:
    web = Web({"https://good.example:443/a/x": (status, {"Location": location}, b"not this")})
    assert fetcher(web)("https://good.example/a/x") == b"image"
    assert web.targets[-1].url == reached


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "http://private.example/",
        "//169.254.169.254/",
        "http://[::1]/",
        "//１２７．０．０．１/".encode().decode("latin-1"),
    ],
)
def test_redirect_to_a_private_address_is_told_as_a_closed_port(location: str) -> None:
    web = Web({"http://good.example:80/": (302, {"Location": location}, b"")})
    with pytest.raises(SourceUnreachable) as raised:
        fetcher(web)("http://good.example/")
    assert len(web.targets) == 1
    assert closed_port() in str(raised.value)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Location": ""},
        {"Location": "http://127.1/"},
        {"Location": "http://good.example:22/"},
        {"Location": "http://user:pw@good.example/"},
        {"Location": "file:///etc/passwd"},
        {"Location": "data:image/png;base64,AAAA"},
        {"Location": "http://[::1"},
        {"Location": "http://good.example/a b"},
        {"Location": "/\u00ff"},
        {"Location": "/" + "a" * 9000},
    ],
)
def test_redirect_to_what_is_no_url_is_refused(headers: dict[str, str]) -> None:
    web = Web({"http://good.example:80/": (302, headers, b"")})
    with pytest.raises(SourceRefused, match=r"^good\.example redirects to a URL that is not"):
        fetcher(web)("http://good.example/")
    assert len(web.targets) == 1


def test_three_redirects_are_followed_and_no_more() -> None:
    web = Web(
        {f"http://good.example:80/{n}": (302, {"Location": f"/{n + 1}"}, b"") for n in range(4)}
    )
    assert fetcher(web)("http://good.example/1") == b"image"
    with pytest.raises(SourceRefused, match="more than 3 times"):
        fetcher(web)("http://good.example/0")


def test_redirect_loop_ends() -> None:
    web = Web({"http://good.example:80/": (302, {"Location": "/"}, b"")})
    with pytest.raises(SourceRefused, match="more than 3 times"):
        fetcher(web)("http://good.example/")
    assert len(web.targets) == 4


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000/", "http://localhost:5000/x", "http://[::1]:1/", "http://127.9.9.9/"],
)
def test_loopback_is_reached_where_it_is_allowed(url: str) -> None:
    web = Web()
    assert fetcher(web, loopback=True)(url) == b"image"
    assert all(map(is_loopback, web.targets[0].addresses))


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://good.example:8080/", SourceInvalid),
        ("http://10.0.0.1:8080/", SourceUnreachable),
        ("http://10.0.0.1/", SourceUnreachable),
        ("http://169.254.169.254/", SourceUnreachable),
        ("http://[::ffff:127.0.0.1]/", SourceUnreachable),
        ("http://0.0.0.0:8000/", SourceUnreachable),
        ("http://loopback-and-public.example/", SourceUnreachable),
        ("http://127.1:8000/", SourceInvalid),
    ],
)
def test_allowing_loopback_allows_nothing_else(url: str, error: type[InceptionError]) -> None:
    web = Web()
    with pytest.raises(error):
        fetcher(web, loopback=True)(url)
    assert web.targets == []


def test_loopback_may_redirect_to_loopback_and_to_the_internet_but_not_back() -> None:
    web = Web(
        {
            "http://127.0.0.1:8000/": (302, {"Location": "http://localhost:9000/"}, b""),
            "http://localhost:9000/": (302, {"Location": "http://good.example/"}, b""),
            "http://both.example:80/": (302, {"Location": "http://127.0.0.1/"}, b""),
        }
    )
    fetch = fetcher(web, loopback=True)
    assert fetch("http://127.0.0.1:8000/") == b"image"
    web.pages["http://good.example:80/"] = (302, {"Location": "http://127.0.0.1/"}, b"")
    for url in ("http://127.0.0.1:8000/", "http://both.example/"):
        with pytest.raises(SourceUnreachable):
            fetch(url)
    web.pages["http://good.example:80/"] = (302, {"Location": "http://127.0.0.1:8000/"}, b"")
    with pytest.raises(SourceRefused):
        fetch("http://good.example/")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (204, SourceRefused),
        (206, SourceRefused),
        (304, SourceRefused),
        (401, SourceRefused),
        (403, SourceRefused),
        (404, SourceRefused),
        (410, SourceRefused),
        (408, SourceUnreachable),
        (429, SourceUnreachable),
        (500, SourceUnreachable),
        (503, SourceUnreachable),
    ],
)
def test_status_becomes_an_error_that_names_it_and_not_the_query(
    status: int, error: type[InceptionError]
) -> None:
    web = Web({"http://good.example:80/a?secret=1": (status, {}, b"<html>")})
    with pytest.raises(error) as raised:
        fetcher(web)("http://good.example/a?secret=1")
    assert str(raised.value).startswith(f"good.example answers with status {status}; ")
    assert "secret" not in str(raised.value)
    assert raised.value.retryable == (error is SourceUnreachable)


def test_long_host_names_are_cut_in_messages() -> None:
    host = ".".join(["a" * 60] * 4)
    with pytest.raises(SourceUnreachable) as raised:
        fetcher(Web())(f"http://{host}/")
    assert words(raised.value, host[:100]) == closed_port()


@pytest.mark.parametrize("length", [None, "20000001"])
def test_body_over_the_limit_is_refused(length: str | None) -> None:
    headers = {"Content-Length": length} if length else {}
    web = Web({"http://good.example:80/": (200, headers, bytes(20_000_001))})
    with pytest.raises(ImageTooLarge, match="over 20 MB"):
        fetcher(web)("http://good.example/")


def test_body_of_exactly_the_limit_is_taken() -> None:
    web = Web({"http://good.example:80/": (200, {"Content-Length": "20000000"}, bytes(20_000_000))})
    assert len(fetcher(web)("http://good.example/")) == 20_000_000


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "x"])
def test_compressed_answer_is_refused(encoding: str) -> None:
    web = Web({"http://good.example:80/": (200, {"Content-Encoding": encoding}, b"\x1f\x8b")})
    with pytest.raises(SourceRefused, match="compressed"):
        fetcher(web)("http://good.example/")


def test_lookups_that_hang_are_left_behind_and_bounded() -> None:
    release, started = threading.Event(), threading.Semaphore(0)
    before = set(threading.enumerate())

    def hang(host: str, port: int) -> list[Address]:
        started.release()
        release.wait()
        return [ip_address(V4)]

    fetch = Fetcher(resolve=hang, exchange=Web(), time_limit=0.02, failure_step=0)
    try:
        for _ in range(40):
            with pytest.raises(SourceUnreachable):
                fetch("http://good.example/")
        left = set(threading.enumerate()) - before
        assert len(left) == 32
    finally:
        release.set()
    for thread in left:
        thread.join(10)
    assert set(threading.enumerate()) <= before
    patient = Fetcher(resolve=hang, exchange=Web())
    assert [patient("http://good.example/") for _ in range(40)] == [b"image"] * 40


def test_names_that_hang_hold_up_nobody_who_asks_for_others() -> None:
    release, started = threading.Event(), threading.Semaphore(0)

    def resolve(host: str, port: int) -> list[Address]:
        if host != "good.example":
            started.release()
            assert release.wait(60)
        return [ip_address(V4)]

    fetch = Fetcher(resolve=resolve, exchange=Web(), failure_step=0)
    try:
        with ThreadPoolExecutor(100) as pool:
            for number in range(100):
                pool.submit(fetch, f"http://hangs-{number % 50}.example/")
            assert all(started.acquire(timeout=60) for _ in range(100))
            assert fetch("http://good.example/") == b"image"
            release.set()
    finally:
        release.set()


@pytest.mark.parametrize(
    "length", ["-1", "-0", "+5", "0x10", "1_0", "many", "", "9" * 30, "5;5", "٥", "1e3"]
)
def test_a_length_that_is_none_is_a_damaged_answer(length: str) -> None:
    web = Web({"http://good.example:80/": (200, {"Content-Length": length}, b"image")})
    with pytest.raises(SourceUnreachable) as raised:
        fetcher(web)("http://good.example/")
    assert words(raised.value, "good.example") == closed_port()


@given(st.text(max_size=60).map(lambda text: "http://" + text) | st.text(max_size=60))
def test_any_text_is_a_location_or_invalid(text: str) -> None:
    try:
        location = parse_location(text)
    except SourceInvalid:
        return
    assert parse_location(location.url) == location
    assert location.host.isascii()


@given(st.ip_addresses())
def test_public_addresses_are_a_subset_of_what_python_calls_global(address: Address) -> None:
    assert not is_public(address) or address.is_global


@given(st.ip_addresses(v=4))
def test_no_embedded_ipv4_address_is_public(address: IPv4Address) -> None:
    number = int(address)
    for prefix in ("::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::"):
        assert not is_public(IPv6Address(int(IPv6Address(prefix)) + number))
    assert not is_public(IPv6Address((0x2002 << 112) + (number << 80)))
    assert not is_public(IPv6Address((0x20010000 << 96) + (number << 64)))
