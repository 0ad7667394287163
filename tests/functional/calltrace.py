"""A function of the app in a process of its own, which tells of every call it makes to AWS."""

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from tests.conftest import ROOT
from tests.functional.absence import tell_no_absence
from tests.servicerules import faults

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["boto3", "chalice.test", "numpy", "PIL.Image"])
"""Each function imports the app for itself, and what that imports is there."""


@dataclass(frozen=True)
class Call:
    """An operation of an AWS service, or a presigned one, which is done in the signer's name.

    parameters: those that are text, CopySource, which is a dictionary, and an event's Source.
    faults: of all parameters, by the service's own model.
    """

    service: str
    operation: str
    parameters: Mapping[str, Any]
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failed:
    """What a handler raised."""

    kind: str
    message: str


class Context:
    """What Lambda gives with an event. seconds: what is left, as each look at it shows in turn."""

    aws_request_id = "request"
    memory_limit_in_mb = 1769

    def __init__(self, function_name: str, seconds: Sequence[float]) -> None:
        self.function_name = function_name
        self._seconds = list(seconds)

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * (self._seconds.pop(0) if len(self._seconds) > 1 else self._seconds[0]))


@dataclass
class Function:
    """One execution environment. calls: all that was made in it."""

    handler: str
    env: Mapping[str, str]
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._connection, theirs = PROCESSES.Pipe()
        self._process = PROCESSES.Process(target=_serve, args=(theirs, dict(self.env)), daemon=True)
        self._process.start()
        theirs.close()

    def handle(self, event: Any, seconds: Sequence[float] = (100.0,)) -> Any:
        """What the handler returns, or Failed. seconds: see Context."""
        return self._ask(("event", self.handler, event, list(seconds)))

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Any:
        """Status and body of an HTTP answer."""
        return self._ask(("http", method, path, dict(headers), body))

    def close(self) -> None:
        self._connection.close()
        self._process.join(30)

    def _ask(self, request: Any) -> Any:
        self._connection.send(request)
        answer, calls = self._connection.recv()
        self.calls += calls
        return answer


def _serve(connection: Connection, env: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(env)
    sys.path[:0] = [str(ROOT)]
    calls: list[Call] = []
    _record(calls)
    from chalice.test import Client

    from app import app

    client = Client(app, stage_name="dev", project_dir=str(ROOT))
    while True:
        try:
            kind, *rest = connection.recv()
        except EOFError:
            return
        calls.clear()
        try:
            answer: Any
            if kind == "http":
                method, path, headers, body = rest
                response = client.http.request(method, path, headers=headers, body=body)
                answer = response.status_code, response.body
            else:
                handler, event, seconds = rest
                answer = app.handler_map[handler](event, Context(handler, seconds))
        except Exception as error:
            answer = Failed(type(error).__name__, str(error))
        connection.send((answer, list(calls)))


def _record(calls: list[Call]) -> None:
    """Note the calls of every client that is made from now on, presigned ones too."""
    from chalicelib.aws.session import session

    def note(params: Mapping[str, Any], model: Any, context: Any, **_: Any) -> None:
        if model.name == "CreateBucket" and context.get("is_presign_request"):
            return  # botocore's way to the address of an upload's form; nothing is called
        kept = {name: value for name, value in params.items() if isinstance(value, (str, dict))}
        if model.name == "PutEvents":
            kept["Source"] = params["Entries"][0]["Source"]
        wrong = tuple(faults(model.input_shape, params))
        calls.append(Call(model.service_model.service_name, model.name, kept, wrong))

    events = session().events
    events.register("provide-client-params", note)
    tell_no_absence(events)  # or no listing that a policy must allow would be needed
