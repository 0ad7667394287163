"""End a process with its starter, however that ended."""

import os
import signal
import threading

LIFELINE = "LOCALCLOUD_LIFELINE"
"""Environment variable: the file descriptor of a pipe; the starter holds its other end."""


class Lifeline:
    """The starter's end. A process that holds the other ends with this one, or at `close`.

    env: what its environment must have besides. fds: what it must inherit.
    """

    def __init__(self) -> None:
        theirs, self._ours = os.pipe()
        self.env, self.fds = {LIFELINE: str(theirs)}, [theirs]

    def close(self) -> None:
        """Lets the process end. Call it once, after its start."""
        for descriptor in (*self.fds, self._ours):
            os.close(descriptor)


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
