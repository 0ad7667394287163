"""Let only this machine's programs and its own pages use the local AWS.

moto allows every Origin, so any web page in a browser here could use it, and the request that wipes
it needs no preflight. Another site's name may lead here too; its pages need no preflight at all.
"""

import socket
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chalicelib.settings import is_loopback

WSGI = Callable[[dict[str, Any], Any], Iterable[bytes]]

REFUSED = (
    "This AWS is for programs of this machine, and for pages that it serves: "
    "use http://127.0.0.1 or http://localhost."
)


class Visitors:
    """Decides who may come in.

    host, port: the app's. Its page may come in, and every page of a loopback name, on any port.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._host, self._port = host, port

    def may_come(self, method: str, query: str, headers: Mapping[str, str]) -> bool:
        """Whether a request may come in. headers: by their names in lower case."""
        if not is_loopback(_place(headers.get("host", "localhost"))[0]):
            return False
        origin = headers.get("origin")
        if origin is not None:
            return self._is_own(origin)
        # browsers send no Origin for pictures and links; the page has presigned ones
        is_foreign = headers.get("sec-fetch-site", "none") == "cross-site"
        return not is_foreign or (method in ("GET", "HEAD") and _is_presigned(query))

    def _is_own(self, origin: str) -> bool:
        scheme, _, place = origin.partition("://")
        name, port = _place(place)
        if scheme not in ("http", "https") or not name:
            return False
        if is_loopback(name):
            return True
        listens = name == self._host or (_is_any(self._host) and _is_of_this_machine(name))
        return listens and port == self._port


def guarded(application: WSGI, visitors: Visitors) -> WSGI:
    """Returns the application, closed to all who may not come in."""

    def door(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        headers = {key[5:].replace("_", "-").lower(): environ[key] for key in environ
                 if key.startswith("HTTP_")}  # fmt: skip
        if visitors.may_come(environ["REQUEST_METHOD"], environ.get("QUERY_STRING", ""), headers):
            return application(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain"), ("Connection", "close")])
        return [REFUSED.encode()]

    return door


def _place(place: str) -> tuple[str, int]:
    """Splits `host:port` into the host, in lower case, and the port; empty if it is neither."""
    try:
        split = urlsplit(f"//{place}")
        if split.path or split.query or split.fragment or "@" in place:
            return "", 0
        return (split.hostname or "").rstrip("."), split.port or 80
    except ValueError:
        return "", 0


def _is_any(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def _is_of_this_machine(name: str) -> bool:
    """Whether it is an address of this machine."""
    try:
        version = ip_address(name).version
        with socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6) as probe:
            probe.bind((name, 0))
    except (ValueError, OSError):
        return False
    return True


def _is_presigned(query: str) -> bool:
    """Whether it is the query of a presigned S3 URL, and no action of another service."""
    names = parse_qs(query).keys()
    return not names.isdisjoint(("X-Amz-Signature", "Signature")) and "Action" not in names
