"""The execution environments: started on demand, used again while warm, limited in number."""

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from multiprocessing import Pipe
from pathlib import Path
from typing import Any
from uuid import uuid4

from localcloud.bootstrap import READY
from localcloud.context import LambdaContext
from localcloud.registry import Function

START_SECONDS = 60


@dataclass(frozen=True)
class Outcome:
    """What came of an invocation: the payload, in JSON, and whether it tells of an error."""

    payload: bytes
    failed: bool = False

    @property
    def summary(self) -> str:
        """What the error is, in a line."""
        error = json.loads(self.payload)
        return f"{error['errorType']}: {error['errorMessage']}"


class Died(Exception):
    """The process ended in the middle of something."""


class Container:
    """One process that has imported the app. Not for two threads at once."""

    def __init__(self, project: Path, env: Mapping[str, str]) -> None:
        self._connection, theirs = Pipe()
        self._region = env["AWS_REGION"]
        self._log_stream = f"{time.strftime('%Y/%m/%d')}/[$LATEST]{uuid4().hex}"
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "localcloud.bootstrap", str(project), str(theirs.fileno())],
                env=dict(env),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def wait_until_ready(self) -> None:
        """Return once the app is imported. Raises Died."""
        if self._receive(START_SECONDS) != READY:
            raise Died

    def run(self, function: Function, event: Any, request_id: str) -> Outcome:
        """Run one event to its end or its timeout, after which this is closed. Raises Died."""
        context = LambdaContext(
            function_name=function.name,
            invoked_function_arn=function.arn(self._region),
            memory_limit_in_mb=function.memory_mb,
            aws_request_id=request_id,
            log_stream_name=self._log_stream,
            deadline=time.time() + function.timeout,
        )
        request = {"handler": function.handler, "event": event, "context": asdict(context)}
        with _as_death():
            self._connection.send_bytes(json.dumps(request).encode())
        answer = self._receive(function.timeout)
        if answer is None:
            self.close()
            told = f"{request_id} Task timed out after {function.timeout:.2f} seconds"
            return failure("Sandbox.Timedout", told)
        reply = json.loads(answer)
        if "error" in reply:
            return Outcome(json.dumps(reply["error"]).encode(), failed=True)
        return Outcome(json.dumps(reply["result"]).encode())

    def _receive(self, seconds: float) -> bytes | None:
        """The next message; None where there is none in time. Raises Died."""
        with _as_death():
            return self._connection.recv_bytes() if self._connection.poll(seconds) else None

    @property
    def alive(self) -> bool:
        """Whether it can run a further event."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it, whatever it is at."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it and give back what it took; for the thread that uses it."""
        self.kill()
        self._connection.close()


@contextlib.contextmanager
def _as_death() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError) as error:
        raise Died from error


def failure(kind: str, message: str) -> Outcome:
    """What Lambda says of an invocation that came to no end of its own."""
    return Outcome(json.dumps({"errorType": kind, "errorMessage": message}).encode(), failed=True)


class Containers:
    """All of them.

    concurrency: how many run at once. A warm one runs any function of the memory size it was made
    for, since that is what decides its threads.
    """

    def __init__(self, project: Path, env: Mapping[str, str], concurrency: int) -> None:
        self._project = project
        self._env = env
        self._free = concurrency
        self._changed = threading.Condition()
        self._idle: dict[int, list[Container]] = {}
        self._all: set[Container] = set()
        self._closed = False

    def wait_for_room(self, seconds: float) -> bool:
        """Whether within `seconds` one more could run."""
        with self._changed:
            return self._changed.wait_for(lambda: self._free > 0, seconds)

    def acquire(self, patience: float | None = None) -> bool:
        """Take the place of one that runs; False where for `patience` seconds there was none."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._free > 0, patience):
                return False
            self._free -= 1
            return True

    def release(self) -> None:
        """Give the place back."""
        with self._changed:
            self._free += 1
            self._changed.notify_all()

    def run(self, function: Function, event: Any, request_id: str) -> Outcome:
        """Run the function in the place that was acquired."""
        try:
            container = self._take(function.memory_mb)
        except Died:
            return failure(
                "Runtime.ImportModuleError",
                f"RequestId: {request_id} Error: app.py could not be imported",
            )
        try:
            outcome = container.run(function, event, request_id)
        except Died:
            self._discard(container)
            return failure("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited")
        with self._changed:
            self._idle.setdefault(function.memory_mb, []).append(container)
        return outcome

    def _take(self, memory_mb: int) -> Container:
        """A warm one, else a new one. Raises Died where that cannot import the app."""
        with self._changed:
            idle = self._idle.setdefault(memory_mb, [])
            while idle:
                container = idle.pop()
                if container.alive:
                    return container
                self._all.discard(container)
            if self._closed:
                raise Died
            env = {**self._env, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb)}
            container = Container(self._project, env)
            self._all.add(container)
        try:
            container.wait_until_ready()
        except Died:
            self._discard(container)
            raise
        return container

    def _discard(self, container: Container) -> None:
        with self._changed:
            self._all.discard(container)
        container.close()

    def close(self) -> None:
        """End all; none is started any more."""
        with self._changed:
            self._closed = True
            for container in self._all:
                container.kill()
