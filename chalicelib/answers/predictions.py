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
    """A part of the upright image, in pixels. x, y: coordinates of its top left corner."""

    x: Count
    y: Count
    width: Count
    height: Count


class HeatMap(msgspec.Struct, frozen=True):
    """Where in the upright image the model found evidence for a label.

    method: activation (the class activation map) or occlusion (parts of the image were covered).
    width, height: columns and rows of the map, which covers the whole image.
    values: base64 of one byte per cell, row by row from the top left. 255 is the strongest evidence
        for the label. 0 is no evidence, or a part that the model did not see.
    regions: boxes around cells with at least half of the maximum, strongest first.
    """

    method: HeatMethod
    width: int
    height: int
    values: str
    regions: list[Region]


class Label(msgspec.Struct, frozen=True, omit_defaults=True):
    """A class's name and its probability. heat_map: only for the first labels, if requested."""

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

    error: a sentence that says what to do, in the protocol's field.
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

    multi_label: labels are independent: any number may be right, and the sum of the scores means
        nothing.
    """

    name: str
    version: str
    multi_label: bool = False


class Size(msgspec.Struct, frozen=True, omit_defaults=True):
    """The size of the upright image, in pixels.

    format: JPEG, PNG, WEBP, AVIF, GIF, BMP or TIFF. truncated: the file is a JPEG without its last
        bytes, so the model did not see a part of the picture. resize: the request's option, if it
        differs from the model's own.
    """

    width: int
    height: int
    format: str
    truncated: bool = False
    resize: Resize | None = None


class Prediction(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer for one image: `labels` and `image`, or `error`.

    inference_id: id for a `POST /feedback` about this image, in a request of several. labels:
        highest score first.
    embedding: if requested, a vector that describes the picture: float32, as a list or as
        little-endian bytes in base64.
    """

    id: str
    inference_id: str | None = None
    labels: list[Label] | None = None
    image: Size | None = None
    embedding: Embedding | None = None
    error: ErrorInfo | None = None


class Timing(msgspec.Struct, frozen=True, omit_defaults=True):
    """Milliseconds by stage, summed over the images.

    fetch: images are fetched in parallel, so the sum can exceed the waiting time of the caller.
    explain: time for heat maps, with the additional inferences of occlusion.
    """

    fetch: Milliseconds
    decode: Milliseconds
    infer: Milliseconds
    explain: Milliseconds = 0.0


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The predictions of one request.

    inference_id: id for a `POST /feedback` about the image; for several images, id of the request.
    arm: arm of the experiment, if the experiment chose the model. lost_arm: the chosen arm, if its
        model cannot be loaded and the service's own model answers instead.
    """

    inference_id: str
    model: ModelRef
    predictions: list[Prediction]
    timing_ms: Timing
    arm: str | None = None
    lost_arm: str | None = None


class Traffic(msgspec.Struct, frozen=True):
    """The models that answer requests without a model, if there is an experiment.

    arms: each model's share of the traffic. The shares sum to 1.
    """

    champion: str
    arms: dict[str, Share]


class Health(msgspec.Struct, frozen=True):
    """The service can classify.

    version: version of the service. kernels: `xnnpack` or `builtin` (slower) for LiteRT, or
        `onnxruntime`.
    experiment: null without an experiment. Then the default model answers requests without a model.
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

    labels: number of classes. scores: kind of the network's own output. The service converts logits
        with a softmax, or with sigmoids if labels are independent. Answers are always 0..1.
    multi_label: whether labels are independent. embedding: whether the model supports embeddings.
    explain_inferences: number of inferences, and so the cost, of an image with heat maps.
    default: whether this model answers if a request names no model. samples: relative URL of the
        model's sample pictures, if there are any.
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

    missing: the service's own model, if it is not installed and the default replaces it.
    teaches: whether this server can teach models.
    """

    default: str
    experiment: Traffic | None
    models: list[ModelEntry]
    missing: str | None = None
    teaches: bool = False


class SamplePicture(msgspec.Struct, frozen=True):
    """A picture that suits a model.

    label: the right label. url: relative URL of the picture. data: the picture as a data: URL.
    source: origin or author of the picture.
    """

    label: str
    url: str
    data: str
    licence: str
    source: str


class SampleList(msgspec.Struct, frozen=True):
    """The sample pictures of a model."""

    model: str
    samples: list[SamplePicture]
