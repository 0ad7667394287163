"""A batch on the local cloud: AWS in one process, a few containers, a few cores.

moto, the functions process and each container are Python processes that run one thread at a time
and share the machine's cores. The chunks make the same requests as on AWS.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import simpy

from benchmarks.scale.elements import Work
from benchmarks.scale.onaws import HEAD, TAIL
from benchmarks.scale.platforms import Platform
from benchmarks.scale.simulatedbatch import Batch
from chalicelib.batch.fanout import GROUP
from chalicelib.bulk.chunks import SMALL_CHUNK
from chalicelib.bulk.recorder import IMAGES_AT_ONCE

REQUESTS = HEAD + TAIL + SMALL_CHUNK
BEGIN = 8
"""The API's requests before it queues the fan-out (BatchService.create)."""


@dataclass(frozen=True)
class Costs:
    """What the work costs, in seconds.

    CPU time: aws, client: of a request, in moto and in the container. image: in the container.
    message: in the functions process. cold: to start a container and use it once. Wall time:
    fan_out, finish: fixed, and for each chunk.
    """

    aws: float
    client: float
    image: float
    message: float
    cold: float
    fan_out: tuple[float, float]
    finish: tuple[float, float]

    def stretched(self, by: float) -> "Costs":
        """Returns the costs on a machine that is slower by that factor at short pieces of work.

        A cold start is one long piece, which gets its fair share of a core anyway.
        """
        return Costs(
            self.aws * by, self.client * by, self.image * by, self.message * by, self.cold,
            (self.fan_out[0] * by, self.fan_out[1] * by),
            (self.finish[0] * by, self.finish[1] * by),
        )  # fmt: skip


def platform(workers: int) -> Platform:
    """Describes the local cloud: its one poller takes as many messages as containers are free."""
    endless = math.inf
    return Platform(
        concurrency=workers, workers=workers, start=workers, growth=endless, scaling=endless,
        burst=endless, requests=endless, in_flight=endless, visibility=720.0, receives=5,
        most_is="containers", tick=endless,
    )  # fmt: skip


class LocalJob:
    """The work of one batch, in the simulation's environment.

    others: threads of other programs that run, on average.
    """

    def __init__(
        self, env: simpy.Environment, costs: Costs, cores: int, others: float = 0.0
    ) -> None:
        self._env, self._costs = env, costs
        self._cores, self._others, self._running = cores, others, 0
        self._aws = simpy.Resource(env, 1)
        self._functions = simpy.Resource(env, 1)

    def start(self, sim: Batch, cold: bool) -> Work:
        """Hands a message to a container; a new one imports the app first."""
        yield from self._cpu(self._functions, self._costs.message)
        for _ in range(2):  # receive and delete
            yield from self._cpu(self._aws, self._costs.aws)
        if cold:
            yield from self._cpu(simpy.Resource(self._env, 1), self._costs.cold)

    def fan_out(self, sim: Batch, first: int) -> Work:
        """Queues chunks in groups, as on AWS; here the time never runs out."""
        fixed, per_chunk = self._costs.fan_out
        api = simpy.Resource(self._env, 1)
        for _ in range(BEGIN):
            yield from self._call(api)
        yield self._env.timeout(fixed)
        for start in range(0, sim.chunks, GROUP):
            end = min(start + GROUP, sim.chunks)
            yield self._env.timeout(per_chunk * (end - start))
            sim.send(iter(range(start, end)))
        return sim.chunks

    def chunk(self, sim: Batch, number: int) -> Work:
        """Makes requests one by one, classifies images side by side, then makes more requests."""
        container = simpy.Resource(self._env, 1)
        for _ in range(HEAD):
            yield from self._call(container)
        images = iter(range(SMALL_CHUNK))
        lanes = [self._env.process(self._lane(container, images)) for _ in range(IMAGES_AT_ONCE)]
        yield self._env.all_of(lanes)
        for _ in range(TAIL):
            yield from self._call(container)

    def _lane(self, container: simpy.Resource, images: Iterator[int]) -> Work:
        for _ in images:
            yield from self._call(container)
            yield from self._cpu(container, self._costs.image)

    def finish(self, sim: Batch, tick: bool) -> Work:
        """Reads every part."""
        fixed, per_chunk = self._costs.finish
        yield self._env.timeout(fixed + per_chunk * sim.chunks)
        return True

    def held_up(self, now: float) -> str:
        """Returns moto, if requests wait for it."""
        return "moto" if self._aws.queue else ""

    def _call(self, container: simpy.Resource) -> Work:
        """Makes a request: half of the client's work comes before it, half after."""
        yield from self._cpu(container, self._costs.client / 2)
        yield from self._cpu(self._aws, self._costs.aws)
        yield from self._cpu(container, self._costs.client / 2)

    def _cpu(self, process: simpy.Resource, seconds: float) -> Work:
        """Works in a process, one thread at a time, on a fair share of the cores."""
        with process.request() as turn:
            yield turn
            self._running += 1
            wanted = self._running + self._others
            yield self._env.timeout(seconds * max(1.0, wanted / self._cores))
            self._running -= 1


def predicted(chunks: int, workers: int, costs: Costs, cores: int, others: float = 0.0) -> Batch:
    """Simulates a run of the local cloud."""
    env = simpy.Environment()
    sim = Batch(chunks, platform(workers), LocalJob(env, costs, cores, others), env=env)
    sim.run()
    return sim


def chunk_alone(costs: Costs, cores: int, others: float = 0.0) -> float:
    """Returns the seconds of a chunk that runs alone."""
    env = simpy.Environment()
    job = LocalJob(env, costs, cores, others)
    sim = Batch(1, platform(1), job, env=env)
    env.run(env.process(job.chunk(sim, 0)))
    return float(env.now)


def fitted(costs: Costs, chunk: float, cores: int, others: float) -> Costs:
    """Stretches the costs until a chunk alone takes as long as it really did."""
    least, most = 0.1, 20.0
    for _ in range(20):
        by = (least * most) ** 0.5
        slower = chunk_alone(costs.stretched(by), cores, others) > chunk
        least, most = (least, by) if slower else (by, most)
    return costs.stretched(most)
