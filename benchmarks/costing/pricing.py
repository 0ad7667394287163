"""From milliseconds and requests to dollars: arithmetic alone, with the prices of prices.toml."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from chalicelib.settings import MEMORY_PER_CPU_MB

PRICES = Path(__file__).parents[1] / "prices.toml"
MEMORY_SIZES = (128, 256, 512, 768, 1024, 1536, 1769, 2048, 3008, 3538, 5307, 7076, 8845, 10240)
"""Megabytes: round ones, and those that buy whole vCPUs."""

MAX_VCPUS = 6
"""Of a function of 10,240 MB (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html)."""

HOURS = 730
"""In a month, as AWS's own calculator counts."""

PLATFORM_LOG_BYTES = 400
"""Of Lambda's own lines of an invocation: START, END, REPORT."""


class Instance(msgspec.Struct, frozen=True):
    """What runs all month. hour: its price."""

    name: str
    source: str
    vcpus: int
    hour: float


class Prices(msgspec.Struct, frozen=True):
    """As in prices.toml, where each is explained; dollars."""

    region: str
    written_down: Any
    aws_lambda: dict[str, Any] = msgspec.field(name="lambda")
    api_gateway: dict[str, Any]
    s3: dict[str, Any]
    sqs: dict[str, Any]
    step_functions: dict[str, Any]
    cloudwatch: dict[str, Any]
    xray: dict[str, Any]
    sagemaker_serverless: dict[str, Any]
    instances: list[Instance]

    def sources(self) -> list[str]:
        """The pages that they are from."""
        plain = msgspec.to_builtins(self)
        tables = [table for table in plain.values() if isinstance(table, dict)]
        return sorted({table["source"] for table in [*tables, *plain["instances"]]})


def load(path: Path = PRICES) -> Prices:
    """Raises msgspec.ValidationError for a file with a section missing."""
    return msgspec.convert(tomllib.loads(path.read_text()), Prices)


@dataclass(frozen=True)
class Duration:
    """How long one piece of work takes on a function.

    wall_ms: by whole vCPUs, 1 among them, each with as many threads. cpu_ms: of processor, on one;
    it tells whether others had a part of it.
    """

    wall_ms: Mapping[int, float]
    cpu_ms: float

    @classmethod
    def known(cls, milliseconds: float, memory_mb: int) -> "Duration":
        """Of what takes so long at that memory size; it is not to be asked of another."""
        cpu_ms = milliseconds * min(vcpus_of(memory_mb), 1)
        return cls({1: cpu_ms, MAX_VCPUS: cpu_ms}, cpu_ms)

    def at(self, memory_mb: int) -> float:
        """Milliseconds at that memory size.

        Below one vCPU it is divided by the share, as if all of it were the processor's, which it
        nearly is: what waits would take no longer, so this is never too little. Between whole vCPUs
        the speed is interpolated; beyond the most measured it stays the same.
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
    """How images are classified, and what one image takes besides the function's time.

    images: of one invocation. work, cold: an invocation's duration, and what a cold start adds.
    peak_mb: memory, by whole vCPUs. The rest is per image: requests to API Gateway, to S3 and to
    SQS, state transitions, bytes of logs, and GB-seconds and invocations of other functions.
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
        """Whether a tenth of the memory is left."""
        threads = min(max(1, math.ceil(vcpus_of(memory_mb))), max(self.peak_mb))
        known = min(count for count in self.peak_mb if count >= threads)
        return self.peak_mb[known] <= 0.9 * memory_mb

    def ms(self, memory_mb: int) -> float:
        """Of an image, warm."""
        return self.work.at(memory_mb) / self.images


def vcpus_of(memory_mb: float) -> float:
    """What that memory size buys."""
    return min(memory_mb / MEMORY_PER_CPU_MB, MAX_VCPUS)


def gb_seconds(memory_mb: float, milliseconds: float) -> float:
    """As billed: gigabytes of 1,024 MB."""
    return memory_mb / 1024 * milliseconds / 1000


def dollars(
    prices: Prices, way: Way, memory_mb: int, architecture: str, cold_share: float
) -> dict[str, float]:
    """Of one image, by what is paid for.

    cold_share: of the invocations that start a container, whose init is billed
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
    """The cheapest memory size of SageMaker Serverless Inference, and an image's dollars there.

    Taken to run as fast as Lambda with that memory does.
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
    """Images a month that one instance does, busy for that share of the time."""
    return instance.vcpus * 1000 / cpu_ms * utilisation * HOURS * 3600


def always_on(instance: Instance, images: float, most: float) -> float:
    """A month's dollars: as many instances as these images need, at least one."""
    return max(1, math.ceil(images / most)) * instance.hour * HOURS


def crossover(instance: Instance, image_dollars: float) -> float:
    """Images a month from which one such instance costs less than they do by themselves."""
    return instance.hour * HOURS / image_dollars


def budget_ms(prices: Prices, way: Way, architecture: str, target: float) -> float:
    """Milliseconds that an image may take at one vCPU so that it costs `target` dollars.

    Warm; negative where what is paid besides the time is more than that already.
    """
    parts = dollars(prices, way, MEMORY_PER_CPU_MB, architecture, 0)
    left = target - sum(parts.values()) + parts["Lambda, time"]
    price: float = prices.aws_lambda[f"gb_second_{architecture}"]
    return left / (gb_seconds(MEMORY_PER_CPU_MB, 1) * price)
