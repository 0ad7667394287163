"""The comparison of two models on the same images."""

from typing import Literal

import msgspec

from chalicelib.answers.predictions import ErrorInfo, Label, Share

Outcome = Literal["promoted", "kept", "degraded"]


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds of decoding and inference, over the answered images."""

    mean: float
    p50: float
    p95: float


class ArmFigures(msgspec.Struct, frozen=True):
    """The answers of one model.

    answered: images without an error. errors: images by the error's code, the most frequent first;
        `Missing` if there is no record. error_rate: share of all images.
    labelled: answered images whose label is known. correct: of these, those whose top label is it.
    accuracy: correct / labelled; an error is no answer, so it counts only in `error_rate`.
    interval: Wilson's for the accuracy, 95%. mean_confidence: mean score of the top label.
    multi_label: whether the model judges each label by itself. Then it is right if it finds the
        known label, and its confidence is that label's score.
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
    """The labelled images that both models answered, by who was right.

    p_value: exact and two-sided.
    """

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
        """Images that only one model got right; the test looks at these."""
        return self.only_champion + self.only_challenger

    @property
    def difference(self) -> float:
        """The challenger's accuracy minus the champion's on these images, -1..1."""
        return (self.only_challenger - self.only_champion) / self.pairs


class LeftOut(msgspec.Struct, frozen=True):
    """A label that does not count, because not every model knows it.

    images: how many have it. known_to: the model that knows it; null if none does.
    """

    label: str
    images: int
    known_to: str | None


class Figures(msgspec.Struct, frozen=True):
    """The comparison in figures.

    images: all of them. labelled: those with a label that every model knows.
    error_rate: the worst arm's. better: whether the challenger may be promoted. It must be right
        significantly more often on images that both answered, and on more images in all. So a
        model wins neither by the other's lost images nor by answering only easy ones. If it may
        find several labels in an image and the champion gives one, it is not better.
    left_out: images with a label that not every model knows. unknown: the most frequent of these.
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
    """The answer of one model about an image. right: whether it is right, if that counts."""

    labels: list[Label] | None = None
    error: ErrorInfo | None = None
    right: bool | None = None
    multi_label: bool = False


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """An image, and each model's answer.

    label: what the image is known to show. picture: a link to it that works for five minutes, in an
        answer about a run, if it was classified and is in the images bucket.
    """

    id: str
    source: str
    label: str | None = None
    champion: Said | None = None
    challenger: Said | None = None
    picture: str | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result of a run.

    outcome: what was decided. verdict: the comparison in a sentence or two.
    judgement: the comparison in figures. predictions: all of them, if the run has few images.
    """

    outcome: Outcome
    verdict: str
    judgement: Figures
    predictions: list[Line] | None = None
