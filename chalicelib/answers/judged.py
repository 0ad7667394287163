"""What a comparison of two models on the same images found."""

from typing import Literal

import msgspec

from chalicelib.answers.predictions import ErrorInfo, Label, Share

Outcome = Literal["promoted", "kept", "degraded"]


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds of decoding and inference, of the images answered."""

    mean: float
    p50: float
    p95: float


class ArmFigures(msgspec.Struct, frozen=True):
    """One model's answers.

    answered: images without an error. errors: images by the error's code, the most frequent first;
        `Missing` where there is no record at all. error_rate: share of all images.
    labelled: answered images whose truth is known. correct: of these, those whose top label is it.
    accuracy: correct / labelled; an error is no answer, so it counts in `error_rate` and not here.
    interval: Wilson's for the accuracy, 95%. mean_confidence: mean score of the top label.
    multi_label: whether the model judges each label by itself: then it is right where it finds the
        label that is known, and its confidence is in that.
    """

    model: str
    answered: int
    errors: dict[str, int]
    error_rate: Share
    labelled: int
    correct: int
    accuracy: Share | None
    interval: tuple[Share, Share] | None
    mean_confidence: Share | None
    latency_ms: Latency | None
    multi_label: bool = False


class Agreement(msgspec.Struct, frozen=True):
    """How often the top labels are the same.

    pairs: images that both models answered. agree: of these, those with the same top label.
    """

    pairs: int
    agree: int
    rate: Share


class McNemar(msgspec.Struct, frozen=True):
    """The labelled images that both models answered, by who was right; exact, two-sided p-value."""

    both: int
    only_champion: int
    only_challenger: int
    neither: int
    p_value: Share

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


class LeftOut(msgspec.Struct, frozen=True):
    """An answer that does not count, because not every model knows it.

    images: how many have it. known_to: the model that knows it; null where none does.
    """

    label: str
    images: int
    known_to: str | None


class Figures(msgspec.Struct, frozen=True):
    """The comparison in figures.

    images: all of them. labelled: those with an answer that every model knows.
    error_rate: the worst arm's. better: whether the challenger may be promoted: it is right
        significantly more often where both answered, and on more images in all, so that a model
        wins neither by the other's lost images nor by answering only the easy ones. Nor is it
        where it may find several labels in an image and the champion gives one.
    left_out: images with an answer that not every model knows. unknown: the most frequent of these.
    """

    images: int
    labelled: int
    champion: ArmFigures
    challenger: ArmFigures | None
    agreement: Agreement | None
    mcnemar: McNemar | None
    error_rate: Share
    better: bool
    verdict: str
    left_out: int = 0
    unknown: list[LeftOut] = []


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one model said of an image. right: whether it is right, where that counts."""

    labels: list[Label] | None = None
    error: ErrorInfo | None = None
    right: bool | None = None
    multi_label: bool = False


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """An image, and what each model said of it. label: what it is known to show."""

    id: str
    source: str
    label: str | None = None
    champion: Said | None = None
    challenger: Said | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a run came to.

    outcome: what was decided. verdict: in a sentence, what the comparison found.
    judgement: the comparison in figures. predictions: of a run of few images, all of them.
    """

    outcome: Outcome
    verdict: str
    judgement: Figures
    predictions: list[Line] | None = None
