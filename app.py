"""Every route and event handler: parse, call, shape. `chalicelib` makes the decisions.

Handlers import the use cases that they call, so that other cold starts do not pay for them.
"""

import base64
import functools
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
from aws_lambda_powertools import Logger
from chalice.app import (
    AuthRequest,
    AuthResponse,
    Chalice,
    CloudWatchEvent,
    CORSConfig,
    DynamoDBEvent,
    KinesisEvent,
    Request,
    Response,
    S3Event,
    SNSEvent,
    SQSEvent,
)

if "AWS_CHALICE_CLI_MODE" in os.environ:
    # `chalice local` restarts for every new file, and `chalice deploy` packs them all
    sys.dont_write_bytecode = True

from chalicelib import __version__, command, metrics, page, parsing, stops, urlevents
from chalicelib.answers import protocol
from chalicelib.answers.predictions import (
    ErrorAnswer,
    ErrorInfo,
    Health,
    InputSize,
    ModelEntry,
    ModelList,
    ModelRef,
    ProtocolErrorAnswer,
    Traffic,
)
from chalicelib.errors import InceptionError, NotFound
from chalicelib.inference.packages import ModelPackage
from chalicelib.requests import (
    BatchRequest,
    ExperimentRequest,
    FeedbackRequest,
    PredictRequest,
    StartRequest,
    UploadRequest,
)
from chalicelib.settings import Settings
from chalicelib.subscriptions import MIDNIGHT, Subscriptions, pattern
from chalicelib.wiring import services

if os.environ.get("_HANDLER") in ("app.on_work", "app.workflow_classify"):
    # these functions only classify: import now, because Lambda's init phase has a full CPU
    services().prepare()

SERVICE = command.APP
COMMAND = command.typed()
LOCAL_HOST = command.local_host(COMMAND)
with command.plainly(COMMAND):
    SETTINGS = Settings.from_environment(local_host=LOCAL_HOST)
    command.check(COMMAND, SETTINGS)
    stops.check(COMMAND)
SUBSCRIPTIONS = Subscriptions.from_environment()
EVERY_TYPE = ["*/*"]
RETRY_AFTER = "5"
"""Seconds of the header. Most faults of a bucket or queue have passed by then."""

CORS = CORSConfig(
    allow_headers=["Inference-Header-Content-Length", "X-Client-Id"],
    expose_headers=["X-Request-Id"],
    max_age=3600,
)


class TwoFronts(Chalice):
    """The app behind API Gateway and a function URL, which Chalice does not support."""

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """Answers in the format of API Gateway or of the function URL, as the request came."""
        if not urlevents.is_url_event(event):
            return super().__call__(event, context)
        request = urlevents.rest_event(event, self.routes)
        return urlevents.url_answer(super().__call__(request, context))


app = TwoFronts(app_name=SERVICE, configure_logs=False)
app.api.cors = CORS
# API Gateway must pass bytes through, whatever the Content-Type and Accept headers are. Chalice's
# local server would refuse requests without an Accept header if this were set
app.api.binary_types = EVERY_TYPE if COMMAND and COMMAND.name in command.DEPLOYING else []
logger = Logger(service=SERVICE, location=None)  # it would be `_log` in each line

View = Callable[..., Any]


class Answered(Response):
    """A response with facts for its log line."""

    def __init__(self, body: msgspec.Struct, status_code: int = 200, **facts: Any) -> None:
        text = msgspec.json.encode(body).decode()
        super().__init__(text, {"Content-Type": "application/json"}, status_code)
        self.facts = facts


class Sent(Response):
    """A response of bytes, which Lambda returns to API Gateway as base64."""

    def to_dict(self, binary_types: list[str] | None = None) -> dict[str, Any]:
        """Returns the response in Lambda's form."""
        response: dict[str, Any] = super().to_dict()
        response["body"] = base64.b64encode(self.body).decode()
        response["isBase64Encoded"] = True
        return response


@app.authorizer(ttl_seconds=300)
def authorize(request: AuthRequest) -> dict[str, Any] | None:
    """Returns the policy of a caller; None if the token cannot be checked, which becomes a 500.

    The policy covers every route, because API Gateway caches it by the token alone.
    """
    try:
        allowed = services().tokens.allow(request.token)
    except InceptionError as error:
        logger.error(f"Nobody may call: {error.detail}")
        return None  # not a denial, which API Gateway would cache for the right token for 5 minutes
    policy: dict[str, Any] = AuthResponse(["*"], principal_id="caller").to_dict(request)
    if not allowed:
        # explicitly: a policy without routes was reported to let callers in (aws/chalice#1619)
        policy["policyDocument"]["Statement"][0]["Effect"] = "Deny"
    return policy


def route(
    path: str, methods: tuple[str, ...] = ("GET",), is_open: bool = False
) -> Callable[[View], View]:
    """`app.route` for views that raise the domain's errors, which become HTTP only here.

    is_open: whether it needs no token even if the other routes do. Whatever answers a GET answers
    a HEAD, and no route refuses a Content-Type before its view has looked at it.
    """
    guard = None if is_open or SETTINGS.public else authorize
    known = [*methods, "HEAD"] if "GET" in methods else [*methods]

    def register(view: View) -> View:
        @functools.wraps(view)
        def shaped(**parameters: str) -> Any:
            try:
                return view(**parameters)
            except InceptionError as error:
                return _refusal(error, path)

        app.route(path, methods=known, authorizer=guard, content_types=EVERY_TYPE)(shaped)
        return view  # unchanged, for a second path

    return register


def _refusal(error: InceptionError, path: str) -> Response:
    body = _error_answer(ErrorInfo.of(error), path)
    facts = {"error": error.code} | ({"cause": error.detail} if error.status >= 500 else {})
    response = Answered(body, error.status, **facts)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if error.status == 503 and error.retryable:
        response.headers["Retry-After"] = RETRY_AFTER
    return response


def _error_answer(error: ErrorInfo, path: str) -> ErrorAnswer | ProtocolErrorAnswer:
    return (ProtocolErrorAnswer if path.startswith("/v2") else ErrorAnswer).of(error)


@app.middleware("http")
def observe(event: Request, get_response: Callable[[Request], Response]) -> Response:
    """Logs one line for a request, with its metrics, and adds the headers of every answer."""
    start = time.perf_counter()
    response = get_response(event)
    if isinstance(response.body, dict):  # Chalice's own answers: no such method, or a fault of ours
        own = ErrorInfo(response.body["Code"], response.body["Message"], retryable=False)
        response.body = msgspec.json.encode(_error_answer(own, event.path)).decode()
    total = round((time.perf_counter() - start) * 1000, 2)
    facts = {"status": response.status_code, "total": total} | getattr(response, "facts", {})
    request_id = getattr(event.lambda_context, "aws_request_id", "")
    if LOCAL_HOST is None:
        function = getattr(event.lambda_context, "function_name", SERVICE)
        facts = metrics.embedded(SERVICE, function, facts)
    _log(f"{event.method} {event.path}", request_id=request_id, **facts)
    ours = page.HEADERS | (page.DEPLOYED_HEADERS if SETTINGS.on_lambda else {})
    common = {**ours, **CORS.get_access_control_headers(), "X-Request-Id": request_id}
    response.headers = {**common, **response.headers}
    if event.method == "HEAD":
        response.body = b"" if isinstance(response.body, bytes) else ""
    return response


@app.middleware("http")
def guard_url(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """Does the work of API Gateway for a function URL: paths, preflights and tokens."""
    if not urlevents.came_by_url(request.context):
        return get_response(request)
    methods = app.routes.get(request.path)
    try:
        if methods is None:
            raise NotFound(urlevents.NO_PATH)
        if request.method == "OPTIONS":
            return Response("", {"Access-Control-Allow-Methods": ",".join([*methods, "OPTIONS"])})
        if request.method in methods and methods[request.method].authorizer:
            services().tokens.check(request.headers.get("authorization", ""))
    except NotFound as error:
        return _refusal(error, request.path)
    except InceptionError as error:
        return _refusal(error, "")  # in the shape of API Gateway's own answers
    return get_response(request)


@app.middleware("s3")
@app.middleware("sqs")
@app.middleware("sns")
@app.middleware("cloudwatch")
@app.middleware("kinesis")
@app.middleware("dynamodb")
@app.middleware("scheduled")
@app.middleware("pure_lambda")
def observe_event(event: Any, get_response: Callable[[Any], Any]) -> Any:
    """Logs one line for an event. If a handler raises, Lambda logs the error and retries."""
    start = time.perf_counter()
    facts: dict[str, Any] = {"done": False}
    try:
        if isinstance(event, SQSEvent):  # so that a dead letter's error is found by its id
            facts["messages"] = [record["messageId"] for record in event.to_dict()["Records"]]
        response = get_response(event)
        facts["done"] = True
        return response
    except InceptionError as error:
        facts |= {"error": error.code, "cause": error.detail}  # its message names no bucket
        raise
    finally:
        total = round((time.perf_counter() - start) * 1000, 2)
        request_id = event.context.aws_request_id
        # a schedule's line, every few seconds on a laptop, would bury the others
        log = logger.debug if facts["done"] and isinstance(event, CloudWatchEvent) else _log
        log(event.context.function_name, request_id=request_id, total=total, **facts)


def _log(message: str, **facts: Any) -> None:
    """Logs a line; as an error, with its cause, for a fault of ours."""
    (logger.error if "cause" in facts else logger.info)(message, **facts)


@route("/predict", methods=("POST",))
def predict_post() -> Response:
    """Classify the images that a JSON body names, or the image that is the body."""
    content_type = _request().headers.get("content-type", "")
    return _predict(*parsing.predict_request(content_type, _query(), _body()))


@route("/predict")
def predict_get() -> Response:
    """Classify the image at `url`."""
    return _predict(parsing.predict_query(_query()), None)


@route("/health", is_open=True)
def health() -> Response:
    """Say whether the default model can answer, and at full speed."""
    classifier = services().classifiers.healthy(SETTINGS.allow_slow_kernels)
    info = classifier.info
    model = ModelRef(info.name, info.version, info.multi_label)
    return Answered(Health("ok", __version__, model, classifier.kernels, _traffic()))


@route("/models")
def models() -> Response:
    """List the models that a request may name."""
    default = services().classifiers.get().info.name
    packages = services().models.list()
    described = [_describe(package, default) for package in packages]
    missing = SETTINGS.model if default != SETTINGS.model else SETTINGS.stands_in_for
    listed = ModelList(default, _traffic(), described, missing or None, SETTINGS.teaches)
    return Answered(listed)


@route("/models/{name}/samples")
def samples(name: str) -> Response:
    """Send all sample pictures of a model in one answer."""
    from chalicelib.inference.showcase import listed

    data = msgspec.json.encode(listed(services().models, name))
    return Sent(*page.packed(data, page.SAMPLES_KEPT, _request().headers))


@route("/models/{name}/samples/{file}")
def sample(name: str, file: str) -> Response:
    """Send a sample picture of a model."""
    from chalicelib.inference.showcase import picture

    data, type_ = picture(services().models, name, file)
    asked = _request().headers
    return Sent(*page.sent(data, type_, page.SAMPLES_KEPT, asked, is_packed=False))


@route("/", is_open=True)
def index() -> Response:
    """Send the page; redirect if the stage's URL lacks its last slash."""
    path = _request().context.get("path", "/")
    if not path.endswith("/") and "page" not in _query():
        # relative links of the page would miss the stage; `page` ends it where AWS tells no slash
        return Response("", {"Location": f"{path}/?page", "Cache-Control": page.FOR_A_DAY}, 308)
    return _file(page.INDEX)


@route("/docs", is_open=True)
def docs() -> Response:
    """Send the page that documents the API and lets you try it."""
    return _file(page.DOCS)


@route("/static/{name}", is_open=True)
def static(name: str) -> Response:
    """Send a file of the page."""
    return _file(name)


@route("/favicon.ico", is_open=True)
def favicon() -> Response:
    """Send the page's icon from the path that browsers use by default."""
    return _file("favicon.svg")


@route("/robots.txt", is_open=True)
def robots() -> Response:
    """Tell search engines what they may visit."""
    return Sent(*page.robots(_request().headers))


@route("/openapi.json", is_open=True)
def openapi() -> Response:
    """Send the description of this interface."""
    return Sent(*page.description(SETTINGS.public, _request().headers))


@route("/batches", methods=("POST",))
def batches_post() -> Response:
    """Start a batch."""
    request = parsing.json_request(_body(), BatchRequest)
    return Answered(services().batches.create(request), 202)


@route("/batches")
def batches_get() -> Response:
    """List the recent batches."""
    from chalicelib.answers.batchviews import BatchList

    return Answered(BatchList(services().batches.recent()))


@route("/batches/{batch_id}")
def batch_get(batch_id: str) -> Response:
    """Show a batch and its progress."""
    return Answered(services().batches.view(batch_id))


@route("/batches/{batch_id}/pictures")
def batch_pictures(batch_id: str) -> Response:
    """Return links to pictures of a batch's results."""
    return Answered(services().batches.pictures(batch_id, parsing.places(_query())))


@route("/batches/{batch_id}/cancel", methods=("POST",))
def batch_cancel(batch_id: str) -> Response:
    """Cancel the images of a batch that no worker has started."""
    return Answered(services().batches.cancel(batch_id))


@route("/batches/{batch_id}/retry", methods=("POST",))
def batch_retry(batch_id: str) -> Response:
    """Classify a batch's failed images again, or continue a batch that was stopped."""
    return Answered(services().batches.retry(batch_id), 202)


@route("/uploads", methods=("POST",))
def uploads_post() -> Response:
    """Return a form that uploads a file into the images bucket."""
    request = parsing.json_request(_body(), UploadRequest)
    return Answered(services().batches.upload(request))


@route("/feedback", methods=("POST",))
def feedback_post() -> Response:
    """Say whether an answer was right."""
    request = parsing.json_request(_body(), FeedbackRequest)
    return Answered(services().experiment.feedback(request), 202)


@route("/experiment")
def experiment_get() -> Response:
    """Show the arms, their votes and the verdict."""
    return Answered(services().experiment.view())


@route("/experiment", methods=("PUT",))
def experiment_put() -> Response:
    """Change the arms' shares of the traffic."""
    request = parsing.json_request(_body(), ExperimentRequest)
    return Answered(services().experiment.change(request))


@route("/workflows", methods=("POST",))
def workflows_post() -> Response:
    """Start a workflow, or only check its request."""
    request = parsing.json_request(_body(), StartRequest)
    return Answered(services().workflows.start(request), 200 if request.dry_run else 202)


@route("/workflows")
def workflows_get() -> Response:
    """List the recent workflow runs."""
    from chalicelib.answers.workflowviews import WorkflowList

    return Answered(WorkflowList(services().workflows.recent()))


@route("/workflows/{name}")
def workflow_get(name: str) -> Response:
    """Show a workflow run and its progress."""
    return Answered(services().workflows.view(name))


@app.on_s3_event(bucket=SETTINGS.images_bucket or "images", events=["s3:ObjectCreated:*"])
def on_upload(event: S3Event) -> None:
    """Queue a new image of the images bucket, or start a batch for a new manifest."""
    services().events.on_s3_event(event.to_dict())


@app.on_sqs_message(queue=SETTINGS.work_queue or "work", batch_size=1)
def on_work(event: SQSEvent) -> None:
    """Handle a message of the work queue: a chunk, a fan-out, an upload or a bare URL."""
    for message in event:
        services().events.on_message(message.body, _remaining(event.context))


def if_asked(
    asked: object, decorator: Callable[[], Callable[[View], View]]
) -> Callable[[View], View]:
    """Returns the decorator if the stage asks for it: Chalice deploys every handler it knows."""
    return decorator() if asked else lambda handler: handler


@if_asked(SUBSCRIPTIONS.sns, lambda: app.on_sns_message(SUBSCRIPTIONS.sns))
def on_topic(event: SNSEvent) -> None:
    """Queue what a message of the SNS topic names."""
    from chalicelib.aws import notices

    services().inlet.take(notices.of_sns(event.to_dict()))


@if_asked(SUBSCRIPTIONS.eventbridge, lambda: app.on_cw_event(pattern(SETTINGS.image_buckets)))
def on_event(event: CloudWatchEvent) -> None:
    """Queue what an event of EventBridge names."""
    from chalicelib.aws import notices

    services().inlet.take(notices.of_eventbridge(event.to_dict()))


@if_asked(SUBSCRIPTIONS.kinesis, lambda: app.on_kinesis_record(SUBSCRIPTIONS.stream))
def on_stream(event: KinesisEvent) -> dict[str, Any]:
    """Queue what records of the Kinesis stream name."""
    from chalicelib.aws import notices

    return services().inlet.take_in_order(notices.of_kinesis(event.to_dict()))


@if_asked(SUBSCRIPTIONS.dynamodb, lambda: app.on_dynamodb_record(SUBSCRIPTIONS.dynamodb))
def on_item(event: DynamoDBEvent) -> dict[str, Any]:
    """Queue what new items of the DynamoDB table name."""
    from chalicelib.aws import notices

    write = bool(SUBSCRIPTIONS.labels)
    return services().inlet.take_in_order(notices.of_dynamodb(event.to_dict(), write))


@if_asked(SUBSCRIPTIONS.nightly, lambda: app.schedule(MIDNIGHT))
def on_night(event: CloudWatchEvent) -> None:
    """Start the batch of every night."""
    services().batches.begin_daily(SUBSCRIPTIONS.nightly, event.time)


@app.schedule("rate(5 minutes)")
def on_tick(event: CloudWatchEvent) -> None:
    """Finish complete batches, queue again what went missing, and count the votes."""
    services().tick(_remaining(event.context))


@if_asked(SUBSCRIPTIONS.lex, app.lambda_function)
def on_question(event: Any, context: Any) -> Any:
    """Tell Lex what is in a picture."""
    return services().conversation.answer(event)


@app.lambda_function()
def workflow_prepare(event: Any, context: Any) -> Any:
    """Workflow: check the request and cut its images into chunks."""
    return services().tasks.prepare(event["name"], event["request"])


@app.lambda_function()
def workflow_classify(event: Any, context: Any) -> Any:
    """Workflow: classify a chunk by one arm."""
    place = event["name"], event["chunk"], event["arm"]
    return services().tasks.classify(*place, _remaining(context))


@app.lambda_function()
def workflow_record_loss(event: Any, context: Any) -> Any:
    """Workflow: turn a chunk that was given up into error records."""
    place = event["name"], event["chunk"], event["arm"]
    return services().tasks.record_loss(*place, event["error"], event["cause"])


@app.lambda_function()
def workflow_judge(event: Any, context: Any) -> Any:
    """Workflow: compare the arms."""
    return services().tasks.judge(event["name"])


@app.lambda_function()
def workflow_promote(event: Any, context: Any) -> Any:
    """Workflow: give the experiment's traffic to the challenger."""
    return services().tasks.promote(event["name"])


@app.lambda_function()
def workflow_report(event: Any, context: Any) -> Any:
    """Workflow: write the results and the report."""
    return services().tasks.report(event["name"], event["outcome"])


@route("/v2")
def v2_server() -> Response:
    """Open Inference Protocol: describe this server."""
    extensions = ["binary_tensor_data", "classification"]
    return Answered(protocol.ServerMetadata(SERVICE, __version__, extensions))


@route("/v2/health/live")
def v2_live() -> Response:
    """Open Inference Protocol: say that the server runs."""
    return Answered(protocol.Live(True))


@route("/v2/health/ready")
def v2_ready() -> Response:
    """Open Inference Protocol: say whether the default model can answer."""
    services().classifiers.get()
    return Answered(protocol.Ready(True))


@route("/v2/models/{name}")
@route("/v2/models/{name}/versions/{version}")
def v2_model(name: str, version: str | None = None) -> Response:
    """Open Inference Protocol: describe a model's tensors."""
    from chalicelib.openinference import inferring

    return Answered(inferring.metadata(services().classifiers.get(name, version)))


@route("/v2/models/{name}/ready")
@route("/v2/models/{name}/versions/{version}/ready")
def v2_model_ready(name: str, version: str | None = None) -> Response:
    """Open Inference Protocol: say whether a model can answer."""
    services().classifiers.get(name, version)
    return Answered(protocol.ModelReady(name, True))


@route("/v2/models/{name}/infer", methods=("POST",))
@route("/v2/models/{name}/versions/{version}/infer", methods=("POST",))
def v2_infer(name: str, version: str | None = None) -> Response:
    """Open Inference Protocol: classify a tensor of images."""
    from chalicelib.openinference import inferring

    header_length = _request().headers.get("inference-header-content-length")
    request, binary = parsing.infer_request(header_length, _body())
    classifier = services().classifiers.get(name, version)
    return Answered(inferring.infer(classifier, request, binary), model=name)


def v2_unknown(**_: str) -> Response:
    """Open Inference Protocol: refuse what is not there, as its clients can read it."""
    raise NotFound(urlevents.NO_PATH)


for unknown in (  # API Gateway itself would answer these in the shape of the other routes
    "/v2/{rest+}",
    "/v2/health",
    "/v2/health/{rest+}",
    "/v2/models",
    "/v2/models/{name}/versions",
    "/v2/models/{name}/{rest+}",
    "/v2/models/{name}/versions/{version}/{rest+}",
):
    route(unknown, methods=("GET", "POST"))(v2_unknown)


def _predict(request: PredictRequest, body: bytes | None) -> Response:
    client_id = parsing.client_id(_request().headers.get("x-client-id"))
    answer = services().predictor.predict(request, body, client_id)
    facts: dict[str, Any] = {
        "inference_id": answer.inference_id,
        "model": answer.model.name,
        "images": len(answer.predictions),
        "failed": sum(prediction.error is not None for prediction in answer.predictions),
        **({"lost_arm": answer.lost_arm} if answer.lost_arm else {}),
        **msgspec.to_builtins(answer.timing_ms),
    }
    return Answered(answer, **facts)


def _remaining(context: Any) -> Callable[[], float]:
    """Returns a clock of the seconds until Lambda ends this function."""
    return lambda: float(context.get_remaining_time_in_millis()) / 1000


def _request() -> Request:
    request = app.current_request
    assert request is not None, "only a request calls a view"
    return request


def _body() -> bytes:
    request = _request()
    body, sent = request.raw_body, request.to_original_event()
    if isinstance(sent["body"], str) and not sent.get("isBase64Encoded"):
        parsing.check_text(sent["body"], request.headers)
    encoding = request.headers.get("content-encoding")
    return parsing.unpacked(encoding, body.encode() if isinstance(body, str) else body)


def _query() -> parsing.Query:
    parameters = _request().query_params
    return {name: parameters.getlist(name) for name in parameters} if parameters else {}


def _traffic() -> Traffic | None:
    """Returns who answers requests without a model; None if the default model does."""
    trial = services().trial
    return trial.traffic() if trial else None


def _describe(package: ModelPackage, default: str) -> ModelEntry:
    from chalicelib.inference.explainable import inferences
    from chalicelib.inference.litert import input_size
    from chalicelib.inference.samples import address

    info = package.info
    width, height = input_size(package.model_path)
    return ModelEntry(
        name=info.name,
        version=info.version,
        title=info.title,
        description=info.description,
        labels=len(package.labels()),
        input=InputSize(width, height),
        preprocessing=info.preprocessing,
        scores=info.scores,
        multi_label=info.multi_label,
        embedding=info.has_features,
        explain_inferences=inferences(info),
        source=info.source,
        licence=info.licence,
        default=info.name == default,
        samples=address(info.name, info.samples),
    )


def _file(name: str) -> Response:
    return Sent(*page.file(name, _request().headers))
