"""The state of a batch, and the form to upload an image."""

from datetime import datetime
from typing import Literal

import msgspec

from chalicelib.answers.predictions import Count, ErrorInfo

BatchStatus = Literal["queued", "running", "finished", "cancelled", "failed"]


class Counts(msgspec.Struct, frozen=True):
    """Counts of a batch's images.

    total: all; it grows until the manifest is read. done: with an outcome. failed: of these, with
        an error.
    """

    total: Count
    done: Count
    failed: Count


class BatchOutline(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A batch in a list.

    source: where the images come from, in words or as an address.
    status: `cancelled` and `failed` batches ended early, `failed` with an `error`.
        `POST /batches/{batch_id}/retry` continues them.
    finished_at: when its results were written. A batch that was cancelled or failed has it once the
        results of what was done are written.
    """

    batch_id: str
    source: str
    created_at: datetime
    status: BatchStatus
    counts: Counts
    finished_at: datetime | None = None


class BatchView(BatchOutline, frozen=True, kw_only=True, omit_defaults=True):
    """A batch.

    labels: images by best label; with a multi-label model, by each label with a score of at least
        0.5. errors: images by error code.
    retryable: failed images that a retry may mend. A line that names no image fails again for ever.
    results: a link to `results.jsonl` that works for up to an hour. For a batch that was cancelled
        or failed: the results of what was done, or, until those are written, of the last round.
    summary: a link to the summary of these results that works for up to an hour.
    error: why the batch ended early.
    """

    labels: dict[str, int] | None = None
    errors: dict[str, int] | None = None
    retryable: Count | None = None
    results: str | None = None
    summary: str | None = None
    error: ErrorInfo | None = None


class BatchList(msgspec.Struct, frozen=True):
    """The recent batches, newest first; `GET /batches/{batch_id}` tells more about a batch."""

    batches: list[BatchOutline]


class Picture(msgspec.Struct, frozen=True):
    """A picture of a batch.

    at: the place of its record in the results, from 0. source: its address, as in the record.
    url: a link to it.
    """

    at: Count
    source: str
    url: str


class PictureList(msgspec.Struct, frozen=True):
    """Links to pictures that are in the images bucket and were classified.

    pictures: those of the places that were asked for. expires_in: seconds that the links work.
    """

    pictures: list[Picture]
    expires_in: int


class UploadForm(msgspec.Struct, frozen=True):
    """A form that uploads one file: POST the fields, and then `file`, to the URL.

    s3_uri: the file's address after the upload. expires_in: seconds.
    """

    url: str
    fields: dict[str, str]
    s3_uri: str
    expires_in: int
