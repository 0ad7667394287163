"""Run all servers, and ask one at a time, in rounds."""

import contextlib
import json
import os
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import click
import urllib3

from benchmarks.serve.contestants import HOST, Contestant
from benchmarks.serve.load import Reading, load
from benchmarks.serve.servers import answers, cores, running

Readings = dict[str, dict[int, list[Reading]]]
"""A reading for each round, by the contestant's title and the number of clients."""


def measured(
    contestants: Sequence[Contestant],
    body: bytes,
    clients: Sequence[int],
    rounds: int,
    seconds: float,
) -> Readings:
    """Asks each server for `seconds` in each round. One more round before does not count.

    Raises ClickException if a server does not start, or gives another answer than the first.
    """
    readings: Readings = {
        contestant.title: {count: [] for count in clients} for contestant in contestants
    }
    with _started(contestants, body, max(clients)) as servers:
        turns = [(number, title) for number in range(rounds + 1) for title in servers]
        with click.progressbar(turns, label="rounds", file=sys.stderr) as bar:
            for number, title in bar:
                for count in clients:
                    reading = load(servers[title][:count], body, seconds)
                    if number:
                        readings[title][count].append(reading)
    return readings


def median(readings: Sequence[Reading]) -> Reading:
    """Returns the median of each number by itself."""
    names = [field.name for field in fields(Reading)]
    return Reading(
        *(statistics.median(getattr(reading, name) for reading in readings) for name in names)
    )


def labels(answer: bytes) -> list[dict[str, Any]]:
    """Returns the labels in an answer of the app or of another server."""
    body: Any = json.loads(answer)
    labels: list[dict[str, Any]] = body.get("predictions", [body])[0]["labels"]
    return labels


@contextlib.contextmanager
def _started(
    contestants: Sequence[Contestant], body: bytes, connections: int
) -> Iterator[Mapping[str, Sequence[urllib3.HTTPConnectionPool]]]:
    """Yields connections to each server, by title; this process leaves the servers' cores."""
    of_servers, of_clients = cores()
    before = os.sched_getaffinity(0)
    servers: dict[str, list[urllib3.HTTPConnectionPool]] = {}
    answered: dict[str, list[dict[str, Any]]] = {}
    with contextlib.ExitStack() as stack:
        stack.callback(os.sched_setaffinity, 0, before)
        with click.progressbar(contestants, label="starts", file=sys.stderr) as bar:
            for contestant in bar:
                first = stack.enter_context(running(contestant, of_servers))
                answered[contestant.title] = labels(answers(first, body))
                more = [_connection(first.port) for _ in range(connections - 1)]
                servers[contestant.title] = [first, *map(stack.enter_context, more)]
        for title, answer in answered.items():
            if answer != answered[contestants[0].title]:
                told = f"{title} answers {answer}, the first one {answered}."
                raise click.ClickException(told)
        os.sched_setaffinity(0, of_clients)
        yield servers


def _connection(port: int | None) -> urllib3.HTTPConnectionPool:
    return urllib3.HTTPConnectionPool(HOST, port, timeout=60)
