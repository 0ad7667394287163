"""Parse an HTTP request's headers, query and body for the use cases, without a framework."""

import base64
import re
import zlib
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import parse_qs

import msgspec

from chalicelib.errors import BadRequest, BodyTooLarge, UnsupportedMediaType
from chalicelib.multipartform import is_text, read_form
from chalicelib.requests import (
    MAX_INSTANCES,
    MAX_PICTURES,
    InferRequest,
    Instance,
    Options,
    PredictRequest,
)

MAX_BODY = 10 * 2**20
"""Bytes of a body that API Gateway accepts
(https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html)."""

QUERY = frozenset({"id", "url", "resize", *msgspec.structs.asdict(Options())})
"""Parameters of a query string. The options of an image in the body come this way."""

UNSAID = ("", "application/x-www-form-urlencoded")
"""Content-Types that say nothing about the body: none, and curl's default."""

_FIELDS = re.compile(rb"[a-z0-9_]+=")

CLIENT_ID = re.compile("[!-~]{1,256}")

_PLACES = re.compile(f"[0-9]{{1,6}}(,[0-9]{{1,6}}){{0,{MAX_PICTURES - 1}}}")

MAX_REASON = 500
"""Characters of a parser's message. It quotes the request, and an answer over 6 MB cannot be sent
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

REPLACEMENT = "\ufffd"
"""The character that decoders put in place of bytes that are not text."""

T = TypeVar("T")
Query = Mapping[str, list[str]]


def predict_request(
    content_type: str, query: Query, body: bytes
) -> tuple[PredictRequest, bytes | None]:
    """Parses `POST /predict`. Returns the request, and the image if it was sent itself.

    Raises BadRequest, BodyTooLarge or UnsupportedMediaType.
    """
    check_size(body)
    media_type, _, parameters = content_type.partition(";")
    media_type = media_type.strip().lower()
    if media_type == "application/json":
        if query:
            raise BadRequest("Give the options in the JSON body, not in the query string.")
        return json_request(body, PredictRequest), None
    if media_type.startswith("image/") or media_type == "application/octet-stream":
        return predict_query(query), body
    if media_type == "multipart/form-data":
        return _form_request(parameters, query, body)
    if media_type in UNSAID and body:
        return _untyped_request(query, body)
    raise UnsupportedMediaType(
        "Set the Content-Type: application/json for URLs, image/* or application/octet-stream "
        "for an image, multipart/form-data for a form."
    )


def _untyped_request(query: Query, body: bytes) -> tuple[PredictRequest, bytes | None]:
    """Parses a body of unknown type: JSON, a form's fields such as `url=…`, or else an image."""
    if body.lstrip()[:1] == b"{":
        return predict_request("application/json", query, body)
    if _FIELDS.match(body) and is_text(body):
        try:
            fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=len(QUERY))
        except ValueError as error:
            raise _invalid("form", error) from error
        return predict_query({**query, **fields}), None
    return predict_query(query), body


def _form_request(
    parameters: str, query: Query, body: bytes
) -> tuple[PredictRequest, bytes | None]:
    files, options = read_form(parameters, body, QUERY)
    request = predict_query({**query, **options})
    if len(files) == 1:
        return request, files[0].data
    if len(files) > MAX_INSTANCES:
        raise BadRequest(f"Send at most {MAX_INSTANCES} files in a form, not {len(files)}.")
    if not files and request.url is None:
        raise BadRequest("Send the image as a file of the form, in a field of any name.")
    instances = [Instance(file.id, b64=base64.b64encode(file.data).decode()) for file in files]
    return msgspec.structs.replace(request, instances=instances or None), None


def predict_query(query: Query) -> PredictRequest:
    """Parses the query string of a request to classify. Raises BadRequest."""
    for name, values in query.items():
        if name not in QUERY:
            raise BadRequest(
                f"{name[:64]!r} is not a parameter here; use {', '.join(sorted(QUERY))}."
            )
        if len(values) != 1:
            raise BadRequest(f"Give {name} once, not {len(values)} times.")
    try:
        single = {name: values[0] for name, values in query.items()}
        return msgspec.convert(single, PredictRequest, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid("query string", error) from error


def places(query: Query) -> set[int]:
    """Parses the places of a request for pictures: `at=0&at=7`, or `at=0,7`. Raises BadRequest."""
    text = ",".join(query.get("at", []))
    if not _PLACES.fullmatch(text) or len(query) != 1:
        raise BadRequest(
            f"Name up to {MAX_PICTURES} places in the results, counted from 0, such as at=0,7."
        )
    return {int(place) for place in text.split(",")}


def client_id(header: str | None) -> str:
    """Returns the value of `X-Client-Id`; empty without one. Raises BadRequest."""
    if header and not CLIENT_ID.fullmatch(header):
        raise BadRequest("X-Client-Id may have up to 256 visible ASCII characters, and no blanks.")
    return header or ""


def infer_request(header_length: str | None, body: bytes) -> tuple[InferRequest, bytes]:
    """Parses `POST /v2/models/{name}/infer`. Returns it, and the binary data after its JSON.

    header_length: value of `Inference-Header-Content-Length`, the bytes of JSON; None if all is.
    Raises BadRequest or BodyTooLarge.
    """
    check_size(body)
    if header_length is None:
        return json_request(body, InferRequest), b""
    if not re.fullmatch("[0-9]{1,9}", header_length):
        raise BadRequest("Inference-Header-Content-Length must be a number of bytes.")
    length = int(header_length)
    if length > len(body):
        raise BadRequest("Inference-Header-Content-Length is larger than the body.")
    return json_request(body[:length], InferRequest), body[length:]


def json_request(body: bytes, type_: type[T]) -> T:
    """Parses a JSON body: strict JSON in UTF-8, no NaN. Raises BadRequest, BodyTooLarge."""
    check_size(body)
    try:
        return msgspec.json.decode(body, type=type_)
    except RecursionError as error:
        raise BadRequest("The JSON body is nested too deeply.") from error
    except msgspec.ValidationError as error:
        invalid = _invalid("JSON body", error)
        raise BadRequest(f"{invalid} GET /openapi.json lists its fields.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _invalid("JSON body", error) from error


def check_text(text: str, headers: Mapping[str, str]) -> None:
    """Raises BadRequest if a proxy decoded the body's bytes as text, which loses some.

    API Gateway does that with bodies without a Content-Type. headers: the request's.
    """
    names_bytes = headers.get("inference-header-content-length") or headers.get("content-encoding")
    if REPLACEMENT in text and (names_bytes or not headers.get("content-type")):
        raise BadRequest(
            "The body's bytes were taken for text on their way; send the header Content-Type: "
            "application/octet-stream."
        )


def unpacked(encoding: str | None, body: bytes) -> bytes:
    """Decompresses a body. Raises BadRequest, BodyTooLarge, UnsupportedMediaType.

    encoding: the value of Content-Encoding, gzip or deflate; None if it is not compressed.
    """
    check_size(body)
    if not encoding or encoding.strip().lower() == "identity":
        return body
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        raise UnsupportedMediaType("The Content-Encoding must be gzip or deflate, if you send one.")
    if not body.startswith((b"\x1f\x8b", b"\x78")):
        return body  # API Gateway may have decompressed it, and then may keep the header
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        plain = inflater.decompress(body, MAX_BODY + 1)
    except zlib.error as error:
        raise _invalid(f"{encoding[:16]} body", error) from error
    if len(plain) > MAX_BODY:
        raise BodyTooLarge(f"The body is more than {MAX_BODY:,} bytes once it is unpacked.")
    if not inflater.eof:
        raise BadRequest("The compressed body ends too early; send it again.")
    if inflater.unused_data:
        raise BadRequest("The body continues after its compressed part; compress all of it as one.")
    return plain


def check_size(body: bytes) -> None:
    """Raises BodyTooLarge for more than `MAX_BODY` bytes."""
    if len(body) > MAX_BODY:
        raise BodyTooLarge(
            f"The body has {len(body):,} bytes, and at most {MAX_BODY:,} are allowed; send a "
            "smaller image, or its URL."
        )


def _invalid(what: str, error: Exception) -> BadRequest:
    return BadRequest(f"The {what} is not valid: {str(error)[:MAX_REASON]}.")
