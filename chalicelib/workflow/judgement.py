"""The judgement that is kept: the figures for callers, and all that the report shows."""

import msgspec

from chalicelib.answers.judged import ArmFigures, Figures
from chalicelib.workflow.confusion import Matrix


class Failure(msgspec.Struct, frozen=True):
    """An example of an image that failed."""

    id: str
    message: str


class ArmResult(ArmFigures, frozen=True, kw_only=True):
    """The answers of one model. examples: the first failure of each code."""

    examples: dict[str, Failure]


class Judgement(Figures, frozen=True, kw_only=True):
    """The comparison in figures, and in a sentence (`verdict`).

    confusion: truth x label of each arm; if no truth is known, champion x challenger.
    """

    champion: ArmResult
    challenger: ArmResult | None
    confusion: list[Matrix]

    @property
    def arms(self) -> list[ArmResult]:
        """Returns the champion, and the challenger if there is one."""
        return [self.champion] + ([self.challenger] if self.challenger else [])
