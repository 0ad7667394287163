"""What callers send: the JSON body of each route. `GET /openapi.json` is made from it.

A docstring says what a field means after the field's name and a colon; the description of the
interface quotes that.
"""

from typing import Annotated, Any

import msgspec

MAX_ID = 256
"""Characters of an instance's id."""

MAX_LABEL = 1000
"""Characters of a label that a caller gives, and that an inference id carries."""

MAX_LABELS = 1000
"""Labels that an image may be answered with."""

MAX_INSTANCES = 16
"""Images in one `POST /predict`: what fits API Gateway's 29 seconds with every host at its
slowest."""

MAX_LISTED = 10_000
"""Images that the body of a batch or workflow may list: what 10 MB hold of addresses."""

MAX_ARMS = 8
"""A container on Lambda would hold every one of them in memory."""

MAX_INFERENCE_ID = 8000
"""Characters of an inference id: in Base64, `MAX_LABEL` characters of four bytes, and room."""

Id = Annotated[str, msgspec.Meta(max_length=MAX_ID)]
Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
LabelCount = Annotated[int, msgspec.Meta(ge=1, le=MAX_LABELS)]


class Instance(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One image, by exactly one of url, s3_uri and b64.

    id: comes back in the answer; the position where none is given.
    url: http, https or data. s3_uri: s3://bucket/key, in a bucket that the service may read.
    b64: the image file in standard Base64.
    """

    id: Id | None = None
    url: str | None = None
    s3_uri: str | None = None
    b64: str | None = None


class Example(Instance, frozen=True):
    """An image and, in `label`, what it is known to show."""

    label: Annotated[str, msgspec.Meta(max_length=MAX_LABEL)] | None = None


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to answer.

    max_labels: labels an image. min_confidence: the least score of a label.
    model: name of a model; the service's own where none is given.
    """

    max_labels: LabelCount = 5
    min_confidence: Probability = 0.0
    model: str | None = None


class PredictRequest(Options, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Several images in `instances`, or one image by exactly one of url, s3_uri and b64.

    instances: an image that fails is an `error` among the predictions of a 200.
    """

    instances: (
        Annotated[list[Instance], msgspec.Meta(min_length=1, max_length=MAX_INSTANCES)] | None
    ) = None
    id: Id | None = None
    url: str | None = None
    s3_uri: str | None = None
    b64: str | None = None


class BatchRequest(
    Options, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True
):
    """What to classify, by exactly one of instances, manifest and prefix.

    manifest: s3://IMAGES/KEY of a .txt, .csv, .jsonl or .manifest file.
    prefix: s3://IMAGES/FOLDER/ whose images are meant.
    """

    instances: (
        Annotated[list[Instance], msgspec.Meta(min_length=1, max_length=MAX_LISTED)] | None
    ) = None
    manifest: str | None = None
    prefix: str | None = None


class UploadRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """A file to upload.

    batch: name of a set of uploads that a batch will take by its prefix; without it the image is
        classified as soon as it is uploaded.
    """

    filename: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    batch: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]{1,64}\Z")] | None = None


class FeedbackRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Whether an answer was right, by exactly one of correct and label.

    inference_id: of an answer of the last seven days.
    label: what the image shows; the answer was right if that is one of the comma-separated names of
        its top label, case and spaces aside. Not for a model that may find several labels.
    """

    inference_id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_INFERENCE_ID)]
    correct: bool | None = None
    label: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_LABEL)] | None = None


class ExperimentRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The arms of the experiment, and the contents of `experiment.json`.

    arms: the share of the traffic by the model's name; they sum to 1.
    """

    arms: Annotated[dict[str, float], msgspec.Meta(min_length=1, max_length=MAX_ARMS)]


class WorkflowRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The images, by exactly one of instances and manifest, and the models to compare on them.

    manifest: s3://IMAGES/KEY of a .txt, .csv, .jsonl or .manifest file, of up to a million images;
        a column or field `label` says what an image shows.
    champion: name of a model; the service's own where none is given.
    challenger: name of a model to compare with it; none where none is given.
    promote: whether a challenger that is significantly better gets the experiment's traffic.
    max_error_rate: share of failed images over which nothing is decided. max_labels: labels an
        image. name: of the run; the same name and input are one run.
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
    """What a workflow is to run.

    dry_run: whether to check the request only and start nothing; the answer is a 200.
    """

    dry_run: bool = False


class Tensor(msgspec.Struct, frozen=True):
    """An input tensor; its data may be nested or flat, or follow in binary.

    name: image. shape: [N, height, width, 3] of UINT8, [N] of BYTES. datatype: UINT8 or BYTES.
    data: numbers 0..255, or image files in Base64.
    """

    name: str
    shape: list[Annotated[int, msgspec.Meta(ge=0, le=2**31)]]
    datatype: str
    parameters: dict[str, Any] = {}
    data: list[Any] | None = None


class Output(msgspec.Struct, frozen=True):
    """An output that is asked for. name: scores or label."""

    name: str
    parameters: dict[str, Any] = {}


class InferRequest(msgspec.Struct, frozen=True):
    """A request of the Open Inference Protocol.

    inputs: one tensor. outputs: scores and label where none are named.
    """

    inputs: Annotated[list[Tensor], msgspec.Meta(min_length=1, max_length=1)]
    id: Id | None = None
    parameters: dict[str, Any] = {}
    outputs: Annotated[list[Output], msgspec.Meta(max_length=2)] | None = None
