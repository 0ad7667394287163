"""Clients that keep their connection, and ask again as soon as they have an answer."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import click
import numpy as np
import urllib3


@dataclass(frozen=True)
class Reading:
    """What the clients measured.

    rate: requests a second. p50, p99: milliseconds until an answer. busy: the share of one core
    that the clients themselves used, 0..1.
    """

    rate: float
    p50: float
    p99: float
    busy: float


def load(pools: Sequence[urllib3.HTTPConnectionPool], body: bytes, seconds: float) -> Reading:
    """Posts `body` with a client for each pool, for that long; counts the answers within it.

    Raises ClickException if an answer is not 200, and HTTPError if there is none.
    """
    for pool in pools:
        ask(pool, body)  # connects, which is not counted
    before, end = time.process_time(), time.perf_counter() + seconds
    with ThreadPoolExecutor(len(pools)) as threads:
        clients = [threads.submit(_client, pool, body, end) for pool in pools]
        waits = [wait for client in clients for wait in client.result()]
    busy = (time.process_time() - before) / seconds
    if not waits:
        raise click.ClickException(f"No answer within {seconds} s; give it more --seconds.")
    p50, p99 = np.percentile(waits, (50, 99)) * 1000
    return Reading(len(waits) / seconds, float(p50), float(p99), busy)


def ask(pool: urllib3.HTTPConnectionPool, body: bytes) -> bytes:
    """Returns the body of one answer. Raises as `load` does."""
    headers = {"Content-Type": "image/jpeg"}
    answer = pool.urlopen("POST", "/predict", body, headers, retries=False)
    if answer.status != 200:
        raise click.ClickException(f"{answer.status}: {answer.data.decode(errors='replace')}")
    return answer.data


def _client(pool: urllib3.HTTPConnectionPool, body: bytes, end: float) -> list[float]:
    """Returns the seconds until each answer."""
    waits: list[float] = []
    while (begun := time.perf_counter()) < end:
        ask(pool, body)
        if (now := time.perf_counter()) <= end:
            waits.append(now - begun)
    return waits
