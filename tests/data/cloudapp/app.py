"""A Chalice app that writes down what it is called with, for the tests of the local cloud.

Every call puts an object `FUNCTION/REQUEST_ID-TIME` into the models bucket. What a message or an
event asks for is in its text: "fail", "exit", or "hold KEY" until there is an object of that key.
"""

import json
import os
import time
from typing import Any

import boto3
from chalice.app import Chalice

app = Chalice(app_name="cloudapp", configure_logs=False)
IMAGES = os.environ.get("IMAGES_BUCKET", "images")
NOTES = os.environ.get("MODELS_BUCKET", "notes")
HOLD_SECONDS = 30


def note(name: str, event: Any, context: Any) -> None:
    written = {
        "event": event,
        "pid": os.getpid(),
        "parent": os.getppid(),
        "time": time.time(),
        "context": {
            "function_name": context.function_name,
            "function_version": context.function_version,
            "invoked_function_arn": context.invoked_function_arn,
            "memory_limit_in_mb": context.memory_limit_in_mb,
            "aws_request_id": context.aws_request_id,
            "log_group_name": context.log_group_name,
            "remaining": context.get_remaining_time_in_millis(),
        },
    }
    key = f"{name}/{context.aws_request_id}-{time.time_ns()}"
    boto3.client("s3").put_object(Bucket=NOTES, Key=key, Body=json.dumps(written))


def obey(text: str) -> None:
    print(json.dumps({"told": text}))
    if text == "fail":
        raise ValueError("told to fail")
    if text == "exit":
        os._exit(3)
    if text.startswith("hold "):
        hold(text.removeprefix("hold "))


def hold(key: str) -> None:
    s3 = boto3.client("s3")
    deadline = time.monotonic() + HOLD_SECONDS
    while time.monotonic() < deadline:
        if s3.list_objects_v2(Bucket=NOTES, Prefix=key)["KeyCount"]:
            return
        time.sleep(0.05)
    raise TimeoutError(key)


@app.route("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.on_s3_event(bucket=IMAGES, prefix="in/")
def uploaded(event: Any) -> None:
    note("uploaded", event.to_dict(), event.context)
    if "poison" in event.key:
        raise ValueError("told to fail")


@app.on_sqs_message(queue=os.environ.get("WORK_QUEUE", "work"), batch_size=1)
def work(event: Any) -> None:
    note("work", event.to_dict(), event.context)
    for record in event:
        obey(record.body)


@app.schedule("rate(1 hour)")
def tidy(event: Any) -> None:
    note("tidy", event.to_dict(), event.context)


@app.lambda_function()
def echo(event: Any, context: Any) -> Any:
    note("echo", event, context)
    if isinstance(event, dict):
        obey(event.get("do", ""))
    return {"got": event, "pid": os.getpid(), "stage": os.environ["CLOUDAPP"]}


@app.lambda_function()
def slow(event: Any, context: Any) -> None:
    note("slow", event, context)
    hold("never")


@app.lambda_function()
def big(event: Any, context: Any) -> str:
    return os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
