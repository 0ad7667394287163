"""Records: the lines in the results of batches and workflows, one for each image."""

import msgspec

from chalicelib.answers.predictions import Embedding, ErrorInfo, Label
from chalicelib.inference.labels import LIKELY_SCORE, is_right


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """The record of one image: labels or an error, never both.

    ms: milliseconds of decoding and inference. multi_label: each label is judged by itself.
    embedding: what the last layer saw, if it was asked for.
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
    embedding: Embedding | None = None

    @property
    def is_final(self) -> bool:
        """Whether its error stays, whatever happens: the line names no image, or only a false
        address. A bucket that the service does not read may be allowed later."""
        code = self.error.code if self.error else ""
        return code == "BadRequest" or (
            code == "SourceInvalid" and not self.source.startswith("s3://")
        )

    def said(self, asked: str) -> Label | None:
        """Returns the answer's label: the top label, or None if it has none.

        asked: a given label. For a multi-label model it is the answer, if the model finds it.
        """
        labels = self.labels or []
        about = (label for label in self.likely() if is_right(asked, label.name))
        return next(about, None) or next(iter(labels), None)

    def likely(self) -> list[Label]:
        """Returns the labels found in the picture: the top label, or all likely labels."""
        labels = self.labels or []
        if not self.multi_label:
            return labels[:1]
        return [label for label in labels if label.score >= LIKELY_SCORE]
