"""The platform of a batch: how much runs at once, and how fast that grows."""

from dataclasses import dataclass

from benchmarks.scale.limits import Backoff, Limits, Ours

THROTTLED = Backoff(first=1.0, most=60.0)
"""How a throttled event source mapping waits; assumed."""

TICK = 300.0
"""Seconds from one tick of the schedule to the next."""


@dataclass(frozen=True)
class Platform:
    """A platform's limits; infinity for none.

    concurrency: functions at once. start, growth, workers: the event source mapping's messages at
    once at the beginning, how many more each second, and at most. scaling, burst: new environments
    a second, and at once. requests: calls a second.
    """

    concurrency: int
    workers: int
    start: int
    growth: float
    scaling: float
    burst: float
    requests: float
    in_flight: float
    visibility: float
    receives: int
    throttled: Backoff = THROTTLED
    tick: float = TICK


def on_aws(limits: Limits, ours: Ours, concurrency: int, workers: int) -> Platform:
    """Describes AWS, in an account of that concurrency."""
    value = {name: limit.value for name, limit in limits.items()}
    return Platform(
        concurrency=concurrency,
        workers=workers,
        start=int(value["sqs-mapping-start"]),
        growth=value["sqs-mapping-growth"] / 60,
        scaling=value["lambda-scaling"] / 10,
        burst=value["lambda-scaling"],
        requests=concurrency * value["lambda-requests-per-concurrency"],
        in_flight=value["sqs-in-flight"],
        visibility=ours.visibility,
        receives=ours.receives,
    )
