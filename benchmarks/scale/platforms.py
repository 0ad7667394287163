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
    most_is: str = "MaximumConcurrency"
    throttled: Backoff = THROTTLED
    tick: float = TICK


def on_aws(limits: Limits, ours: Ours, concurrency: int, workers: int | None) -> Platform:
    """Describes AWS, in an account of that concurrency. workers: None for no maximum."""
    value = {name: limit.value for name, limit in limits.items()}
    return Platform(
        concurrency=concurrency,
        workers=int(value["sqs-mapping-maximum"]) if workers is None else workers,
        start=int(value["sqs-mapping-start"]),
        growth=value["sqs-mapping-growth"] / 60,
        scaling=value["lambda-scaling"] / 10,
        burst=value["lambda-scaling"],
        requests=concurrency * value["lambda-requests-per-concurrency"],
        in_flight=value["sqs-in-flight"],
        visibility=ours.visibility,
        receives=ours.receives,
        most_is="the mapping's maximum" if workers is None else "MaximumConcurrency",
    )
