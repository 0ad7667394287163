"""Entries made into records: what is tried again, what is remembered, and how long work begins."""

from collections.abc import Callable
from typing import Any

from chalicelib.bulk.deadline import in_time
from chalicelib.bulk.manifests import Entry
from chalicelib.bulk.recorder import Memo, Recorder
from chalicelib.classification import Classification
from chalicelib.errors import SourceUnreachable
from chalicelib.requests import Instance, Options
from chalicelib.sources.read import Sources
from tests.fakes import ColourClassifier, MemoryStore, OneClassifier
from tests.sampleimages import picture

ENTRY = Entry(0, "a", Instance(url="http://h/a"))


def recorder(fetch: Callable[[str], bytes], sleep: Callable[[float], None]) -> Recorder:
    classifiers: Any = OneClassifier(ColourClassifier())
    sources = Sources(fetch, MemoryStore().read, frozenset())
    return Recorder(Classification(sources, classifiers), sleep=sleep)


def test_what_may_pass_is_tried_again_after_waits_that_double() -> None:
    def fetch(url: str) -> bytes:
        raise SourceUnreachable("The host does not answer.")

    waits: list[float] = []
    record = recorder(fetch, waits.append).record(Options(), ENTRY, lambda: True)
    assert record and record.error and record.error.code == "SourceUnreachable"
    assert waits == [0.5, 1.0]


def test_an_outcome_is_remembered_for_its_own_options_alone() -> None:
    red = recorder(lambda url: picture("red"), lambda seconds: None)
    for options, labels in (
        (Options(), ["red"]),
        (Options(min_confidence=0), ["red", "green", "blue"]),
        (Options(min_confidence=0, max_labels=2), ["red", "green"]),
    ):
        record = red.record(options, ENTRY, lambda: True)
        assert record and [label.name for label in record.labels or []] == labels


def test_work_begins_until_the_margin_is_left_or_half_of_a_short_time() -> None:
    for whole, least in ((900.0, 20.0), (10.0, 5.0)):
        left = [whole]
        go_on = in_time(lambda left=left: left[0], 20.0)  # type: ignore[misc]
        left[0] = least
        assert go_on()
        left[0] = least - 0.1
        assert not go_on()


def test_what_was_asked_first_is_forgotten_first() -> None:
    memo, asked = Memo(size=2), list[str]()
    outcome: Any = object()

    def work(key: str) -> Any:
        asked.append(key)
        return outcome

    for key in "abcca":
        assert memo(key, lambda key=key: work(key)) is outcome  # type: ignore[misc]
    assert asked == ["a", "b", "c", "a"]
