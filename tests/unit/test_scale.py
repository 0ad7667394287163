"""benchmarks.scale: nothing is lost, no limit is exceeded, and closed forms hold where known."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scale import conclusions, scenarios, simulatedapi, simulatedworkflow
from benchmarks.scale.durations import Times
from benchmarks.scale.elements import Bucket, Functions, Usage, Work
from benchmarks.scale.limits import Backoff, limits, ours
from benchmarks.scale.onaws import AwsJob
from benchmarks.scale.platforms import Platform, on_aws
from benchmarks.scale.simulatedbatch import Batch
from stage.prices import load

LIMITS, OURS = limits(), ours()
ENDLESS = math.inf
PLATFORM = Platform(
    concurrency=1000, workers=1000, start=1000, growth=ENDLESS, scaling=ENDLESS, burst=ENDLESS,
    requests=ENDLESS, in_flight=ENDLESS, visibility=720, receives=5,
)  # fmt: skip
TIMES = Times(image=[0.1, 0.12, 0.2], call=0.001)


class Constant:
    """Every chunk takes the same time, and nothing else takes any."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def start(self, sim: Batch, cold: bool) -> Work:
        yield sim.env.timeout(0)

    def fan_out(self, sim: Batch, first: int) -> Work:
        yield sim.env.timeout(0)
        sim.send(iter(range(sim.chunks)))
        return sim.chunks

    def chunk(self, sim: Batch, number: int) -> Work:
        yield sim.env.timeout(self.seconds)

    def finish(self, sim: Batch, tick: bool) -> Work:
        yield sim.env.timeout(0)
        return True

    def held_up(self, now: float) -> str:
        return ""


def aws(chunks: int, concurrency: int, workers: int, times: Times = TIMES, seed: int = 1) -> Batch:
    platform = on_aws(LIMITS, OURS, concurrency, workers)
    return Batch(chunks, platform, AwsJob(times, LIMITS, OURS, chunks, seed), seed)


@pytest.mark.parametrize(("chunks", "servers"), [(1, 1), (7, 3), (100, 7), (100, 100), (5, 50)])
def test_constant_chunks_on_n_servers_take_whole_rounds(chunks: int, servers: int) -> None:
    sim = Batch(chunks, replace(PLATFORM, workers=servers, start=servers), Constant(2.0))
    assert sim.run().seconds == pytest.approx(2.0 * math.ceil(chunks / servers))


def test_pollers_grow_as_the_mapping_does() -> None:
    """5 at once, 5 more each second: after 10 seconds 55, which is how many chunks have begun."""
    platform = replace(PLATFORM, start=5, growth=5.0)
    out = Batch(500, platform, Constant(1000.0)).run()
    assert dict(zip(out.times, out.running, strict=True))[10.0] == pytest.approx(55, abs=1)


def test_every_chunk_is_done_once() -> None:
    sim = aws(2000, 1000, 50)
    out = sim.run()
    assert out.done == [1] * 2000
    assert out.lost == 0
    assert out.peak == 50
    assert sim.most_in_flight <= 50


@settings(max_examples=40)
@given(
    chunks=st.integers(1, 300),
    concurrency=st.integers(2, 60),
    workers=st.integers(2, 100),
    seed=st.integers(0, 9),
)
def test_whatever_the_account_nothing_is_lost_and_no_limit_exceeded(
    chunks: int, concurrency: int, workers: int, seed: int
) -> None:
    sim = aws(chunks, concurrency, workers, seed=seed)
    out = sim.run()
    assert out.done.count(1) + out.lost == chunks
    assert max(out.done) == 1
    assert out.peak <= min(concurrency, workers)
    assert out.cold <= concurrency
    assert max(out.running) <= concurrency
    assert sum(out.bottleneck.values()) <= math.ceil(out.seconds)


def test_more_concurrency_is_never_slower() -> None:
    seconds = [aws(3000, size, size).run().seconds for size in (5, 20, 100, 500, 1000)]
    assert seconds == sorted(seconds, reverse=True)


def test_the_same_seed_gives_the_same_run() -> None:
    first, second = aws(500, 10, 50, seed=3).run(), aws(500, 10, 50, seed=3).run()
    assert (first.seconds, first.throttles, first.usage) == (
        second.seconds, second.throttles, second.usage,
    )  # fmt: skip


def test_an_account_smaller_than_the_mapping_throttles_it() -> None:
    out = aws(1000, 10, 50).run()
    assert out.peak == 10
    assert out.throttles["account concurrency"] > 0
    assert out.done == [1] * 1000


def test_s3_holds_up_fast_workers() -> None:
    """At 10 ms an image a thousand workers ask for far more than 5,500 objects a second."""
    fast = replace(TIMES, image=[0.01], call=0.0, store=0.0, cold=0.0)
    platform = replace(PLATFORM, tick=300.0)
    out = Batch(4000, platform, AwsJob(fast, LIMITS, OURS, 4000)).run()
    assert out.throttles["S3"] > 0
    assert 4000 * 25 / out.seconds <= 5500 * 1.1  # the burst of the first second


def test_a_merge_longer_than_the_worker_is_left_to_the_schedule() -> None:
    """25 chunks are merged in 130 s: the worker has 120, the schedule 300."""
    slow = replace(TIMES, image=[0.001], call=5.2, store=0.0)
    out = Batch(25, PLATFORM, AwsJob(slow, LIMITS, OURS, 25)).run()
    assert out.done == [1] * 25
    assert out.seconds > 300


def test_messages_that_nobody_can_take_come_again() -> None:
    """Two functions, fifty pollers, and chunks of a minute: messages outlast their timeout."""
    platform = replace(
        PLATFORM, concurrency=2, workers=50, start=50, visibility=90, receives=2, tick=300.0,
        throttled=Backoff(60.0, 60.0),
    )  # fmt: skip
    out = Batch(60, platform, Constant(60.0)).run()
    assert out.done.count(1) + out.lost == 60
    assert max(out.done) == 1


def test_environments_are_made_no_faster_than_lambda_makes_them() -> None:
    functions = Functions(5000, Bucket(100, 1000), Bucket(ENDLESS, ENDLESS))
    for second in range(5):
        for _ in range(3000):
            functions.start(float(second))
        assert functions.created <= 1000 + 100 * second
    assert functions.refused["Lambda's scaling rate"] == 15000 - functions.created


def test_a_call_that_is_refused_costs_no_environment() -> None:
    functions = Functions(1, Bucket(100, 1000), Bucket(10, 10))
    assert functions.start(0.0) is True
    assert functions.start(0.0) is None
    functions.end()
    assert functions.start(0.0) is False
    assert functions.created == 1


@given(rate=st.floats(1, 1000), burst=st.floats(1, 1000), asks=st.lists(st.floats(0, 5)))
def test_a_bucket_gives_no_more_than_its_burst_and_rate(
    rate: float, burst: float, asks: list[float]
) -> None:
    bucket, now, given_out = Bucket(rate, burst), 0.0, 0
    for wait in asks:
        now += wait
        given_out += bucket.try_take(now)
    assert given_out <= burst + rate * now + 1e-6


def test_a_bucket_on_credit_is_paid_back_at_its_rate() -> None:
    bucket = Bucket(10, 5)
    assert bucket.take(25, 0.0) == pytest.approx(2.0)
    assert bucket.take(10, 1.0) == pytest.approx(2.0)


def machine(concurrency: int, side_by_side: int) -> simulatedworkflow.Machine:
    return replace(simulatedworkflow.on_aws(LIMITS, OURS, concurrency), side_by_side=side_by_side)


def test_a_workflow_does_every_chunk_once() -> None:
    out = simulatedworkflow.Workflow(500, machine(1000, 200), TIMES, 1.0).run()
    assert out.done == [1] * 500
    assert out.lost == 0
    assert out.peak == 200


@pytest.mark.parametrize("concurrency", [2, 10, 60])
def test_a_workflow_in_a_small_account_accounts_for_every_chunk(concurrency: int) -> None:
    out = simulatedworkflow.Workflow(600, machine(concurrency, 100), TIMES, 1.0).run()
    assert out.done.count(1) + out.lost == 600
    assert max(out.done) == 1
    assert out.peak <= concurrency


def test_constant_children_take_whole_rounds() -> None:
    times = Times(image=[0.5], call=0.0, store=0.0, cold=0.0, line=0.0, row=0.0)
    out = simulatedworkflow.Workflow(103, machine(1000, 20), times, 1.0, images=4).run()
    assert out.seconds == pytest.approx(math.ceil(103 / 20) * 2.0)


FRONT = simulatedapi.Front(ENDLESS, ENDLESS, 10**6, ENDLESS, ENDLESS, ENDLESS)


def test_without_limits_every_request_is_answered() -> None:
    sim = simulatedapi.Api(10_000, 10.0, FRONT, replace(TIMES, cold=0.0), 1.0)
    out = sim.run()
    assert sim.answered == 10_000
    assert not out.throttles
    assert 10 < out.seconds < 10.3
    assert out.peak == pytest.approx(1000 * np.mean(TIMES.image), rel=0.3)


def test_requests_are_answered_or_given_up() -> None:
    front = simulatedapi.on_aws(LIMITS, 50, 100, 10)
    sim = simulatedapi.Api(20_000, 10.0, front, TIMES, 1.0)
    out = sim.run()
    assert sim.answered + sim.gave_up == 20_000
    assert out.peak <= 10
    assert sim.answered <= 100 + 50 * out.seconds + 1
    tries = sim.answered + out.throttles.total()
    assert 20_000 <= tries <= 20_000 * 5


def test_lambda_answers_no_more_than_its_concurrency_can() -> None:
    front = replace(FRONT, concurrency=100, client=Backoff(1.0, 20.0, 0))
    times = replace(TIMES, image=[0.1], cold=0.0)
    sim = simulatedapi.Api(50_000, 10.0, front, times, 1.0)
    sim.run()
    assert sim.answered == pytest.approx(100 / 0.1 * 10, rel=0.12)


def test_a_bill_is_the_sum_of_its_parts() -> None:
    prices = load()
    whole = Usage(1.0, 1, 1, 1, 1, 1, 1)
    parts = [Usage(**{name: 1}) for name in vars(whole)]
    total = sum(scenarios.dollars(part, prices) for part in parts)
    assert scenarios.dollars(whole, prices) == pytest.approx(total)
    assert scenarios.dollars(Usage(transitions=1_000_000), prices) == pytest.approx(25.0)


def test_limits_have_sources() -> None:
    for name, limit in LIMITS.items():
        assert limit.value > 0, name
        assert limit.source.startswith(("https://docs.aws.amazon.com/", "https://github.com/aws"))


def test_what_the_project_sets_is_read_from_it() -> None:
    assert OURS.visibility == 6 * OURS.timeout
    assert 2 <= OURS.workers <= 1000
    assert OURS.retry.tries


def test_a_report_has_a_row_for_every_run_and_limit() -> None:
    asked = scenarios.Question(5000, 100, TIMES, LIMITS, OURS, load(), 1)
    runs = list(scenarios.runs(asked))
    sizes = list(scenarios.accounts(asked, (10, 100)))
    record = conclusions.record(asked, runs, sizes)
    tables = {table.title: table for table in record.tables}
    assert [len(row) for table in record.tables for row in table.rows] == [
        len(table.columns) for table in record.tables for _ in table.rows
    ]
    assert len(tables["Runs"].rows) == len(runs)
    assert len(tables["Limits"].rows) == len(LIMITS)
    keys = [figure.key for figure in record.figures]
    assert len(keys) == len(set(keys))
    for run in record.series["runs"].values():
        assert len(run["times"]) == len(run["running"]) <= conclusions.POINTS


def test_a_queue_is_emptied_in_order() -> None:
    seen: list[int] = []

    class Seeing(Constant):
        def chunk(self, sim: Batch, number: int) -> Work:
            seen.append(number)
            yield sim.env.timeout(self.seconds)

    Batch(20, replace(PLATFORM, workers=1, start=1), Seeing(1.0)).run()
    assert seen == list(range(20))
