"""Errors, predictions, and the models that give them."""

from typing import Annotated, Literal

import msgspec

from chalicelib.errors import InceptionError
from chalicelib.images.preprocessing import Preprocessing

Milliseconds = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Scores = Literal["probabilities", "logits"]


class Label(msgspec.Struct, frozen=True):
    """A class's name and its probability."""

    name: str
    score: Share


class ErrorInfo(msgspec.Struct, frozen=True):
    """Why something failed.

    code: the error's name. message: one sentence that says what to do. retryable: whether the same
        request may succeed later.
    """

    code: str
    message: str
    retryable: bool

    @classmethod
    def of(cls, error: InceptionError) -> "ErrorInfo":
        """What is told of an error."""
        return cls(error.code, str(error), error.retryable)


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The body of every answer of 400 and above.

    Code: the same as `error.code`, for clients of before. Message: the same as `error.message`.
    """

    error: ErrorInfo
    code: str = msgspec.field(name="Code")
    message: str = msgspec.field(name="Message")

    @classmethod
    def of(cls, error: ErrorInfo) -> "ErrorAnswer":
        """The body that tells of an error."""
        return cls(error, error.code, error.message)


class ProtocolErrorAnswer(msgspec.Struct, frozen=True):
    """The body of every answer of 400 and above where the Open Inference Protocol is spoken.

    error: one sentence that says what to do, where clients of the protocol look for it.
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

    multi_label: each label is judged by itself: any number of them may be right, and the scores
        have no sum.
    """

    name: str
    version: str
    multi_label: bool = False


class Size(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an upright image was, in pixels.

    format: JPEG, PNG, WEBP, AVIF, GIF, BMP or TIFF. truncated: the file is a JPEG that lacks its
        last bytes. Most of it is there, and a part of the picture was not seen.
    """

    width: int
    height: int
    format: str
    truncated: bool = False


class Prediction(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one image: `labels` and `image`, or `error`.

    inference_id: names this image among several in a `POST /feedback`. labels: best first.
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

    inference_id: names the image in a `POST /feedback`; of several images, only the request.
    arm: of the experiment, where that and not the request chose the model. lost_arm: the arm that
        was chosen, where its model cannot be loaded and the service's own answers in its place.
    """

    inference_id: str
    model: ModelRef
    predictions: list[Prediction]
    timing_ms: Timing
    arm: str | None = None
    lost_arm: str | None = None


class Traffic(msgspec.Struct, frozen=True):
    """Which models answer those that name none, where there is an experiment.

    arms: each model's share; they sum to 1.
    """

    champion: str
    arms: dict[str, Share]


class Health(msgspec.Struct, frozen=True):
    """The service can classify.

    kernels: what computes: LiteRT with `xnnpack`, or with the slower kernels of its own
        (`builtin`), or `onnxruntime`.
    experiment: null where there is none, so that the default model answers who names none.
    """

    status: Literal["ok"]
    model: ModelRef
    kernels: str
    experiment: Traffic | None


class InputSize(msgspec.Struct, frozen=True):
    """What a network takes, in pixels."""

    width: int
    height: int


class ModelEntry(msgspec.Struct, frozen=True):
    """A model that a request may name.

    labels: how many classes it tells apart. scores: what the network itself gives; logits are put
        through a softmax, or a sigmoid each where classes are judged one by one. Answers are 0..1
        in any case. multi_label: whether each label is judged by itself. default: whether it
        answers where none is named.
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


class ModelList(msgspec.Struct, frozen=True):
    """The models that a request may name, and which one answers where none is named."""

    default: str
    experiment: Traffic | None
    models: list[ModelEntry]
