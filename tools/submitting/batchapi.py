"""A client of the batch API."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import msgspec
import urllib3
from urllib3.exceptions import HTTPError

from chalicelib.answers.batchviews import BatchList, BatchOutline, BatchView, UploadForm
from chalicelib.answers.predictions import ErrorAnswer
from chalicelib.requests import BatchRequest, UploadRequest
from tools.submitting.pace import Pace
from tools.submitting.retrying import TRANSIENT, ApiError, Http

CHUNK_BYTES = 1 << 16
T = TypeVar("T")


class Api:
    """The API at the base address `url`. Every method raises ApiError.

    token: sent as `Authorization: Bearer`, to the API only, never to its buckets.
    """

    def __init__(self, url: str, token: str | None, pace: Pace) -> None:
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = Http(pace)

    def check(self) -> None:
        """Ask whether uploads are accepted, before anything slow begins."""
        self._ask(UploadForm, "POST", "/uploads", self._http.at_once, UploadRequest("check.jpg"))

    def upload(self, name: str, data: bytes, batch: str) -> str:
        """Upload a file for `batch`; returns its s3:// address."""
        asked = UploadRequest(name, batch)
        form = self._ask(UploadForm, "POST", "/uploads", self._http.patiently, asked)
        file = (name, data, "application/octet-stream")
        fields = [*form.fields.items(), ("file", file)]  # S3 ignores fields after the file
        answer = self._http.send("POST", form.url, self._http.patiently, fields=fields)
        if answer.status >= 400:
            raise ApiError(f"The upload was refused: {_reason(answer)}")
        return form.s3_uri

    def start(self, request: BatchRequest) -> BatchView:
        """Start a batch."""
        return self._ask(BatchView, "POST", "/batches", self._http.once, request)

    def act(self, batch_id: str, verb: Literal["cancel", "retry"]) -> BatchView:
        """Cancel a batch, or retry what failed in it."""
        return self._ask(BatchView, "POST", f"{_path(batch_id)}/{verb}", self._http.once, {})

    def view(self, batch_id: str, patient: bool = True) -> BatchView:
        """How far a batch is."""
        retries = self._http.patiently if patient else self._http.at_once
        return self._ask(BatchView, "GET", _path(batch_id), retries)

    def recent(self) -> list[BatchOutline]:
        """The latest batches, newest first."""
        return self._ask(BatchList, "GET", "/batches", self._http.at_once).batches

    @contextmanager
    def lines(self, url: str) -> Iterator[Iterator[bytes]]:
        """The lines behind a presigned URL, with their line breaks, as they arrive."""
        answer = self._http.send("GET", url, self._http.patiently, preload_content=False)
        try:
            if answer.status >= 400:
                raise ApiError(f"The results could not be read: {_reason(answer)}")
            assert isinstance(answer, urllib3.HTTPResponse)
            answer.auto_close = False  # else the end looks like a closed file
            yield iter(io.BufferedReader(answer, CHUNK_BYTES))
        except HTTPError as error:
            raise ApiError(
                "The download of the results was interrupted; run the command again."
            ) from error
        finally:
            answer.close()

    def _ask(
        self, type_: type[T], method: str, path: str, retries: urllib3.Retry, body: Any = None
    ) -> T:
        options: dict[str, Any] = {"headers": self._headers}
        if body is not None:
            options["headers"] = self._headers | {"Content-Type": "application/json"}
            options["body"] = msgspec.json.encode(body)
        answer = self._http.send(method, self.url + path, retries, **options)
        if answer.status >= 400:
            raise self._refusal(answer)
        try:
            return msgspec.json.decode(answer.data, type=type_)
        except msgspec.DecodeError as error:
            raise ApiError(
                f"{self.url} does not answer like this service ({error}); check --api."
            ) from error

    def _refusal(self, answer: urllib3.BaseHTTPResponse) -> ApiError:
        if answer.status in (401, 403):
            return ApiError(
                f"{self.url} refuses this client ({answer.status}): give its token with --token or "
                "SERVERLESS_INCEPTION_TOKEN, and check --api, which ends in the stage's name where "
                "it has one."
            )
        try:
            refusal = msgspec.json.decode(answer.data, type=ErrorAnswer).error
        except msgspec.DecodeError:
            remedy = "try again later" if answer.status in TRANSIENT else "check --api"
            return ApiError(f"{self.url} answered {answer.status}; {remedy}.")
        return ApiError(f"{refusal.message} ({refusal.code})")


def _path(batch_id: str) -> str:
    return f"/batches/{quote(batch_id, safe='')}"


def _reason(answer: urllib3.BaseHTTPResponse) -> str:
    """S3's reason for refusing, from the XML of its error."""
    text = answer.data.decode(errors="replace")
    tags = [re.search(f"<{tag}>([^<]*)</{tag}>", text) for tag in ("Message", "Code")]
    message, code = (match[1] if match else "" for match in tags)
    return f"{message or 'the bucket answered'} ({code or answer.status})."
