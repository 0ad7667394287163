"""HTTP requests, retried if that can help and cannot harm."""

from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NewConnectionError,
    ProxyError,
    SSLError,
)

from chalicelib.settings import is_loopback
from tools.proxies import connections, proxy_for
from tools.submitting.pace import Pace

WORKERS = 16
"""Requests at the same time; they mostly wait for the network."""

TRANSIENT = (429, 500, 502, 503, 504)
TIMEOUT = urllib3.Timeout(connect=5, read=60)


class ApiError(Exception):
    """The API or its bucket failed; the message says why and what to do."""


class Http:
    """Connections to the service and its buckets.

    at_once: never retries. patiently: retries whatever failed. once: retries only if the request
    surely did not arrive, because it starts something.
    """

    def __init__(self, pace: Pace) -> None:
        self.at_once = urllib3.Retry(
            total=None, connect=0, read=0, status=0, other=0, redirect=3, raise_on_status=False
        )
        self.patiently = urllib3.Retry(
            total=5, backoff_factor=pace.backoff, status_forcelist=TRANSIENT,
            allowed_methods=None, raise_on_status=False,
        )  # fmt: skip
        self.once = urllib3.Retry(
            total=None, connect=3, read=0, status=3, other=0, redirect=3, status_forcelist=[429],
            backoff_factor=pace.backoff, allowed_methods=None, raise_on_status=False,
        )  # fmt: skip
        self._pools: dict[str, urllib3.PoolManager] = {}

    def send(
        self, method: str, url: str, retries: urllib3.Retry, **options: Any
    ) -> urllib3.BaseHTTPResponse:
        """Send a request; returns the answer, whatever its status. Raises ApiError."""
        try:
            return self._pool(url).request(method, url, retries=retries, timeout=TIMEOUT, **options)
        except (HTTPError, OSError) as error:
            raise ApiError(_unanswered(url, error)) from error

    def _pool(self, url: str) -> urllib3.PoolManager:
        proxy = proxy_for(url)
        if proxy not in self._pools:
            self._pools[proxy] = connections(url, WORKERS)
        return self._pools[proxy]


def _unanswered(url: str, error: Exception) -> str:
    parts = urlsplit(url)
    service = f"{parts.scheme}://{parts.netloc}"
    reason = error.reason if isinstance(error, MaxRetryError) else error
    if not isinstance(reason, (NewConnectionError, ConnectTimeoutError, ProxyError, SSLError)):
        return f"{service} took the request but did not answer it; --list shows what became of it."
    remedy = (
        "start it with `make run`" if is_loopback(parts.hostname or "") else "check the network"
    )
    return f"{service} cannot be reached: {remedy}, or name another service with --api."
