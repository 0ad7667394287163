"""The service as a whole, put together on ports in memory."""

import doctest
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from chalicelib import wiring
from chalicelib.errors import ModelInvalid, ModelNotFound, NotConfigured
from chalicelib.inference.finder import Models
from chalicelib.inference.packages import ModelInfo
from chalicelib.requests import BatchRequest, Example, ExperimentRequest, Instance, StartRequest
from chalicelib.settings import Settings
from chalicelib.wiring import Services
from tests.fakes import ColourClassifier, MemoryExecutions, MemoryQueue, MemoryStore
from tests.sampleimages import picture
from tests.wired import ENVIRONMENT, MemoryModels, wired


def test_the_worked_example() -> None:
    colours = MemoryModels(ColourClassifier())
    names = {
        "settings": Settings.from_environment(ENVIRONMENT), "Services": Services, "models": colours,
        "MemoryStore": MemoryStore, "MemoryQueue": MemoryQueue, "picture": picture,
        "BatchRequest": BatchRequest, "Instance": Instance,
    }  # fmt: skip
    (example,) = doctest.DocTestFinder().find(Services, "Services", wiring, names)[:1]
    said: list[str] = []
    result = doctest.DocTestRunner().run(example, out=said.append)
    assert result.attempted >= 6 and not result.failed, "".join(said)


@pytest.mark.parametrize(
    ("part", "lacks", "told"),
    [
        ("batches", "WORK_QUEUE", "WORK_QUEUE"),
        ("events", "IMAGES_BUCKET", "IMAGES_BUCKET"),
        ("experiment", "ARMS", "ARMS"),
        ("workflows", "WORKFLOW", "ARN"),
        ("tasks", "RESULTS_BUCKET", "RESULTS_BUCKET"),
    ],
)
def test_a_part_that_is_not_set_up_says_what_to_set(part: str, lacks: str, told: str) -> None:
    services = wired(environment={lacks: ""}, store=MemoryStore())
    with pytest.raises(NotConfigured, match=rf"{told}.*make run"):
        getattr(services, part)


def test_the_schedule_leaves_out_what_is_not_set_up() -> None:
    wired(environment={"RESULTS_BUCKET": ""}, store=MemoryStore()).tick(lambda: 60.0)


class Shelf(MemoryStore):
    """A bucket of models without their networks: whoever wants one of those fails."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        for name in names:
            info = ModelInfo(name, "1", "0" * 64)
            self.objects["models", f"{name}/model.json"] = msgspec.json.encode(info)
            self.objects["models", f"{name}/labels.txt"] = b"red\ngreen\n"
        self.asked: Counter[str] = Counter()

    def read(self, bucket: str, key: str, max_bytes: int) -> bytes:
        if bucket == "models":
            self.asked[key] += 1
        return super().read(bucket, key, max_bytes)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf("mine", "other")


@pytest.fixture
def api(shelf: Shelf, tmp_path: Path) -> Services:
    """The service in front of the real `Models`, with none in its folders."""
    return wired(
        Models([tmp_path], "models", shelf),
        {"MODEL": "mine", "ARMS": "mine=1"},
        store=shelf,
        queue=MemoryQueue(),
        executions=MemoryExecutions(),
    )


INSTANCES = [Example(id="a", url="http://host/a.png")]


def test_a_batch_looks_for_its_model_alone(api: Services, shelf: Shelf) -> None:
    api.batches.create(BatchRequest(instances=[*INSTANCES], model="other"))
    assert shelf.asked == {"other/model.json": 1}


def test_an_experiment_looks_for_the_models_of_its_new_arms(api: Services, shelf: Shelf) -> None:
    api.experiment.change(ExperimentRequest({"mine": 0.5, "other": 0.5}))
    assert shelf.asked == {"mine/model.json": 1, "other/model.json": 1}


def test_a_workflow_reads_the_labels_of_its_models(api: Services, shelf: Shelf) -> None:
    api.workflows.start(StartRequest(instances=INSTANCES, challenger="other", name="run"))
    assert shelf.asked.keys() == {
        f"{name}/{file}" for name in ("mine", "other") for file in ("model.json", "labels.txt")
    }


def test_a_model_that_nobody_has_is_told_at_once(api: Services) -> None:
    with pytest.raises(ModelNotFound):
        api.batches.create(BatchRequest(instances=[*INSTANCES], model="none"))
    with pytest.raises(ModelNotFound):
        api.experiment.change(ExperimentRequest({"none": 1.0}))
    with pytest.raises(ModelNotFound):
        api.workflows.start(StartRequest(instances=INSTANCES, challenger="none", name="run"))


def test_a_fallback_is_the_champion_where_the_services_own_model_is_missing(
    shelf: Shelf, tmp_path: Path
) -> None:
    models = Models([tmp_path], "models", shelf)
    for fallback in ("other", ""):
        environment = {"MODEL": "none", "FALLBACK_MODEL": fallback}
        classifiers = wired(models, environment, store=shelf).classifiers
        if fallback:
            assert classifiers.default() == "other"
        else:
            with pytest.raises(ModelInvalid, match="make model"):
                classifiers.default()
