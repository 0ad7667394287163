"""A thing that is waited for, for a limited time."""

import threading

import pytest

from chalicelib.patience import Patient


def test_whoever_asks_meanwhile_waits_only_for_what_is_left() -> None:
    times = iter([0.0, 60.0, 60.0])  # at the first question, at its wait, at the second
    gate, asked = threading.Event(), list[int]()

    def ask() -> str:
        asked.append(1)
        gate.wait(10)
        return "answer"

    patient = Patient(ask, 60.0, lambda: next(times))
    try:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                patient()
    finally:
        gate.set()
    assert asked == [1]


def test_what_asking_raises_is_raised_and_asked_again() -> None:
    answers = iter(["", "answer"])

    def ask() -> str:
        if answer := next(answers):
            return answer
        raise OSError("away")

    patient = Patient(ask, 60.0)
    with pytest.raises(OSError, match="away"):
        patient()
    assert patient() == "answer"
