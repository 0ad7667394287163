"""Execution environments: started on demand, reused while warm, limited in number."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from localcloud.registry import Function
from localcloud.runtimeapi import Died, Outcome, RuntimeApi
from stage.lifeline import Lifeline

START_SECONDS = 60
WAKE_SECONDS = 1.0
"""How often who waits for a container that starts hears of it."""

Waiting = Callable[[], None]
"""Is called every WAKE_SECONDS while a container starts, and once when it has. Must not raise."""


class Container:
    """A process that has imported the app. Not for two threads at once."""

    def __init__(self, project: Path, env: Mapping[str, str]) -> None:
        self._api = RuntimeApi()
        self._region = env["AWS_REGION"]
        self._lifeline = Lifeline()
        ours = {
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_LAMBDA_LOG_STREAM_NAME": f"{time.strftime('%Y/%m/%d')}/[$LATEST]{uuid4().hex}",
            **self._lifeline.env,
        }
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "localcloud.bootstrap", str(project)],
            env={**env, **ours},
            stdin=subprocess.DEVNULL,
            pass_fds=self._lifeline.fds,
        )
        self._api.watch(self._process)

    def wait_until_ready(self, waiting: Waiting) -> None:
        """Returns once the app is imported. Raises Died."""
        deadline = time.monotonic() + START_SECONDS
        while not self._api.ready.wait(WAKE_SECONDS) and time.monotonic() < deadline:
            waiting()
        self._api.wait_until_ready(0)
        waiting()

    def run(self, function: Function, event: Any, request_id: str) -> Outcome:
        """Runs an event; closes the container if the time runs out. Raises Died."""
        arn = function.arn(self._region)
        try:
            return self._api.invoke(event, arn, function.timeout, request_id)
        except TimeoutError as error:
            self.close()
            return failure("Sandbox.Timedout", str(error))

    @property
    def alive(self) -> bool:
        """Whether it can run another event."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Ends the process at once."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Ends the process and frees its resources; for the thread that uses it."""
        self.kill()
        self._api.close()
        self._lifeline.close()


def failure(kind: str, message: str) -> Outcome:
    """Returns Lambda's answer for an invocation that it had to end."""
    return Outcome({"errorType": kind, "errorMessage": message}, failed=True)


class Containers:
    """All containers.

    concurrency: how many run at once. A warm container runs any function of its memory size, which
    decides its threads.
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
        """Waits for a free place; returns whether there was one within `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._free > 0, seconds)

    def acquire(self, patience: float | None = None) -> bool:
        """Takes a place; returns False if none was free for `patience` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._free > 0, patience):
                return False
            self._free -= 1
            return True

    def release(self) -> None:
        """Gives the place back."""
        with self._changed:
            self._free += 1
            self._changed.notify_all()

    def run(
        self, function: Function, event: Any, request_id: str, waiting: Waiting = lambda: None
    ) -> Outcome:
        """Runs the function in the place that was acquired."""
        try:
            container = self._take(function.memory_mb, waiting)
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

    def _take(self, memory_mb: int, waiting: Waiting) -> Container:
        """Returns a warm container or a new one. Raises Died if that cannot import the app."""
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
            container.wait_until_ready(waiting)
        except Died:
            self._discard(container)
            raise
        return container

    def _discard(self, container: Container) -> None:
        with self._changed:
            self._all.discard(container)
        container.close()

    def close(self) -> None:
        """Ends all containers, and starts no more."""
        with self._changed:
            self._closed = True
            for container in self._all:
                container.kill()
