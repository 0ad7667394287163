"""Ranges of numbers for options."""

import math
from typing import Any

import click


class Numeric(click.FloatRange):
    """A range that refuses `nan`, which is neither below nor above any limit."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number. Fails as click wants it."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number
