"""`python -m localcloud.api --host … --port …`: `chalice local`, fit for a browser's keep-alive.

Chalice's development server is left as it is but for three settings of its request handler, a
`http.server.BaseHTTPRequestHandler`.
"""

import sys
from typing import Any

from chalice.cli import main
from chalice.local import ChaliceRequestHandler


def _log_nothing(*_: Any) -> None:
    """The app writes its own line a request, without the query string, which may hold a secret."""


if __name__ == "__main__":
    # Headers and body are two writes: with Nagle's algorithm the second waits 40 ms for an answer
    ChaliceRequestHandler.disable_nagle_algorithm = True
    ChaliceRequestHandler.log_request = _log_nothing
    # API Gateway has no method that it does not know, so neither has this: the app answers 405
    ChaliceRequestHandler.do_TRACE = ChaliceRequestHandler.do_GET
    sys.argv = ["chalice", "local", "--stage", "local", "--no-autoreload", *sys.argv[1:]]
    sys.exit(main())
