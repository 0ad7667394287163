"""Whether the deployed API answers."""

import time
from collections.abc import Callable
from typing import Any

import urllib3

from tools.connection import connections
from tools.deploying.step import DeployError

PATIENCE_SECONDS = 90
"""A new API's name takes a while to be known everywhere, and the first answer a cold start."""
PAUSE_SECONDS = 3


def request(method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
    """Send a request, by the environment's proxy if any; the answer, whatever its status."""
    return connections(url).request(method, url, **options)


def health(
    url: str,
    request: Callable[..., urllib3.BaseHTTPResponse] = request,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """What GET /health says. Raises DeployError where it says nothing good in time."""
    deadline = clock() + PATIENCE_SECONDS
    while True:
        said = _ask(f"{url}health", request)
        if said.startswith("200 "):
            return said.removeprefix("200 ")
        if clock() > deadline:
            raise DeployError(
                f"All is deployed, but {url}health does not answer as it should: {said[:300]}. The "
                "function's log says why, in CloudWatch or with `aws logs tail`."
            )
        sleep(PAUSE_SECONDS)


def _ask(url: str, request: Callable[..., urllib3.BaseHTTPResponse]) -> str:
    try:
        answer = request("GET", url, timeout=30, retries=False)
    except urllib3.exceptions.HTTPError as error:
        return f"no answer ({error})"
    return f"{answer.status} {answer.data.decode(errors='replace').strip()}"
