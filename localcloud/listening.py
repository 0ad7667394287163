"""Ports to listen on. `python -m localcloud.listening` tries them, before anything is installed."""

import os
import socket
import sys

LOOPBACK = "127.0.0.1"
DEFAULTS = {"PORT": 8000, "AWS_PORT": 4566}
"""Ports that have a number unless asked for another, by their variables."""


def usable_port(variable: str, host: str, port: int) -> int:
    """Returns `port`, or a free one if it is 0. Raises OSError, in a sentence, if it is not usable.

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
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    hosts = {"PORT": os.environ.get("HOST", LOOPBACK)}
    for name, default in DEFAULTS.items():
        try:
            usable_port(name, hosts.get(name, LOOPBACK), int(os.environ.get(name, default)))
        except OSError as error:
            sys.exit(f"Error: {error}")
