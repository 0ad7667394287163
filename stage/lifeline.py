"""End a process with its starter, however that ended."""

import os
import signal
import threading

LIFELINE = "LOCALCLOUD_LIFELINE"
"""Environment variable: the file descriptor of a pipe; the starter holds its other end."""


def hold() -> None:
    """Sends this process SIGTERM once its starter is gone, if it has one."""
    descriptor = os.environ.pop(LIFELINE, "")
    if descriptor:
        os.set_inheritable(int(descriptor), False)
        threading.Thread(target=_wait, args=(int(descriptor),), daemon=True).start()


def _wait(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
