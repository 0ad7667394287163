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

    answered: number of images without an error. errors: number of images by error code, the most
        frequent first; `Missing` if there is no record. error_rate: share of images with an error.
    labelled: number of answered images with a known label. correct: number of labelled images with
        the right top label.
    accuracy: correct / labelled. Errors count only in `error_rate`.
    interval: 95% interval of the accuracy (Wilson). mean_confidence: mean score of the top label.
    multi_label: whether labels are independent. Then an answer is right if it has the known label,
        and its confidence is that label's score.
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

    pairs: number of images that both models answered. agree: number of pairs with the same top
        label.
    """

    pairs: int
    agree: int
    rate: Share


class McNemar(msgspec.Struct, frozen=True):
    """The labelled images that both models answered, by who was right.

    p_value: exact, two-sided p-value.
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

    images: number of images with the label. known_to: the model that has the label; null if none
        has it.
    """

    label: str
    images: int
    known_to: str | None


class Figures(msgspec.Struct, frozen=True):
    """The comparison in figures.

    images: number of images. labelled: number of images with a label that every model has.
    error_rate: error rate of the worse model.
    better: whether the challenger may be promoted. It must be right significantly more often on
        images that both answered, and on more images in total. So a model cannot win by the
        other's errors, or by answering only easy images. A multi-label challenger is never better
        than a champion with one label.
    left_out: number of images with a label that not every model has. unknown: the most frequent of
        these labels.
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
    """The answer of one model about an image. right: whether the answer is right, if it counts."""

    labels: list[Label] | None = None
    error: ErrorInfo | None = None
    right: bool | None = None
    multi_label: bool = False


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """An image, and each model's answer.

    label: the right label. picture: a link to the picture that works for five minutes, in answers
        about a run, if the picture was classified and is in the images bucket.
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
    judgement: the comparison in figures. predictions: all predictions, if the run has few images.
    """

    outcome: Outcome
    verdict: str
    judgement: Figures
    predictions: list[Line] | None = None
