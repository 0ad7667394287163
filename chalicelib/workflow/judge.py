"""Judge two models by their records of the same images."""

import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence

from chalicelib.answers.judged import Agreement, Latency, McNemar
from chalicelib.answers.predictions import Label
from chalicelib.bulk.manifests import Entry
from chalicelib.bulk.records import Record
from chalicelib.inference.labels import NO_LABEL, is_right, is_same
from chalicelib.significance import mcnemar_p_value, wilson_interval
from chalicelib.workflow.confusion import Pairs, matrices
from chalicelib.workflow.judgement import ArmResult, Failure, Judgement
from chalicelib.workflow.verdict import is_better, verdict
from chalicelib.workflow.vocabulary import LeftOuts, Vocabulary

Row = tuple[Entry, Record, Record | None]
"""An image, the champion's record of it, and the challenger's if there is one."""

TRUTH = "truth"
"""Name of a matrix's rows if they are not a model's answers."""

MISSING = "Missing"
"""The error code of an image without a record by the challenger."""

MAX_CODES = 100
"""Different error codes that are counted; the rest count as `Missing`."""


class _Arm:
    """The answers of one model so far."""

    def __init__(self, model: str, vocabulary: Vocabulary) -> None:
        self.model, self._vocabulary = model, vocabulary
        self.errors: Counter[str] = Counter()
        self.examples: dict[str, Failure] = {}
        self.answered = self.labelled = self.correct = self.scored = 0
        self.confidence, self.multi_label = 0.0, False
        self.latencies = array("d")
        self.confusion = Pairs(TRUTH, model)

    def add(self, entry: Entry, truth: str, record: Record | None) -> str | None:
        """Counts a record. Returns its label; None without an answer. truth: "" if unknown."""
        if record is None or record.error is not None:
            self._fail(entry, record)
            return None
        self.answered += 1
        if record.ms is not None and math.isfinite(record.ms):
            self.latencies.append(record.ms)
        self.multi_label |= record.multi_label
        said = record.said(truth) or Label(NO_LABEL, math.nan)
        if math.isfinite(said.score):
            self.confidence += said.score
            self.scored += 1
        label = said.name
        if truth:
            self.labelled += 1
            right, column = is_right(truth, label), self._vocabulary.spelt(label)
            row = column if right else self._vocabulary.spelt(truth)
            if not right and row == column:  # the champion's name for both, though not the model's
                column = label
            self.correct += right
            self.confusion.add(row, column, entry.id)
        return label

    def _fail(self, entry: Entry, record: Record | None) -> None:
        error = record.error if record else None
        code, message = (error.code, error.message) if error else (MISSING, "There is no record.")
        if code not in self.errors and len(self.errors) >= MAX_CODES:
            code = MISSING
        self.errors[code] += 1
        self.examples.setdefault(code, Failure(entry.id, message))

    def result(self, images: int) -> ArmResult:
        """Returns the figures."""
        return ArmResult(
            model=self.model,
            answered=self.answered,
            errors=dict(self.errors.most_common()),
            examples=self.examples,
            error_rate=self.errors.total() / images if images else 0.0,
            labelled=self.labelled,
            correct=self.correct,
            accuracy=self.correct / self.labelled if self.labelled else None,
            interval=wilson_interval(self.correct, self.labelled) if self.labelled else None,
            mean_confidence=round(self.confidence / self.scored, 4) if self.scored else None,
            latency_ms=_latency(self.latencies),
            multi_label=self.multi_label,
        )


def _latency(milliseconds: "array[float]") -> Latency | None:
    if not milliseconds:
        return None
    import numpy as np  # the other tasks of a workflow do not need it

    values = np.frombuffer(milliseconds)
    figures = values.mean(), *np.percentile(values, [50, 95])
    return Latency(*(round(float(figure), 2) for figure in figures))


class _Both:
    """The agreement of two models' answers so far."""

    def __init__(self, champion: str, challenger: str, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self.pairs = self.agree = 0
        self.right: Counter[tuple[bool, bool]] = Counter()
        self.confusion = Pairs(champion, challenger)

    def add(self, entry: Entry, truth: str, champion: str, challenger: str) -> None:
        """Counts an image that both answered, by the top labels."""
        row, column = self._vocabulary.spelt(champion), self._vocabulary.spelt(challenger)
        self.pairs += 1
        self.agree += is_same(row, column)
        self.confusion.add(row, column, entry.id)
        if truth:
            self.right[is_right(truth, champion), is_right(truth, challenger)] += 1

    def agreement(self) -> Agreement | None:
        """Returns the agreement; None if no image was answered by both."""
        return Agreement(self.pairs, self.agree, self.agree / self.pairs) if self.pairs else None

    def test(self) -> McNemar | None:
        """Returns McNemar's test; None if no labelled image was answered by both."""
        if not self.right:
            return None
        first, second = self.right[True, False], self.right[False, True]
        return McNemar(
            both=self.right[True, True],
            only_champion=first,
            only_challenger=second,
            neither=self.right[False, False],
            p_value=mcnemar_p_value(first, second),
        )


class Judge:
    """Compares two models on the same images, row by row; a million rows take some 100 MB.

    `is_right` says which answers are right. Two models agree if their labels share a name. A
    multi-label model is asked about the known label of an image.
    labels: of each model, by its name. A known label that a model lacks is left out, because the
        model cannot be right about it, whatever it sees. None: all labels count as known.
    """

    def __init__(
        self,
        champion: str,
        challenger: str | None,
        labels: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        vocabulary = Vocabulary(labels or {})
        models = [champion] if challenger is None else [champion, challenger]
        self._arms = [_Arm(model, vocabulary) for model in models]
        self._both = _Both(champion, challenger or "", vocabulary)
        self._left_out = LeftOuts(vocabulary)
        self._images = self._labelled = 0

    def add(self, row: Row) -> str:
        """Counts an image. Returns the known label that counts for it, else ""."""
        entry, *records = row
        truth = (entry.label or "").strip()
        if self._left_out.take(truth):
            truth = ""
        self._images += 1
        self._labelled += bool(truth)
        arms = zip(self._arms, records, strict=False)
        answers = [arm.add(entry, truth, record) for arm, record in arms]
        labels = [label for label in answers if label is not None]
        if len(labels) == 2:
            self._both.add(entry, truth, *labels)
        return truth

    def judgement(self) -> Judgement:
        """Returns the judgement of the rows so far."""
        arms = [arm.result(self._images) for arm in self._arms]
        champion, *rivals = arms
        challenger = next(iter(rivals), None)
        agreement, test = self._both.agreement(), self._both.test()
        unknown = self._left_out.listed()
        pairs = [arm.confusion for arm in self._arms]
        if not self._labelled:
            pairs = [self._both.confusion]
        return Judgement(
            images=self._images,
            labelled=self._labelled,
            champion=champion,
            challenger=challenger,
            agreement=agreement,
            mcnemar=test,
            error_rate=max(arm.error_rate for arm in arms),
            better=challenger is not None and is_better(champion, challenger, test),
            verdict=verdict(self._images, self._labelled, arms, agreement, test, unknown),
            confusion=matrices(pairs),
            left_out=self._left_out.images,
            unknown=unknown,
        )
