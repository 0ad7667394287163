"""The things that doodle knows: each name, and the function that sketches it."""

from __future__ import annotations

from collections.abc import Callable

from tools.doodle.shapes import animals, food, household, manmade, mechanical, nature
from tools.doodle.sketch import Sketch

SHAPES: dict[str, Callable[[Sketch], None]] = {
    "apple": food.apple,
    "balloon": manmade.balloon,
    "banana": food.banana,
    "bicycle": mechanical.bicycle,
    "butterfly": animals.butterfly,
    "cactus": nature.cactus,
    "candle": food.candle,
    "car": mechanical.car,
    "cat": animals.cat,
    "clock": household.clock,
    "cloud": nature.cloud,
    "cup": food.cup,
    "envelope": manmade.envelope,
    "fish": animals.fish,
    "flower": nature.flower,
    "glasses": mechanical.glasses,
    "heart": manmade.heart,
    "hourglass": household.hourglass,
    "house": manmade.house,
    "ice cream": food.ice_cream,
    "key": household.key,
    "ladder": household.ladder,
    "light bulb": household.light_bulb,
    "lightning bolt": nature.lightning_bolt,
    "mushroom": food.mushroom,
    "sailboat": manmade.sailboat,
    "scissors": mechanical.scissors,
    "snail": animals.snail,
    "snowman": animals.snowman,
    "star": nature.star,
    "strawberry": food.strawberry,
    "sun": nature.sun,
    "teapot": food.teapot,
    "tree": nature.tree,
    "umbrella": manmade.umbrella,
}
