"""Say to callers why a task failed."""

import re

import msgspec

from chalicelib import errors

MAX_CAUSE = 500
"""Characters of a fault's cause that callers see."""

OURS = re.compile(r"\barn:|s3://|(?<![0-9a-f]{4}-)\b\d{12}\b")
"""Names of parts of our account: an ARN, an object, or the account's number, with which our buckets
end. The last 12 digits of a request's id are not such a number."""


def message_of(error: str, cause: str) -> str:
    """Returns the message for callers about a task's fault, without Lambda's trace.

    error: its code. Names of parts of our account are left out, except in a message about the
    caller's mistake, which was written for callers.
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
