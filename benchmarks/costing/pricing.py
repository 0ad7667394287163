"""Turn milliseconds and requests into dollars, with the prices of stage/prices.toml."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.settings import MEMORY_PER_CPU_MB
from stage.prices import Instance, Prices

MEMORY_SIZES = (128, 256, 512, 768, 1024, 1536, 1769, 2048, 3008, 3538, 5307, 7076, 8845, 10240)
"""Megabytes: round numbers, and those that buy whole vCPUs."""

MAX_VCPUS = 6
"""Of a function with 10,240 MB (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html)."""

HOURS = 730
"""In a month, as AWS's own calculator counts."""

PLATFORM_LOG_BYTES = 400
"""Bytes of Lambda's own lines for an invocation: START, END, REPORT."""


@dataclass(frozen=True)
class Duration:
    """How long one piece of work takes on a function.

    wall_ms: by whole vCPUs (1 among them), each with as many threads. cpu_ms: CPU time on one vCPU;
    it shows whether other programs used the processor.
    """

    wall_ms: Mapping[int, float]
    cpu_ms: float

    @classmethod
    def known(cls, milliseconds: float, memory_mb: int) -> "Duration":
        """Makes the duration of work whose time is known at one memory size, for that size only."""
        cpu_ms = milliseconds * min(vcpus_of(memory_mb), 1)
        return cls({1: cpu_ms, MAX_VCPUS: cpu_ms}, cpu_ms)

    def at(self, memory_mb: int) -> float:
        """Returns the milliseconds at a memory size.

        Below one vCPU, the time is divided by the share of a vCPU. Waiting would not take longer
        then, so this is never too little. Between whole vCPUs the speed is interpolated; beyond the
        most measured it stays the same.
        """
        vcpus = min(vcpus_of(memory_mb), max(self.wall_ms))
        if vcpus <= 1:
            return self.wall_ms[1] / vcpus
        below = max(count for count in self.wall_ms if count <= vcpus)
        above = min(count for count in self.wall_ms if count >= vcpus)
        if below == above:
            return self.wall_ms[below]
        share = (vcpus - below) / (above - below)
        slow, fast = 1 / self.wall_ms[below], 1 / self.wall_ms[above]
        return 1 / (slow + (fast - slow) * share)


@dataclass(frozen=True)
class Way:
    """A way to classify images, and what an image needs besides the function's time.

    images: in one invocation. work: an invocation's duration. cold: what a cold start adds.
    peak_mb: memory, by whole vCPUs. The rest is per image: requests to API Gateway, S3 and SQS,
    state transitions, bytes of logs, and GB-seconds and invocations of other functions.
    """

    name: str
    images: int
    work: Duration
    cold: Duration
    peak_mb: Mapping[int, float]
    api_requests: float = 0
    reads: float = 0
    writes: float = 0
    queue_requests: float = 0
    transitions: float = 0
    log_bytes: float = 0
    other_gb_seconds: float = 0
    other_invocations: float = 0

    def fits(self, memory_mb: int) -> bool:
        """Whether the way leaves a tenth of the memory free."""
        threads = min(max(1, math.ceil(vcpus_of(memory_mb))), max(self.peak_mb))
        known = min(count for count in self.peak_mb if count >= threads)
        return self.peak_mb[known] <= 0.9 * memory_mb

    def ms(self, memory_mb: int) -> float:
        """Returns the milliseconds of an image, warm."""
        return self.work.at(memory_mb) / self.images


def vcpus_of(memory_mb: float) -> float:
    """Returns the vCPUs that a memory size buys."""
    return min(memory_mb / MEMORY_PER_CPU_MB, MAX_VCPUS)


def gb_seconds(memory_mb: float, milliseconds: float) -> float:
    """Returns GB-seconds as billed: a gigabyte is 1,024 MB."""
    return memory_mb / 1024 * milliseconds / 1000


def dollars(
    prices: Prices, way: Way, memory_mb: int, architecture: str, cold_share: float
) -> dict[str, float]:
    """Returns the dollars of one image, by what is paid for.

    cold_share: the share of invocations that start a container, whose init is billed
    (https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/).
    """
    warm = math.ceil(way.work.at(memory_mb))
    start = way.cold.at(memory_mb) * cold_share
    seconds = gb_seconds(memory_mb, warm + start) / way.images + way.other_gb_seconds
    invocations = 1 / way.images + way.other_invocations
    logs = way.log_bytes + PLATFORM_LOG_BYTES * invocations
    s3 = prices.s3
    return {
        "Lambda, time": seconds * prices.aws_lambda[f"gb_second_{architecture}"],
        "Lambda, requests": invocations * prices.aws_lambda["million_requests"] / 1e6,
        "API Gateway": way.api_requests * prices.api_gateway["million_requests"] / 1e6,
        "S3": (way.reads * s3["thousand_reads"] + way.writes * s3["thousand_writes"]) / 1000,
        "SQS": way.queue_requests * prices.sqs["million_requests"] / 1e6,
        "Step Functions": way.transitions * prices.step_functions["million_transitions"] / 1e6,
        "Logs": logs * prices.cloudwatch["log_gb"] / 1e9,
    }


def serverless_endpoint(
    prices: Prices, work: Duration, peak_mb: float, image_bytes: int
) -> tuple[int, float]:
    """Returns SageMaker Serverless Inference's cheapest memory size, and an image's dollars there.

    Assumes that it is as fast as Lambda with that memory.
    """
    sizes = prices.sagemaker_serverless["second_by_memory_mb"].items()
    data = image_bytes / 1e9 * prices.sagemaker_serverless["data_gb"]
    costs = {
        int(size): math.ceil(work.at(int(size))) / 1000 * second + data
        for size, second in sizes
        if peak_mb <= 0.9 * int(size)
    }
    cheapest = min(costs, key=lambda size: costs[size])
    return cheapest, costs[cheapest]


def capacity(instance: Instance, cpu_ms: float, utilisation: float) -> float:
    """Returns the images a month that an instance classifies if it is busy for that share."""
    return instance.vcpus * 1000 / cpu_ms * utilisation * HOURS * 3600


def always_on(instance: Instance, images: float, most: float) -> float:
    """Returns a month's dollars for as many instances as the images need, at least one."""
    return max(1, math.ceil(images / most)) * instance.hour * HOURS


def crossover(instance: Instance, image_dollars: float) -> float:
    """Returns the images a month from which an instance costs less than `image_dollars` each."""
    return instance.hour * HOURS / image_dollars


def budget_ms(prices: Prices, way: Way, architecture: str, target: float) -> float:
    """Returns the milliseconds that a warm image may take at one vCPU to cost `target` dollars.

    Negative if the costs besides time are already more than that.
    """
    parts = dollars(prices, way, MEMORY_PER_CPU_MB, architecture, 0)
    left = target - sum(parts.values()) + parts["Lambda, time"]
    price: float = prices.aws_lambda[f"gb_second_{architecture}"]
    return left / (gb_seconds(MEMORY_PER_CPU_MB, 1) * price)
