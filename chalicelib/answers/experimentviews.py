"""The state of the experiment, and the answer to a vote."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from chalicelib.answers.predictions import Count, Share


class ArmView(msgspec.Struct, frozen=True):
    """A model of the experiment.

    weight: the model's share of the traffic. votes: number of answers with a vote. correct: number
        of answers that were voted right.
    interval: 95% interval of the accuracy (Wilson).
    """

    name: str
    weight: Share
    votes: Count
    correct: Count
    accuracy: Share | None
    interval: tuple[Share, Share] | None


class Comparison(msgspec.Struct, frozen=True):
    """A challenger against the champion; figures are null if either has no votes.

    difference: the challenger's accuracy minus the champion's. p_value: p-value of a
        z-test, valid for a single look.
    """

    challenger: str
    difference: Annotated[float, msgspec.Meta(ge=-1, le=1)] | None
    p_value: Share | None
    verdict: str


class ExperimentView(msgspec.Struct, frozen=True):
    """The state of the experiment.

    source: where the weights come from. updated_at: when the votes were last counted.
    """

    arms: list[ArmView]
    champion: str
    comparisons: list[Comparison]
    verdict: str
    source: Literal["environment", "experiment.json"]
    updated_at: datetime | None


class FeedbackAnswer(msgspec.Struct, frozen=True):
    """A vote. arm: the model that was voted on. counted: whether it counts in the experiment."""

    arm: str
    correct: bool
    counted: bool
