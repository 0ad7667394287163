"""Turn the refusals and failures of any AWS service into the domain's errors."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from chalicelib.errors import AccessRefused, ServiceUnavailable

REFUSALS = {"403", "AccessDenied", "AccessDeniedException", "NoSuchBucket", "InvalidBucketName"}
"""Codes of a broken policy, or of a setting that names no bucket. A HEAD tells only the first.
Expired credentials and a wrong clock are not among them: they pass by themselves."""


@contextmanager
def translated(part: str) -> Iterator[None]:
    """Turns botocore's errors about a part of the service, such as a queue, into the domain's."""
    try:
        yield
    except Exception as error:
        from botocore.exceptions import BotoCoreError, ClientError

        if not isinstance(error, (BotoCoreError, ClientError, OSError)):
            raise
        raise failure(part, error) from error


def failure(part: str, error: Exception) -> ServiceUnavailable:
    """Returns the domain's error for AWS's. part: what failed, for the log alone."""
    kind = AccessRefused if code_of(error) in REFUSALS else ServiceUnavailable
    return kind(detail=f"{part}: {error}")


def told(answer: Mapping[str, Any], name: str) -> Any:
    """Returns a field that every whole answer has.

    Raises OSError if it is not there: botocore reads half a body of JSON as an answer without
    fields, and an empty listing where there is no XML.
    """
    if name not in answer:
        raise OSError(f"the answer has no {name}, so it is not whole")
    return answer[name]


def code_of(error: object) -> str:
    """Returns AWS's code of a botocore ClientError; empty for other errors."""
    # lost connections have a response that is None
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))
