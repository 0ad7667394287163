"""Each function, run through all it does, calls what its policy allows, and all that it allows."""

import base64
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from PIL import Image

from chalicelib.inference.packages import read_package
from chalicelib.subscriptions import CUSTOM, VARIABLES
from chalicelib.tokens import digest
from localcloud.environment import ACCOUNT, aws_environment
from localcloud.events import scheduled_event, sqs_event
from stage.template import assembled, variable
from tests.conftest import DOODLES, ROOT
from tests.e2e.conftest import file_server
from tests.functional.calltrace import Call, Failed, Function
from tests.functional.iam import Account, Grant, Need, grants
from tests.unit.test_lex import question
from tests.unit.test_subscriptions import ITEM, table_event
from tools.deploying.policies import rendered
from tools.deploying.target import Target

TOKEN = "secret"
FURTHER = "further-images"
CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())["lambda_functions"]
TABLE = f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/photos"
SUBSCRIBED = {
    **dict.fromkeys(VARIABLES.values(), "arn:aws:x:eu-west-1:123456789012:a/b"),
    "DYNAMODB_STREAM": f"{TABLE}/stream/2026-03-01T00:00:00.000",
}
NIGHTLY = "batches/nightly.jsonl"
PLATFORM = {
    **dict.fromkeys(
        (
            "kinesis:DescribeStream",
            "kinesis:DescribeStreamSummary",
            "kinesis:GetRecords",
            "kinesis:GetShardIterator",
            "kinesis:ListShards",
        ),
        "Lambda reads the stream in the name of on_stream",
    ),
    **dict.fromkeys(
        (
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            "dynamodb:ListStreams",
        ),
        "Lambda reads the table's stream in the name of on_item",
    ),
    "logs:CreateLogStream": "Lambda writes the log in the function's name",
    "logs:PutLogEvents": "Lambda writes the log in the function's name",
    "sqs:ReceiveMessage": "Lambda polls the queue in the name of on_work",
    "sqs:DeleteMessage": "Lambda polls the queue in the name of on_work",
    "sqs:GetQueueAttributes": "Lambda polls the queue in the name of on_work",
}
"""What no code of ours calls, and why it is granted all the same."""


class Stage:
    """The stack and the functions of a deployed stage, with moto for AWS and us for Lambda."""

    def __init__(self, aws: dict[str, Any], folder: Path) -> None:
        self.region = aws["region_name"]
        self.s3, self.sqs = boto3.client("s3", **aws), boto3.client("sqs", **aws)
        self.outputs = _make_stack(boto3.client("cloudformation", **aws))
        self.images, self.results = self.outputs["IMAGES_BUCKET"], self.outputs["RESULTS_BUCKET"]
        self.work = self.sqs.get_queue_url(QueueName=self.outputs["WORK_QUEUE"])["QueueUrl"]
        where = {"LocationConstraint": self.region}
        self.s3.create_bucket(Bucket=FURTHER, CreateBucketConfiguration=where)
        boto3.client("dynamodb", **aws).create_table(
            TableName="photos",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        for name in ("plain", "other"):
            self.put_model(name, ROOT / "vendor" / "models" / "doodle")
        port = int(aws["endpoint_url"].rpartition(":")[2])
        env = {
            **aws_environment({**os.environ, "AWS_REGION": self.region}, port),
            **self.outputs,
            "MODEL": "plain",
            "ARMS": "plain=0.5 other=0.5",
            "IMAGE_BUCKETS": FURTHER,
            "ALLOW_LOOPBACK": "true",
            **SUBSCRIBED,
            "NIGHTLY_MANIFEST": f"s3://{self.images}/{NIGHTLY}",
        }
        # the API's calls are not to be mixed with the authorizer's, which is run by itself
        guards = {handler: {"PUBLIC": "true"} for handler in CONFIG}
        guards["authorize"] = {"TOKEN_SHA256": digest(TOKEN)}
        self._functions = {
            handler: Function(handler, {**env, **guard, "MODEL_DIR": str(folder / handler)})
            for handler, guard in guards.items()
        }

    def put_model(self, name: str, folder: Path) -> None:
        """A bundled model under a name that only the bucket has."""
        info = json.loads((folder / "model.json").read_bytes()) | {"name": name}
        files = {file: (folder / file).read_bytes() for file in read_package(folder).files}
        for file, data in {**files, "model.json": json.dumps(info).encode()}.items():
            bucket = self.outputs["MODELS_BUCKET"]
            self.s3.put_object(Bucket=bucket, Key=f"{name}/{file}", Body=data)

    def __getitem__(self, handler: str) -> Function:
        return self._functions[handler]

    def close(self) -> None:
        for function in self._functions.values():
            function.close()

    def put(self, key: str, data: bytes, bucket: str = "") -> str:
        """The address of an object for all to read, tagged as its owner likes."""
        bucket = bucket or self.images
        self.s3.put_object(Bucket=bucket, Key=key, Body=data, Tagging="owner=me")
        return f"s3://{bucket}/{key}"

    def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """The API's answer."""
        headers = {"Content-Type": "application/json", "X-Client-Id": "me"}
        data = b"" if body is None else json.dumps(body).encode()
        got, answer = self["api_handler"].request(method, path, headers, data)
        assert got == status, answer
        return json.loads(answer)

    def upload(self, request: dict[str, str]) -> str:
        """Use a form as a page does; the object's key."""
        form = self.ask("POST", "/uploads", request)
        fields = {**form["fields"], "file": ("image.jpg", PICTURE, "image/jpeg")}
        assert urllib3.request("POST", form["url"], fields=fields).status in (200, 204)
        key = str(form["fields"]["key"])
        signed = Call("s3", "PutObject", {"Bucket": self.images, "Key": key})
        self["api_handler"].calls.append(signed)
        return key

    def put_event(self, key: str) -> dict[str, Any]:
        """As S3 sends it of a new object."""
        etag = self.s3.head_object(Bucket=self.images, Key=key)["ETag"].strip('"')
        placed = {"key": key, "sequencer": "0055AED6DCD90281E5", "eTag": etag}
        put = {"bucket": {"name": self.images}, "object": placed}
        return {"Records": [{"eventTime": "2026-03-01T12:00:00.000Z", "s3": put}]}

    def receive(self) -> list[dict[str, Any]]:
        """Take what waits on the work queue, for good."""
        messages = self.sqs.receive_message(QueueUrl=self.work, MaxNumberOfMessages=10)
        for message in messages.get("Messages", []):
            self.sqs.delete_message(QueueUrl=self.work, ReceiptHandle=message["ReceiptHandle"])
        return list(messages.get("Messages", []))

    def drain(self, seconds: tuple[float, ...] = (100.0,)) -> None:
        """Let the worker have what waits, and what comes of that."""
        arn = f"arn:aws:sqs:{self.region}:{ACCOUNT}:{self.outputs['WORK_QUEUE']}"
        while messages := self.receive():
            for message in messages:
                answer = self["on_work"].handle(sqs_event([message], arn), seconds)
                assert not isinstance(answer, Failed), answer

    def tick(self) -> None:
        answer = self["on_tick"].handle(scheduled_event("on_tick-event", self.region))
        assert not isinstance(answer, Failed), answer

    def lose(self, kind: str) -> None:
        """Have what waits lost on its way, all of which is of that kind."""
        messages = self.receive()
        assert {json.loads(message["Body"])["type"] for message in messages} == {kind}

    def lose_twice(self) -> None:
        """Have the chunk of the batch that begins lost until its images come one by one."""
        self.drain_fan_out()
        for _ in range(2):
            self.lose("chunk")
            self.tick()

    def give_up(self) -> None:
        """Have all images but one of the chunk of the batch that begins lost for good."""
        self.lose_twice()
        first, *_ = self.receive()
        self.worked(first)
        self.tick()
        self.lose("image")
        self.tick()

    def drain_fan_out(self) -> None:
        (message,) = self.receive()
        assert self.worked(message) is None

    def worked(self, message: dict[str, Any]) -> Any:
        """What the worker answers."""
        arn = f"arn:aws:sqs:{self.region}:{ACCOUNT}:{self.outputs['WORK_QUEUE']}"
        return self["on_work"].handle(sqs_event([message], arn))


def _make_stack(client: Any) -> dict[str, str]:
    """Outputs of the template's stack, by environment variable."""
    parameters = {"Stage": "dev", "WithResultsQueue": "true"}
    client.create_stack(
        StackName="serverless-inception-dev",
        TemplateBody=assembled(ROOT / "infrastructure.yaml"),
        Parameters=[{"ParameterKey": key, "ParameterValue": parameters[key]} for key in parameters],
    )
    (stack,) = client.describe_stacks(StackName="serverless-inception-dev")["Stacks"]
    return {variable(output["OutputKey"]): output["OutputValue"] for output in stack["Outputs"]}


def picture(side: int, kind: str) -> bytes:
    data = io.BytesIO()
    Image.radial_gradient("L").resize((side, side)).convert("RGB").save(data, kind)
    return data.getvalue()


PICTURE = picture(64, "jpeg")
LARGE = "".join(
    json.dumps({"id": str(n), "url": f"data:;base64,{base64.b64encode(bmp).decode()}"}) + "\n"
    for n, bmp in enumerate([picture(680, "bmp")] * 5)
).encode()
"""A manifest of over 8 MB, which boto3 copies in parts; the results name the images as it does."""


def predict_and_vote(stage: Stage) -> None:
    for uri in (stage.put("photo.jpg", PICTURE), stage.put("a.jpg", PICTURE, FURTHER)):
        answer = stage.ask("POST", "/predict", {"s3_uri": uri})
        for correct in (True, False):
            vote = {"inference_id": answer["inference_id"], "correct": correct}
            assert stage.ask("POST", "/feedback", vote, 202)["counted"]
    forced = stage.ask("POST", "/predict", {"s3_uri": uri, "model": "other"})
    vote = {"inference_id": forced["inference_id"], "correct": True}
    assert not stage.ask("POST", "/feedback", vote, 202)["counted"]
    stage.ask("PUT", "/experiment", {"arms": {"plain": 0.2, "other": 0.8}})
    for _ in range(2):  # all votes, then those of the open days
        stage.tick()
    assert stage.ask("GET", "/experiment")["updated_at"]


def upload(stage: Stage) -> None:
    key = stage.upload({"filename": "image.jpg"})
    stage.upload({"filename": "image.jpg", "batch": "mine"})
    stage.put("list.jsonl", b'{"s3_uri": "s3://%s/photo.jpg"}\n' % stage.images.encode())
    stage.put("large.jsonl", LARGE)
    for put in (key, "list.jsonl", "list.jsonl", "large.jsonl"):  # one event came twice
        assert stage["on_upload"].handle(stage.put_event(put)) is None
    dead = f"https://sqs/{stage.outputs['DEAD_LETTER_QUEUE']}"  # by Lambda, in the function's name
    stage["on_upload"].calls.append(Call("sqs", "SendMessageBatch", {"QueueUrl": dead}))
    stage.drain()
    assert stage.s3.get_object(Bucket=stage.results, Key=f"uploads/{key}.json")


def batches(stage: Stage) -> None:
    good = {"s3_uri": f"s3://{stage.images}/photo.jpg"}
    bad = {"s3_uri": f"s3://{stage.images}/later.jpg"}
    further = {"s3_uri": f"s3://{FURTHER}/a.jpg"}
    first = stage.ask("POST", "/batches", {"instances": [good, bad, further]}, 202)["batch_id"]
    stage.drain()
    assert stage.ask("GET", f"/batches/{first}")["errors"] == {"SourceRefused": 1}
    stage.put("later.jpg", PICTURE)
    stage.ask("POST", f"/batches/{first}/retry", status=202)
    stage.drain()
    view = stage.ask("GET", f"/batches/{first}")
    assert view["counts"]["failed"] == 0
    shown = stage.ask("GET", f"/batches/{first}/pictures?at=0,1,2")["pictures"]
    assert [picture["source"] for picture in shown] == [good["s3_uri"], bad["s3_uri"]]
    assert urllib3.request("GET", view["results"]).status == 200
    for manifest in ("list.jsonl", "large.jsonl"):
        stage.ask("POST", "/batches", {"manifest": f"s3://{stage.images}/{manifest}"}, 202)
    stage.ask("POST", "/batches", {"prefix": f"s3://{stage.images}/batches/mine/"}, 202)
    for ending in ("csv", "jsonl", "manifest", "txt"):
        missing = {"manifest": f"s3://{stage.images}/none.{ending}"}
        stage.ask("POST", "/batches", missing, 404)
    stage.drain()
    stopped = stage.ask("POST", "/batches", {"instances": [good]}, 202)["batch_id"]
    stop_and_go_on(stage, stopped, stage.drain)
    stage.drain()
    slow = stage.ask("POST", "/batches", {"instances": [good] * 3}, 202)["batch_id"]
    stage.drain_fan_out()
    stage.drain(seconds=(100, 100, 0))
    assert slow in [batch["batch_id"] for batch in stage.ask("GET", "/batches")["batches"]]


def stop_and_go_on(stage: Stage, batch: str, see: Callable[[], object]) -> None:
    """Cancel a batch that runs; have its results written, look at them, and go on with it."""
    assert stage.ask("POST", f"/batches/{batch}/cancel")["status"] == "cancelled"
    see()
    view = stage.ask("GET", f"/batches/{batch}")
    assert "/stopped." in view["results"]
    assert urllib3.request("GET", view["results"]).status == 200
    stage.ask("POST", f"/batches/{batch}/retry", status=202)


def messages_of_others(stage: Stage) -> None:
    with file_server(DOODLES) as server:
        bodies = [f"{server}/banana.jpg", f"s3://{stage.images}/photo.jpg"]
        stage.put("again.jsonl", LARGE)
        stage.put("more.jsonl", b'{"url": "%s/banana.jpg"}\n' % server.encode())
        bodies += [json.dumps(stage.put_event(key)) for key in ("again.jsonl", "more.jsonl")]
        for body in [*bodies, bodies[-1]]:  # one event came twice
            stage.sqs.send_message(QueueUrl=stage.work, MessageBody=body)
        stage.drain()
    answers = stage.sqs.get_queue_url(QueueName=stage.outputs["RESULTS_QUEUE"])["QueueUrl"]
    received = stage.sqs.receive_message(QueueUrl=answers, MaxNumberOfMessages=10)["Messages"]
    assert len([json.loads(message["Body"])["labels"] for message in received]) == 2


def events_of_others(stage: Stage) -> None:
    """Each comes twice, and goes to the dead letters too: by Lambda, in the function's name."""
    uri = f"s3://{stage.images}/photo.jpg"
    message = {"MessageId": "m-1", "Message": uri, "Subject": None, "MessageAttributes": {}}
    bus = {"id": "e-1", "version": "0", "detail-type": CUSTOM, "source": "shop", "resources": [],
           "account": ACCOUNT, "region": stage.region, "time": "2026-03-01T12:00:00Z",
           "detail": {"s3_uri": uri}}  # fmt: skip
    dead = f"https://sqs/{stage.outputs['DEAD_LETTER_QUEUE']}"
    data = base64.b64encode(uri.encode()).decode()
    record = {"eventID": "shard:1", "kinesis": {"data": data, "sequenceNumber": "1"}}
    for handler, event, answer in (
        ("on_stream", {"Records": [record]}, "kinesis/shard:1"),
        ("on_item", table_event(s3_uri={"S": uri}), ITEM),
        ("on_topic", {"Records": [{"Sns": message}]}, "sns/m-1"),
        ("on_event", bus, "eventbridge/e-1"),
    ):
        for _ in range(2):
            assert not isinstance(stage[handler].handle(event), Failed)
            stage.drain()
        stage[handler].calls.append(Call("sqs", "SendMessageBatch", {"QueueUrl": dead}))
        stored = stage.s3.get_object(Bucket=stage.results, Key=f"events/{answer}.json")
        assert json.loads(stored["Body"].read())["labels"]


def ask_by_lex(stage: Stage) -> None:
    with file_server(ROOT / "chalicelib" / "web") as server:
        answer = stage["on_question"].handle(question(f"{server}/favicon.svg"))
    assert answer["sessionState"]["intent"]["state"] == "Failed"


def every_night(stage: Stage) -> None:
    small = b'{"s3_uri": "s3://%s/photo.jpg"}\n' % stage.images.encode()
    for day, data in ((1, small), (1, small), (2, LARGE)):  # one is copied in parts: over 8 MB
        manifest = stage.put(NIGHTLY, data)
        event = scheduled_event("on_night-event", stage.region)
        event["time"] = f"2026-03-{day:02}T00:00:00Z"
        assert not isinstance(stage["on_night"].handle(event), Failed)
        stage.drain()
    sources = [batch["source"] for batch in stage.ask("GET", "/batches")["batches"]]
    assert sources.count(manifest) == 2


def repair(stage: Stage) -> None:
    manifest = {"manifest": f"s3://{stage.images}/large.jsonl"}
    lost = stage.ask("POST", "/batches", manifest, 202)["batch_id"]
    stage.lose("fan_out")
    stage.tick()
    stage.give_up()
    assert stage.ask("GET", f"/batches/{lost}")["errors"]["ChunkLost"] == 4
    stage.ask("POST", f"/batches/{lost}/retry", status=202)
    for see in (stage.drain, lambda: (stage.receive(), stage.tick())):  # in parts: over 8 MB
        stop_and_go_on(stage, lost, see)
    stage.drain()
    mend_what_is_counted_and_not_there(stage)
    do_images_one_by_one(stage)
    end_what_cannot_go_on(stage)


def do_images_one_by_one(stage: Stage) -> None:
    good = {"s3_uri": f"s3://{stage.images}/photo.jpg"}
    alone = stage.ask("POST", "/batches", {"instances": [good] * 2}, 202)["batch_id"]
    stage.lose_twice()
    stage.drain()
    assert stage.ask("GET", f"/batches/{alone}")["counts"]["failed"] == 0


def end_what_cannot_go_on(stage: Stage) -> None:
    """A manifest that is gone, and parts that are another batch's."""
    good = {"s3_uri": f"s3://{stage.images}/photo.jpg"}
    gone = stage.ask("POST", "/batches", {"instances": [good]}, 202)["batch_id"]
    stage.s3.delete_object(Bucket=stage.results, Key=f"batches/{gone}/manifest.jsonl")
    for _ in range(4):
        (message,) = stage.receive()
        assert isinstance(stage.worked(message), Failed)
        stage.tick()
    assert stage.ask("GET", f"/batches/{gone}")["error"]["code"] == "FanOutLost"
    stage.ask("POST", f"/batches/{gone}/retry", status=202)
    stage.receive()
    other = json.dumps({"id": "other", "source": "", "labels": []}).encode() + b"\n"
    for see in (stage.drain, lambda: (stage.receive(), stage.tick())):
        torn = stage.ask("POST", "/batches", {"instances": [good]}, 202)["batch_id"]
        stage.drain_fan_out()
        root = f"batches/{torn}/rounds/0"
        for key, body in (("parts/000001.jsonl", other), ("tally/000001-1-0", b"")):
            stage.s3.put_object(Bucket=stage.results, Key=f"{root}/{key}", Body=body)
        see()
        assert stage.ask("GET", f"/batches/{torn}")["error"]["code"] == "BatchNotWhole"


def mend_what_is_counted_and_not_there(stage: Stage) -> None:
    good = {"s3_uri": f"s3://{stage.images}/photo.jpg"}
    torn = stage.ask("POST", "/batches", {"instances": [good]}, 202)["batch_id"]
    stage.drain_fan_out()
    stage.lose("chunk")
    tally = f"batches/{torn}/rounds/0/tally/000001-1-0"
    stage.s3.put_object(Bucket=stage.results, Key=tally, Body=b"")
    again = {"type": "fan_out", "batch_id": torn, "round": 0}
    stage.sqs.send_message(QueueUrl=stage.work, MessageBody=json.dumps(again))
    stage.drain()
    assert stage.ask("GET", f"/batches/{torn}")["counts"]["done"] == 0
    stage.s3.put_object(Bucket=stage.results, Key=tally, Body=b"")
    stage.tick()
    stage.drain()
    assert stage.ask("GET", f"/batches/{torn}")["status"] == "finished"


def workflows(stage: Stage) -> None:
    photo = {"s3_uri": f"s3://{stage.images}/photo.jpg", "label": "none such"}
    asked = {"instances": [photo] * 26, "champion": "plain", "challenger": "other", "name": "run"}
    stage.ask("POST", "/workflows", asked, 202)
    assert "images" not in stage.ask("GET", "/workflows/run")
    (inputs,) = stage.s3.list_objects_v2(Bucket=stage.results, Prefix="workflows/inputs/")[
        "Contents"
    ]
    request = {"manifest": f"s3://{stage.results}/{inputs['Key']}", "challenger": "other"}
    dry = stage.ask("POST", "/workflows", request | {"dry_run": True}, 200)
    assert dry["unknown_labels"] == ["none such"]
    for ending in ("csv", "jsonl", "manifest", "txt"):
        missing = {"manifest": f"s3://{stage.images}/none.{ending}"}
        stage.ask("POST", "/workflows", missing, 404)
    assert _task(stage, "prepare", name="run", request=request)["chunks"] == [1, 2]
    for arm in ("champion", "challenger"):
        place = {"name": "run", "chunk": 1, "arm": arm}
        late = stage["workflow_classify"].handle(place, (100, 100, 100, 0))
        assert isinstance(late, Failed) and late.kind == "TimeoutError"
        assert _task(stage, "classify", **place)["failed"] == 0
        loss = {"name": "run", "chunk": 2, "arm": arm, "error": "Lost", "cause": "told to"}
        assert _task(stage, "record_loss", **loss)["failed"] == 1
    assert "report" not in stage.ask("GET", "/workflows/run")
    assert _task(stage, "judge", name="run")["verdict"]
    assert _task(stage, "promote", name="run")["outcome"] == "promoted"
    _as_of_version_0_1(stage, "run")
    assert _task(stage, "report", name="run", outcome="promoted")["images"] == 26
    assert stage.ask("GET", "/workflows")["workflows"][0]["name"] == "run"
    view = stage.ask("GET", "/workflows/run")
    for link in view["report"].values():
        assert urllib3.request("GET", link).status == 200


def workflows_of_manifests(stage: Stage) -> None:
    inline = {"instances": [{"s3_uri": f"s3://{FURTHER}/a.jpg"}]}
    assert _task(stage, "prepare", name="inline", request=inline)["size"] == "small"
    assert _task(stage, "classify", name="inline", chunk=1, arm="champion")["failed"] == 0
    tagged = {"manifest": f"s3://{stage.images}/list.jsonl"}
    assert _task(stage, "prepare", name="tagged", request=tagged)["size"] == "small"
    many = stage.put("many.txt", b"".join(b"https://example.com/%d\n" % n for n in range(10_001)))
    assert _task(stage, "prepare", name="many", request={"manifest": many})["size"] == "large"
    for ending in ("csv", "jsonl", "manifest", "txt"):
        missing = {"name": "none", "request": {"manifest": f"s3://{stage.images}/none.{ending}"}}
        assert stage["workflow_prepare"].handle(missing)["error"]["code"] == "NotFound"
    large = {"manifest": f"s3://{stage.images}/large.jsonl"}
    _task(stage, "prepare", name="large", request=large)
    _task(stage, "classify", name="large", chunk=1, arm="champion")
    _task(stage, "judge", name="large")
    _as_of_version_0_1(stage, "large")
    assert _task(stage, "report", name="large", outcome="kept")["errors"] == 0


def _as_of_version_0_1(stage: Stage, name: str) -> None:
    """Leaves a judged run as that version did, whose judge wrote no results."""
    stage.s3.delete_object(Bucket=stage.results, Key=f"workflows/{name}/results.jsonl")


def models_that_are_gone(stage: Stage) -> None:
    """The API knew of some that others come too late for; and of others nobody ever had all."""
    stage.put_model("shown", ROOT / "vendor" / "models" / "doodle")
    assert len(stage.ask("GET", "/models/shown/samples")["samples"]) == 6
    lost = "shown/samples/banana.jpg"
    stage.s3.delete_object(Bucket=stage.outputs["MODELS_BUCKET"], Key=lost)
    said = stage.ask("GET", "/models/shown/samples", status=503)
    assert said["error"]["code"] == "ModelInvalid" and "banana.jpg" in said["error"]["message"]
    photo = {"s3_uri": f"s3://{stage.images}/photo.jpg"}
    for name, file, code, tasks in (
        ("gone", "model.json", "ModelNotFound", ("classify", "promote")),
        ("torn", "model.tflite", "ModelInvalid", ("classify",)),
    ):
        stage.put_model(name, ROOT / "vendor" / "models" / "doodle")
        asked = {"instances": [photo], "challenger": name}
        late = stage.ask("POST", "/batches", {"instances": [photo], "model": name}, 202)
        _task(stage, "prepare", name=name, request=asked)
        stage.s3.delete_object(Bucket=stage.outputs["MODELS_BUCKET"], Key=f"{name}/{file}")
        stage.drain()
        assert stage.ask("GET", f"/batches/{late['batch_id']}")["errors"] == {code: 1}
        for task in tasks:
            event = {"name": name, "chunk": 1, "arm": "challenger"}
            answer = stage[f"workflow_{task}"].handle(event)
            assert isinstance(answer, Failed) and answer.kind == code
    stage.put_model("half", ROOT / "vendor" / "models" / "doodle")
    stage.s3.delete_object(Bucket=stage.outputs["MODELS_BUCKET"], Key="half/labels.txt")
    for name, status, code in (("none", 404, "ModelNotFound"), ("half", 503, "ModelInvalid")):
        stage.ask("POST", "/predict", {**photo, "model": name}, status)
        request = {"instances": [photo], "challenger": name}
        stage.ask("POST", "/workflows", request, status)
        unknown = {"name": "unknown", "request": request}
        assert stage["workflow_prepare"].handle(unknown)["error"]["code"] == code


def _task(stage: Stage, task: str, **event: Any) -> Any:
    answer = stage[f"workflow_{task}"].handle(event)
    assert not isinstance(answer, Failed) and "error" not in answer, answer
    return answer


def authorize(stage: Stage) -> None:
    for token, effect in ((TOKEN, "Allow"), ("wrong", "Deny")):
        event = {
            "type": "TOKEN",
            "authorizationToken": f"Bearer {token}",
            "methodArn": f"arn:aws:execute-api:{stage.region}:{ACCOUNT}:api/dev/GET/models",
        }
        answer = stage["authorize"].handle(event)
        assert answer["policyDocument"]["Statement"][0]["Effect"] == effect


FLOWS: tuple[Callable[[Stage], None], ...] = (
    predict_and_vote, upload, batches, messages_of_others, events_of_others, every_night,
    ask_by_lex, models_that_are_gone, repair,
    workflows, workflows_of_manifests, authorize,
)  # fmt: skip


@pytest.fixture(scope="module")
def stage(aws: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """After all flows."""
    made = Stage(aws, tmp_path_factory.mktemp("models"))
    try:
        for flow in FLOWS:
            flow(made)
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def policies(stage: Stage) -> dict[str, list[Grant]]:
    """All that each function is granted."""
    target = Target("dev", ACCOUNT, stage.region)
    environment = {**stage.outputs, **SUBSCRIBED, "IMAGE_BUCKETS": FURTHER}
    return {
        handler: list(grants(rendered(ROOT / "policies" / f"{handler}.json", target, environment)))
        for handler in CONFIG
    }


def needed(stage: Stage, handler: str) -> set[Need]:
    account = Account(stage.region, ACCOUNT, frozenset({stage.images, FURTHER}))
    return {need for call in stage[handler].calls for need in account.needs(call)}


@pytest.mark.parametrize("handler", CONFIG)
def test_every_call_is_allowed(
    stage: Stage, policies: dict[str, list[Grant]], handler: str
) -> None:
    needs = needed(stage, handler)
    assert bool(needs) == (handler != "authorize"), "which asks nothing of AWS"
    refused = [n for n in needs if not any(grant.allows(n) for grant in policies[handler])]
    assert refused == [], refused


@pytest.mark.parametrize("handler", CONFIG)
def test_nothing_is_allowed_that_is_not_used(
    stage: Stage, policies: dict[str, list[Grant]], handler: str
) -> None:
    needs = needed(stage, handler)
    ours = [grant for grant in policies[handler] if grant.action not in PLATFORM]
    assert [grant for grant in ours if not any(grant.allows(need) for need in needs)] == []


@pytest.mark.parametrize("handler", CONFIG)
def test_every_parameter_is_as_its_service_wants_it(stage: Stage, handler: str) -> None:
    assert [fault for call in stage[handler].calls for fault in call.faults] == []


@pytest.mark.parametrize(("need", "allowed"), [
    (Need("s3:GetObject", "arn:aws:s3:::r/a/1/b.json"), True),
    (Need("s3:PutObject", "arn:aws:s3:::r/a/1/b.json"), False),
    (Need("s3:GetObject", "arn:aws:s3:::r/a/1/b_json"), False),
    (Need("s3:ListBucket", "arn:aws:s3:::r", "a/1/"), True),
    (Need("s3:ListBucket", "arn:aws:s3:::r", "b/"), False),
    (Need("s3:ListBucket", "arn:aws:s3:::r"), False),
])  # fmt: skip
def test_the_evaluator(need: Need, allowed: bool) -> None:
    policy = {"Statement": [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::r/a/*/b.json"},
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::r"],
         "Condition": {"StringLike": {"s3:prefix": ["a/*"]}}},
    ]}  # fmt: skip
    assert any(grant.allows(need) for grant in grants(policy)) is allowed
