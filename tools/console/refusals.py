"""Expected errors of a command: one line, never a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from chalicelib.errors import InceptionError
from chalicelib.settings import SettingsError


class Refused(Exception):
    """A command's input is unusable; the message says why and what to do."""


class NothingSuch(Refused):
    """A command's input names nothing. The command exits with status 2."""


class _NothingSuch(click.ClickException):
    exit_code = 2


@contextmanager
def one_line() -> Iterator[None]:
    """Turn expected errors into one line."""
    try:
        yield
    except (InceptionError, SettingsError, Refused) as error:
        ended = _NothingSuch if isinstance(error, NothingSuch) else click.ClickException
        raise ended(str(error)) from error
    except OSError as error:
        raise click.ClickException(of_file(error)) from error


def of_file(error: OSError) -> str:
    """What to say of an error of the file system."""
    return f"{error}; check the path, its permissions and the disk."
