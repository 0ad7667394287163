"""Ports to listen on. `python -m localcloud.listening` tries them, before anything is installed."""

import contextlib
import os
import socket
import sys
from collections.abc import Iterator

LOOPBACK = "127.0.0.1"
DEFAULTS = {"PORT": 8000, "AWS_PORT": 4566}
"""Ports that have a number unless asked for another, by their variables."""


def check_port(variable: str, host: str, port: int) -> None:
    """Raises OSError, in a sentence, if a server cannot have the port.

    variable: by which another is chosen.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise OSError(
                f"Port {port} of {host} cannot be used ({error.strerror}). Choose another one, for "
                f"example: make run {variable}={min(port + 1, 65535)}"
            ) from error


@contextlib.contextmanager
def held_port(host: str = LOOPBACK) -> Iterator[int]:
    """A free port, which until the end of the block only a server gets that asks for its number.

    Who asks for any free port gets another one. So a port may be chosen now and listened on later.
    Only Linux lets a server have a port that is held like this; elsewhere it is not held.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((host, 0))
        port = int(holder.getsockname()[1])
        if sys.platform != "linux":
            holder.close()
        yield port


if __name__ == "__main__":
    hosts = {"PORT": os.environ.get("HOST", LOOPBACK)}
    for name, default in DEFAULTS.items():
        try:
            check_port(name, hosts.get(name, LOOPBACK), int(os.environ.get(name, default)))
        except OSError as error:
            sys.exit(f"Error: {error}")
