"""What AWS's refusals and failures mean, whichever service they come from."""

from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.errors import AccessRefused, ServiceUnavailable

REFUSALS = {"403", "AccessDenied", "AccessDeniedException", "NoSuchBucket", "InvalidBucketName"}
"""Answers that mean a broken policy, or a setting that names no bucket. The first is all that a
HEAD tells. Expired credentials and a wrong clock are not among them: they pass by themselves."""


@contextmanager
def translated(part: str) -> Iterator[None]:
    """Turns botocore's errors about a part of ours, such as a queue, into the domain's."""
    try:
        yield
    except Exception as error:
        from botocore.exceptions import BotoCoreError, ClientError

        if not isinstance(error, (BotoCoreError, ClientError, OSError)):
            raise
        raise failure(part, error) from error


def failure(part: str, error: Exception) -> ServiceUnavailable:
    """The domain's error for AWS's. part: what it is about, which only the log is told."""
    kind = AccessRefused if code_of(error) in REFUSALS else ServiceUnavailable
    return kind(detail=f"{part}: {error}")


def code_of(error: object) -> str:
    """AWS's code of a botocore ClientError; empty for any other."""
    response = getattr(error, "response", None) or {}  # lost connections have one that is None
    return str(response.get("Error", {}).get("Code", ""))
