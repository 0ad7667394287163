"""The table of routes, with their inputs, answers and errors."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from chalicelib import requests
from chalicelib.answers import batchviews, experimentviews, predictions, protocol, workflowviews
from tools.describing.schemas import Struct


@dataclass(frozen=True)
class Route:
    """A method of a path. name: of its view in `app.py`. status: of success.

    answer: the body; None for a file of these media types. or_200: the body of a 200, if that
    differs. takes: the JSON body. options: its fields that the query string may have, too.
    query: further parameters of it.
    errors: statuses beyond the usual ones, see `failures`. example: a body.
    can_be_away: whether it needs a model, a bucket, a queue or the state machine.
    """

    method: str
    path: str
    name: str
    summary: str
    answer: Struct | None = None
    status: int = 200
    or_200: Struct | None = None
    takes: Struct | None = None
    options: tuple[str, ...] = ()
    query: tuple[dict[str, Any], ...] = ()
    errors: tuple[int, ...] = ()
    notes: str = ""
    example: Any = None
    media_types: tuple[str, ...] = ("application/json",)
    is_open: bool = False
    can_be_away: bool = True

    def failures(self) -> set[int]:
        """The statuses of its errors."""
        failures = {500, *self.errors}
        failures |= set() if self.is_open else {401, 403}
        failures |= {400, 413, 415} if self.takes else set()
        return failures | ({503} if self.can_be_away else set())


OPTIONS = ("max_labels", "min_confidence", "model", "explain", "embedding", "id", "resize")
INFER = (
    "Input `image`: UINT8 [N, height, width, 3] of the model's size, or BYTES [N] of image files "
    "(base64 in JSON). Outputs: `scores` FP32 [N, classes] in class order, `label` BYTES [N] and, "
    "if it is named, `embedding` FP32 [N, features]. "
    "Triton's binary extension is understood in requests, its classification extension on `scores`."
)
WORKFLOW = (
    "Classifies images with one model, or compares two models on them. A significantly better "
    "challenger can get the experiment's traffic. A label counts as right if it is one of the "
    "comma-separated names of the top label; case and spaces do not matter. The same name and "
    "input is the same run, even after its end. A dry run starts nothing and answers 200."
)
PREDICT = (
    "A single image that fails is a 4xx. In `instances`, a failure is that prediction's `error` "
    "in a 200. An image in the body takes its options from the query string; a form also from "
    "its fields. In a form a file's field may have any name; several files, up to 16, are several "
    "`instances` with the files' names as ids. Without a Content-Type, the bytes tell what it is."
)
AT = {
    "name": "at", "in": "query", "required": True,
    "description": "Places of records in the results, counted from 0.",
    "schema": {
        "type": "array", "minItems": 1, "maxItems": requests.MAX_PICTURES,
        "items": {"type": "integer", "minimum": 0, "maximum": 999_999},
    },
    "example": [0],
}  # fmt: skip
IMAGE = {"url": "https://images.example/cat.jpg"}

ROUTES = {
    "predict": [
        Route("GET", "/predict", "predict_get", "Classify the image at a URL", predictions.Answer,
              options=("url", *OPTIONS), errors=(400, 404, 413, 422)),
        Route("POST", "/predict", "predict_post", "Classify images by URL, or a file itself",
              predictions.Answer, takes=requests.PredictRequest, options=OPTIONS,
              errors=(404, 422), notes=PREDICT, example=IMAGE),
    ],
    "batch": [
        Route("POST", "/batches", "batches_post", "Start a batch", batchviews.BatchView, 202,
              takes=requests.BatchRequest, errors=(404,), example={"instances": [IMAGE]},
              notes=(
                  "Manifests and prefixes are in the images bucket. Instances that do not name "
                  "one image are refused, with their places."
              )),
        Route("GET", "/batches", "batches_get", "The recent batches", batchviews.BatchList),
        Route("GET", "/batches/{batch_id}", "batch_get", "How far a batch is", batchviews.BatchView,
              errors=(404,)),
        Route("GET", "/batches/{batch_id}/pictures", "batch_pictures",
              "Links to pictures of a batch", batchviews.PictureList, errors=(400, 404, 409),
              query=(AT,),
              notes=(
                  "Only pictures that the batch has classified and that are in the images bucket "
                  "have links, and TIFFs have none. A picture on the web is at its `source`."
              )),
        Route("POST", "/batches/{batch_id}/cancel", "batch_cancel",
              "Stop what a batch has not begun", batchviews.BatchView, errors=(404, 409),
              notes="The results of what is done appear a moment later."),
        Route("POST", "/batches/{batch_id}/retry", "batch_retry",
              "Continue a stopped batch, or classify again what failed in a finished batch",
              batchviews.BatchView, 202, errors=(404, 409)),
        Route("POST", "/uploads", "uploads_post", "A form that uploads a file to the images bucket",
              batchviews.UploadForm, takes=requests.UploadRequest, example={"filename": "cat.jpg"}),
    ],
    "experiment": [
        Route("GET", "/experiment", "experiment_get", "The arms, with their votes and the verdict",
              experimentviews.ExperimentView,
              notes="The schedule counts votes, so the figures are some minutes old."),
        Route("PUT", "/experiment", "experiment_put", "Change the arms' shares of the traffic",
              experimentviews.ExperimentView, takes=requests.ExperimentRequest, errors=(404,),
              example={"arms": {"inception-v3": 0.9, "inception-v1": 0.1}},
              notes=(
                  "No deploy is needed, and every container follows within half a minute. To "
                  "raise a share step by step, send 0.1, then 0.5, then 1. A client keeps its "
                  "arm while the arm's share grows."
              )),
        Route("POST", "/feedback", "feedback_post", "Say whether an answer was right",
              experimentviews.FeedbackAnswer, 202, takes=requests.FeedbackRequest,
              notes=(
                  "If an answer gets two votes, the later vote counts. Only answers whose arm "
                  "the experiment chose count in it."
              )),
    ],
    "workflow": [
        Route("POST", "/workflows", "workflows_post", "Start a workflow",
              workflowviews.WorkflowStarted, 202, or_200=workflowviews.WorkflowCheck,
              takes=requests.StartRequest, errors=(404, 409), notes=WORKFLOW,
              example={"instances": [IMAGE | {"label": "tabby cat"}],
              "champion": "inception-v3", "challenger": "inception-v1"}),
        Route("GET", "/workflows", "workflows_get", "The recent runs", workflowviews.WorkflowList),
        Route("GET", "/workflows/{name}", "workflow_get", "How far a run is",
              workflowviews.WorkflowView, errors=(404,)),
    ],
    "service": [
        Route("GET", "/health", "health", "Whether the service can classify", predictions.Health,
              is_open=True,
              notes=(
                  "Also 503 if it classifies several times slower than it could (`SlowKernels`)."
              )),
        Route("GET", "/models", "models", "The models that a request may name",
              predictions.ModelList),
        Route("GET", "/models/{name}/samples", "samples", "Pictures that suit a model, with it",
              predictions.SampleList, errors=(404,)),
        Route("GET", "/models/{name}/samples/{file}", "sample", "One of these pictures",
              errors=(404,), media_types=("image/jpeg", "image/png", "image/webp")),
        Route("GET", "/openapi.json", "openapi", "This description", is_open=True,
              can_be_away=False),
        Route("GET", "/", "index", "The page", media_types=("text/html",), is_open=True,
              can_be_away=False),
        Route("GET", "/docs", "docs", "The page of this description, to try it",
              media_types=("text/html",), is_open=True, can_be_away=False),
        Route("GET", "/static/{name}", "static", "A file of the page", errors=(404,),
              media_types=("text/css", "text/javascript", "text/html", "application/json",
                           "image/svg+xml"), is_open=True, can_be_away=False),
    ],
    "open inference protocol": [
        Route("GET", "/v2", "v2_server", "What this server is", protocol.ServerMetadata,
              can_be_away=False),
        Route("GET", "/v2/health/live", "v2_live", "Whether the server runs", protocol.Live,
              can_be_away=False),
        Route("GET", "/v2/health/ready", "v2_ready", "Whether the default model can answer",
              protocol.Ready),
        Route("GET", "/v2/models/{name}", "v2_model", "A model's tensors", protocol.ModelMetadata,
              errors=(404,)),
        Route("GET", "/v2/models/{name}/ready", "v2_model_ready", "Whether a model can answer",
              protocol.ModelReady, errors=(404,)),
        Route("POST", "/v2/models/{name}/infer", "v2_infer", "Classify a tensor of images",
              protocol.InferAnswer, takes=requests.InferRequest, errors=(404, 422), notes=INFER),
    ],
}  # fmt: skip
"""By tag. `routes` adds those with a model's version."""


def routes() -> Iterator[tuple[str, Route]]:
    """Every route with its tag."""
    for tag, group in ROUTES.items():
        for route in group:
            yield tag, route
            head, model, tail = route.path.partition("/v2/models/{name}")
            if model:
                yield (
                    tag,
                    replace(
                        route,
                        path=f"{head}{model}/versions/{{version}}{tail}",
                        name=route.name.replace("v2", "v2_version").replace("_model", ""),
                        summary=f"{route.summary}, by its version",
                    ),
                )
