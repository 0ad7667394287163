"""Everything that can go wrong on purpose.

    InceptionError
    ├── BadRequest              400  the request itself is not understood
    ├── SourceInvalid           400  an address or encoding that is never accepted
    ├── NotFound                404
    ├── Conflict                409
    ├── BodyTooLarge            413
    ├── ImageTooLarge           413
    ├── UnsupportedMediaType    415
    ├── ImageUnreadable         422  the bytes are not an image that can be decoded
    ├── SourceRefused           422  the host answered, and said no
    ├── SourceUnreachable       422  the host did not answer, or not in time
    ├── ModelNotFound           404
    ├── ModelInvalid            503  a model package that must not be loaded
    ├── SlowKernels             503  a model that answers several times slower than it could
    ├── NotConfigured           503  a part of the service that is not set up
    └── ServiceUnavailable      503  a bucket, queue, state machine or parameter of our own
        ├── AccessRefused       503  it refuses us: a policy of ours is broken
        ├── ObjectMissing       503  an object that it must have is not there
        └── ObjectTooLarge      503  an object of it is over the limit of whoever reads it

The class says whose fault it is: below 500 the caller's or a host's, 503 ours. `code` is its name,
`status` the HTTP status where one image or the whole request fails, and `retryable` says whether
the same request may succeed later.
"""


class InceptionError(Exception):
    """Base of the domain's errors; `str()` is one sentence for the caller that says what to do."""

    status = 400
    retryable = False

    @property
    def code(self) -> str:
        """The error's public name, as in the `error.code` of an answer."""
        return type(self).__name__

    @property
    def detail(self) -> str:
        """What the log says of it: its cause, which may name parts of our account."""
        return str(self.__cause__ or self)


class BadRequest(InceptionError):
    """The request is not what it claims to be: malformed, of wrong types, or contradictory."""


class NotFound(InceptionError):
    """Nothing is under that name."""

    status = 404


class Conflict(InceptionError):
    """What is asked for does not fit the state that the thing is in."""

    status = 409


class BodyTooLarge(InceptionError):
    """The request's body is over what API Gateway or Lambda takes."""

    status = 413


class UnsupportedMediaType(InceptionError):
    """The Content-Type is none that the route understands."""

    status = 415


class SourceInvalid(InceptionError):
    """An image's address or encoding that is never accepted, whatever it leads to."""


class SourceRefused(InceptionError):
    """The address was reached and its owner does not give the image (404, access denied…)."""

    status = 422


class SourceUnreachable(InceptionError):
    """The address gave no answer in time, failed on its side, or may not be connected to.

    A refused private address is told in the same words as a closed port, so that an answer says
    nothing about the network the service runs in.
    """

    status = 422
    retryable = True


class ImageTooLarge(InceptionError):
    """An image over the limit of bytes, pixels or work to decode it."""

    status = 413


class ImageUnreadable(InceptionError):
    """Bytes that are not an image of a known format, or a damaged one."""

    status = 422


class ModelNotFound(InceptionError):
    """No model package of that name is in any of the places looked in."""

    status = 404


class ModelInvalid(InceptionError):
    """A model package that is damaged, incomplete or not an image classifier: never loaded."""

    status = 503


class SlowKernels(InceptionError):
    """A model that runs without LiteRT's fast kernels, which the host does not let it have."""

    status = 503


class NotConfigured(InceptionError):
    """A part of the service that this deployment does not have."""

    status = 503


class ServiceUnavailable(InceptionError):
    """A bucket, queue, state machine or parameter of the service's own does not answer.

    Callers hear the `sentence`, which names no part of our account. The log has the `detail`: which
    bucket and key it was, and AWS's own words.
    """

    status = 503
    retryable = True
    sentence = "A part of the service does not answer; try again later."

    def __init__(self, sentence: str = "", detail: str = "") -> None:
        super().__init__(sentence or self.sentence)
        self._detail = detail

    @property
    def detail(self) -> str:
        """What the log says of it."""
        return self._detail or super().detail


class AccessRefused(ServiceUnavailable):
    """Our own bucket, queue, state machine or parameter says that we may not use it, or is gone."""

    sentence = "The service may not use a part of its own; its log says which policy to mend."


class ObjectMissing(ServiceUnavailable):
    """A bucket of our own does not have an object."""


class ObjectTooLarge(ServiceUnavailable):
    """An object in a bucket of our own has more bytes than whoever reads it takes."""

    retryable = False
    sentence = "An object of the service is too large to be read; its log says which."
