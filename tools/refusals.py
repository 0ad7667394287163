"""What a command says where it cannot go on: one line, never a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from chalicelib.errors import InceptionError
from chalicelib.settings import SettingsError


class Refused(Exception):
    """What a command is given cannot be used; the message says why and what to do."""


class NothingSuch(Refused):
    """What a command is given names nothing. The command then ends with status 2."""


class _NothingSuch(click.ClickException):
    exit_code = 2


@contextmanager
def one_line() -> Iterator[None]:
    """What goes wrong on purpose is one line for the reader."""
    try:
        yield
    except (InceptionError, SettingsError, Refused) as error:
        ended = _NothingSuch if isinstance(error, NothingSuch) else click.ClickException
        raise ended(str(error)) from error
    except OSError as error:
        raise click.ClickException(
            f"{error}; check the path, its permissions and the disk."
        ) from error
