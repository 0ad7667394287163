from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from chalicelib.aws import s3answers
from chalicelib.aws.failures import translated
from chalicelib.errors import AccessRefused, NotFound, ObjectMissing, ServiceUnavailable

Translate = Callable[[str], AbstractContextManager[None]]
ENDPOINT = "https://secret.s3.amazonaws.com/key"
LOST = [
    ConnectionClosedError(endpoint_url=ENDPOINT),
    EndpointConnectionError(endpoint_url=ENDPOINT),
    ReadTimeoutError(endpoint_url=ENDPOINT),
    NoCredentialsError(),
    ConnectionResetError("reset"),
]


def answer(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "As told."}}, "GetObject")


@pytest.mark.parametrize("translate", [translated, s3answers.translated])
@pytest.mark.parametrize("error", [*LOST, answer("SlowDown"), answer("ExpiredToken")])
def test_what_does_not_answer_is_unavailable(translate: Translate, error: Exception) -> None:
    with pytest.raises(ServiceUnavailable) as told, translate("s3://secret/key"):
        raise error
    assert type(told.value) is ServiceUnavailable
    assert told.value.detail == f"s3://secret/key: {error}" and "secret" not in str(told.value)


@pytest.mark.parametrize("translate", [translated, s3answers.translated])
@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "403", "NoSuchBucket"])
def test_what_refuses_is_told_apart(translate: Translate, code: str) -> None:
    with pytest.raises(AccessRefused) as told, translate("s3://secret/key"):
        raise answer(code)
    assert "s3://secret/key" in told.value.detail and "As told." in told.value.detail


@pytest.mark.parametrize("code", ["NoSuchKey", "404"])
def test_an_object_that_is_not_there_is_missing(code: str) -> None:
    with pytest.raises(ObjectMissing), s3answers.translated("s3://secret/key"):
        raise answer(code)


def test_an_upload_that_breaks_off_is_unavailable() -> None:
    with pytest.raises(ServiceUnavailable), s3answers.translated("s3://secret/key"):
        raise S3UploadFailedError("Failed to upload")


@pytest.mark.parametrize("error", [NotFound("There is none."), KeyError("bug")])
def test_what_is_no_failure_of_aws_stays_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)), translated("a part"):
        raise error
