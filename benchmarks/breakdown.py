"""Where the milliseconds of a request go, by clocks inside it: no profiler slows it down."""

import json
import sys
import time
from collections.abc import Callable
from statistics import fmean
from typing import Any

import click
import msgspec

from benchmarks.inprocess import HEADERS, Service
from chalicelib import parsing
from chalicelib.images.formats import inspect
from localcloud import sampleevents as events

STAGES = {
    "before": "test client's event, Chalice's request",
    "base64": "the body from base64",
    "parse": "headers and query to a request",
    "check": "the file checked, metadata left out",
    "decode": "decoded and resized",
    "infer": "the network",
    "rank": "scores to labels",
    "json": "the answer to JSON",
    "routing": "softmax, ids, Chalice's routing",
    "log": "the log line, which is the metrics too",
    "after": "headers, Chalice's response, test client",
}
"""The stages of a request, in order."""


def stages(service: Service, runs: int) -> dict[str, float]:
    """Returns the mean milliseconds of each stage, by its name in STAGES; their sum is the whole.

    The fastest and the slowest quarter of the calls do not count. A stage without a clock inside
    the request is timed by itself right after it; the time that remains is `routing`.
    """
    alone = _alone(service)
    calls = []
    with click.progressbar(range(runs + 1), label="stages", file=sys.stderr) as rounds:
        for number in rounds:
            spent = _call(service) | {name: _timed(work) for name, work in alone.items()}
            if number:
                calls.append(spent)
    calls.sort(key=lambda call: call["whole"])
    quarter = (len(calls) - 1) // 4
    middle = calls[quarter : len(calls) - quarter]
    mean = {name: fmean(call[name] for call in middle) * 1000 for name in calls[0]}
    mean["decode"] -= mean["check"]
    inside = ("parse", "check", "decode", "infer", "rank", "json")
    mean["routing"] = mean["view"] - sum(mean[name] for name in inside)
    return {name: mean[name] for name in STAGES}


def parsing_an_event(service: Service) -> Callable[[], object]:
    """Reads the event from JSON, as Lambda's runtime does and the test client does not."""
    text = json.dumps(events.rest("POST", "/predict", service.image, HEADERS))
    return lambda: json.loads(text)


def _call(service: Service) -> dict[str, float]:
    """Makes a request, and returns the seconds between the clocks inside it."""
    start = time.perf_counter()
    response = service.handler()
    end = time.perf_counter()
    entered, decoded, left = service.within
    logged = service.log.at
    timing_ms = json.loads(response.body)["timing_ms"]
    return {
        "whole": end - start,
        "before": entered - start,
        "base64": decoded - entered,
        "view": left - decoded,
        "decode": timing_ms["decode"] / 1000,
        "infer": timing_ms["infer"] / 1000,
        "log": logged - left,
        "after": end - logged,
    }


def _alone(service: Service) -> dict[str, Callable[[], Any]]:
    """Returns the stages that have no clock inside the request."""
    answer: Any = service.use_case()
    scores = service.classifier.scores(service.pixels)
    return {
        "parse": lambda: parsing.predict_request(HEADERS["content-type"], {}, service.image),
        "check": lambda: inspect(service.image),
        "rank": lambda: service.classifier.rank(scores, 5, 0.0),
        "json": lambda: msgspec.json.encode(answer).decode(),
    }


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
