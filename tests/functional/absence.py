"""What S3 answers and moto does not: refusals, and a 403 for what is not there.

To a caller who may not list the whole bucket S3 says AccessDenied of a key that it does not have
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html), as it would of each of ours.
"""

import itertools
from typing import Any

from botocore.awsrequest import AWSResponse

DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


def tell_no_absence(events: Any) -> None:
    """Have the client's events answer 403 where an object is missing."""

    def hide(response_dict: dict[str, Any], **_: Any) -> None:
        if response_dict["status_code"] == 404:
            response_dict |= {"status_code": 403, "body": DENIED}

    for operation in ("GetObject", "HeadObject"):
        events.register_last(f"before-parse.s3.{operation}", hide)


def refuse(
    events: Any, operation: str, times: int, status: int = 403, code: str = "AccessDenied"
) -> None:
    """Have the next `times` calls of the client refused, before their effect."""
    left = itertools.repeat(None, times)

    def instead(**_: Any) -> Any:
        if next(left, left) is left:
            return None
        return AWSResponse("", status, {}, None), {"Error": {"Code": code, "Message": "As told."}}

    events.register(f"before-call.s3.{operation}", instead)
