"""Run the three ways to classify for real, and count what is billed."""

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from itertools import cycle, islice
from typing import Any

import click
from PIL import Image

from benchmarks.costing.metering import BUCKETS, Billed, Cloud, body_of, invoked, messages
from benchmarks.costing.pricing import Duration, Way, gb_seconds
from benchmarks.subject import photograph
from chalicelib.bulk.chunks import LARGE_CHUNK, SMALL_CHUNK, SMALL_RUN
from chalicelib.settings import MEMORY_PER_CPU_MB
from localcloud import sampleevents as events
from localcloud.environment import ACCOUNT
from localcloud.events import sqs_event, url_event

PREFIX = "batches/cost/"
QUEUE_ARN = f"arn:aws:sqs:{events.REGION}:{ACCOUNT}:cost-work"

POLLED = 2
"""Requests to SQS for one message, to receive and to delete it: `on_work` takes one at a time."""

BATCH_IMAGES = 2 * SMALL_RUN
"""Images of the batch that is fanned out; so many that work done once counts little. Its
last chunks run; they are large, like most chunks of a million images."""

FINISH_READS = 1
"""Reads of a chunk at the batch's end, for its records."""

TRANSITIONS = 6
"""Transitions of a chunk without a challenger: its start, four states (the chunk, the champion,
whether to compare, no challenger), and its end."""

RUN_TRANSITIONS = 10
"""Transitions of a run, besides its chunks."""

BilledWays = dict[str, dict[int, Billed]]
"""What was billed, by way and vCPUs."""


def measured(
    cloud: Cloud, vcpus: Sequence[int], runs: int, chunks: int, with_second: bool = False
) -> tuple[dict[str, Way], dict[str, Way]]:
    """Measures the ways, and if `with_second` the API and the batch with ONNX Runtime too.

    chunks: how many of a batch count; one of a workflow counts.
    """
    images = _images(chunks)
    steps = [f"{kind}, {count} vCPU" for count in vcpus for kind in ("API", "batch", "workflow")]
    billed: BilledWays = {"API": {}, "function URL": {}, "batch": {}, "workflow": {}}
    second: BilledWays = {"API": {}, "function URL": {}, "batch": {}}
    small, heavy = [predict(photograph())] * (runs + 1), [predict(twelve_megapixels())]
    url = [predict_by_url(photograph())] * (runs + 1)
    with click.progressbar(length=len(steps) + 2, label="functions", file=sys.stderr) as bar:
        upload(cloud, images)
        bar.update(1)
        fan_out = start_batch(cloud, images)
        prepare = start_workflow(cloud, images, "run-1")
        bar.update(1)
        for count in vcpus:
            billed["API"][count] = invoked(cloud, "app", small, count, heavy)
            billed["function URL"][count] = invoked(cloud, "app", url, count, heavy)
            bar.update(1)
            batch = fan_out if count == vcpus[0] else start_batch(cloud, images)
            billed["batch"][count] = invoked(cloud, "on_work", _last(batch, chunks + 1), count)
            if with_second:
                started = _with_onnxruntime(cloud, count, (small, url, heavy), chunks, second)
            bar.update(1)
            if count != vcpus[0]:
                start_workflow(cloud, images, f"run-{count}")
            todo = [classify(f"run-{count}", number) for number in (1, 2)]
            billed["workflow"][count] = invoked(cloud, "workflow_classify", todo, count)
            bar.update(1)
        rest = end_workflow(cloud, f"run-{vcpus[0]}")
    ways = {
        **api_ways(billed),
        "batch": batch_way(billed["batch"], fan_out),
        **workflow_ways(billed["workflow"], [prepare, *rest]),
    }
    if not with_second:
        return ways, {}
    return ways, {**api_ways(second), "batch": batch_way(second["batch"], started)}


def _with_onnxruntime(
    cloud: Cloud, count: int, requests: tuple[list[Any], ...], chunks: int, billed: BilledWays
) -> Billed:
    """Measures the API and a batch, adds them to `billed`, and returns the batch's fan-out.

    requests: of API Gateway, of the function's URL, and for the memory.
    """
    second = replace(cloud, environment={**cloud.environment, "ENGINE": "onnxruntime"})
    small, url, heavy = requests
    billed["API"][count] = invoked(second, "app", small, count, heavy)
    billed["function URL"][count] = invoked(second, "app", url, count, heavy)
    batch = start_batch(second, _images(chunks))
    billed["batch"][count] = invoked(second, "on_work", _last(batch, chunks + 1), count)
    return batch


def predict(data: bytes) -> dict[str, Any]:
    """Returns API Gateway's event for an image that is the body."""
    kind = {"Content-Type": "application/octet-stream"}
    return events.rest("POST", "/predict", data, kind)


def predict_by_url(data: bytes) -> dict[str, Any]:
    """Returns the same event as the function's URL sends it."""
    return url_event("POST", "/predict", {"content-type": "application/octet-stream"}, data)


def twelve_megapixels() -> bytes:
    """Makes a JPEG as large as a phone's, for the memory it needs."""
    file = BytesIO()
    Image.open(BytesIO(photograph())).resize((4000, 3000)).save(file, "JPEG", quality=85)
    return file.getvalue()


def upload(cloud: Cloud, count: int) -> None:
    """Uploads so many different photographs."""
    s3 = cloud.client("s3")

    def put(number: int) -> None:
        s3.put_object(Bucket=BUCKETS["IMAGES_BUCKET"], Key=_key(number), Body=photograph(number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(count)))


def start_batch(cloud: Cloud, images: int) -> Billed:
    """Fans out a batch that repeats so many photographs; the answers are its messages."""
    numbers = islice(cycle(range(images)), BATCH_IMAGES)
    uri = _manifest(cloud, "batches/cost.txt", "\n".join(map(_uri, numbers)))
    request = events.rest(
        "POST", "/batches", json.dumps({"manifest": uri}), {"Content-Type": "application/json"}
    )
    created = invoked(cloud, "app", [request], 1)
    assert body_of(created.answers[0])["status"] == "queued"
    queued = [sqs_event([_message(body)], QUEUE_ARN) for body in messages(cloud)]
    billed = invoked(cloud, "on_work", queued, 1)
    for kind, count in created.counts.items():
        billed.counts[kind] = billed.requests(kind) + count
    billed.answers = list(messages(cloud))
    return billed


def start_workflow(cloud: Cloud, images: int, name: str) -> Billed:
    """Prepares a run with just enough images to be large; it repeats the photographs."""
    numbers = islice(cycle(range(images)), SMALL_RUN + 1)
    uri = _manifest(cloud, "batches/workflow.txt", "\n".join(map(_uri, numbers)))
    return invoked(cloud, "workflow_prepare", [{"name": name, "request": {"manifest": uri}}], 1)


def classify(name: str, chunk: int) -> dict[str, Any]:
    """Returns the event that the state machine sends to workflow_classify."""
    return {"name": name, "chunk": chunk, "arm": "champion"}


def end_workflow(cloud: Cloud, name: str) -> list[Billed]:
    """Judges and reports, after giving every later chunk the second chunk's records."""
    s3, bucket = cloud.client("s3"), BUCKETS["RESULTS_BUCKET"]
    folder = f"workflows/{name}/champion"
    second = s3.get_object(Bucket=bucket, Key=f"{folder}/000002.jsonl")["Body"].read()
    for number in range(3, _large_chunks() + 1):
        lines = second if number < _large_chunks() else second.splitlines(keepends=True)[0]
        s3.put_object(Bucket=bucket, Key=f"{folder}/{number:06d}.jsonl", Body=lines)
    judged = invoked(cloud, "workflow_judge", [{"name": name}], 1)
    reported = invoked(cloud, "workflow_report", [{"name": name, "outcome": "kept"}], 1)
    return [judged, reported]


def api_ways(billed: BilledWays) -> dict[str, Way]:
    """Returns the ways of one image a request: through API Gateway, and by the function's URL."""
    return {
        "API": Way("API", 1, api_requests=1, **_common(billed["API"])),
        "function URL": Way("function URL", 1, **_common(billed["function URL"])),
    }


def batch_way(billed: dict[int, Billed], fan_out: Billed) -> Way:
    """Returns the way of a chunk an invocation, with its share of the fan-out and the end."""
    smallest = billed[min(billed)]
    common = _common(billed)
    common["log_bytes"] /= LARGE_CHUNK
    of_chunk = {
        kind: smallest.requests(kind) + fan_out.requests(kind) / len(fan_out.answers)
        for kind in ("reads", "writes", "queue")
    }
    return Way(
        "batch",
        LARGE_CHUNK,
        **common,
        reads=(of_chunk["reads"] + FINISH_READS) / LARGE_CHUNK,
        writes=of_chunk["writes"] / LARGE_CHUNK,
        queue_requests=(of_chunk["queue"] + POLLED) / LARGE_CHUNK,
        other_gb_seconds=gb_seconds(MEMORY_PER_CPU_MB, fan_out.ms[0]) / BATCH_IMAGES,
    )


def workflow_ways(billed: dict[int, Billed], rest: list[Billed]) -> dict[str, Way]:
    """Returns the workflow without a challenger, in large and small chunks, each with its share."""
    smallest, total = billed[min(billed)], SMALL_RUN + 1
    other = sum(gb_seconds(MEMORY_PER_CPU_MB, task.ms[0]) for task in rest) / total
    shared = {
        kind: sum(task.requests(kind) for task in rest) / _large_chunks()
        for kind in ("reads", "writes")
    }
    common = _common(billed)
    logs = common.pop("log_bytes")
    ways = {}
    for name, size in [("workflow", LARGE_CHUNK), ("workflow, small runs", SMALL_CHUNK)]:
        share, whole = size / LARGE_CHUNK, common["work"]
        by_vcpus = {count: ms * share for count, ms in whole.wall_ms.items()}
        work = Duration(by_vcpus, whole.cpu_ms * share)
        reads = smallest.requests("reads") - LARGE_CHUNK + shared["reads"]
        ways[name] = Way(
            name,
            size,
            **{**common, "work": work},
            reads=1 + reads / size,
            writes=(smallest.requests("writes") + shared["writes"]) / size,
            transitions=TRANSITIONS / size + RUN_TRANSITIONS / total,
            log_bytes=logs / size,
            other_gb_seconds=other,
        )
    return ways


def _common(billed: dict[int, Billed]) -> dict[str, Any]:
    smallest = billed[min(billed)]
    return {
        "work": Duration({n: bill.warm_ms for n, bill in billed.items()}, smallest.cpu_ms),
        "cold": Duration({n: bill.cold_ms for n, bill in billed.items()}, smallest.init_cpu_ms),
        "peak_mb": {n: bill.peak_mb for n, bill in billed.items()},
        "log_bytes": smallest.log_bytes,
    }


def _last(fan_out: Billed, count: int) -> list[Any]:
    """Returns the events of a batch's last chunks."""
    bodies = sorted(fan_out.answers, key=lambda body: json.loads(body)["chunk"])
    return [sqs_event([_message(body)], QUEUE_ARN) for body in bodies[-count:]]


def _images(chunks: int) -> int:
    """Returns how many photographs the chunks of a batch, and two of a workflow, need."""
    return max(chunks + 1, 2) * LARGE_CHUNK


def _large_chunks() -> int:
    return -(-(SMALL_RUN + 1) // LARGE_CHUNK)


def _key(number: int) -> str:
    return f"{PREFIX}{number:04d}.jpg"


def _uri(number: int) -> str:
    return f"s3://{BUCKETS['IMAGES_BUCKET']}/{_key(number)}"


def _manifest(cloud: Cloud, key: str, lines: str) -> str:
    bucket = BUCKETS["IMAGES_BUCKET"]
    cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=lines.encode())
    return f"s3://{bucket}/{key}"


def _message(body: str) -> dict[str, Any]:
    return {"MessageId": "1", "ReceiptHandle": "1", "Body": body, "MD5OfBody": "", "Attributes": {}}
