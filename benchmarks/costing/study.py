"""What was measured and assumed, and the dollars that follow from it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from benchmarks.costing import pricing
from benchmarks.costing.pricing import MEMORY_SIZES, Instance, Prices, Way

MILLION = 1_000_000
ARCHITECTURES = ("x86_64", "arm64")
BASELINE = (30_000, 20_000)
"""The baseline's predictions for a dollar, at best and at worst. Ours are held against its best."""

TARGET = 10
"""Times less than the baseline."""


@dataclass(frozen=True)
class Study:
    """What was measured and assumed.

    cold: share of invocations that start cold. utilisation: of what is always on. image_bytes: of
    the photograph. second: ways with ONNX Runtime, where they were measured; x86_64 alone has it.
    """

    prices: Prices
    ways: Mapping[str, Way]
    cold: float
    utilisation: float
    image_bytes: int
    second: Mapping[str, Way] = field(default_factory=dict)

    @property
    def with_second(self) -> "Study":
        """The same of the ways with ONNX Runtime."""
        return replace(self, ways=self.second, second={})

    def million(self, way: str, memory_mb: int, architecture: str) -> float:
        """Dollars for a million predictions."""
        parts = pricing.dollars(self.prices, self.ways[way], memory_mb, architecture, self.cold)
        return sum(parts.values()) * MILLION

    def best(self, way: str, architecture: str) -> int:
        """The memory size at which that is least; of those within a hundredth, the fastest."""
        fitting = [size for size in MEMORY_SIZES if self.ways[way].fits(size)]
        costs = {size: self.million(way, size, architecture) for size in fitting}
        return max(size for size in fitting if costs[size] <= 1.01 * min(costs.values()))

    def bills(self, memory_mb: int, architecture: str) -> dict[str, dict[str, float]]:
        """Of one image, by way and by what is paid for; without ways that do not fit."""
        return {
            name: pricing.dollars(self.prices, way, memory_mb, architecture, self.cold)
            for name, way in self.ways.items()
            if way.fits(memory_mb)
        }

    def endpoint(self) -> tuple[int, float]:
        """Memory and an image's dollars of SageMaker Serverless Inference at its cheapest."""
        way = self.ways["API"]
        peak = max(way.peak_mb.values())
        return pricing.serverless_endpoint(self.prices, way.work, peak, self.image_bytes)

    def capacity(self, instance: Instance) -> float:
        """Images a month that it does: a thread a vCPU, each as fast as one alone."""
        milliseconds = self.ways["API"].work.wall_ms[1]
        return pricing.capacity(instance, milliseconds, self.utilisation)

    def crossing(self, instance: Instance, way: str) -> float:
        """Images a month from which it is cheaper; infinite where it cannot do as many."""
        image = self.million(way, self.best(way, "x86_64"), "x86_64") / MILLION
        count = pricing.crossover(instance, image)
        return count if count <= self.capacity(instance) else math.inf
