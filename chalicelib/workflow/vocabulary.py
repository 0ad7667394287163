"""Tell which given labels the models of a run know."""

from collections import Counter
from collections.abc import Mapping, Sequence

from chalicelib.answers.judged import LeftOut
from chalicelib.inference.labels import fold, names

LEFT_OUT_LISTED = 20
"""Left-out labels that a judgement lists."""

MAX_ANSWERS = 100_000
"""Different labels that are counted apart; all others are counted together."""

OTHERS = "(others)"


class Vocabulary:
    """The labels of each model of a run, by the model's name.

    Without labels every label counts as known.
    """

    def __init__(self, labels: Mapping[str, Sequence[str]]) -> None:
        self._models = {model: _by_name(own) for model, own in labels.items()}

    def knows(self, answer: str) -> bool:
        """Whether every model has a label with that name."""
        return all(fold(answer) in known for known in self._models.values())

    def known_to(self, answer: str) -> str | None:
        """Returns the first model that has a label with that name."""
        return next((model for model, known in self._models.items() if fold(answer) in known), None)

    def spelt(self, text: str) -> str:
        """Returns a label as the first model that knows it spells it, else as it is."""
        known = (own[name] for own in self._models.values() for name in names(text) if name in own)
        return next(known, text)


def _by_name(labels: Sequence[str]) -> dict[str, str]:
    """Returns labels by name. If two share a name, the whole label wins, else the first."""
    whole = {fold(label): label for label in reversed(labels)}
    return {name: label for label in reversed(labels) for name in names(label)} | whole


class LeftOuts:
    """Counts the labels that not every model knows."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._counts: Counter[str] = Counter()
        self._spelling = {OTHERS: OTHERS}

    def take(self, answer: str) -> bool:
        """Counts a label, unless it is blank or known to all. Returns whether it was counted."""
        name = fold(answer)
        if not name or self._vocabulary.knows(answer):
            return False
        if name not in self._counts and len(self._counts) >= MAX_ANSWERS:
            name = OTHERS
        self._counts[name] += 1
        self._spelling.setdefault(name, " ".join(answer.split()))
        return True

    @property
    def images(self) -> int:
        """The number of images with such a label."""
        return self._counts.total()

    def listed(self, limit: int = LEFT_OUT_LISTED) -> list[LeftOut]:
        """Returns the most frequent of these labels."""
        return [
            LeftOut(self._spelling[name], images, self._vocabulary.known_to(name))
            for name, images in self._counts.most_common(limit)
        ]
