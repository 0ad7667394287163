"""The service as a whole, put together on ports in memory."""

import doctest

import pytest

from chalicelib import wiring
from chalicelib.errors import NotConfigured
from chalicelib.requests import BatchRequest, Instance
from chalicelib.settings import Settings
from chalicelib.wiring import Services
from tests.fakes import ColourClassifier, MemoryQueue, MemoryStore
from tests.unit.test_predict import picture
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
