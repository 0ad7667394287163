"""Signatures made here against botocore's."""

import calendar
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from chalicelib.aws.signature import UNSIGNED, signed

ENV = {
    "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}  # fmt: skip
HOST = "https://results.s3.eu-west-1.amazonaws.com"
MOMENT = datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)


class Unsigned(auth.S3SigV4Auth):  # type: ignore[misc]
    """botocore's signature of a request whose body is not signed, at our moment."""

    def add_auth(self, request: AWSRequest) -> None:
        request.context["timestamp"] = MOMENT.strftime(auth.SIGV4_TIMESTAMP)
        self._modify_request_before_signing(request)
        text = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(text, request))

    def payload(self, request: AWSRequest) -> str:
        return UNSIGNED


@pytest.mark.parametrize("token", ["", "IQoJb3JpZ2luX2VjE//+="])
@pytest.mark.parametrize(
    "path",
    [
        "/experiment.json",
        "/" + quote("a b/ü+~.json"),
        "/?list-type=2&max-keys=1&prefix=" + quote("a b/ü+~=&.json", safe=""),
    ],
)
def test_a_signature_is_botocores(path: str, token: str) -> None:
    request = AWSRequest("GET", HOST + path)
    keys = ENV["AWS_ACCESS_KEY_ID"], ENV["AWS_SECRET_ACCESS_KEY"]
    Unsigned(Credentials(*keys, token or None), "s3", "eu-west-1").add_auth(request)
    ours = signed(HOST + path, "s3", {**ENV, "AWS_SESSION_TOKEN": token}, _seconds())
    assert ours["authorization"] == request.headers["Authorization"]
    assert ours.get("x-amz-security-token", "") == token


def _seconds() -> int:
    return calendar.timegm(MOMENT.timetuple())
