"""Errors, predictions, and the models that give them."""

from typing import Annotated, Literal

import msgspec

from chalicelib.errors import InceptionError
from chalicelib.images.preprocessing import Preprocessing

Milliseconds = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Scores = Literal["probabilities", "logits"]


class Label(msgspec.Struct, frozen=True):
    """A class's name and its probability."""

    name: str
    score: Share


class ErrorInfo(msgspec.Struct, frozen=True):
    """Why something failed.

    code: the error's name. message: a sentence that says what to do. retryable: whether the same
        request may succeed later.
    """

    code: str
    message: str
    retryable: bool

    @classmethod
    def of(cls, error: InceptionError) -> "ErrorInfo":
        """Describes an error."""
        return cls(error.code, str(error), error.retryable)


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The body of every answer of 400 and above.

    Code: the same as `error.code`, for older clients. Message: the same as `error.message`.
    """

    error: ErrorInfo
    code: str = msgspec.field(name="Code")
    message: str = msgspec.field(name="Message")

    @classmethod
    def of(cls, error: ErrorInfo) -> "ErrorAnswer":
        """The body that tells of an error."""
        return cls(error, error.code, error.message)


class ProtocolErrorAnswer(msgspec.Struct, frozen=True):
    """The body of every answer of 400 and above of the Open Inference Protocol.

    error: a sentence that says what to do, where clients of the protocol look for it.
    Code: the error's name. Message: the same as `error`.
    """

    error: str
    code: str = msgspec.field(name="Code")
    message: str = msgspec.field(name="Message")

    @classmethod
    def of(cls, error: ErrorInfo) -> "ProtocolErrorAnswer":
        """The body that tells of an error."""
        return cls(error.message, error.code, error.message)


class ModelRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """The model that answered.

    multi_label: each label is judged by itself. Any number of labels may be right, and the sum of
        the scores means nothing.
    """

    name: str
    version: str
    multi_label: bool = False


class Size(msgspec.Struct, frozen=True, omit_defaults=True):
    """The size of the upright image, in pixels.

    format: JPEG, PNG, WEBP, AVIF, GIF, BMP or TIFF. truncated: the file is a JPEG without its last
        bytes, so the model did not see a part of the picture.
    """

    width: int
    height: int
    format: str
    truncated: bool = False


class Prediction(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer for one image: `labels` and `image`, or `error`.

    inference_id: for a `POST /feedback` about this image among several. labels: best first.
    """

    id: str
    inference_id: str | None = None
    labels: list[Label] | None = None
    image: Size | None = None
    error: ErrorInfo | None = None


class Timing(msgspec.Struct, frozen=True):
    """Milliseconds by stage, summed over the images.

    fetch: several images are fetched at the same time, so the sum can exceed what the caller
        waited.
    """

    fetch: Milliseconds
    decode: Milliseconds
    infer: Milliseconds


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The predictions of one request.

    inference_id: for a `POST /feedback` about the image. For several images it names the request.
    arm: of the experiment, if that chose the model. lost_arm: the arm that was chosen, if its model
        cannot be loaded and the service's own model answers instead.
    """

    inference_id: str
    model: ModelRef
    predictions: list[Prediction]
    timing_ms: Timing
    arm: str | None = None
    lost_arm: str | None = None


class Traffic(msgspec.Struct, frozen=True):
    """The models that answer requests without a model, if there is an experiment.

    arms: each model's share; they sum to 1.
    """

    champion: str
    arms: dict[str, Share]


class Health(msgspec.Struct, frozen=True):
    """The service can classify.

    kernels: what computes: LiteRT with `xnnpack` or with its own slower kernels (`builtin`), or
        `onnxruntime`.
    experiment: null without one; then the default model answers requests without a model.
    """

    status: Literal["ok"]
    model: ModelRef
    kernels: str
    experiment: Traffic | None


class InputSize(msgspec.Struct, frozen=True):
    """The size of a network's input, in pixels."""

    width: int
    height: int


class ModelEntry(msgspec.Struct, frozen=True):
    """A model that a request may name.

    labels: how many classes it has. scores: what the network itself gives. Logits go through a
        softmax, or through sigmoids if each label is judged by itself. Answers are always 0..1.
        multi_label: whether each label is judged by itself. default: whether it answers if a
        request names no model. samples: the relative address of pictures that suit it, if it has
        some.
    """

    name: str
    version: str
    title: str
    description: str
    labels: int
    input: InputSize
    preprocessing: Preprocessing
    scores: Scores
    multi_label: bool
    source: str
    licence: str
    default: bool
    samples: str | None = None


class ModelList(msgspec.Struct, frozen=True):
    """The models that a request may name, and the model that answers if it names none.

    missing: the service's own model if that is not here, so that the default stands in for it.
    """

    default: str
    experiment: Traffic | None
    models: list[ModelEntry]
    missing: str | None = None


class SamplePicture(msgspec.Struct, frozen=True):
    """A picture that suits a model.

    label: what it shows. url: its relative address. data: the picture itself, as a data: URL.
    source: where it is from, or who made it.
    """

    label: str
    url: str
    data: str
    licence: str
    source: str


class SampleList(msgspec.Struct, frozen=True):
    """The pictures that a model brings with it."""

    model: str
    samples: list[SamplePicture]
