"""A framework's failure in one sentence."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.errors import InceptionError, ModelInvalid

LONGEST = 300
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_ASIDE = re.compile(r"\n\s*(?:Arguments received by |Call arguments received by ).*", re.DOTALL)
"""What Keras puts behind the reason."""


def last_line(error: Exception) -> str:
    """The last line of the framework's message, which gives the reason; only its end if long."""
    said = _ASIDE.sub("", _COLOURS.sub("", str(error)))
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    text = lines[-1].rstrip(".") if lines else type(error).__name__
    return text if len(text) <= LONGEST else f"…{text[-LONGEST:]}"


@contextmanager
def quoted(what: str, step: str) -> Iterator[None]:
    """Turn whatever a framework raises into ModelInvalid: what failed, why, what to do.

    what: the beginning of a sentence. step: a sentence that says what to do.
    """
    try:
        yield
    except InceptionError:
        raise
    except Exception as error:  # of the framework's own kinds, and whatever its layers raise
        raise ModelInvalid(f"{what}: {last_line(error)}. {step}") from error
