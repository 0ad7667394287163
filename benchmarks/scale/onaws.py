"""A batch on AWS: each environment has its own CPU, and shares only S3."""

import numpy as np

from benchmarks.scale.durations import Times, spread
from benchmarks.scale.elements import Bucket, Work
from benchmarks.scale.limits import Limits, Ours
from benchmarks.scale.simulatedbatch import Batch
from chalicelib.aws.sqs import MAX_ENTRIES
from chalicelib.batch.fanout import FAN_OUT_MARGIN, GROUP, WRITERS
from chalicelib.batch.finish import READERS
from chalicelib.batch.ledger import BLOCK
from chalicelib.bulk.chunks import SMALL_CHUNK

HEAD, TAIL = 5, 4
"""Requests before and after a chunk's images: look for batch, part, cancelled, chunk and partial;
write part and tally, read the fan-out, list the tallies (chalicelib/batch/worker.py)."""
WRITES = 3
"""Those that S3 counts and prices as PUT: part, tally, and the listing."""
TICK_TIMEOUT = 300.0


class AwsJob:
    """The work of one batch. images: in a chunk."""

    def __init__(
        self, times: Times, limits: Limits, ours: Ours, chunks: int, seed: int = 1,
        images: int = SMALL_CHUNK,
    ) -> None:  # fmt: skip
        self._times, self._ours, self._images = times, ours, images
        self._rng = np.random.default_rng([seed, 2])
        self._seconds = spread(times, self._rng, chunks, images)
        gets, puts = limits["s3-gets"].value, limits["s3-puts"].value
        self._pictures = Bucket(gets, gets)  # all of a batch's images are under one prefix
        self._gets, self._puts = Bucket(gets, gets), Bucket(puts, puts)

    def start(self, sim: Batch, cold: bool) -> Work:
        """Starts cold; that is billed like the call."""
        if cold:
            times = self._times
            yield from self._busy(sim, times.cold * self._rng.lognormal(0, times.cold_spread))

    def fan_out(self, sim: Batch, first: int) -> Work:
        """Queues chunks in groups until the time is over; another call does the rest."""
        times, queued, begun = self._times, first, sim.env.now
        skipped = first * self._images * 2e-6  # half a million lines a second are read past
        yield from self._busy(sim, skipped + 2 * (times.store + times.call))
        while queued < sim.chunks and sim.env.now - begun < self._ours.timeout - FAN_OUT_MARGIN:
            group = min(GROUP, sim.chunks - queued)
            yield from self._busy(sim, self._group(group))
            sim.send(iter(range(queued, queued + group)))
            queued += group
            sim.out.usage.s3_puts += group + 1
            sim.out.usage.s3_gets += 1
            sim.out.usage.sqs_requests += -(-group // MAX_ENTRIES)
        return queued

    def _group(self, chunks: int) -> float:
        """Returns the seconds to write so many chunks, their messages and a checkpoint."""
        times = self._times
        written = max(chunks * times.call, -(-chunks // WRITERS) * times.store)
        sent = -(-chunks // MAX_ENTRIES) * (times.queue + times.call)
        lines = chunks * self._images * times.line
        return written + sent + lines + 2 * (times.store + times.call)

    def chunk(self, sim: Batch, number: int) -> Work:
        """Classifies a chunk. Images are fetched meanwhile, so only the CPU counts."""
        times, usage = self._times, sim.out.usage
        reads = HEAD + TAIL - WRITES
        slow = max(self._gets.take(reads, sim.env.now), self._puts.take(WRITES, sim.env.now))
        usage.s3_gets += reads + self._images
        usage.s3_puts += WRITES
        requests = HEAD + TAIL + self._images
        calls = requests * times.call + (HEAD + TAIL + 1) * times.store
        busy = calls + self._seconds[number]
        parts = -(-self._images // SMALL_CHUNK)
        for _ in range(parts):  # images are fetched as they are needed, not all at the start
            slow = max(slow, self._pictures.take(self._images / parts, sim.env.now))
            if slow:
                sim.out.throttles["S3"] += 1
            yield from self._busy(sim, slow + busy / parts)
            slow = 0

    def finish(self, sim: Batch, tick: bool) -> Work:
        """Reads every part; a worker that has too little time leaves it to the schedule."""
        usage = sim.out.usage
        seconds, limit = self.merging(sim.chunks), TICK_TIMEOUT if tick else self._ours.timeout
        usage.s3_gets += sim.chunks
        usage.s3_puts += -(-sim.chunks // BLOCK)
        usage.invocations += tick
        yield from self._busy(sim, min(seconds, limit))
        if tick and seconds > limit:
            raise ValueError(f"Merging takes {seconds:.0f} s; the schedule has {limit:.0f}.")
        return seconds <= limit

    def merging(self, chunks: int) -> float:
        """Returns the seconds from the last tally to results.jsonl."""
        times = self._times
        listed = -(-chunks // BLOCK) * (times.store + times.call)
        return listed + chunks * max(times.call, times.store / READERS)

    def held_up(self, now: float) -> str:
        """Returns S3's limit, if it holds the run up."""
        buckets = (self._pictures, self._gets, self._puts)
        for bucket in buckets:
            bucket.refill(now)
        return "S3's requests a second" if any(bucket.tokens < 0 for bucket in buckets) else ""

    def _busy(self, sim: Batch, seconds: float) -> Work:
        sim.out.usage.gb_seconds += seconds * self._ours.memory_gb
        yield sim.env.timeout(seconds)
