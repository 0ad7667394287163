"""The measurements and assumptions, and the dollars that follow from them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from benchmarks.costing import pricing
from benchmarks.costing.pricing import MEMORY_SIZES, Way
from stage.prices import Instance, Prices

MILLION = 1_000_000
ARCHITECTURES = ("x86_64", "arm64")
BASELINE = (30_000, 20_000)
"""The baseline's predictions for a dollar, at best and at worst. We compare with its best."""

TARGET = 10
"""How many times less than the baseline we want to cost."""


@dataclass(frozen=True)
class Study:
    """The measurements and assumptions.

    cold: share of invocations that start cold. utilisation: of always-on instances. image_bytes: of
    the photograph. second: the ways with ONNX Runtime, if they were measured; x86_64 only.
    """

    prices: Prices
    ways: Mapping[str, Way]
    cold: float
    utilisation: float
    image_bytes: int
    second: Mapping[str, Way] = field(default_factory=dict)

    @property
    def with_second(self) -> "Study":
        """The same study of the ways with ONNX Runtime."""
        return replace(self, ways=self.second, second={})

    def million(self, way: str, memory_mb: int, architecture: str) -> float:
        """Returns the dollars for a million predictions."""
        parts = pricing.dollars(self.prices, self.ways[way], memory_mb, architecture, self.cold)
        return sum(parts.values()) * MILLION

    def best(self, way: str, architecture: str) -> int:
        """Returns the cheapest memory size; of those within a hundredth, the fastest."""
        fitting = [size for size in MEMORY_SIZES if self.ways[way].fits(size)]
        costs = {size: self.million(way, size, architecture) for size in fitting}
        return max(size for size in fitting if costs[size] <= 1.01 * min(costs.values()))

    def bills(self, memory_mb: int, architecture: str) -> dict[str, dict[str, float]]:
        """Returns the dollars of one image by way and item, for the ways that fit."""
        return {
            name: pricing.dollars(self.prices, way, memory_mb, architecture, self.cold)
            for name, way in self.ways.items()
            if way.fits(memory_mb)
        }

    def endpoint(self) -> tuple[int, float]:
        """Returns SageMaker Serverless's cheapest memory size, and an image's dollars there."""
        way = self.ways["API"]
        peak = max(way.peak_mb.values())
        return pricing.serverless_endpoint(self.prices, way.work, peak, self.image_bytes)

    def capacity(self, instance: Instance) -> float:
        """Returns the images a month of an instance: a thread a vCPU, each as fast as one alone."""
        milliseconds = self.ways["API"].work.wall_ms[1]
        return pricing.capacity(instance, milliseconds, self.utilisation)

    def crossing(self, instance: Instance, way: str) -> float:
        """Returns the images a month that make an instance cheaper; infinite if it is too slow."""
        image = self.million(way, self.best(way, "x86_64"), "x86_64") / MILLION
        count = pricing.crossover(instance, image)
        return count if count <= self.capacity(instance) else math.inf
