"""Callers of an experiment whose bucket hangs, or whose arms cannot answer."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.answers.predictions import Answer
from chalicelib.aws.documents import Documents
from chalicelib.classification import Classification
from chalicelib.errors import ModelNotFound
from chalicelib.experiment.arms import Arms
from chalicelib.experiment.experiment import Experiment
from chalicelib.experiment.ids import KEY
from chalicelib.experiment.weights import FILE
from chalicelib.predict import Predictor
from chalicelib.requests import PredictRequest
from chalicelib.sources.read import Sources
from tests.fakes import ColourClassifier, MemoryStore, OneClassifier
from tests.torture.conftest import Outcome
from tests.torture.faults import PICTURES

CALLERS = 200
ARMS = Arms({"colour": 0.5, "gone": 0.5})


class Hanging(MemoryStore):
    """Does not answer about some keys, neither yes nor no, until it is released."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__()
        self.keys, self.released = keys, threading.Event()
        self.read_at_once: Counter[str] = Counter()

    def read(self, bucket: str, key: str, max_bytes: int) -> bytes:
        if key in self.keys:
            self.read_at_once[key] += 1
            assert self.released.wait(60)
        return super().read(bucket, key, max_bytes)


@pytest.fixture(params=[(FILE,), (KEY,), (FILE, KEY)])
def hanging(request: pytest.FixtureRequest) -> Iterator[Hanging]:
    store = Hanging(request.param)
    yield store
    store.released.set()


def predictor(store: MemoryStore) -> Predictor:
    models = OneClassifier(ColourClassifier())
    sources = Sources(str.encode, store.read, frozenset())
    documents = Documents(store, "results")
    trial = Experiment(documents, ARMS, "colour", models.get, patience=0.05)
    return Predictor(Classification(sources, models), trial)  # type: ignore[arg-type]


def asked(service: Predictor) -> list[Answer]:
    """The answers of all callers, sixteen at a time."""
    with ThreadPoolExecutor(16) as pool:
        ids = (f"client-{number}" for number in range(CALLERS))
        return list(pool.map(lambda id: service.predict(PredictRequest(), PICTURES[0], id), ids))


def test_a_bucket_that_hangs_under_an_experiment(hanging: Hanging, outcome: Outcome) -> None:
    answers = asked(predictor(hanging))
    assert not hanging.released.is_set() and len(answers) == CALLERS
    assert all(answer.predictions[0].labels for answer in answers)
    assert all(times == 1 for times in hanging.read_at_once.values())
    outcome(
        f"experiment: S3 hangs at {' and '.join(hanging.keys)}",
        "Every caller is answered by the last known weights, without an id to vote with where "
        "the key is missing; S3 is asked once",
        f"{CALLERS} callers, 16 at once, all answered while it hung",
    )


def test_an_arm_whose_model_is_gone(outcome: Outcome) -> None:
    service = predictor(MemoryStore())
    answers = asked(service)
    lost = [answer for answer in answers if answer.lost_arm]
    assert {answer.model.name for answer in answers} == {"colour"}
    assert 0.3 < len(lost) / CALLERS < 0.7
    assert all((answer.lost_arm, answer.arm) == ("gone", None) for answer in lost)
    with pytest.raises(ModelNotFound):
        service.predict(PredictRequest(model="gone"), PICTURES[0])
    outcome(
        "experiment: the model of an arm is gone",
        "The service's own model answers and is named; the answer names the arm that was lost, and "
        "an alarm counts it; a caller who names that model gets 404",
        f"{CALLERS} callers, {len(lost)} of that arm, 0 errors",
    )
