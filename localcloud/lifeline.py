"""What makes a process end with the one that started it, however that one ended."""

import os
import signal
import threading

LIFELINE = "LOCALCLOUD_LIFELINE"
"""Environment variable: the file descriptor of a pipe whose other end the starter holds."""


def hold() -> None:
    """End this process, as SIGTERM does, once its starter is gone; nothing where it has none."""
    descriptor = os.environ.pop(LIFELINE, "")
    if descriptor:
        os.set_inheritable(int(descriptor), False)
        threading.Thread(target=_wait, args=(int(descriptor),), daemon=True).start()


def _wait(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
