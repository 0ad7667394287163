"""Turn S3's refusals, failures and failed conditions into the domain's errors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from chalicelib.aws.failures import code_of, failure
from chalicelib.errors import ObjectMissing

ABSENCES = {"404", "NoSuchKey"}
"""Codes for a missing key, if the caller may list the bucket; the first is a HEAD's. Other callers
get AccessDenied, as for an object that they may not read
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, "Permissions"). Our functions
may list by prefix alone (policies/), so a read cannot tell the two apart: `find` does."""

LOST = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict", "NoSuchKey"}
"""Answers to a conditional request if somebody else wrote the object, or is writing it; 404 if it
was deleted meanwhile
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html)."""


T = TypeVar("T")


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Turns boto3's errors about one object into the domain's."""
    try:
        yield
    except Exception as error:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        if not isinstance(error, (ClientError, BotoCoreError, Boto3Error, OSError)):
            raise
        if code_of(error) in ABSENCES:
            raise ObjectMissing(detail=f"{uri}: {error}") from error
        raise failure(uri, error) from error


def unless_lost(request: Callable[[], T]) -> T | None:
    """Returns the answer to a conditional request; None if its condition did not hold.

    Raises botocore's errors.
    """
    from botocore.exceptions import ClientError

    try:
        return request()
    except ClientError as error:
        if code_of(error) in LOST:
            return None
        raise
