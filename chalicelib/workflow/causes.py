"""Why a task failed, in words for callers."""

import re

import msgspec

from chalicelib import errors

MAX_CAUSE = 500
"""Characters of a fault's cause that are told."""

OURS = re.compile(r"\barn:|s3://|(?<![0-9a-f]{4}-)\b\d{12}\b")
"""What names a part of our account: an ARN, an object, or the account's number, with which our
buckets end; the last 12 digits of a request's id are none."""


def message_of(error: str, cause: str) -> str:
    """What a person wants to know of a task's fault: of Lambda's JSON the message, not the trace.

    error: its code. Whatever names parts of our account is not told, unless it is the caller's
    mistake, which is told in words that were written for callers.
    """
    try:
        text = str(msgspec.json.decode(cause, type=_LambdaFailure).error_message)
    except (msgspec.DecodeError, UnicodeError):
        text = cause
    if OURS.search(text) and not _is_callers(error):
        return f"A part of the service does not answer ({error}); try again later."
    return text[:MAX_CAUSE] or "The task gave no cause."


def _is_callers(error: str) -> bool:
    kind = getattr(errors, error, None)
    if isinstance(kind, type) and issubclass(kind, errors.InceptionError):
        return kind.status < 500
    return False


class _LambdaFailure(msgspec.Struct, frozen=True, rename="camel"):
    error_message: str
