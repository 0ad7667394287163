"""What S3's answers mean: refusals, failures, and conditions that did not hold."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from chalicelib.errors import SourceRefused, SourceUnreachable

REFUSALS = {"404", "403", "NoSuchKey", "NoSuchBucket", "AccessDenied", "InvalidBucketName"}

LOST = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict", "NoSuchKey"}
"""Answers to a conditional request that mean that somebody else was there, or is at this moment;
404 where the object was deleted meanwhile
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html)."""


T = TypeVar("T")


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Turns botocore's errors about one object into the domain's."""
    try:
        yield
    except Exception as error:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        if isinstance(error, ClientError) and _code(error) in REFUSALS:
            raise SourceRefused(
                f"{uri} does not exist or may not be read; check its bucket, key and policy."
            ) from error
        if isinstance(error, (ClientError, BotoCoreError, Boto3Error, OSError)):
            raise SourceUnreachable(f"{uri} could not be read; try again later.") from error
        raise


def unless_lost(request: Callable[[], T]) -> T | None:
    """The answer to a conditional request; None where its condition did not hold.

    Raises botocore's errors.
    """
    from botocore.exceptions import ClientError

    try:
        return request()
    except ClientError as error:
        if _code(error) in LOST:
            return None
        raise


def is_missing(refusal: SourceRefused) -> bool:
    """Whether S3 said that there is no such object, as it does only to those who may list it."""
    return _code(refusal.__cause__) == "NoSuchKey"


def _code(error: object) -> str:
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))
