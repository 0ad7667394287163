"""Start processes, watch them, restart those that end, and end all together."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import click

from stage.lifeline import Lifeline

WATCH_SECONDS = 0.1
STOP_SECONDS = 5
RESTARTS, WITHIN_SECONDS = 5, 60


class Child:
    """A process of the local cloud: `python -m MODULE OPTIONS…`. name: for people."""

    def __init__(self, name: str, module: str, options: list[str]) -> None:
        self.name = name
        self._command = [sys.executable, "-m", module, *options]
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline: Lifeline | None = None
        self._starts: list[float] = []

    def start(self, env: Mapping[str, str]) -> None:
        """Starts it. Raises ClickException if it ended too often lately."""
        now = time.monotonic()
        self._starts = [start for start in self._starts if now - start < WITHIN_SECONDS]
        if len(self._starts) > RESTARTS:
            raise click.ClickException(f"{self.name} keeps ending; the lines above say why.")
        self._starts.append(now)
        self._let_go()
        self._lifeline = Lifeline()
        self._process = subprocess.Popen(  # noqa: S603
            self._command,
            env={**env, **self._lifeline.env},
            stdin=subprocess.DEVNULL,
            pass_fds=self._lifeline.fds,
            start_new_session=True,  # Ctrl-C is for this process, which ends the others
        )

    @property
    def ended(self) -> str:
        """How it ended, in words; empty while it runs."""
        status = self._process.poll() if self._process else None
        if status is None:
            return ""
        return f"killed by {signal.Signals(-status).name}" if status < 0 else f"status {status}"

    def stop(self) -> None:
        """Ends it, by force if needed."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._let_go()

    def _let_go(self) -> None:
        if self._lifeline:
            self._lifeline.close()
            self._lifeline = None


def wait_for(answer: Callable[[], Any], children: list[Child], seconds: float) -> Any:
    """Waits until `answer` returns something other than None, and returns that.

    Raises ClickException if one of the children ends first, or after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended = [child.name for child in children if child.ended]
        if ended:
            raise click.ClickException(f"{ended[0]} did not start; the lines above say why.")
        result = answer()
        if result is not None:
            return result
        time.sleep(0.02)
    names = " and ".join(child.name for child in children)
    raise click.ClickException(f"{names} did not start within {seconds:.0f} s.")
