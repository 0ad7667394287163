"""Parse an HTTP request's headers, query and body for the use cases, without a framework."""

import io
import re
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

import msgspec

from chalicelib.errors import BadRequest, BodyTooLarge, UnsupportedMediaType
from chalicelib.requests import InferRequest, PredictRequest

if TYPE_CHECKING:
    from multipart import MultipartPart

MAX_BODY = 10 * 2**20
"""Bytes of a body that API Gateway accepts
(https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html)."""

QUERY = frozenset({"id", "url", "max_labels", "min_confidence", "model"})
"""Parameters of a query string. The options of an image in the body come this way."""

CLIENT_ID = re.compile("[!-~]{1,256}")

MAX_REASON = 500
"""Characters of a parser's message. It quotes the request, and an answer over 6 MB cannot be sent
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

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
        image, options = _form(parameters, body)
        return predict_query({**query, **options}), image
    raise UnsupportedMediaType(
        "Set the Content-Type: application/json for URLs, image/* or application/octet-stream "
        "for an image, multipart/form-data for a form's field 'image'."
    )


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


def _form(parameters: str, body: bytes) -> tuple[bytes, Query]:
    """Returns a multipart form's field `image`, and its other fields."""
    # imported here, because most requests have no form
    from multipart import MultipartError, MultipartParser, parse_options_header

    _, named = parse_options_header(f"multipart/form-data;{parameters}")
    boundary = named.get("boundary")
    if not boundary:
        raise BadRequest("The form's Content-Type has no boundary; let your client set it.")
    form = MultipartParser(
        io.BytesIO(body), boundary, spool_limit=MAX_BODY, memory_limit=MAX_BODY, part_limit=32
    )
    images: list[bytes] = []
    options: dict[str, list[str]] = {}
    try:
        for part in form:
            if part.name == "image":
                images.append(part.raw)
            elif part.name not in QUERY and _is_file(part):
                raise BadRequest(
                    f"Send the image in the form's field 'image'; {part.name[:64]!r} is a file too."
                )
            else:
                options.setdefault(part.name, []).append(part.value)
    except (UnicodeDecodeError, LookupError) as error:  # LookupError: an unknown charset
        raise BadRequest(
            "A field of the form is neither text nor the image; send the image in the field "
            "'image'."
        ) from error
    except (MultipartError, ValueError) as error:
        raise _invalid("multipart form", error) from error
    if len(images) != 1:
        raise BadRequest(f"Send one image in the form's field 'image', not {len(images)}.")
    return images[0], options


def _is_file(part: "MultipartPart") -> bool:
    """Whether a field of a form is a file. Some clients give a file no name."""
    return part.filename is not None or not part.content_type.startswith("text/")
