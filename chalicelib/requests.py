"""The JSON bodies of requests, from which `openapi.json` is generated.

A docstring explains a field after its name and a colon; `openapi.json` quotes this text.
"""

from typing import Annotated, Any, Literal

import msgspec

MAX_ID = 256
"""Characters of an instance's id."""

MAX_LABEL = 1000
"""Characters of a label that a caller gives, and that an inference id carries."""

MAX_LABELS = 1000
"""Labels in the answer for an image."""

MAX_INSTANCES = 16
"""Images in a `POST /predict`: as many as fit into API Gateway's 29 s if every host is slow."""

MAX_LISTED = 10_000
"""Images in the body of a batch or workflow: as many URLs as fit into 10 MB."""

MAX_PICTURES = 100
"""Pictures of a batch that one request gets links to."""

MAX_ARMS = 8
"""Arms of an experiment. A container on Lambda would hold all their models in memory."""

MAX_INFERENCE_ID = 8000
"""Characters of an inference id: `MAX_LABEL` characters of four bytes in base64, and room."""

Id = Annotated[str, msgspec.Meta(max_length=MAX_ID)]
Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
Resize = Literal["squash", "crop", "letterbox"]
LabelCount = Annotated[int, msgspec.Meta(ge=1, le=MAX_LABELS)]


class Instance(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An image, with exactly one of url, s3_uri and b64.

    id: comes back in the answer; the image's position by default.
    url: http, https or data. s3_uri: s3://bucket/key, in a bucket that the service may read.
    b64: the image file in standard base64, or as a data: URL.
    """

    id: Id | None = None
    url: str | None = None
    s3_uri: str | None = None
    b64: str | None = None


class Example(Instance, frozen=True):
    """An image and, in `label`, its right label."""

    label: Annotated[str, msgspec.Meta(max_length=MAX_LABEL)] | None = None


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the answer.

    max_labels: labels for an image.
    explain: whether the first labels get heat maps, which show where the model found evidence.
    embedding: whether to return a vector for similarity search: true or base64 for bytes, list for
        numbers.
    min_confidence: minimum score of a label. By default, labels with a score of 0 are left out; to
        get them too, send 0.
    model: name of a model; the service's own by default.
    """

    max_labels: LabelCount = 5
    min_confidence: Probability | None = None
    model: str | None = None
    explain: bool = False
    embedding: bool | Literal["base64", "list"] = False


def options_of(request: Options) -> Options:
    """Returns a request's options alone."""
    return Options(**{name: getattr(request, name) for name in Options.__struct_fields__})


class PredictRequest(Options, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Several images in `instances`, or one image in exactly one of url, s3_uri and b64.

    instances: an image that fails is an `error` among the predictions of a 200.
    resize: which part of the picture the model sees: the whole, squashed; the middle, cropped; or
        the whole with bars. The answer repeats it, and does not count in an experiment. Use it for
        comparisons only: a model answers best with the preprocessing of its training.
    """

    instances: (
        Annotated[list[Instance], msgspec.Meta(min_length=1, max_length=MAX_INSTANCES)] | None
    ) = None
    id: Id | None = None
    url: str | None = None
    s3_uri: str | None = None
    b64: str | None = None
    resize: Resize | None = None


class BatchRequest(
    Options, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True
):
    """The images to classify, in exactly one of instances, manifest and prefix.

    explain: only for a model with feature maps. embedding: in base64.
    manifest: s3://IMAGES/KEY of a .txt, .csv, .jsonl or .manifest file.
    prefix: s3://IMAGES/FOLDER/ with the images.
    """

    instances: (
        Annotated[list[Instance], msgspec.Meta(min_length=1, max_length=MAX_LISTED)] | None
    ) = None
    manifest: str | None = None
    prefix: str | None = None
    embedding: bool | Literal["base64"] = False


class UploadRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """A file to upload.

    batch: name of a set of uploads, for a later batch with this prefix. Without it, the image is
        classified as soon as it is uploaded.
    """

    filename: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    batch: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]{1,64}\Z")] | None = None


class FeedbackRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Whether an answer was right, in exactly one of correct and label.

    inference_id: id of an answer in the last seven days.
    label: the right label. The answer was right if this is one of the comma-separated names of its
        top label; case and spaces do not matter. Not for a multi-label model.
    """

    inference_id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_INFERENCE_ID)]
    correct: bool | None = None
    label: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_LABEL)] | None = None


class ExperimentRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The arms of the experiment, and the contents of `experiment.json`.

    arms: the share of the traffic by the model's name. The shares sum to 1.
    """

    arms: Annotated[dict[str, float], msgspec.Meta(min_length=1, max_length=MAX_ARMS)]


class WorkflowRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The images, in exactly one of instances and manifest, and the models to compare.

    manifest: s3://IMAGES/KEY of a .txt, .csv, .jsonl or .manifest file, of up to a million images;
        a column or field `label` has the right label of an image.
    champion: name of a model; the service's own by default.
    challenger: name of a model to compare with it; none by default.
    promote: whether a significantly better challenger gets the experiment's traffic.
    max_error_rate: above this share of failed images, nothing is decided. max_labels: labels for an
        image. name: name of the run; the same name and input return the same run.
    """

    instances: (
        Annotated[list[Example], msgspec.Meta(min_length=1, max_length=MAX_LISTED)] | None
    ) = None
    manifest: str | None = None
    champion: str | None = None
    challenger: str | None = None
    promote: bool = False
    max_error_rate: Probability = 0.2
    max_labels: LabelCount = 5
    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,80}\Z")] | None = None


class StartRequest(WorkflowRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The request for a workflow.

    dry_run: whether to only check the request and start nothing; the answer is a 200.
    """

    dry_run: bool = False


class Tensor(msgspec.Struct, frozen=True):
    """An input tensor. Its data may be nested or flat, or follow in binary.

    name: image. shape: [N, height, width, 3] of UINT8, [N] of BYTES. datatype: UINT8 or BYTES.
    data: numbers 0..255, or image files in base64.
    """

    name: str
    shape: list[Annotated[int, msgspec.Meta(ge=0, le=2**31)]]
    datatype: str
    parameters: dict[str, Any] = {}
    data: list[Any] | None = None


class Output(msgspec.Struct, frozen=True):
    """A requested output. name: scores, label or embedding."""

    name: str
    parameters: dict[str, Any] = {}


class InferRequest(msgspec.Struct, frozen=True):
    """A request of the Open Inference Protocol.

    inputs: one tensor. outputs: scores and label if none are named.
    """

    inputs: Annotated[list[Tensor], msgspec.Meta(min_length=1, max_length=1)]
    id: Id | None = None
    parameters: dict[str, Any] = {}
    outputs: Annotated[list[Output], msgspec.Meta(max_length=3)] | None = None
