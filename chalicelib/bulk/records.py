"""The record of one image: a line of the results of batches and workflows."""

import msgspec

from chalicelib.answers.predictions import ErrorInfo, Label
from chalicelib.inference.labels import FOUND, is_right


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the results: labels or an error, never both.

    ms: milliseconds of decoding and inference. multi_label: each label is judged by itself.
    truncated: the image is a JPEG that lacked its last bytes, so a part of it was not seen.
    """

    id: str
    source: str
    labels: list[Label] | None = None
    model: str | None = None
    ms: float | None = None
    error: ErrorInfo | None = None
    multi_label: bool = False
    truncated: bool = False

    def said(self, asked: str) -> Label | None:
        """The label that the answer stands for: the top one; None where it has none.

        asked: a given answer. A multi-label model stands for what that names, if it finds it.
        """
        labels = self.labels or []
        about = (each for each in self.found() if is_right(asked, each.name))
        return next(about, None) or next(iter(labels), None)

    def found(self) -> list[Label]:
        """The labels that are taken to be in the picture: the top one, or all that are likely."""
        labels = self.labels or []
        return [each for each in labels if each.score >= FOUND] if self.multi_label else labels[:1]
