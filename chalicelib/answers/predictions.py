"""Errors, predictions, and the models that give them."""

from typing import Annotated, Literal

import msgspec

from chalicelib.errors import InceptionError
from chalicelib.images.preprocessing import Preprocessing
from chalicelib.requests import Resize

Milliseconds = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Scores = Literal["probabilities", "logits"]


HeatMethod = Literal["activation", "occlusion"]
Embedding = list[float] | str


class Region(msgspec.Struct, frozen=True):
    """A part of the upright image, in pixels. x, y: of its upper left corner."""

    x: Count
    y: Count
    width: Count
    height: Count


class HeatMap(msgspec.Struct, frozen=True):
    """Where in the upright image the model saw a label.

    method: activation, the class activation map, or occlusion, for which parts of the image were
        covered. width, height: cells across and down the whole image.
    values: base64 of a byte for each cell, row by row from the top left. 255 speaks most for the
        label. 0 does not speak for it, or was not seen by the model.
    regions: boxes around what has at least half of the most, hottest first.
    """

    method: HeatMethod
    width: int
    height: int
    values: str
    regions: list[Region]


class Label(msgspec.Struct, frozen=True, omit_defaults=True):
    """A class's name and its probability. heat_map: of the first labels, if it was asked for."""

    name: str
    score: Share
    heat_map: HeatMap | None = None


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
        bytes, so the model did not see a part of the picture. resize: how the model saw it, if the
        request asked for another way than the model's own.
    """

    width: int
    height: int
    format: str
    truncated: bool = False
    resize: Resize | None = None


class Prediction(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer for one image: `labels` and `image`, or `error`.

    inference_id: for a `POST /feedback` about this image among several. labels: best first.
    embedding: if it was asked for, what the last layer saw: float32 numbers, in a list or in
        base64, little-endian.
    """

    id: str
    inference_id: str | None = None
    labels: list[Label] | None = None
    image: Size | None = None
    embedding: Embedding | None = None
    error: ErrorInfo | None = None


class Timing(msgspec.Struct, frozen=True, omit_defaults=True):
    """Milliseconds by stage, summed over the images.

    fetch: several images are fetched at the same time, so the sum can exceed what the caller
        waited. explain: heat maps, and the further inferences of occlusion.
    """

    fetch: Milliseconds
    decode: Milliseconds
    infer: Milliseconds
    explain: Milliseconds = 0.0


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

    version: of the service. kernels: what computes: LiteRT with `xnnpack` or with its own slower
        kernels (`builtin`), or `onnxruntime`.
    experiment: null without one; then the default model answers requests without a model.
    """

    status: Literal["ok"]
    version: str
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
    multi_label: whether each label is judged by itself. embedding: whether it gives embeddings.
    explain_inferences: how many inferences an explained image takes, and costs.
    default: whether it answers if a request names no model. samples: the relative address of
        pictures that suit it, if it has some.
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
    embedding: bool
    explain_inferences: Count
    source: str
    licence: str
    default: bool
    samples: str | None = None


class ModelList(msgspec.Struct, frozen=True):
    """The models that a request may name, and the model that answers if it names none.

    missing: the service's own model if that is not here, so that the default stands in for it.
    teaches: whether this server can be taught further models.
    """

    default: str
    experiment: Traffic | None
    models: list[ModelEntry]
    missing: str | None = None
    teaches: bool = False


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
