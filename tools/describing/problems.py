"""The error answers that routes share."""

from typing import Any

from tools.describing.schemas import ref

ERRORS = {
    400: ("BadRequest", "The request is malformed or contradictory, or its URL is never accepted."),
    401: ("Unauthorized", "The stage needs a token, and the request has none."),
    403: ("Forbidden", "The token is not the right one."),
    404: ("NotFound", "Nothing has that name."),
    409: ("Conflict", "It does not fit the state of the batch, or the name is another run's."),
    413: ("TooLarge", "A body or an image is larger than the limits."),
    415: ("UnsupportedMediaType", "The Content-Type or Content-Encoding is not understood."),
    422: ("ImageFailed", "The image could not be fetched, or is not an image."),
    500: ("InternalServerError", "A fault of the service."),
    503: ("Unavailable", "A part of the service cannot answer: its model, a bucket, a queue or the "
          "state machine."),
}  # fmt: skip
"""An answer's name and description, by status."""

RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds until the same request may succeed, if it may.",
        "schema": {"type": "integer", "minimum": 1},
    }
}


def responses(prefix: str, schema: str) -> dict[str, Any]:
    """The error answers by name. prefix: of their names. schema: of their bodies."""
    content = {"application/json": {"schema": ref("schemas", schema)}}
    return {
        prefix + name: {"description": text, "content": content}
        | ({"headers": RETRY_AFTER} if status == 503 else {})
        for status, (name, text) in ERRORS.items()
    }
