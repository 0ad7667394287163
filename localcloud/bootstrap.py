"""`python -m localcloud.bootstrap PROJECT FD`: one execution environment of Lambda.

Imports the app once, then runs the event that comes over the connection, one at a time, and sends
back what the handler returned or how it failed. Ends as soon as the other end of the connection
does, also in the middle of an event.
"""

import importlib
import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from localcloud.context import LambdaContext

READY = b"ready"
Handlers = dict[str, Callable[[Any, LambdaContext], Any]]


def main(project: Path, descriptor: int) -> None:
    """Serve until the other end is gone."""
    os.set_inheritable(descriptor, False)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    connection = Connection(descriptor)
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, requests), daemon=True).start()
    handlers = _handlers(project)
    connection.send_bytes(READY)
    while True:
        connection.send_bytes(_run(handlers, json.loads(requests.get())))


def _receive(connection: Connection, requests: "queue.SimpleQueue[bytes]") -> None:
    """Hand over what comes; a handler at work does not keep this from seeing the end."""
    try:
        while True:
            requests.put(connection.recv_bytes())
    except (EOFError, OSError):
        os._exit(1)


def _handlers(project: Path) -> Handlers:
    """The app's, imported as `chalice local` does: from the project, then from `vendor`."""
    sys.path.insert(0, str(project))
    sys.path.append(str(project / "vendor"))
    handlers: Handlers = importlib.import_module("app").app.handler_map
    return handlers


def _run(handlers: Handlers, request: dict[str, Any]) -> bytes:
    context = LambdaContext(**request["context"])
    try:
        result = handlers[request["handler"]](request["event"], context)
        return json.dumps({"result": result}).encode()
    except BaseException as error:
        trace = (
            error.__traceback__.tb_next if error.__traceback__ else None
        )  # without this function
        failure = {
            "errorMessage": str(error),
            "errorType": type(error).__name__,
            "requestId": context.aws_request_id,
            "stackTrace": traceback.format_tb(trace),
        }
        lines = "".join(traceback.format_exception(type(error), error, trace))
        print(f"[ERROR] RequestId: {context.aws_request_id}\n{lines}", end="", file=sys.stderr)
        return json.dumps({"error": failure}).encode()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
