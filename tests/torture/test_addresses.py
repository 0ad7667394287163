"""Hostile addresses, through the fetcher as the service has it and down to the sockets it opens.

Only names are made up: a resolver is injected, and a tripwire notes every connection.
"""

import itertools
import random
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address

import pytest
from urllib3.response import HTTPResponse

from chalicelib.errors import InceptionError, SourceInvalid, SourceRefused, SourceUnreachable
from chalicelib.sources.addresses import Address, Target, is_public, parse_location
from chalicelib.sources.fetch import Fetcher
from chalicelib.sources.resolver import Deadline, Resolve
from tests.functional.test_fetch import OK, saying, serving
from tests.torture.conftest import Outcome
from tests.torture.tripwire import Tripwire
from tests.unit import test_fetch as unit
from tests.unit.test_fetch import V4, V6

NAMES = {
    **unit.DNS,
    **{name: ["127.0.0.1", "::1"] for name in (
        "localhost", "localhost.", "localhost.localdomain", "ip6-localhost", "ip6-loopback",
        "evil.localhost", "localtest.me", "127.0.0.1.nip.io", "7f000001.nip.io", "test.invalid",
    )},
    **{name: ["169.254.169.254"] for name in (
        "metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal",
        "metadata.azure.internal", "169.254.169.254.nip.io", "a9fea9fe.nip.io", "1e3",
        "xn--80ak6aa92e.example",
    )},
    "instance-data-v6.example": ["fd00:ec2::254"],
    "kubernetes.default.svc": ["10.96.0.1"],
    "host.docker.internal": ["192.168.65.254"],
    "private.example.": ["10.0.0.7"],
    "teredo.example": ["2001:0:a9fe:a9fe::1"],
    "compatible.example": ["::a9fe:a9fe"],
    "nat64-local.example": ["64:ff9b:1::a9fe:a9fe"],
    "scoped.example": [V4, "fe80::1%1"],
    "last-is-private.example": [V4, V6, V4, V6, V4, V6, "10.0.0.7"],
    "first-is-private.example": ["10.0.0.7", V4],
    "unspecified.example": ["0.0.0.0"],
    "broadcast.example": ["255.255.255.255"],
    "1.example": [V4], "1e100.example": [V4], "0x7f.example": [V4], "127.0.0.1.example": [V4],
    "a-b--c.example": [V4], "_dmarc.example": [V4], "xn--nxasmq6b.example": [V4],
    "xn--kxaqik.example": [V4],
    "a" * 63 + ".example": [V4], ".".join(["a" * 61] * 4) + ".a": [V4],
}  # fmt: skip

HOSTS_REFUSED = [
    # IPv4, as the C library reads it and nobody writes it
    "0x7f.0x0.0x0.0x1", "0177.1", "00000177.0.0.1", "0x7F000001", "2852039166", "0xa9fea9fe",
    "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376", "169.254.43518", "169.16689662", "4294967295",
    "4294967296", "127.0.0.257", "425.510.425.510", "127.0.0.1.", "127.0.0.1...", "0x7f.1.", "1e3",
    "0b1111111.0.0.1", "127.0.0.1e0", "-1.0.0.1", "127.+0.0.1", "0x.0x.0", "00.0.0.0", "0.0.0.0.",
    # in other scripts
    "１６９.２５４.１６９.２５４", "169。254。169。254", "169．254．169．254", "127｡0｡0｡1",
    "١٢٧.٠.٠.١", "¹²⁷.0.0.1", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "ｌｏｃａｌｈｏｓｔ", "locaⅼhost", "127·0·0·1",
    "１２７．０．０．１", "１６９。２５４。１６９。２５４", "①⑥⑨.②⑤④.①⑥⑨.②⑤④",
    "ｌｏｃａｌｈｏｓｔ．", "ℓocalhost", "ⅼocalhost", "metadata。google。internal", "ｍetadata",
    "ＰＲＩＶＡＴＥ.example．", "０ｘ７ｆ．１", "２１３０７０６４３３", "０１７７.0.0.1",
    "１２７.0.0.1。", "good.example。１２７．０．０．１", "ⓖood.example＠127.0.0.1",
    "::ｆｆｆｆ:7f00:1", "[::ｆｆｆｆ:7f00:1]", "good.example／.private.example",
    "good.example：22", "bücher.example:22", "good.example\ufe0f", "private.exa\u00admple",
    "xn--80ak6aa92e。example", "аррӏе.example",
    "𝟙𝟚𝟟.𝟘.𝟘.𝟙",
    "loc\u200dalhost", "good.example\u202e", "127.0.0.1\u2028", "\ufeff127.0.0.1", "ß.example",
    # percent-encoded
    "%6c%6f%63%61%6c%68%6f%73%74", "127%2e0%2e0%2e1", "%5b::1%5d", "[%3a%3a1]", "%00localhost",
    "localhost%00.good.example", "localhost%20", "%32%31%33%30%37%30%36%34%33%33", "0x7f%2e1",
    "%2531.0.0.1", "good.example%2f@127.0.0.1", "good.example%5c@127.0.0.1", "%EF%BC%91.0.0.1",
    "127.0.0.1%0a", "127.0.0.1%0d%0aX:%20y", "%31%36%39.254.169.254", "good.example%3a22",
    # IPv6 that holds IPv4: mapped, compatible, translated, NAT64 twice, 6to4, Teredo, ISATAP
    "[::ffff:a9fe:a9fe]", "[0:0:0:0:0:ffff:7f00:1]", "[::7f00:1]", "[::ffff:0:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]", "[64:ff9b::169.254.169.254]", "[64:ff9b:1::a9fe:a9fe]",
    "[64:ff9b:1:fffe::7f00:1]", "[2002:a9fe:a9fe::1]", "[2002:c0a8:101::]",
    "[2001:0:a9fe:a9fe::1]", "[2001::a9fe:a9fe]", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "[fe80::5efe:10.0.0.1]", "[::ffff:127.1]", "[::ffff:0x7f.1]", "[::127.0.0.1%25lo]",
    # IPv6 for particular purposes, with zones, and misspelt
    "[fd20:ce::254]", "[fd00:ec2::23]", "[fd00:ec2::253]", "[fd00:ec2::123]", "[fd00:42::42]",
    "[ff01::1]", "[ff05::2]", "[ff02::fb]", "[::2]", "[100:0:0:1::1]", "[2001:3::1]",
    "[2001:4:112::1]", "[2001:30::1]", "[2001:1::1]", "[2001:db8:ffff::1]", "[3fff:fff::1]",
    "[2620:4f:8000:ffff::1]", "[fdff:ffff::1]", "[fe80::1%250]", "[fe80::%1]", "[fe80::1%25]",
    "[::1%25]", "[[::1]]", "[::1].", "[::1]]", "[::1", "::1]", "[1:2:3:4:5:6:7:8:9]", "[::12345]",
    "[:::1]", "[1]", "[good.example]", "[::1]good.example",
    # IPv4 for particular purposes: metadata, credentials, DNS and time of clouds among them
    "169.254.169.253", "169.254.169.123", "169.254.170.23", "169.254.79.129", "169.254.0.0",
    "192.0.0.8", "192.0.0.9", "192.0.0.170", "192.88.99.2", "233.252.0.1", "224.0.0.251",
    "239.255.255.250", "100.64.0.2", "127.0.0.53", "0.255.255.255", "198.18.0.0", "240.0.0.0",
    "255.255.255.254", "172.31.0.2", "10.0.0.2", "192.168.0.0",
    # names that mean this machine, or the cloud it is in
    "localhost", "localhost.", "LOCALHOST.", "localhost.localdomain", "ip6-localhost",
    "ip6-loopback", "evil.localhost", "localtest.me", "127.0.0.1.nip.io", "7f000001.nip.io",
    "metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal",
    "metadata.azure.internal", "169.254.169.254.nip.io", "a9fea9fe.nip.io",
    "instance-data-v6.example", "kubernetes.default.svc", "host.docker.internal",
    "private.example.", "test.invalid", "xn--80ak6aa92e.example",
    # names whose answers are mixed
    "teredo.example", "compatible.example", "nat64-local.example", "scoped.example",
    "last-is-private.example", "first-is-private.example", "unspecified.example",
    "broadcast.example",
    # a name and a password that look like the host
    "good.example:80@127.0.0.1", "good.example:pw@127.0.0.1:80", "127.0.0.1:80\\@good.example",
    "good.example&@127.0.0.1", "127.0.0.1 @good.example", "1.1.1.1 &@2.2.2.2# @3.3.3.3",
    "good.example;@127.0.0.1", "[::1]@good.example", "good.example@[::1]", "@127.0.0.1",
    "good.example%00@127.0.0.1", "good.example\t@127.0.0.1", "good.example\r\n@127.0.0.1",
    "@@good.example", "a:b:c@good.example", "%40127.0.0.1", "good.example\\.private.example",
    # ports
    "good.example:6379", "good.example:11211", "good.example:2375", "good.example:65535",
    "good.example:08081", "good.example:8443", "good.example:%38%30", "good.example:0x50",
    "good.example:٨٠", "good.example:80 ", "good.example:4294967376", "good.example:65616",
    "good.example:80.0", "good.example:8e1", "good.example:80,443", "good.example: 80",
]  # fmt: skip

URLS_REFUSED = [
    *(f"http://{host}/" for host in HOSTS_REFUSED),
    # other schemes, and some that wrap one that is taken
    "ldap://good.example/", "tftp://good.example/", "sftp://good.example/", "netdoc:///etc/passwd",
    "php://filter/resource=x", "phar://x", "expect://id", "view-source:http://good.example/",
    "blob:http://good.example/x", "about:blank", "ssh://good.example/", "smb://good.example/x",
    "http+unix://%2fvar%2frun%2fdocker.sock/", "feed:http://good.example/", "httpſ://good.example/",
    "http\u200b://good.example/", "http ://good.example/", "hhttp://good.example/", "0://x/",
    "http%3a//good.example/", "http&colon;//good.example/", "http:////good.example/",
    # slashes, backslashes, white space
    "http:/\\127.0.0.1/", "http:\\/127.0.0.1/", "\\\\127.0.0.1\\share", "http://127.0.0.1\\",
    "http:\t//127.0.0.1/", "\thttp://127.0.0.1/", "http://127.0.0.1\n/", "http:// 127.0.0.1/",
    "http://127.0.0.1\u00a0/", "http://good.example/\x85\n", "http:///127.0.0.1/", "http:127.0.0.1",
    "http://good.example/\x1b[2J", "http://good.example/\x9b\x00", "///127.0.0.1/",
]  # fmt: skip

ACCEPTED = {
    # next to what is refused
    **{f"http://{host}/": [(host, 80)] for host in (
        "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.1", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
        "191.255.255.255", "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0",
        "198.17.255.255", "198.20.0.0", "203.0.112.255", "203.0.114.0", "223.255.255.255",
    )},
    **{f"https://[{host}]/": [(host, 443)] for host in (
        "2001:200::1", "2001:db7:ffff::1", "2001:db9::1", "2003::1", "2620:4f:7fff::1", "3ffe::1",
        "2606:4700::1111", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    )},
    "http://[2606:4700:0:0:0:0:5db8:d70e]/": [("2606:4700::5db8:d70e", 80)],
    "http://[2606:4700::93.184.215.14]/": [("2606:4700::5db8:d70e", 80)],
    # odd names
    "http://1.example/": [(V4, 80)], "http://1e100.example/": [(V4, 80)],
    "http://0x7f.example/": [(V4, 80)], "http://127.0.0.1.example/": [(V4, 80)],
    "http://a-b--c.example/": [(V4, 80)], "http://_dmarc.example/": [(V4, 80)],
    "http://xn--nxasmq6b.example/": [(V4, 80)], f"http://{'a' * 63}.example/": [(V4, 80)],
    f"http://{'.'.join(['a' * 61] * 4)}.a/": [(V4, 80)],
    "http://both.example/": [(V6, 80), (V4, 80)],
    "http://ｇｏｏｄ。example/": [(V4, 80)], "https://νίκη.example/": [(V4, 443)],
    # odd paths and queries
    "https://good.example:/": [(V4, 443)], "HtTp://GoOd.ExAmPlE.:80": [(V4, 80)],
    "http://good.example/%0d%0aHost:%20private.example": [(V4, 80)],
    "http://good.example/%00": [(V4, 80)], "http://good.example/%zz": [(V4, 80)],
    "http://good.example/a%": [(V4, 80)], "http://good.example/a|b{c}[d]^`": [(V4, 80)],
    "http://good.example/<script>\"'": [(V4, 80)], "http://good.example/;a=b;c": [(V4, 80)],
    "http://good.example/?a[]=1&a[]=2": [(V4, 80)], "http://good.example/@@:22": [(V4, 80)],
    "http://good.example/http://127.0.0.1/": [(V4, 80)], "http://good.example/%2e%2e/x": [(V4, 80)],
    "http://good.example/../../../etc/passwd": [(V4, 80)], "http://good.example/🐈.jpg": [(V4, 80)],
    "http://good.example?@127.0.0.1": [(V4, 80)], "http://good.example/#@127.0.0.1": [(V4, 80)],
}  # fmt: skip
REFUSED = list(dict.fromkeys([*unit.INVALID, *unit.UNREACHABLE, *URLS_REFUSED]))
START = "http://good.example:80/start"
EVIL = ["http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:10.0.0.1]/", "http://private.example/", "http://mixed.example/",
        "http://nat64.example/", "http://2130706433/", "file:///etc/passwd",
        "data:image/png;base64,AAAA"]  # fmt: skip


def resolve(host: str, port: int) -> list[Address]:
    """DNS from the table."""
    if host not in NAMES:
        raise OSError("no such name")
    return [ip_address(text) for text in NAMES[host]]


def answering(*rounds: Sequence[str]) -> Resolve:
    """Another answer each time it is asked, the last one for ever."""
    left = iter([*rounds[:-1], *itertools.repeat(rounds[-1], 10_000)])
    return lambda host, port: [ip_address(text) for text in next(left)]


def redirecting(pages: dict[str, str]) -> Callable[..., Fetcher]:
    """A fetcher for which these pages lead on; all else is over its own connections."""
    plain = Fetcher(resolve=resolve)

    @contextmanager
    def exchange(target: Target, deadline: Deadline) -> Iterator[HTTPResponse]:
        if target.url in pages:
            location = pages[target.url].encode(errors="surrogatepass").decode("latin-1")
            yield HTTPResponse(b"", {"Location": location}, 302, preload_content=False)
        else:
            with plain._over_network(target, deadline) as answer:
                yield answer

    return lambda: Fetcher(resolve=resolve, exchange=exchange, failure_step=0)


def failure(fetch: Fetcher, url: str) -> InceptionError:
    with pytest.raises(InceptionError) as raised:
        fetch(url)
    return raised.value


def test_refused_forms_reach_no_socket(outcome: Outcome) -> None:
    fetch = Fetcher(resolve=resolve, failure_step=0)
    passed: list[str] = []
    with Tripwire() as wire:
        for url in REFUSED:
            try:
                fetch(url)
            except (SourceInvalid, SourceUnreachable):
                if not wire.connected:
                    continue
            wire.connected.clear()
            passed.append(url)
    assert passed == [] and wire.looked_up == []
    assert len(REFUSED) >= 80
    outcome(
        "Address in any spelling that leads to a private, special or metadata address",
        "400 or 422 before any connection is made",
        f"{len(REFUSED)} forms refused, 0 connections",
    )


def has_ipv6() -> bool:
    try:
        socket.socket(socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_odd_but_legal_forms_are_connected_to_where_they_lead(outcome: Outcome) -> None:
    fetch = Fetcher(resolve=resolve, failure_step=0)
    ways = dict(ACCEPTED)
    for url, (_, host, port, _) in unit.ACCEPTED.items():
        addresses = [host] if host in (V4, V6) else unit.DNS.get(host) or unit.DNS[f"{host}."]
        ways[url] = [(address, port) for address in addresses]
    if not has_ipv6():
        ways = {url: [to for to in way if ":" not in to[0]] for url, way in ways.items()}
    made: dict[str, list[tuple[str, int]]] = {}
    with Tripwire() as wire:
        for url in ways:
            assert isinstance(failure(fetch, url), SourceUnreachable), url  # it is held back
            made[url] = list(wire.connected)
            wire.connected.clear()
    assert made == ways and wire.looked_up == []
    assert all(is_public(ip_address(to[0])) for way in ways.values() for to in way)
    assert len(ways) >= 15
    outcome(
        "Odd but legal address: next to a private block, odd names, ports, paths and queries",
        "Fetched; the connection goes to the very address that was checked",
        f"{len(ways)} forms accepted",
    )


def test_no_redirect_leads_where_an_address_may_not(outcome: Outcome) -> None:
    kept = 0
    with Tripwire() as wire:
        for url in REFUSED:
            error = failure(redirecting({START: url})(), "http://good.example/start")
            assert isinstance(error, SourceRefused | SourceUnreachable), url
            # what is no URL of its own, such as `/etc/passwd`, is a path on the same public host
            assert {to for to, _ in wire.connected} <= {V4, V6}, url
            kept += not wire.connected
            wire.connected.clear()
        chains = 0
        for hops, end in itertools.product((1, 2, 3), EVIL):
            urls = [START, *(f"http://both.example:80/{n}" for n in range(1, hops))]
            pages = dict(zip(urls, [*urls[1:], end], strict=True))
            error = failure(redirecting(pages)(), "http://good.example/start")
            assert isinstance(error, SourceRefused | SourceUnreachable), (hops, end)
            assert wire.connected == [], (hops, end)
            chains += 1
    assert kept >= 80 and wire.looked_up == []
    outcome(
        "Redirect, or chain of up to three, to a refused address",
        "422 at that hop, which is checked like a first address; nothing is connected to",
        f"{kept} forms by one redirect, {chains} chains",
    )


def test_redirects_on_the_wire_are_read_as_addresses_are(outcome: Outcome) -> None:
    """From a real host, whose header says what it likes, byte for byte."""
    kept = 0
    with Tripwire() as wire:
        for url in REFUSED:
            if {"\r", "\n"} & set(url):
                continue  # ends the header
            location = url.encode(errors="surrogatepass")
            moved = (
                b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"
            )
            with serving(saying(moved)) as host:
                fetch = Fetcher(
                    allow_loopback=True, resolve=resolve, failure_step=0, max_redirects=1
                )
                failure(fetch, host.url())
            beyond = [to for to in wire.connected if not ip_address(to[0]).is_loopback]
            # white space around a header is not of it, so a URL may be good without
            assert {to for to, _ in beyond} <= {V4, V6}, url
            kept += not beyond
            wire.connected.clear()
    assert kept >= 80
    outcome(
        "The same in a real host's Location header, in raw bytes, on a laptop where loopback is "
        "allowed",
        "422; nothing but loopback is ever connected to",
        f"{kept} forms",
    )


def test_rebinding_gains_nothing(outcome: Outcome) -> None:
    with Tripwire() as wire:
        fetch = Fetcher(resolve=answering([V4], ["127.0.0.1"]), failure_step=0)
        failure(fetch, "http://rebinding.example/")
        assert wire.connected == [(V4, 80)]  # checked once, and not asked for again
        wire.connected.clear()
        dice, rounds = random.Random(7), 300
        answers = [[V4], ["127.0.0.1"], ["10.0.0.7"], [V4, "169.254.169.254"], ["::1"], [V6, V4]]
        fetch = Fetcher(
            resolve=lambda host, port: [ip_address(text) for text in dice.choice(answers)],
            failure_step=0,
        )
        for _ in range(rounds):
            failure(fetch, "http://flapping.example/")
        reached = {to for to, _ in wire.connected}
        assert reached <= {V4, V6} and V4 in reached
    outcome(
        "DNS rebinding: public at the check, private at the connection; a name that flaps",
        "A name is resolved once a hop, and the checked address is the one connected to",
        f"{rounds} fetches of a flapping name, 0 private connections",
    )


def test_rebinding_between_two_hops_of_a_real_host(outcome: Outcome) -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"
    for private in ("10.0.0.7", "169.254.169.254", "::ffff:127.0.0.1", "fd00:ec2::254", "0.0.0.0"):
        with Tripwire() as wire, serving(saying(moved)) as host:
            fetch = Fetcher(
                allow_loopback=True,
                resolve=answering(["127.0.0.1"], [private]),
                failure_step=0,
            )
            error = failure(fetch, host.url(host="rebinding.example"))
            assert isinstance(error, SourceUnreachable), private
            assert set(wire.connected) == {("127.0.0.1", host.port)}, private
            assert len(host.requests) == 1
    outcome(
        "A host redirects to its own name, which by then resolves to a private address",
        "422; resolved and checked again, not connected to",
        "5 kinds of address",
    )


def test_what_a_legal_form_puts_on_the_wire_is_one_request(outcome: Outcome) -> None:
    paths = [
        url.removeprefix("http://good.example")
        for url in [*ACCEPTED, *unit.ACCEPTED]
        if url.startswith("http://good.example/")
    ]
    with serving(saying(OK + b"Content-Length: 5\r\n\r\nimage")) as host:
        fetch = Fetcher(allow_loopback=True, resolve=answering(["127.0.0.1"]), failure_step=0)
        for path in paths:
            assert fetch(f"http://good.example:{host.port}{path}") == b"image"
    assert len(host.requests) == len(paths) >= 15
    for request in host.requests:
        line, *headers = request.decode("ascii").rstrip("\r\n").split("\r\n")
        assert line.startswith("GET /") and line.endswith(" HTTP/1.1") and line.count(" ") == 2
        assert [h for h in headers if h.lower().startswith("host:")] == [
            f"Host: good.example:{host.port}"
        ]
        assert len(headers) == 5
    outcome(
        "Line breaks, quotes, markup and other scripts in a path",
        "One request of five headers, percent-encoded; none can be added",
        f"{len(paths)} paths",
    )


def test_every_reading_of_a_url_is_the_same() -> None:
    """What is checked is what is connected to: reading it again changes nothing."""
    for url in [*ACCEPTED, *unit.ACCEPTED]:
        location = parse_location(url)
        assert parse_location(location.url) == location, url
        assert location.host.isascii() and location.path.isascii()
