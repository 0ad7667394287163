"""What the comparison of two models on the same images found."""

import msgspec

from chalicelib.workflow.confusion import Matrix
from chalicelib.workflow.vocabulary import LeftOut


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds of decoding and inference, of the images answered."""

    mean: float
    p50: float
    p95: float


class Failure(msgspec.Struct, frozen=True):
    """One of the images that failed, as an example."""

    id: str
    message: str


class ArmResult(msgspec.Struct, frozen=True):
    """One model's answers.

    answered: images without an error. errors: images by the error's code, the most frequent first;
        `Missing` where there is no record at all. examples: the first failure of each code.
    error_rate: share of all images, 0..1.
    labelled: answered images whose truth is known; correct: of these, those whose top label is it.
    accuracy: correct / labelled; an error is no answer, so it counts in `error_rate` and not here.
    interval: Wilson's for the accuracy, 95%.
    mean_confidence: mean score of the top label, 0..1.
    multi_label: whether the model judges each label by itself: then it is right where it finds the
        label that is known, and its confidence is in that.
    """

    model: str
    answered: int
    errors: dict[str, int]
    examples: dict[str, Failure]
    error_rate: float
    labelled: int
    correct: int
    accuracy: float | None
    interval: tuple[float, float] | None
    mean_confidence: float | None
    latency_ms: Latency | None
    multi_label: bool = False


class Agreement(msgspec.Struct, frozen=True):
    """How often the top labels are the same. pairs: images that both models answered."""

    pairs: int
    agree: int
    rate: float


class McNemar(msgspec.Struct, frozen=True):
    """The labelled images that both models answered, by who was right; exact, two-sided p-value."""

    both: int
    only_champion: int
    only_challenger: int
    neither: int
    p_value: float

    @property
    def pairs(self) -> int:
        """Images."""
        return self.both + self.only_champion + self.only_challenger + self.neither

    @property
    def discordant(self) -> int:
        """Images that one of the two got right: all that the test looks at."""
        return self.only_champion + self.only_challenger

    @property
    def difference(self) -> float:
        """The challenger's accuracy minus the champion's on these images, -1..1."""
        return (self.only_challenger - self.only_champion) / self.pairs


class Judgement(msgspec.Struct, frozen=True):
    """The comparison in figures, and in a sentence (`verdict`).

    images: all of them. labelled: those with an answer that every model knows.
    left_out: images with an answer that not every model knows; unknown: the most frequent of these.
    error_rate: the worst arm's. better: whether the challenger may be promoted: it is right
        significantly more often where both answered, and on more images in all, so that a model
        wins neither by the other's lost images nor by answering only the easy ones. Nor is it
        where it may find several labels in an image and the champion gives one.
    confusion: truth x label of each arm; where no truth is known, champion x challenger.
    """

    images: int
    labelled: int
    champion: ArmResult
    challenger: ArmResult | None
    agreement: Agreement | None
    mcnemar: McNemar | None
    error_rate: float
    better: bool
    verdict: str
    confusion: list[Matrix]
    left_out: int = 0
    unknown: list[LeftOut] = []

    @property
    def arms(self) -> list[ArmResult]:
        """The champion, and the challenger if there is one."""
        return [self.champion] + ([self.challenger] if self.challenger else [])
