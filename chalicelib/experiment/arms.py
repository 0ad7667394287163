"""Assign clients to the models of an experiment, by their shares of the traffic."""

import hashlib
import math
from collections.abc import Mapping

from chalicelib.inference.packages import NAME
from chalicelib.requests import MAX_ARMS

TOLERANCE = 1e-6
"""How far from 1 the sum of the weights may be, for thirds written as decimals."""


class Arms:
    """Shares of the traffic, by model name.

    Raises ValueError, with a sentence for their author, unless there are 1 to 8 model names with
    weights of 0 to 1 that sum to 1.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        if not 1 <= len(weights) <= MAX_ARMS:
            raise ValueError(f"An experiment has 1 to {MAX_ARMS} arms, not {len(weights)}.")
        for name, weight in weights.items():
            if not NAME.fullmatch(name):
                raise ValueError(f"{name[:64]!r} is not a valid name for a model.")
            if not 0 <= weight <= 1:
                raise ValueError(f"The weight of {name} is {weight:g}; it must be between 0 and 1.")
        total = math.fsum(weights.values())
        if abs(total - 1) > TOLERANCE:
            raise ValueError(f"The arms' weights add up to {total:.7g}; they must add up to 1.")
        self.weights = {name: float(weight) for name, weight in weights.items()}

    @classmethod
    def parse(cls, text: str) -> "Arms":
        """Parses "a=0.9 b=0.1", with blanks or commas. Raises ValueError."""
        weights: dict[str, float] = {}
        for word in text.replace(",", " ").split():
            name, equals, number = word.partition("=")
            try:
                weight = float(number)
            except ValueError:
                equals = ""
            if not equals:
                raise ValueError(
                    f"{word[:64]!r} is not of the form NAME=WEIGHT, as in a=0.9 b=0.1."
                )
            if name in weights:
                raise ValueError(f"The arm {name[:64]!r} is given twice.")
            weights[name] = weight
        return cls(weights)

    def choose(self, subject: str | bytes) -> str:
        """Returns the arm of a subject, always the same while the weights stay.

        Weighted rendezvous hashing: the arm with the least -ln(u) / weight, where u is uniform in
        (0, 1) and fixed by subject and arm. If an arm's weight grows against the others, it only
        wins subjects, and the others keep theirs among themselves: Schindelhauer & Schomaker
        (2005), Weighted Distributed Hash Tables, https://doi.org/10.1145/1073970.1074008.
        """
        data = subject.encode("utf-8", "surrogatepass") if isinstance(subject, str) else subject
        digest = hashlib.sha256(
            data
        ).digest()  # once, because the subject may be megabytes of an image
        taking = [name for name, weight in self.weights.items() if weight > 0]
        return min(taking, key=lambda name: (_exponential(digest, name) / self.weights[name], name))


def _exponential(digest: bytes, name: str) -> float:
    """Returns -ln(u) for the u of this subject and arm."""
    number = int.from_bytes(hashlib.sha256(digest + name.encode()).digest()[:8], "big")
    return -math.log(((number >> 11) + 0.5) / 2**53)
