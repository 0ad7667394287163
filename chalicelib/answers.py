"""What callers are answered. A client may import it: it needs nothing but msgspec."""

import msgspec

from chalicelib.errors import InceptionError


class Label(msgspec.Struct, frozen=True):
    """A class's name and its probability, 0..1."""

    name: str
    score: float


class Size(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an upright image was, in pixels. truncated: a JPEG that lacked its last bytes."""

    width: int
    height: int
    format: str
    truncated: bool = False


class ErrorInfo(msgspec.Struct, frozen=True):
    """An image's failure, as data."""

    code: str
    message: str
    retryable: bool

    @classmethod
    def of(cls, error: InceptionError) -> "ErrorInfo":
        """What is told of an error."""
        return cls(error.code, str(error), error.retryable)


class Prediction(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one image: `labels` and `image`, or `error`.

    inference_id: names this one among several images in a `POST /feedback`.
    """

    id: str
    inference_id: str | None = None
    labels: list[Label] | None = None
    image: Size | None = None
    error: ErrorInfo | None = None


class ModelRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """The model that answered. multi_label: each label is judged by itself; scores have no sum."""

    name: str
    version: str
    multi_label: bool = False


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The JSON body of a classified request.

    inference_id: names the image in a `POST /feedback`; of several images, only the request.
    arm: of the experiment, where that and not the request chose the model. lost_arm: the one that
        was chosen, where its model cannot be loaded and the service's own answers in its place.
    timing_ms: milliseconds spent on `fetch`, `decode` and `infer`, summed over the images; several
        images are fetched at the same time, so the sum can exceed what the caller waited.
    """

    inference_id: str
    model: ModelRef
    predictions: list[Prediction]
    timing_ms: dict[str, float]
    arm: str | None = None
    lost_arm: str | None = None
