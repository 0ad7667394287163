"""`python -m tests.torture.faultyaws`: the local AWS, of whose S3 requests a tenth goes wrong.

Of GETs and PUTs: AccessDenied, SlowDown, and answers that come after botocore has given up, before
which the request was done or was not. The tests' own clients are served well.
"""

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import click

from localcloud import motoserver
from localcloud.visitors import WSGI
from tests.processes import FAULTS, OBSERVER

SHARE = 0.1
"""Of the requests that go wrong."""

KINDS = {"AccessDenied": 9, "SlowDown": 9, "time-out": 1, "late answer": 1}
"""How often each is the fault, beside the others."""

HANG_SECONDS = 11.0
"""Longer than botocore waits for an answer, as `chalicelib.wiring` tells it."""


class Faulty:
    """The WSGI application of AWS, with faults before it."""

    def __init__(self, app: WSGI) -> None:
        self._app, self._chance = app, random.Random(13)
        self.counts: Counter[str] = Counter()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request, or do not."""
        if environ["PATH_INFO"] == FAULTS:
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self.counts).encode()]
        if not self._is_ours(environ) or self._chance.random() > SHARE:
            return self._app(environ, start_response)
        (kind,) = self._chance.choices(list(KINDS), list(KINDS.values()))
        self.counts[kind] += 1
        if kind in ("AccessDenied", "SlowDown"):
            return _refused(environ, start_response, kind)
        if kind == "late answer":
            answer = list(self._app(environ, start_response))
            time.sleep(HANG_SECONDS)
            return answer
        time.sleep(HANG_SECONDS)
        return _refused(environ, start_response, "SlowDown")

    def _is_ours(self, environ: dict[str, Any]) -> bool:
        """Whether it is a read or a write of an object or a listing, by what is tried."""
        if OBSERVER in environ.get("HTTP_USER_AGENT", ""):
            return False
        is_bucket = environ["PATH_INFO"].startswith("/serverless-inception-")
        return is_bucket and environ["REQUEST_METHOD"] in ("GET", "PUT")


def _refused(environ: dict[str, Any], start_response: Any, code: str) -> Iterable[bytes]:
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    status = "403 Forbidden" if code == "AccessDenied" else "503 Slow Down"
    start_response(status, [("Content-Type", "application/xml")])
    return [b"<Error><Code>%s</Code><Message>As told.</Message></Error>" % code.encode()]


@click.command(params=motoserver.main.params)
def main(**options: Any) -> None:
    """Serve until the end of the process that started this one."""
    motoserver.serve(**options, around=Faulty)


if __name__ == "__main__":
    sys.exit(main())
