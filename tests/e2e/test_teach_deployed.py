"""What the page taught, deployed, and answering from the zips that were sent."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from localcloud import sampleevents as events
from localcloud.disk import ARCHITECTURE, Image, Runtime, can_be_in_place, unpack
from localcloud.environment import REGION
from localcloud.unzipped import Function, started
from tests.e2e.conftest import running
from tests.e2e.test_teach_page import SECONDS, teach
from tests.functional.deployer import NEEDS_PYTHON, Tool, copied
from tests.functional.test_lambda import answer, finished_batch
from tests.functional.test_teach import drawn
from tools.bundling.build import lambda_runtime
from tools.deploying.checks import python_version
from tools.doodle.drawings import TRAIN_SEEDS

NAME = "serverless-inception-dev"
KINDS = ("banana", "clock", "fish")

pytestmark = [NEEDS_PYTHON, pytest.mark.chromium]


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A drawing of each kind that is not learned from."""
    folder = drawn(tmp_path_factory.mktemp("others"), TRAIN_SEEDS[5000:], KINDS, 1)
    return {kind: next((folder / kind).iterdir()).read_bytes() for kind in KINDS}


@pytest.fixture(scope="module")
def taught(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package that a user's browser had made, on the page of `make run`."""
    folder = tmp_path_factory.mktemp("taught")
    photos = drawn(folder / "photos", kinds=KINDS, count=6)
    places = {"MODEL_DIR": str(folder / "models"), "TEACHINGS_DIR": str(folder / "teachings")}
    with running(folder / "log", "doodle", **places) as cloud, browser.new_page() as page:
        page.goto(f"{cloud.url}/#teach")
        teach(page, photos, "toys")
        expect(page.locator("#teach-head")).to_have_text("toys is taught.", timeout=SECONDS)
        expect(page.locator("#teach-deploy")).to_have_text("make deploy STAGE=dev MODEL=toys")
    return folder / "models" / "toys"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, which deploys all that it needs on a Lambda like this machine."""
    copy = copied(tmp_path_factory.mktemp("project"))
    config = copy / ".chalice" / "config.json"
    settings = json.loads(config.read_text()) | {"lambda_architecture": ARCHITECTURE}
    config.write_text(json.dumps(settings))
    return copy


@pytest.fixture(scope="module")
def deployed(taught: Path, tool: Tool) -> Tool:
    """A stage that serves the package, in the emulated account."""
    tool.env["MODEL_DIR"] = str(taught.parent)
    said = tool("--model", taught.name, "--yes", "--no-check")
    assert said.status == 0, said.text
    return tool


@pytest.fixture(scope="module")
def image(deployed: Tool, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The function and all its layers, as they were sent."""
    folder = tmp_path_factory.mktemp("disk")
    configured = deployed.client("lambda").get_function_configuration(FunctionName=NAME)
    layers = [layer["Arn"].split(":")[6] for layer in configured["Layers"]]
    files = [folder / f"{name}.zip" for name in (NAME, *layers)]
    for file in files:
        file.write_bytes(deployed.gate.zips[file.stem])
    runtime = Runtime(*lambda_runtime(python_version()))
    return unpack(folder / "unpacked", files[0], files[1:], runtime)


@pytest.fixture(scope="module")
def settings(deployed: Tool, image: Image) -> dict[str, str]:
    """The variables of the deployed function, and where its AWS and its layer are."""
    configured = deployed.client("lambda").get_function_configuration(FunctionName=NAME)
    variables: dict[str, str] = configured["Environment"]["Variables"]
    here = {
        "AWS_ENDPOINT_URL": deployed.gate.url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }
    if not can_be_in_place(image.runtime):
        here["MODEL_DIR"] = str(image.opt / "models")
    return variables | here


@contextmanager
def cold(image: Image, settings: dict[str, str], handler: str) -> Iterator[Function]:
    """The function, started with the folders that it has on Lambda, if this machine can."""
    with started(image, f"app.{handler}", settings, in_place="MODEL_DIR" not in settings) as begun:
        yield begun


def test_what_a_browser_taught_answers_from_the_deployed_zips(
    taught: Path, image: Image, settings: dict[str, str], others: dict[str, bytes]
) -> None:
    sent = image.opt / "models" / taught.name
    for file in ("head.npz", "labels.txt", "model.json"):
        assert (sent / file).read_bytes() == (taught / file).read_bytes()
    assert settings["MODEL"] == taught.name
    with cold(image, settings, "app") as function:
        for kind, data in others.items():
            event = events.rest("POST", "/predict", data, {"Content-Type": "image/png"})
            said = answer(function.invoke(event))
            assert said["model"] == {"name": taught.name, "version": "1"}
            labels = [label["name"] for label in said["predictions"][0]["labels"]]
            assert labels[0] == kind
            assert set(labels) <= set(KINDS)
        models = answer(function.invoke(events.rest("GET", "/models")))["models"]
        assert [model["name"] for model in models] == ["doodle", taught.name]


def test_its_layer_has_it_and_its_base_and_not_what_it_was_taught_with(image: Image) -> None:
    models = image.opt / "models"
    assert sorted(folder.name for folder in models.iterdir()) == ["doodle", "toys"]
    assert (models / "doodle" / "model.tflite").is_file()
    assert (models / "toys" / "head.npz").is_file()
    assert not (models / "toys" / "model.tflite").exists()
    assert not (models / "toys" / "taught.npz").exists()


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
    aws: dict[str, Any] = {
        "endpoint_url": deployed.gate.url, "region_name": REGION,
        "aws_access_key_id": "test", "aws_secret_access_key": "test",
    }  # fmt: skip
    with (
        cold(image, settings, "app") as api,
        cold(image, settings, "on_work") as worker,
    ):
        view = finished_batch(api, worker, aws, settings["WORK_QUEUE"], instances)
    assert view["labels"] == dict.fromkeys(KINDS, 1)
