"""A taught model: deployed with all, and answering from what was sent."""

import base64
import json
from typing import Any

import pytest
from click.testing import CliRunner

from localcloud import sampleevents as events
from localcloud.disk import ARCHITECTURE, Image, Runtime, unpack
from localcloud.environment import REGION
from localcloud.unzipped import started
from tests.functional.deployer import NEEDS_PYTHON, Tool
from tests.functional.test_lambda import answer, queued
from tests.functional.test_teach import drawn
from tools.bundling.build import bundle, lambda_runtime
from tools.doodle.drawings import TRAIN_SEEDS
from tools.model import cli

NAME = "serverless-inception-dev"
KINDS = ("banana", "clock", "fish")

pytestmark = NEEDS_PYTHON


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A drawing of each kind that is not learned from."""
    folder = drawn(tmp_path_factory.mktemp("others"), TRAIN_SEEDS[5000:], KINDS, 1)
    return {kind: next((folder / kind).iterdir()).read_bytes() for kind in KINDS}


@pytest.fixture(scope="module")
def deployed(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """A stage that serves a package as it is taught by a user."""
    folder = tmp_path_factory.mktemp("taught")
    photos = drawn(folder / "photos", kinds=KINDS, count=6)
    tool.env["MODEL_DIR"] = str(folder / "models")
    command = ["teach", "toys", str(photos), "--base", "doodle"]
    result = CliRunner().invoke(cli, command, env={"MODEL_DIR": tool.env["MODEL_DIR"]})
    assert result.exit_code == 0, result.output
    said = tool("--model", "toys", "--yes", "--no-check")
    assert said.status == 0, said.text
    return tool


@pytest.fixture(scope="module")
def image(deployed: Tool, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The function and the model's layer as they were sent, with the whole layer of libraries."""
    folder = tmp_path_factory.mktemp("disk")
    files = []
    for name in (NAME, f"{NAME}-model"):
        files.append(folder / f"{name}.zip")
        files[-1].write_bytes(deployed.gate.zips[name])
    function, model = files
    layers = [bundle(ARCHITECTURE)["layer"], model]
    return unpack(folder / "unpacked", function, layers, Runtime(*lambda_runtime()))


@pytest.fixture(scope="module")
def settings(deployed: Tool, image: Image) -> dict[str, str]:
    """The variables of the deployed function, and where its AWS and its layer are."""
    configured = deployed.client("lambda").get_function_configuration(FunctionName=NAME)
    variables: dict[str, str] = configured["Environment"]["Variables"]
    here = {
        "MODEL_DIR": str(image.opt / "models"),
        "AWS_ENDPOINT_URL": deployed.gate.url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }
    return variables | here


def test_its_layer_has_it_and_its_base_and_not_what_it_was_taught_with(image: Image) -> None:
    models = image.opt / "models"
    assert sorted(folder.name for folder in models.iterdir()) == ["doodle", "toys"]
    assert (models / "doodle" / "model.tflite").is_file()
    assert (models / "toys" / "head.npz").is_file()
    assert not (models / "toys" / "model.tflite").exists()
    assert not (models / "toys" / "taught.npz").exists()


def test_its_labels_answer(
    image: Image, settings: dict[str, str], others: dict[str, bytes]
) -> None:
    with started(image, "app.app", settings) as function:
        for kind, data in others.items():
            event = events.rest("POST", "/predict", data, {"Content-Type": "image/png"})
            said = answer(function.invoke(event))
            assert said["model"] == {"name": "toys", "version": "1"}
            labels = [label["name"] for label in said["predictions"][0]["labels"]]
            assert labels[0] == kind
            assert set(labels) <= set(KINDS)


@pytest.fixture
def by_hand(deployed: Tool) -> None:
    """Nothing but the test calls functions: moto would take messages, and cannot call for rules."""
    functions, rules = deployed.client("lambda"), deployed.client("events")
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    for rule in rules.list_rules()["Rules"]:
        targets = rules.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        rules.remove_targets(Rule=rule["Name"], Ids=[target["Id"] for target in targets])


@pytest.mark.usefixtures("by_hand")
def test_a_batch_is_labelled(
    deployed: Tool, image: Image, settings: dict[str, str], others: dict[str, bytes]
) -> None:
    instances = [
        {"id": kind, "b64": base64.b64encode(data).decode()} for kind, data in others.items()
    ]
    body = json.dumps({"instances": instances})
    aws: dict[str, Any] = {
        "endpoint_url": deployed.gate.url, "region_name": REGION,
        "aws_access_key_id": "test", "aws_secret_access_key": "test",
    }  # fmt: skip
    with (
        started(image, "app.app", settings) as api,
        started(image, "app.on_work", settings) as worker,
    ):
        made = answer(api.invoke(events.rest("POST", "/batches", body)), 202)["batch_id"]
        rounds = 0
        while messages := [*queued(aws, settings["WORK_QUEUE"])]:
            rounds += 1
            assert rounds < 10
            assert not any(worker.invoke(message).failed for message in messages)
        event = events.rest("GET", "/batches/{batch_id}", parameters={"batch_id": made})
        view = answer(api.invoke(event))
    assert view["status"] == "finished"
    assert view["labels"] == dict.fromkeys(KINDS, 1)
