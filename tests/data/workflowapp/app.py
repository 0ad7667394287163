"""The tasks of the state machine, doing as the request says, for the tests of the state machine.

The request of an execution:
    chunks, size ("small" or "large"), items (a key), compare, promote, max_error_rate: what
        Prepare answers.
    judgement: what Judge answers.
    hold: Prepare waits until there is an object of this key.
    trouble: {"HANDLER" or "HANDLER ARM CHUNK": {"error": NAME, "times": n}}: that call fails with
        an exception of that name, the first n times.
Every call puts its event into the results bucket, at `workflows/NAME/calls/HANDLER/REQUEST_ID`.
"""

import json
import os
import time
from typing import Any

import boto3
from chalice.app import Chalice

app = Chalice(app_name="serverless-inception", configure_logs=False)
BUCKET = os.environ.get("RESULTS_BUCKET", "results")
HOLD_SECONDS = 15
s3 = boto3.client("s3") if "RESULTS_BUCKET" in os.environ else None


@app.route("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


def put(name: str, key: str, value: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"workflows/{name}/{key}", Body=json.dumps(value))


def count(name: str, prefix: str) -> int:
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"workflows/{name}/calls/{prefix}")
    return int(listed["KeyCount"])


def wait_for(key: str) -> None:
    deadline = time.monotonic() + HOLD_SECONDS
    while time.monotonic() < deadline:
        if s3.list_objects_v2(Bucket=BUCKET, Prefix=key)["KeyCount"]:
            return
        time.sleep(0.05)
    raise AssertionError(key)


def begin(handler: str, event: Any, context: Any, request: dict[str, Any] | None = None) -> Any:
    """Note the call, fail if told to; else return the execution's request."""
    name = event["name"]
    if request is None:
        key = f"workflows/{name}/request.json"
        request = json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    what = " ".join(str(part) for part in (handler, event.get("arm"), event.get("chunk")) if part)
    put(name, f"calls/{what}/{context.aws_request_id}", event)
    trouble = request.get("trouble", {}).get(what)
    if trouble and count(name, f"{what}/") <= trouble["times"]:
        raise type(trouble["error"], (Exception,), {})("told to fail")
    return request


@app.lambda_function()
def workflow_prepare(event: Any, context: Any) -> Any:
    name, request = event["name"], event["request"]
    begin("prepare", event, context, request)
    if "chunks" not in request:
        error = {"code": "BadRequest", "message": "Say how many chunks."}
        return {"name": name, "error": error}
    if "hold" in request:
        wait_for(request["hold"])
    put(name, "request.json", request)
    numbers = list(range(1, request["chunks"] + 1))
    put(name, "items.json", [{"chunk": number} for number in numbers])
    large = request.get("size") == "large"
    return {
        "name": name,
        "size": "large" if large else "small",
        "chunks": [] if large else numbers,
        "items": {"bucket": BUCKET, "key": request.get("items", f"workflows/{name}/items.json")},
        "compare": request.get("compare", True),
        "promote": request.get("promote", False),
        "max_error_rate": request.get("max_error_rate", 0.2),
    }


@app.lambda_function()
def workflow_classify(event: Any, context: Any) -> Any:
    begin("classify", event, context)
    return {"chunk": event["chunk"], "records": 25, "failed": 0}


@app.lambda_function()
def workflow_record_loss(event: Any, context: Any) -> Any:
    begin("record_loss", event, context)
    return {"chunk": event["chunk"], "records": 25, "failed": 25}


@app.lambda_function()
def workflow_judge(event: Any, context: Any) -> Any:
    verdict = {"error_rate": 0.0, "better": False, "verdict": "They agree."}
    return verdict | begin("judge", event, context).get("judgement", {})


@app.lambda_function()
def workflow_promote(event: Any, context: Any) -> Any:
    begin("promote", event, context)
    return {"outcome": "promoted", "arms": {"b": 1.0}}


@app.lambda_function()
def workflow_report(event: Any, context: Any) -> Any:
    begin("report", event, context)
    return {"name": event["name"], "outcome": event["outcome"]}


@app.lambda_function()
def slow(event: Any, context: Any) -> Any:
    time.sleep(event["seconds"])
    return event
