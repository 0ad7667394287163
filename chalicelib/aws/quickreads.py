"""Read small objects of S3 without boto3, whose import takes longer than a cold prediction.

What is not as simple as that is left to boto3: other answers, other ways to S3, and writing.
"""

import os
import ssl
from collections.abc import Callable, Mapping
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from chalicelib.aws.failures import failure
from chalicelib.aws.s3 import S3Store, check_size
from chalicelib.aws.signature import signed
from chalicelib.aws.store import Stored
from chalicelib.errors import AccessRefused, ObjectMissing

SECONDS = 2.0
ENOUGH = ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""Variables that every function on Lambda has."""
UNKNOWN = ("HTTPS_PROXY", "https_proxy", "AWS_CA_BUNDLE", "AWS_USE_FIPS_ENDPOINT",
           "AWS_USE_DUALSTACK_ENDPOINT")  # fmt: skip
"""Variables of ways to S3 that only boto3 knows."""


class Answer(NamedTuple):
    """An answer of S3: its status, its ETag, its Content-Length, and the body up to a limit."""

    status: int
    etag: str
    size: int
    body: bytes

    def says(self, code: str) -> bool:
        """Whether it is an error with this code."""
        return f"<Code>{code}</Code>".encode() in self.body


class QuickStore(S3Store):
    """The object store, with reads by plain requests that are signed here.

    make_client: see S3Store. env: has the credentials.
    """

    def __init__(self, make_client: Callable[[], Any], env: Mapping[str, str] = os.environ) -> None:
        super().__init__(make_client)
        self._env = env

    def _get(self, bucket: str, key: str, max_bytes: int) -> Stored:
        uri = f"s3://{bucket}/{key}"
        answer = self._ask(uri, bucket, key, most=max(max_bytes, 4096))
        if answer.status == 200 and answer.etag:
            check_size(uri, answer.size, max_bytes)
            return Stored(answer.body, answer.etag)
        if answer.says("NoSuchKey"):
            raise ObjectMissing(detail=uri)
        if answer.says("AccessDenied"):
            raise AccessRefused(detail=uri)
        return super()._get(bucket, key, max_bytes)

    def _is_listed(self, bucket: str, key: str) -> bool:
        query = f"list-type=2&max-keys=1&prefix={quote(key, safe='')}"
        answer = self._ask(f"s3://{bucket}/{key}", bucket, query=query, most=4096)
        if answer.status == 200 and b"<ListBucketResult" in answer.body:
            return f"<Key>{key}</Key>".encode() in answer.body
        return super()._is_listed(bucket, key)

    def _ask(self, uri: str, bucket: str, key: str = "", query: str = "", *, most: int) -> Answer:
        """GETs up to `most` bytes. Raises ServiceUnavailable if S3 does not answer."""
        address = self._address(bucket, key)
        headers = signed(f"{address}?{query}", "s3", self._env)
        for left in (1, 0):
            try:
                return _got(address, query, headers, most)
            except (OSError, HTTPException) as error:
                if not left:
                    raise failure(uri, error) from error
        raise AssertionError

    def _address(self, bucket: str, key: str) -> str:
        endpoint = self._env.get("AWS_ENDPOINT_URL_S3") or self._env.get("AWS_ENDPOINT_URL")
        if endpoint:
            return f"{endpoint.rstrip('/')}/{bucket}/{quote(key)}"
        region = self._env["AWS_REGION"]
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return f"https://{bucket}.s3.{region}.{domain}/{quote(key)}"


def is_enough(env: Mapping[str, str] = os.environ) -> bool:
    """Whether a QuickStore finds its way to S3 by the environment."""
    return all(map(env.get, ENOUGH)) and not any(map(env.get, UNKNOWN))


def _got(address: str, query: str, headers: Mapping[str, str], most: int) -> Answer:
    parts = urlsplit(address)
    connection = (
        HTTPSConnection(parts.netloc, timeout=SECONDS, context=_tls())
        if parts.scheme == "https"
        else HTTPConnection(parts.netloc, timeout=SECONDS)
    )
    try:
        connection.request("GET", f"{parts.path}?{query}" if query else parts.path, headers=headers)
        with connection.getresponse() as response:
            body = response.read(most)
            told = response.headers.get("Content-Length")
            size = len(body) if told is None else int(told)
            if len(body) < min(size, most) or (told is None and not response.chunked):
                raise IncompleteRead(body)
            return Answer(response.status, response.headers.get("ETag", ""), size, body)
    finally:
        connection.close()


@cache
def _tls() -> ssl.SSLContext:
    """Reading the certificates takes longer than a request."""
    return ssl.create_default_context()
