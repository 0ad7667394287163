"""The errors of the domain.

    InceptionError
    ├── BadRequest              400  the request is not understood
    ├── FeaturesMissing         400  a model whose network gives scores alone
    ├── SourceInvalid           400  a URL or encoding that is never accepted
    ├── Unauthorized            401  the request has no token
    ├── Forbidden               403  its token is not the right one
    ├── NotFound                404
    ├── Conflict                409
    ├── BodyTooLarge            413
    ├── ImageTooLarge           413
    ├── UnsupportedMediaType    415
    ├── ImageUnreadable         422  the bytes are not an image that can be decoded
    ├── SourceRefused           422  the host answered, but refuses
    ├── SourceUnreachable       422  the host did not answer, or not in time
    ├── ModelNotFound           404
    ├── ModelInvalid            503  a model package that cannot be loaded
    ├── SlowKernels             503  a model that answers several times slower than it could
    ├── NotConfigured           503  a part of the service that is not set up
    └── ServiceUnavailable      503  a bucket, queue or state machine of our own
        ├── AccessRefused       503  AWS refuses the call: our policy is wrong
        ├── ObjectMissing       503  an object that must exist does not
        └── ObjectTooLarge      503  an object is larger than its reader accepts

The class says whose fault it is: below 500 the caller's or a host's, 503 ours. `code` is the
class's name, `status` the HTTP status if one image or the whole request fails, and `retryable` says
whether the same request may succeed later.
"""


class InceptionError(Exception):
    """Base of the domain's errors. `str()` is a sentence that tells the caller what to do."""

    status = 400
    retryable = False

    @property
    def code(self) -> str:
        """The error's public name, as in the `error.code` of an answer."""
        return type(self).__name__

    @property
    def detail(self) -> str:
        """The text for the log: the sentence, and its cause, which may name our buckets."""
        return f"{self} Cause: {self.__cause__}" if self.__cause__ else str(self)


class BadRequest(InceptionError):
    """The request is malformed, has wrong types, or contradicts itself."""


class FeaturesMissing(InceptionError):
    """The model gives no feature map, so it has no embeddings and no class activation maps."""


class Unauthorized(InceptionError):
    """The request needs the stage's token and has none."""

    status = 401


class Forbidden(InceptionError):
    """The request has a token, but not the stage's."""

    status = 403


class NotFound(InceptionError):
    """There is nothing of that name."""

    status = 404


class Conflict(InceptionError):
    """The request does not fit the current state, such as cancelling a finished batch."""

    status = 409


class BodyTooLarge(InceptionError):
    """The request's body is larger than API Gateway or Lambda accepts."""

    status = 413


class UnsupportedMediaType(InceptionError):
    """The route does not understand the Content-Type."""

    status = 415


class SourceInvalid(InceptionError):
    """An image's URL or encoding is never accepted, wherever it leads."""


class SourceRefused(InceptionError):
    """The host was reached, but does not give the image (404, access denied…)."""

    status = 422


class SourceUnreachable(InceptionError):
    """The host did not answer in time, failed, or may not be connected to.

    A refused private address gets the same words as a closed port, so that an answer says nothing
    about the network in which the service runs.
    """

    status = 422
    retryable = True


class ImageTooLarge(InceptionError):
    """The image has too many bytes or pixels, or takes too much work to decode."""

    status = 413


class ImageUnreadable(InceptionError):
    """The bytes are not an image of a known format, or the image is damaged."""

    status = 422


class ModelNotFound(InceptionError):
    """There is no model package of that name in the folders or the bucket."""

    status = 404


class ModelInvalid(InceptionError):
    """The model package is damaged, incomplete or not an image classifier. It is not loaded."""

    status = 503


class SlowKernels(InceptionError):
    """The model runs without LiteRT's fast kernels, which the host prevents."""

    status = 503


class NotConfigured(InceptionError):
    """This deployment lacks a part of the service."""

    status = 503


class ServiceUnavailable(InceptionError):
    """The service's own bucket, queue or state machine does not answer.

    Callers get the `sentence`, which names no part of our account. The log gets the `detail`:
    bucket and key, and AWS's own words.
    """

    status = 503
    retryable = True
    sentence = "A part of the service does not answer; try again later."

    def __init__(self, sentence: str = "", detail: str = "") -> None:
        super().__init__(sentence or self.sentence)
        self._detail = detail

    @property
    def detail(self) -> str:
        """The text for the log."""
        return self._detail or super().detail


class AccessRefused(ServiceUnavailable):
    """The service's own bucket, queue or state machine refuses the call, or is missing."""

    sentence = "AWS refused a call of the service; its log says which policy or bucket to fix."


class ObjectMissing(ServiceUnavailable):
    """The service's own bucket lacks an object."""


class ObjectTooLarge(ServiceUnavailable):
    """An object in the service's own bucket is larger than its reader accepts."""

    retryable = False
    sentence = (
        "An object in the service's bucket is too large to be read; its log names the object."
    )
