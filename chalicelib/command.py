"""Which command of Chalice imports the app: one that serves it here, or one that deploys it."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

CLI_MODE = "AWS_CHALICE_CLI_MODE"
"""Every command of Chalice sets it before it imports the app (`chalice.cli`)."""


def local_host(
    arguments: Sequence[str] = sys.argv, env: Mapping[str, str] = os.environ
) -> str | None:
    """The address that `chalice local` listens on; None where that is not what runs.

    It is read from the command line, because `chalice local` imports the app in a thread, where
    click keeps no context.
    """
    if CLI_MODE not in env or Path(arguments[0]).stem != "chalice":
        return None
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--project-dir")
    parser.add_argument("command")
    parser.add_argument("--host", default="127.0.0.1")
    given, _ = parser.parse_known_args(arguments[1:])
    return str(given.host) if given.command == "local" else None
