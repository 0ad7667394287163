"""What API Gateway answers itself, without the app: in the shape of the app's own errors."""

from chalicelib.answers.predictions import ErrorAnswer, ErrorInfo
from chalicelib.tokens import NEEDED, WRONG
from chalicelib.urlevents import NO_PATH

MESSAGE = "$context.error.messageString"
"""API Gateway's own words, in quotes
(https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html)."""
BUSY = (
    "503", "Busy", "The service is busy; try again in a few seconds.",
)  # fmt: skip
"""Of a function that Lambda throttles: the API's is an INTEGRATION_FAILURE then
(https://stackoverflow.com/questions/36363280), the authorizer's a failure to connect to it
(https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html)."""
ANSWERS: dict[str, tuple[str, str, str]] = {
    "UNAUTHORIZED": ("401", "Unauthorized", NEEDED),
    "ACCESS_DENIED": ("403", "Forbidden", WRONG),
    "MISSING_AUTHENTICATION_TOKEN": ("404", "NotFound", NO_PATH),
    "REQUEST_TOO_LARGE": (
        "413", "BodyTooLarge",
        "A request may have about 4.5 MB; send larger images by POST /uploads.",
    ),
    "THROTTLED": ("429", "TooManyRequests", "Too many requests at once; try again in a second."),
    "INTEGRATION_TIMEOUT": (
        "504", "Timeout", "The answer took over 29 seconds; send fewer images, or POST /batches.",
    ),
    "INTEGRATION_FAILURE": BUSY,
    "AUTHORIZER_FAILURE": BUSY,
    "AUTHORIZER_CONFIGURATION_ERROR": BUSY,
    "DEFAULT_4XX": ("", "BadRequest", ""),
    "DEFAULT_5XX": ("", "InternalServerError", ""),
}  # fmt: skip
"""By API Gateway's name of it: status (empty: its own), code, message (empty: its own)."""
HEADERS = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}
MORE_HEADERS = {
    "UNAUTHORIZED": {"WWW-Authenticate": "Bearer"},
    "THROTTLED": {"Retry-After": "1"},
    **{kind: {"Retry-After": "5"} for kind, answer in ANSWERS.items() if answer is BUSY},
}


def body_of(kind: str) -> ErrorAnswer:
    """The body of an answer; in place of API Gateway's own words it has `MESSAGE`."""
    _, code, message = ANSWERS[kind]
    is_retryable = "Retry-After" in MORE_HEADERS.get(kind, {})
    return ErrorAnswer.of(ErrorInfo(code, message or MESSAGE, is_retryable))
