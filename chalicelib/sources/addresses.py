"""Read URLs, and decide which IP addresses may be connected to."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from string import ascii_letters, digits, punctuation
from urllib.parse import quote

import msgspec

from chalicelib.errors import SourceInvalid
from chalicelib.sources.hostnames import in_ascii

Address = IPv4Address | IPv6Address

MAX_URL_LENGTH = 8192
"""Characters of a URL, as many as common servers take (Apache's LimitRequestLine is 8,190)."""

DEFAULT_PORTS = {"http": 80, "https": 443}

# Every block of https://www.iana.org/assignments/iana-ipv4-special-registry/, those it calls
# globally reachable included (anycast services, which hold no images), and multicast.
_SPECIAL_V4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private use
        "100.64.0.0/10",  # shared address space of carriers
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local; the metadata services of clouds
        "172.16.0.0/12",  # private use
        "192.0.0.0/24",  # IETF protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private use
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and the broadcast address
    )
)

# IANA hands out global unicast addresses from this block alone
# (https://www.iana.org/assignments/ipv6-unicast-address-assignments/): loopback, mapped,
# compatible, NAT64, unique local, link-local, site-local and multicast are all outside of it.
_GLOBAL_V6 = IPv6Network("2000::/3")

# What https://www.iana.org/assignments/iana-ipv6-special-registry/ takes out of it again.
_SPECIAL_V6 = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # IETF protocol assignments: Teredo, benchmarking, ORCHID, AMT…
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)

_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

_ILLEGAL = re.compile(r"[\x00-\x20\x7f\\]")
_AUTHORITY = re.compile(r"([^:/?#]*://)([^/?#]*)")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# What a resolver may read as a number (https://url.spec.whatwg.org/#ends-in-a-number-checker).
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")


def is_public(address: Address) -> bool:
    """Whether the address is on the public internet, by an explicit list.

    IPv4 addresses embedded in IPv6 addresses are not looked at: no such form is public.
    """
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _SPECIAL_V4)
    return address in _GLOBAL_V6 and not any(address in block for block in _SPECIAL_V6)


def is_loopback(address: Address) -> bool:
    """Whether the address leads to this machine: 127.0.0.0/8 or ::1."""
    return any(address in block for block in _LOOPBACK)


class Location(msgspec.Struct, frozen=True):
    """The parts of an http or https URL, read once for the check and the connection.

    host: lower case ASCII, as DNS gets it; an IPv6 address has no brackets.
    port: 0..65535. path: path and query, percent-encoded. address: set if `host` is an IP address.
    """

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None

    @property
    def name(self) -> str:
        """The host without a final dot, for certificates and messages."""
        return self.host.rstrip(".")

    @property
    def url(self) -> str:
        """The whole URL, as the base of a relative redirect."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


class Target(Location, frozen=True):
    """A location, and the only addresses that may be connected to for it."""

    addresses: tuple[Address, ...]

    @property
    def label(self) -> str:
        """The host's name in messages."""
        return self.name[:100]


def parse_location(url: str) -> Location:
    """Reads an http or https URL. Raises SourceInvalid, which says what is wrong with it."""
    # urllib3 takes 60 to 140 ms to import, which a process that fetches no URL need not pay.
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    try:
        parts = parse_url(_in_ascii(url))
    except LocationParseError:
        raise _invalid_host() from None
    if parts.scheme not in DEFAULT_PORTS:
        raise SourceInvalid("A url must start with http://, https:// or data:.")
    if parts.auth is not None:
        raise SourceInvalid("A url must not contain a user name or password; leave them out.")
    if not parts.host:
        raise SourceInvalid("The url names no host; write it as https://host/path.")
    host, address = _host(parts.host.lower())
    port = DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    return Location(parts.scheme, host, port, parts.request_uri, address)


def _in_ascii(url: str) -> str:
    """Returns the URL in ASCII: the host as in DNS, path and query percent-encoded."""
    if len(url) > MAX_URL_LENGTH:
        raise SourceInvalid(f"A url may have at most {MAX_URL_LENGTH} characters.")
    if _ILLEGAL.search(url):
        raise SourceInvalid(
            "A url must not contain spaces, line breaks, control characters or backslashes; "
            "percent-encode them (a space is %20)."
        )
    match = _AUTHORITY.match(url)
    if match and not match[2].isascii():
        host, colon, port = match[2].partition(":")
        try:
            url = match[1] + in_ascii(host) + colon + port + url[match.end() :]
        except ValueError:
            raise _invalid_host() from None
    try:
        return quote(url, safe=ascii_letters + digits + punctuation)
    except UnicodeEncodeError:
        raise SourceInvalid("The url is not valid Unicode; percent-encode its path.") from None


def _host(host: str) -> tuple[str, Address | None]:
    """Reads the host. Raises SourceInvalid unless it is a host name or a usual IP address."""
    name = host.removesuffix(".")
    try:
        if host.startswith("["):
            address = IPv6Address(host[1:-1])
            if address.scope_id is None:
                return host[1:-1], address
        elif _ENDS_IN_NUMBER.fullmatch(name):
            return name, IPv4Address(name)
        elif len(name) <= 253 and _HOST_NAME.fullmatch(name):
            return host, None
    except AddressValueError:
        pass
    raise _invalid_host()


def _invalid_host() -> SourceInvalid:
    return SourceInvalid(
        "The url's host or port is not valid; write a name of letters, digits and hyphens (other "
        "signs in their xn--… form), an IPv4 address as four decimal numbers, or an IPv6 address "
        "in brackets without a zone."
    )
