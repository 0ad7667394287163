"""`python -m localcloud.bootstrap PROJECT`: one execution environment of Lambda.

Imports the app once, then asks the Runtime API for one event at a time, and returns the handler's
answer or error. It replaces awslambdaric, which has no wheels for macOS, and runs all functions of
the app, so that they share the models' memory. It ends with the process that started it, even in
the middle of an event.
"""

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Any

from localcloud.context import LambdaContext
from localcloud.runtimeapi import ANSWER, NEXT
from stage import lifeline

Handlers = dict[str, Callable[[Any, LambdaContext], Any]]


def main(project: Path) -> None:
    """Runs events for ever."""
    lifeline.hold()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    api = HTTPConnection(os.environ.pop("AWS_LAMBDA_RUNTIME_API"))
    handlers = _handlers(project)
    while True:
        headers, event = _ask(api, "GET", NEXT)
        context = _context(headers)
        kind, answer = _run(handlers, json.loads(event), context)
        _ask(api, "POST", ANSWER.format(id=context.aws_request_id, kind=kind), answer)


def _ask(
    api: HTTPConnection, method: str, path: str, body: bytes | None = None
) -> tuple[HTTPMessage, bytes]:
    api.request(method, path, body)
    response = api.getresponse()
    return response.headers, response.read()


def _handlers(project: Path) -> Handlers:
    """Imports the app's handlers as `chalice local` does: from the project, then from `vendor`."""
    sys.path.insert(0, str(project))
    sys.path.append(str(project / "vendor"))
    handlers: Handlers = importlib.import_module("app").app.handler_map
    return handlers


def _context(headers: HTTPMessage) -> LambdaContext:
    arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
    return LambdaContext(
        function_name=arn.rpartition(":")[2],
        invoked_function_arn=arn,
        memory_limit_in_mb=int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]),
        aws_request_id=headers["Lambda-Runtime-Aws-Request-Id"],
        log_stream_name=os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
        deadline=int(headers["Lambda-Runtime-Deadline-Ms"]) / 1000,
    )


def _run(handlers: Handlers, event: Any, context: LambdaContext) -> tuple[str, bytes]:
    """Runs an event; returns the Runtime API's kind of answer, and its JSON."""
    handler = context.function_name.rpartition("-")[2]  # APP-STAGE-HANDLER
    try:
        return "response", json.dumps(handlers[handler](event, context)).encode()
    except BaseException as error:
        # without this function
        trace = error.__traceback__.tb_next if error.__traceback__ else None
        failure = {
            "errorMessage": str(error),
            "errorType": type(error).__name__,
            "requestId": context.aws_request_id,
            "stackTrace": traceback.format_tb(trace),
        }
        lines = "".join(traceback.format_exception(type(error), error, trace))
        print(f"[ERROR] RequestId: {context.aws_request_id}\n{lines}", end="", file=sys.stderr)
        return "error", json.dumps(failure).encode()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
