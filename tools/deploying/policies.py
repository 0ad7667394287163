"""The policies of the functions, with the stage's names in them."""

import json
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.deploying.step import DeployError
from tools.deploying.target import Target

EVERY_BUCKET = "ImageBuckets"
"""A resource with this placeholder is repeated for each bucket that an `s3_uri` may name."""

TRACE = {
    "Sid": "Trace",
    "Effect": "Allow",
    "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
    "Resource": "*",
}
"""What Lambda does in the name of a function that is traced."""
LABELS_ONLY = "WriteLabels"
"""The statement that a function needs only where items of a table get their labels."""


def rendered(
    template: Path, target: Target, environment: Mapping[str, str], traced: bool = False
) -> dict[str, Any]:
    """The policy, each `${…}` filled in.

    environment: of the stage, by variable. traced: whether X-Ray gets the functions' traces.
    Raises DeployError if it is no JSON or has an unknown placeholder.
    """
    names = placeholders(target, environment)
    buckets = environment.get("IMAGE_BUCKETS", "").split()
    every = list(dict.fromkeys([names["ImagesBucket"], *buckets]))
    try:
        policy: dict[str, Any] = _filled(json.loads(template.read_text()), names, every)
    except (KeyError, OSError, ValueError) as error:
        raise DeployError(
            f"The policy {template.name} cannot be filled in ({error}). It must be JSON, in which "
            f"${{…}} may hold {EVERY_BUCKET}, {', '.join(names)}."
        ) from error
    statements = policy["Statement"]
    if not environment.get("DYNAMODB_LABELS"):
        statements = [entry for entry in statements if entry["Sid"] != LABELS_ONLY]
    return {**policy, "Statement": [*statements, *([TRACE] if traced else [])]}


def placeholders(target: Target, environment: Mapping[str, str]) -> dict[str, str]:
    """What `${…}` stands for."""
    return {
        "Partition": target.partition,
        "Region": target.region,
        "Account": target.account,
        "Stage": target.stage,
        "ImagesBucket": environment.get("IMAGES_BUCKET", ""),
        "ResultsBucket": environment.get("RESULTS_BUCKET", ""),
        "ModelsBucket": environment.get("MODELS_BUCKET", ""),
        "WorkQueue": environment.get("WORK_QUEUE", ""),
        # a name, though there may be no such queue: an ARN without one is no ARN
        "ResultsQueue": environment.get("RESULTS_QUEUE") or f"{target.name}-results",
        "Workflow": environment.get("WORKFLOW", ""),
        "KinesisStream": environment.get("KINESIS_STREAM", ""),
        "TableStream": environment.get("DYNAMODB_STREAM", ""),
        "Table": environment.get("DYNAMODB_STREAM", "").partition("/stream/")[0],
    }


def _filled(value: Any, names: Mapping[str, str], buckets: list[str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, names, buckets) for key, item in value.items()}
    if isinstance(value, list):
        return [text for item in value for text in _texts(item, names, buckets)]
    texts = list(_texts(value, names, buckets))
    return texts[0] if len(texts) == 1 else texts


def _texts(value: Any, names: Mapping[str, str], buckets: list[str]) -> Iterator[Any]:
    if not isinstance(value, str):
        yield _filled(value, names, buckets) if isinstance(value, (dict, list)) else value
        return
    template = string.Template(value)
    for bucket in buckets if EVERY_BUCKET in template.get_identifiers() else [""]:
        yield template.substitute(names, **{EVERY_BUCKET: bucket})
