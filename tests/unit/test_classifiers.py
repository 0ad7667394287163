"""Who waits for whom while models are loaded."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.errors import ModelInvalid, ModelNotFound
from chalicelib.inference.pool import LOADED_AT_ONCE, Classifiers
from tests.fakes import ColourClassifier


class Shelf:
    """Models that are there but for `none`; `slow` comes once it is `released`."""

    def __init__(self) -> None:
        self.released, self.asked = threading.Event(), threading.Semaphore(0)
        self.loaded: list[str] = []

    def find(self, name: str) -> Any:
        if name == "none":
            raise ModelNotFound("There is no model 'none'.")
        if name == "slow":
            self.asked.release()
            assert self.released.wait(60)
        info = SimpleNamespace(name=name)
        return SimpleNamespace(name=name, info=info, is_current=lambda: True)

    def load(self, package: Any, threads: int, copies: int) -> Any:
        self.loaded.append(package.name)
        classifier: Any = ColourClassifier(package.name)
        classifier.kernels, classifier.slow = "", False
        return classifier


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    shelf = Shelf()
    yield shelf
    shelf.released.set()


def classifiers(shelf: Shelf) -> Classifiers:
    return Classifiers(shelf, 1, "own", "", load=shelf.load)  # type: ignore[arg-type]


def test_a_model_that_is_far_away_holds_up_those_alone_who_want_it(shelf: Shelf) -> None:
    loaded = classifiers(shelf)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(loaded.get, "slow") for _ in range(2)]
        assert shelf.asked.acquire(timeout=60)
        assert loaded.get().info.name == "own" and loaded.get("other").info.name == "other"
        shelf.released.set()
        first, second = (future.result(timeout=60) for future in waiting)
    assert first is second and shelf.loaded.count("slow") == 1


def test_the_models_used_last_stay(shelf: Shelf) -> None:
    pool = classifiers(shelf)
    first = pool.get()
    for name in ("a", "b", "c"):
        pool.get(name)
        assert pool.get() is first
    assert pool.get("c") is pool.get("c") and LOADED_AT_ONCE == 2
    pool.get("b")
    assert shelf.loaded == ["own", "a", "b", "c", "b"]


def test_a_model_that_is_missing_is_looked_for_again(shelf: Shelf) -> None:
    pool = classifiers(shelf)
    for _ in range(2):
        with pytest.raises(ModelNotFound):
            pool.get("none")


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (KeyError("quantization"), ModelInvalid),
        (ImportError("undefined symbol"), ModelInvalid),
        (ModelInvalid("It is no classifier."), ModelInvalid),
        (OSError("the disk is full"), OSError),  # which may pass
        (MemoryError(), MemoryError),
    ],
)
def test_whatever_an_engine_says_of_a_network_will_not_pass(
    shelf: Shelf, raised: Exception, told: type[Exception]
) -> None:
    def load(*_: Any) -> Any:
        raise raised

    pool = Classifiers(shelf, 1, "own", "", load=load)  # type: ignore[arg-type]
    with pytest.raises(told) as error:
        pool.get("broken")
    if told is ModelInvalid:
        assert error.value is raised or "Model broken cannot be loaded" in str(error.value)
        assert isinstance(error.value, ModelInvalid) and not error.value.retryable
