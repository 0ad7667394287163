"""The zips as they are deployed, with nothing else: each handler answers the events of AWS."""

import base64
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any
from urllib.parse import quote_plus
from zipfile import ZipFile

import boto3
import pytest

from chalicelib.inference.packages import INFO, read_package
from chalicelib.page import BUILT, WEB
from chalicelib.tokens import digest
from localcloud import sampleevents as events
from localcloud.disk import ARCHITECTURE, Image, Runtime, can_be_in_place, unpack
from localcloud.environment import ACCOUNT
from localcloud.events import scheduled_event, sqs_event, url_event
from localcloud.runtimeapi import Outcome
from localcloud.unzipped import Function, started
from tests.conftest import DOODLES, ROOT
from tools.bundling.build import VERSION, bundle, lambda_runtime, model_layer
from tools.bundling.enginelayer import engine_layer
from tools.bundling.pythons import BundleError, interpreter

BANANA = (DOODLES / "banana.jpg").read_bytes()
BUNDLED = ROOT / "vendor" / "models"
TOKEN = "a-token-of-the-tests"

Start = Callable[..., AbstractContextManager[Function]]


def object_created(bucket: str, key: str, size: int) -> dict[str, Any]:
    """Returns the event of a new object in a bucket, with its key quoted as S3 does
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).
    """
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": events.REGION,
                "eventTime": "2026-03-04T19:15:17.636Z",
                "eventName": "ObjectCreated:Put",
                "userIdentity": {"principalId": f"AWS:{ACCOUNT}"},
                "requestParameters": {"sourceIPAddress": "203.0.113.7"},
                "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810"},
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": "on_upload",
                    "bucket": {
                        "name": bucket,
                        "ownerIdentity": {"principalId": ACCOUNT},
                        "arn": f"arn:aws:s3:::{bucket}",
                    },
                    "object": {
                        "key": quote_plus(key, safe="/"),
                        "size": size,
                        "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                        "sequencer": "0055AED6DCD90281E5",
                    },
                },
            }
        ]
    }


@pytest.fixture(scope="module")
def zips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The function's, its layer's, the default model's layer, and the single one."""
    if sys.platform != "linux":
        pytest.skip("the zips are for Linux")
    try:
        interpreter(VERSION)
    except BundleError as error:
        pytest.skip(str(error))
    layered, single = bundle(ARCHITECTURE), bundle(ARCHITECTURE, single=True)
    model = tmp_path_factory.mktemp("layer") / "model.zip"
    return layered | single | {"model": model_layer(read_package(BUNDLED / "doodle"), model)}


@pytest.fixture(scope="module")
def image(zips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Image:
    layers = [zips["layer"], zips["model"]]
    return unpack(
        tmp_path_factory.mktemp("lambda"), zips["function"], layers, Runtime(*lambda_runtime())
    )


@pytest.fixture
def own(image: Image, tmp_path: Path) -> Image:
    """One of the test's own. Its files are links: to change one is to put another in its place."""
    made = Image(tmp_path / "image" / "task", image.runtime)
    for source, target in ((image.task, made.task), (image.opt, made.opt)):
        copytree(source, target, copy_function=os.link)
    return made


@pytest.fixture
def in_place(own: Image) -> Image:
    """One of the test's own, on a machine that can show it under Lambda's names."""
    if not can_be_in_place(own.runtime):
        pytest.skip("this machine lets no process have an /opt of its own (unshare)")
    return own


@pytest.fixture(scope="module")
def cloud(aws: dict[str, Any]) -> dict[str, str]:
    """What the stack makes, on the local AWS, and the variables that tell the functions of it."""
    settings = {
        "IMAGES_BUCKET": "lambda-images",
        "RESULTS_BUCKET": "lambda-results",
        "MODELS_BUCKET": "lambda-models",
        "WORK_QUEUE": "lambda-work",
        "TOKEN_SHA256": digest(TOKEN),
        "WORKFLOW": f"arn:aws:states:{events.REGION}:{ACCOUNT}:stateMachine:lambda",
        "ARMS": "doodle=1.0",
    }
    s3 = boto3.client("s3", **aws)
    place = {"LocationConstraint": aws["region_name"]}
    for name in ("IMAGES_BUCKET", "RESULTS_BUCKET", "MODELS_BUCKET"):
        s3.create_bucket(Bucket=settings[name], CreateBucketConfiguration=place)
    for file in filter(Path.is_file, (BUNDLED / "doodle-small").iterdir()):
        s3.upload_file(str(file), settings["MODELS_BUCKET"], f"doodle-small/{file.name}")
    boto3.client("sqs", **aws).create_queue(QueueName=settings["WORK_QUEUE"])
    return settings | {"AWS_ENDPOINT_URL": aws["endpoint_url"]}


@pytest.fixture(scope="module")
def start(image: Image, cloud: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Starts a function by its handler; the cache of models starts with the layer's."""
    cache = tmp_path_factory.mktemp("tmp") / "models"
    copytree(image.opt / "models", cache)
    common = cloud | {"MODEL": "doodle", "MODEL_DIR": str(cache)}
    return lambda handler, **more: started(image, f"app.{handler}", common | more)


@pytest.fixture(scope="module")
def api(start: Start) -> Iterator[Function]:
    with start("app") as function:
        yield function


def answer(outcome: Outcome, status: int = 200) -> Any:
    """What the caller of the API gets, as JSON."""
    assert not outcome.failed, outcome.payload
    assert outcome.payload["statusCode"] == status, outcome.payload
    return json.loads(outcome.payload["body"])


def queued(aws: dict[str, Any], queue: str) -> Iterator[events.Event]:
    """The events of the messages that wait in the queue, which takes them out."""
    sqs = boto3.client("sqs", **aws)
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    arn = f"arn:aws:sqs:{events.REGION}:{ACCOUNT}:{queue}"
    while received := sqs.receive_message(QueueUrl=url, AttributeNames=["All"]).get("Messages"):
        for message in received:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            yield sqs_event([message], arn)


def finished_batch(
    api: Function,
    worker: Function,
    aws: dict[str, Any],
    queue: str,
    instances: list[dict[str, str]],
) -> dict[str, Any]:
    """The view of a batch once the worker has been given all its messages."""
    body = json.dumps({"instances": instances})
    batch = answer(api.invoke(events.rest("POST", "/batches", body)), 202)["batch_id"]
    rounds = 0
    while messages := list(queued(aws, queue)):
        rounds += 1
        assert rounds < 10
        assert not any(worker.invoke(message).failed for message in messages)
    event = events.rest("GET", "/batches/{batch_id}", parameters={"batch_id": batch})
    view: dict[str, Any] = answer(api.invoke(event))
    assert view["status"] == "finished"
    return view


def stored(aws: dict[str, Any], bucket: str, key: str) -> bytes:
    body: bytes = boto3.client("s3", **aws).get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def test_the_init_is_over_before_the_first_event(api: Function) -> None:
    assert api.init_error is None
    assert api.init_seconds > 0


def test_bytes_through_api_gateway_are_classified(api: Function) -> None:
    event = events.rest("POST", "/predict", BANANA, {"Content-Type": "image/jpeg"})
    outcome = api.invoke(event)
    assert answer(outcome)["predictions"][0]["labels"][0]["name"] == "banana"
    assert answer(outcome)["model"]["name"] == "doodle"
    assert outcome.payload["headers"]["Access-Control-Allow-Origin"] == "*"
    assert "Created TensorFlow Lite XNNPACK delegate" in api.printed
    assert json.dumps(answer(outcome)["inference_id"]) in api.printed, "the log names the answer"


def test_a_json_body_is_classified(api: Function) -> None:
    body = json.dumps({"b64": base64.b64encode(BANANA).decode()})
    outcome = api.invoke(
        events.rest("POST", "/predict", body, {"Content-Type": "application/json"})
    )
    assert answer(outcome)["predictions"][0]["labels"][0]["name"] == "banana"


def test_an_error_of_the_caller_is_an_answer(api: Function) -> None:
    event = events.rest("POST", "/predict", b"no image", {"Content-Type": "image/jpeg"})
    assert answer(api.invoke(event), 422)["Code"] == "ImageUnreadable"
    query = {"url": "http://169.254.169.254/latest/meta-data/"}
    refusal = answer(api.invoke(events.rest("GET", "/predict", query=query)), 422)
    assert refusal["Code"] == "SourceUnreachable"


def test_a_deployed_stage_is_for_https_alone_and_its_answers_are_kept_nowhere(
    api: Function,
) -> None:
    for path, kept in (("/models", "no-store"), ("/none", "no-store"), ("/", "no-cache")):
        headers = api.invoke(events.rest("GET", path)).payload["headers"]
        assert headers["Strict-Transport-Security"] == "max-age=31536000"
        assert "camera=(self)" in headers["Permissions-Policy"]
        assert headers["Cache-Control"] == kept


def test_the_page_and_its_pictures_come_from_the_zip(api: Function) -> None:
    headers = {"Accept": "text/html", "Accept-Encoding": "gzip, deflate, br"}
    page = api.invoke(events.rest("GET", "/", headers=headers)).payload
    assert (page["statusCode"], page["isBase64Encoded"]) == (200, True)
    assert base64.b64decode(page["body"]) == (BUILT / "index.html.gz").read_bytes()
    assert page["headers"]["Content-Encoding"] == "gzip"
    picture = api.invoke(
        events.rest(
            "GET", "/models/{name}/samples/{file}", headers={"Accept": "image/avif,image/webp,*/*"},
            parameters={"name": "doodle", "file": "banana.jpg"},
        )
    ).payload  # fmt: skip
    assert (picture["statusCode"], picture["isBase64Encoded"]) == (200, True)
    assert base64.b64decode(picture["body"]) == BANANA


def test_the_stages_address_without_its_slash_leads_to_the_page(api: Function) -> None:
    event = events.rest("GET", "/")
    event["requestContext"]["path"] = "/dev"
    answer = api.invoke(event).payload
    assert (answer["statusCode"], answer["headers"]["Location"]) == (308, "/dev/?page")


def test_a_redirect_to_the_page_is_not_followed_by_another(api: Function) -> None:
    """Even if API Gateway tells the path of `/dev/` without its slash."""
    event = events.rest("GET", "/", query={"page": ""})
    event["requestContext"]["path"] = "/dev"
    assert api.invoke(event).payload["statusCode"] == 200


def test_a_method_that_a_route_has_not_is_an_answer(api: Function) -> None:
    # a preflight, too, never comes here: API Gateway answers it itself
    outcome = api.invoke(
        events.rest("OPTIONS", "/predict", headers={"Origin": "https://a.example"})
    )
    assert not outcome.failed
    assert outcome.payload["statusCode"] == 405


BEARER = {"authorization": f"Bearer {TOKEN}"}


def test_bytes_through_the_functions_own_url_are_classified(api: Function) -> None:
    event = url_event("POST", "/predict?max_labels=1&id=%C3%A9", BEARER, BANANA)
    event["headers"]["content-type"] = "image/jpeg"
    outcome = api.invoke(event)
    (prediction,) = answer(outcome)["predictions"]
    assert (prediction["id"], prediction["labels"][0]["name"]) == ("é", "banana")
    assert "multiValueHeaders" not in outcome.payload
    assert outcome.payload["headers"]["Access-Control-Allow-Origin"] == "*"


def test_the_function_itself_asks_for_the_token_there(api: Function) -> None:
    for headers, status in (
        ({}, 401), ({"authorization": "Bearer wrong"}, 403), ({"authorization": TOKEN}, 403),
        (BEARER, 200),
    ):  # fmt: skip
        told = api.invoke(url_event("GET", "/models", headers))
        assert answer(told, status)
    assert TOKEN not in api.printed


def test_every_route_is_behind_the_url(api: Function) -> None:
    document = json.loads((WEB / "openapi.json").read_text())["paths"]
    operations = [
        (method.upper(), path) for path, methods in document.items() for method in methods
        if method in ("get", "head", "post", "put")
    ]  # fmt: skip
    assert len(operations) > 25
    names = {"name": "doodle", "version": "1.0"}
    for method, path in operations:
        filled = re.sub(r"\{(\w+)\}", lambda match: names.get(match[1], "none"), path)
        outcome = api.invoke(url_event(method, filled, BEARER))
        assert not outcome.failed, (method, path, outcome.payload)
        status, body = outcome.payload["statusCode"], outcome.payload["body"]
        assert status not in (401, 403, 405, 500), (method, path, body)
        assert "There is no such path" not in body, (method, path)
        assert outcome.payload["cookies"] == []
        assert all(isinstance(value, str) for value in outcome.payload["headers"].values())


def test_the_page_comes_as_bytes_through_the_url(api: Function) -> None:
    headers = {"accept-encoding": "gzip, br"}
    page = api.invoke(url_event("GET", "/", headers)).payload
    assert (page["statusCode"], page["isBase64Encoded"]) == (200, True)
    assert base64.b64decode(page["body"]) == (BUILT / "index.html.gz").read_bytes()
    head = api.invoke(url_event("HEAD", "/", headers)).payload
    assert (head["statusCode"], head["body"]) == (200, "")
    preflight = api.invoke(url_event("OPTIONS", "/predict", {"origin": "https://a.example"}))
    assert preflight.payload["statusCode"] == 200
    assert preflight.payload["headers"]["Access-Control-Allow-Methods"] == "POST,GET,HEAD,OPTIONS"


def test_a_model_of_the_bucket_is_fetched_into_the_cache(api: Function) -> None:
    body = json.dumps({"b64": base64.b64encode(BANANA).decode(), "model": "doodle-small"})
    event = events.rest("POST", "/predict", body, {"Content-Type": "application/json"})
    answered = answer(api.invoke(event))
    assert answered["model"]["name"] == "doodle-small"
    assert answered["predictions"][0]["labels"][0]["name"] == "banana"


def test_an_upload_is_queued_and_classified(
    start: Start, aws: dict[str, Any], cloud: dict[str, str]
) -> None:
    key = "holiday photos/ü+1.jpg"
    images, results, queue = (
        cloud[name] for name in ("IMAGES_BUCKET", "RESULTS_BUCKET", "WORK_QUEUE")
    )
    boto3.client("s3", **aws).put_object(Bucket=images, Key=key, Body=BANANA)
    with start("on_upload") as function:
        outcome = function.invoke(object_created(images, key, len(BANANA)))
    assert outcome == Outcome(None, False)
    (message,) = queued(aws, queue)
    with start("on_work") as function:
        assert function.invoke(message) == Outcome(None, False)
    record = json.loads(stored(aws, results, f"uploads/{key}.json"))
    assert record["labels"][0]["name"] == "banana"


def test_a_batch_runs_to_its_end(
    start: Start, api: Function, aws: dict[str, Any], cloud: dict[str, str]
) -> None:
    images = [{"id": str(n), "b64": base64.b64encode(BANANA).decode()} for n in range(30)]
    instances = [*images, {"id": "bad", "b64": "bm8="}]
    with start("on_work") as worker:
        view = finished_batch(api, worker, aws, cloud["WORK_QUEUE"], instances)
    assert view["counts"] == {"total": 31, "done": 31, "failed": 1}
    assert view["labels"] == {"banana": 30}


def test_a_vote_is_counted_by_the_schedule(start: Start, api: Function) -> None:
    predict = events.rest("POST", "/predict", BANANA, {"Content-Type": "image/jpeg"})
    body = answer(api.invoke(predict))
    assert body["arm"] == "doodle"
    vote = json.dumps({"inference_id": body["inference_id"], "label": "banana"})
    assert answer(api.invoke(events.rest("POST", "/feedback", vote)), 202)["counted"]
    with start("on_tick") as function:
        assert function.invoke(scheduled_event("tick", events.REGION)) == Outcome(None, False)
    (arm,) = answer(api.invoke(events.rest("GET", "/experiment")))["arms"]
    assert (arm["votes"], arm["correct"]) == (1, 1)


def test_the_tasks_of_a_workflow(start: Start, aws: dict[str, Any], cloud: dict[str, str]) -> None:
    image = {"id": "a", "b64": base64.b64encode(BANANA).decode(), "label": "banana"}
    request = {"instances": [image], "challenger": "doodle-small"}

    def task(name: str, **event: Any) -> Any:
        with start(f"workflow_{name}") as function:
            outcome = function.invoke({"name": "run-1", **event})
        assert not outcome.failed, outcome.payload
        return outcome.payload

    prepared = task("prepare", request=request)
    assert (prepared["chunks"], prepared["compare"]) == ([1], True)
    for arm in ("champion", "challenger"):
        done = {"chunk": 1, "records": 1, "failed": 0}
        assert task("classify", chunk=1, arm=arm) == done
    assert task("judge")["error_rate"] == 0
    output = task("report", outcome="kept")
    assert (output["outcome"], output["images"], output["errors"]) == ("kept", 1, 0)
    lines = stored(aws, cloud["RESULTS_BUCKET"], "workflows/run-1/results.jsonl").splitlines()
    (line,) = map(json.loads, lines)
    assert line["challenger"]["labels"][0]["name"] == "banana"


def test_the_authorizer_knows_the_token(start: Start) -> None:
    with start("authorize") as function:
        allowed = function.invoke(events.token(f"Bearer {TOKEN}")).payload
        denied = function.invoke(events.token("Bearer another")).payload
    statements = [answered["policyDocument"]["Statement"] for answered in (allowed, denied)]
    assert [[statement["Effect"] for statement in policy] for policy in statements] == [
        ["Allow"],
        ["Deny"],
    ]
    assert TOKEN not in json.dumps([allowed, denied])


@pytest.mark.parametrize(
    ("handler", "event", "error"),
    [
        ("on_work", sqs_event([], "arn:aws:sqs:eu-west-1:1:q") | {"Records": None}, "TypeError"),
        ("workflow_classify", {"name": "none", "chunk": 1, "arm": "champion"}, "NotFound"),
        ("workflow_judge", {}, "KeyError"),
    ],
)
def test_what_a_function_raises_is_named(
    start: Start, handler: str, event: events.Event, error: str
) -> None:
    with start(handler) as function:
        outcome = function.invoke(event)
        assert outcome.failed
        assert outcome.payload["errorType"] == error
        assert outcome.payload["stackTrace"]
        assert function.init_error is None
        assert function.invoke(event).failed, "it lives on"


def test_a_message_that_nobody_understands_comes_again(start: Start) -> None:
    arn = f"arn:aws:sqs:{events.REGION}:{ACCOUNT}:lambda-work"
    message = {"MessageId": "1", "ReceiptHandle": "r", "Body": "nonsense", "MD5OfBody": "0"}
    with start("on_work") as function:
        outcome = function.invoke(sqs_event([message], arn))
    assert outcome.failed
    assert outcome.payload["errorType"] == "BadRequest"


def test_a_wrong_setting_is_an_error_of_the_init(start: Start) -> None:
    with start("app", THREADS="none") as function:
        error = function.init_error
    assert error is not None
    assert (error.type, error.payload["errorType"]) == ("SettingsError", "SettingsError")
    assert error.payload["errorMessage"].startswith("THREADS must be")


def test_folders_have_the_names_that_lambda_gives_them(
    in_place: Image, cloud: dict[str, str]
) -> None:
    settings = cloud | {"MODEL": "doodle"}  # found in /opt/models, the layer
    with started(in_place, "app.app", settings, in_place=True) as function:
        event = events.rest("POST", "/predict", BANANA, {"Content-Type": "image/jpeg"})
        assert answer(function.invoke(event))["model"]["name"] == "doodle"


def test_what_was_deployed_is_not_verified_again(
    in_place: Image, cloud: dict[str, str], tmp_path: Path
) -> None:
    """Nobody can have changed it: only where its folder can be written to is it looked at."""
    layer = in_place.opt / "models" / "doodle"
    cache = copytree(layer, tmp_path / "doodle")
    info = json.loads((layer / INFO).read_text())
    (layer / INFO).unlink()
    for folder in (layer, cache):
        (folder / INFO).write_text(json.dumps(info | {"sha256": "0" * 64}))
    health = events.rest("GET", "/health")
    with started(in_place, "app.app", cloud | {"MODEL": "doodle"}, in_place=True) as function:
        assert answer(function.invoke(health))["model"]["name"] == "doodle"
    settings = cloud | {"MODEL": "doodle", "MODEL_DIR": str(tmp_path)}
    with started(in_place, "app.app", settings) as function:
        assert "is damaged" in answer(function.invoke(health), 503)["Message"]


@pytest.mark.skipif(ARCHITECTURE != "x86_64", reason="the second engine is for x86_64")
def test_the_second_engine_answers_from_its_layer(own: Image, cloud: dict[str, str]) -> None:
    with ZipFile(engine_layer(VERSION)) as zipped:
        zipped.extractall(own.opt)
    settings = cloud | {"MODEL": "doodle", "MODEL_DIR": str(own.opt / "models"), "ARMS": ""}
    event = events.rest("POST", "/predict", BANANA, {"Content-Type": "image/jpeg"})
    for engine, kernels in [("onnxruntime", "onnxruntime"), ("litert", "xnnpack")]:
        with started(own, "app.app", settings | {"ENGINE": engine}) as function:
            health = answer(function.invoke(events.rest("GET", "/health")))
            assert health["kernels"] == kernels
            predicted = answer(function.invoke(event))["predictions"][0]["labels"][0]
            assert predicted["name"] == "banana"
            assert ("XNNPACK" in function.printed) == (engine == "litert")
            assert "Init provider" not in function.printed, "a warning that lacks its library"


def test_without_its_layer_the_second_engine_is_missed_only_where_it_is_asked_for(
    start: Start,
) -> None:
    health = events.rest("GET", "/health")
    with start("app", ENGINE="auto") as function:
        assert answer(function.invoke(health))["kernels"] == "xnnpack"
    with start("app", ENGINE="onnxruntime") as function:
        outcome = function.invoke(health)
        assert outcome.payload["statusCode"] >= 500
        assert "ENGINE" in json.loads(outcome.payload["body"])["Message"]


@pytest.mark.parametrize("layout", ["single", "layered"])
def test_a_plain_deployment_finds_its_bundled_models(
    zips: dict[str, Path], own: Image, tmp_path: Path, layout: str
) -> None:
    if layout == "single":
        image = unpack(tmp_path / "single", zips["single"], [], own.runtime)
    else:
        image = own
        rmtree(image.opt / "models")
        # where Chalice's layer has what is in vendor/: see test_bundle.py
        site = image.opt / "python" / "lib" / f"python{VERSION}" / "site-packages"
        copytree(BUNDLED, site / "models")
    settings = {"MODEL": "doodle", "MODEL_DIR": str(tmp_path / "none")}
    with started(image, "app.app", settings) as function:
        event = events.rest("POST", "/predict", BANANA, {"Content-Type": "image/jpeg"})
        assert answer(function.invoke(event))["predictions"][0]["labels"][0]["name"] == "banana"
