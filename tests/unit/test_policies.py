"""What each function may do: no more than was thought about."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app import app
from chalicelib.subscriptions import HANDLERS
from tests.conftest import ROOT
from tools.deploying.policies import EVERY_BUCKET, placeholders, rendered
from tools.deploying.target import Target

CHALICE = ROOT / ".chalice"
CONFIG = json.loads((CHALICE / "config.json").read_text())
FUNCTIONS: dict[str, Any] = CONFIG["lambda_functions"]
TARGET = Target("astageof16chars1", "123456789012", "ap-southeast-2")
ENVIRONMENT = {
    "IMAGES_BUCKET": "serverless-inception-astageof16chars1-images-123456789012",
    "RESULTS_BUCKET": "serverless-inception-astageof16chars1-results-123456789012",
    "MODELS_BUCKET": "serverless-inception-astageof16chars1-models-123456789012",
    "WORK_QUEUE": "serverless-inception-astageof16chars1-work",
    "WORKFLOW": "arn:aws:states:ap-southeast-2:123456789012:stateMachine:"
    "serverless-inception-astageof16chars1-workflow",
    "DYNAMODB_STREAM": "arn:aws:dynamodb:ap-southeast-2:123456789012:table/photos/stream/2026",
    "DYNAMODB_LABELS": "true",
    "KINESIS_STREAM": "arn:aws:kinesis:ap-southeast-2:123456789012:stream/photos",
    "IMAGE_BUCKETS": "first-of-others second-of-others",
}
ARN = r"arn:aws:[a-z0-9]+:[^:]*:\d*:[^{}\s]+"
POLICY_LIMIT = 10_240
"""Characters of a role's policies, blanks left out
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""

BATCH = "a batch's id is made when it begins"
ROUND = f"{BATCH}, and it may be retried any number of times"
CHUNK = f"{ROUND}; its chunks are numbered"
RUN = "a workflow run is named when it is started"
RUN_CHUNK = f"{RUN}; its chunks are numbered"
PACKAGE = "models are added to the bucket by name, without a deployment"
INDEX = "an index of batches, whose ids are made when they begin"
EVENT = "an answer is named after its event, by whatever service sent that"
MANIFEST = "a manifest may be in any folder; one that is missing is told from one that is refused"
WILDCARDS = {
    "OWN LOG GROUP:*": "Lambda names the streams of a function's log group",
    "arn:${Partition}:states:${Region}:${Account}:execution:"
    "serverless-inception-${Stage}-workflow:*": RUN,
    "${ImageBuckets}/*": "any object there may be an image, by any name",
    "${ImagesBucket}/*": "any object there may be a manifest, by any name",
    "${ImagesBucket}/batches/*": "callers name sets of uploads and files in them",
    "${ImagesBucket}/uploads/*": "callers name files, and each form has a random folder",
    "${ModelsBucket}/*/head.npz": PACKAGE,
    "${ModelsBucket}/*/labels.txt": PACKAGE,
    "${ModelsBucket}/*/model.json": PACKAGE,
    "${ModelsBucket}/*/model.ort": PACKAGE,
    "${ModelsBucket}/*/model.tflite": PACKAGE,
    "${ModelsBucket}/*/samples/*": f"{PACKAGE}, with pictures of any name",
    "${ResultsBucket}/active/*": INDEX,
    "${ResultsBucket}/recent/*": INDEX,
    "${ResultsBucket}/batches/*/batch.json": BATCH,
    "${ResultsBucket}/batches/*/cancelled": BATCH,
    "${ResultsBucket}/batches/*/manifest.*": f"{BATCH}; a manifest is .txt, .csv or .jsonl",
    "${ResultsBucket}/batches/*/results.jsonl": BATCH,
    "${ResultsBucket}/batches/*/summary.json": BATCH,
    "${ResultsBucket}/batches/*/stopped.json": BATCH,
    "${ResultsBucket}/batches/*/stopped.*.jsonl": BATCH,
    "${ResultsBucket}/batches/*/stopped.*jsonl": f"{BATCH}; version 0.1 wrote stopped.jsonl",
    "${ResultsBucket}/batches/*/rounds/*/problem.json": ROUND,
    "${ResultsBucket}/batches/*/rounds/*/alone/*": CHUNK,
    "${ResultsBucket}/batches/*/rounds/*/begun/*": CHUNK,
    "${ResultsBucket}/batches/*/rounds/*/fanout.json": ROUND,
    "${ResultsBucket}/batches/*/rounds/*/fanout.*": f"{ROUND}; a prefix is listed before",
    "${ResultsBucket}/batches/*/rounds/*/chunks/*": CHUNK,
    "${ResultsBucket}/batches/*/rounds/*/parts/*": CHUNK,
    "${ResultsBucket}/batches/*/rounds/*/partial/*": CHUNK,
    "${ResultsBucket}/batches/*/rounds/*/repairs/*": CHUNK,
    "${ResultsBucket}/batches/*/rounds/*/tally/*": CHUNK,
    "${ResultsBucket}/feedback/counted/*": "a vote is named after its day, arm and answer",
    "${ResultsBucket}/feedback/forced/*": "a vote is named after its day, arm and answer",
    "${ResultsBucket}/events/*.json": EVENT,
    "${ResultsBucket}/uploads/*.json": "a result is named after the upload",
    "${ResultsBucket}/outcomes/*": f"{RUN}; the index of what came of them",
    "${ResultsBucket}/reports/*.json": RUN,
    "${ResultsBucket}/reports/*.md": RUN,
    "${ResultsBucket}/reports/*.svg": RUN,
    "${ResultsBucket}/workflows/inputs/*.jsonl": "instances are kept by the digest of them",
    "${ResultsBucket}/workflows/*/workflow.json": RUN,
    "${ResultsBucket}/workflows/*/items.json": RUN,
    "${ResultsBucket}/workflows/*/judgement.json": RUN,
    "${ResultsBucket}/workflows/*/results.jsonl": RUN,
    "${ResultsBucket}/workflows/*/manifest.*": f"{RUN}; a manifest is .txt, .csv or .jsonl",
    "${ResultsBucket}/workflows/*/chunks/*": RUN_CHUNK,
    "${ResultsBucket}/workflows/*/champion/*": RUN_CHUNK,
    "${ResultsBucket}/workflows/*/challenger/*": RUN_CHUNK,
    "${ResultsBucket}/workflows/*/partial/*": RUN_CHUNK,
    "list */": "a batch may be of any folder of the images bucket, a model in any of its own",
    "list *.csv": MANIFEST,
    "list *.jsonl": MANIFEST,
    "list *.manifest": MANIFEST,
    "list *.txt": MANIFEST,
    "list */labels.txt": f"{PACKAGE}; labels that are gone are told from labels that are refused",
    "list */model.json": f"{PACKAGE}; one that is gone is told from one that is refused",
    "list */samples/*": f"{PACKAGE}; one that is gone is told from one that is refused",
    "list batches/*": f"{CHUNK}; what may not be read is told from what is not there by its key",
    "list feedback/counted/*": "votes are counted by day",
    "list reports/*.json": RUN,
    "list workflows/*/workflow.json": RUN,
    "list workflows/*/manifest.json": RUN,
    "list workflows/*/champion/": RUN,
    "list workflows/*/challenger/": RUN,
}
"""Every wildcard there is, and why it cannot be narrower. A resource of S3 goes by what follows its
`arn:${Partition}:s3:::`, a prefix that may be listed by `list PREFIX`."""


def template(handler: str) -> Path:
    return ROOT / "policies" / f"{handler}.json"


def statements(handler: str) -> list[dict[str, Any]]:
    """Of the template, as it was written."""
    statements: list[dict[str, Any]] = json.loads(template(handler).read_text())["Statement"]
    return statements


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def log_group(handler: str) -> str:
    suffix = "" if handler == "api_handler" else f"-{handler}"
    group = f"/aws/lambda/serverless-inception-${{Stage}}{suffix}"
    return f"arn:${{Partition}}:logs:${{Region}}:${{Account}}:log-group:{group}:*"


def scopes(handler: str) -> list[str]:
    """Resources and prefixes of all statements, as the table names them."""
    allowed = []
    for statement in statements(handler):
        prefixes = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix", [])
        allowed += [f"list {prefix}" for prefix in many(prefixes)]
        allowed += [
            "OWN LOG GROUP:*"
            if resource == log_group(handler)
            else str(resource).removeprefix("arn:${Partition}:s3:::")
            for resource in many(statement["Resource"])
        ]
    return allowed


def app_functions() -> set[str]:
    named: list[Any] = [*app.pure_lambda_functions, *app.event_sources]
    named += app.builtin_auth_handlers
    return {"api_handler"} | {function.name for function in named}


def test_every_function_has_a_policy_of_its_own() -> None:
    assert set(FUNCTIONS) == app_functions() | {*HANDLERS.values()}
    files = [template(handler) for handler in FUNCTIONS]
    assert sorted(files) == sorted((ROOT / "policies").iterdir())
    assert CONFIG["autogen_policy"] is False
    assert "iam_policy_file" not in json.dumps(CONFIG)  # a stage's are recorded when it is made


@pytest.mark.parametrize("handler", FUNCTIONS)
def test_every_wildcard_is_justified(handler: str) -> None:
    wild = [scope for scope in scopes(handler) if "*" in scope or "?" in scope]
    assert [scope for scope in wild if scope not in WILDCARDS] == []


def test_every_justification_is_of_a_wildcard() -> None:
    written = {scope for handler in FUNCTIONS for scope in scopes(handler)}
    assert set(WILDCARDS) - written == set()
    assert all(WILDCARDS.values())


@pytest.mark.parametrize("handler", FUNCTIONS)
def test_statements_allow_named_actions_and_nothing_else(handler: str) -> None:
    allowed = statements(handler)
    for statement in allowed:
        assert {"Sid", "Effect", "Action", "Resource"} <= set(statement)
        assert set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        assert statement["Effect"] == "Allow"
        assert all(
            re.fullmatch(r"[a-z0-9]+:[A-Za-z]+", action) for action in many(statement["Action"])
        )
        limited = {"s3:ListBucket", "events:PutEvents"} & {*many(statement["Action"])}
        assert bool(limited) == ("Condition" in statement)
    assert len({statement["Sid"] for statement in allowed}) == len(allowed)


@pytest.mark.parametrize("handler", FUNCTIONS)
def test_a_function_writes_its_own_log_and_no_traces_unless_asked(handler: str) -> None:
    log = statements(handler)[-1]
    assert log["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert log["Resource"] == log_group(handler)
    quiet, traced = (
        rendered(template(handler), TARGET, ENVIRONMENT, asked) for asked in (False, True)
    )
    assert "xray" not in json.dumps(quiet)
    *same, trace = traced["Statement"]
    assert same == quiet["Statement"]
    assert trace["Action"] == ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
    # X-Ray has no resources (service authorization reference, AWS X-Ray)
    assert [
        statement["Sid"] for statement in traced["Statement"] if statement["Resource"] == "*"
    ] == ["Trace"]


@pytest.mark.parametrize("handler", FUNCTIONS)
def test_placeholders_are_known(handler: str) -> None:
    named = set(re.findall(r"\$\{?(\w*)\}?", template(handler).read_text()))
    assert named <= {*placeholders(TARGET, ENVIRONMENT), EVERY_BUCKET}


@pytest.mark.parametrize("handler", FUNCTIONS)
def test_what_is_rendered_is_a_policy_that_fits(handler: str) -> None:
    policy = rendered(template(handler), TARGET, ENVIRONMENT)
    assert policy["Version"] == "2012-10-17"
    text = json.dumps(policy, separators=(",", ":"))
    assert "$" not in text and len(text) <= POLICY_LIMIT
    for statement in policy["Statement"]:
        for resource in many(statement["Resource"]):
            assert resource == "*" or re.fullmatch(ARN, resource)


def test_images_may_be_read_from_further_buckets() -> None:
    for handler in ("api_handler", "on_work", "workflow_classify"):
        policy = rendered(template(handler), TARGET, ENVIRONMENT)
        (read,) = [
            statement for statement in policy["Statement"] if statement["Sid"] == "ReadImages"
        ]
        buckets = [ENVIRONMENT["IMAGES_BUCKET"], *ENVIRONMENT["IMAGE_BUCKETS"].split()]
        assert read["Resource"] == [f"arn:aws:s3:::{bucket}/*" for bucket in buckets]


def test_timeouts_end_before_what_waits_for_them() -> None:
    assert FUNCTIONS["api_handler"]["lambda_timeout"] <= 29  # API Gateway's own
    assert FUNCTIONS["on_tick"]["lambda_timeout"] <= 300  # its period, so that none runs twice
    for state in _tasks(json.loads((ROOT / "workflow.asl.json").read_text())):
        handler = state["Parameters"]["FunctionName"].rpartition("-")[2]
        assert FUNCTIONS[handler]["lambda_timeout"] < state["TimeoutSeconds"]


def _tasks(machine: Any) -> list[dict[str, Any]]:
    if isinstance(machine, list):
        return [task for branch in machine for task in _tasks(branch)]
    if not isinstance(machine, dict):
        return []
    return ([machine] if machine.get("Type") == "Task" else []) + _tasks(list(machine.values()))


def test_no_concurrency_is_reserved() -> None:
    """A new account has 10 at once and may reserve none of them: the deployment would fail.

    The queue mapping's maximum bounds the workers, the stage's throttle the API, Maps the tasks
    (https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html).
    """
    assert "reserved_concurrency" not in (CHALICE / "config.json").read_text()
