"""`python -m localcloud.api PROJECT STACK --host … --port …`: `chalice local`, fit for a browser.

It waits for the stack, whose outputs are part of the app's environment.
Chalice's development server is left as it is but for three settings of its request handler, a
`http.server.BaseHTTPRequestHandler`.
"""

import logging
import os
import sys
from typing import Any

from chalice.cli import main
from chalice.local import ChaliceRequestHandler

from localcloud import lifeline, stack


def _log_nothing(*_: Any) -> None:
    """The app writes its own line a request, without the query string, which may hold a secret."""


if __name__ == "__main__":
    lifeline.hold()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    # Headers and body are two writes: with Nagle's algorithm the second waits 40 ms for an answer
    ChaliceRequestHandler.disable_nagle_algorithm = True
    ChaliceRequestHandler.log_request = _log_nothing
    # Chalice has every logger write what is news to it, such as where boto3 found its credentials
    logging.getLogger("botocore").setLevel(logging.WARNING)
    # API Gateway has no method that it does not know, so neither has this: the app answers 405
    for method in ("CONNECT", "QUERY", "TRACE"):
        setattr(ChaliceRequestHandler, f"do_{method}", ChaliceRequestHandler.do_GET)
    project, stack_name, *options = sys.argv[1:]
    os.environ.update(stack.wait_for_outputs(stack_name))
    sys.argv = ["chalice", "--project-dir", project, "local", "--stage", "local"]
    sys.argv += ["--no-autoreload", *options]
    sys.exit(main())
