"""The state of a batch, and the form to upload an image."""

from datetime import datetime
from typing import Literal

import msgspec

from chalicelib.answers.predictions import Count, ErrorInfo

BatchStatus = Literal["queued", "running", "finished", "cancelled", "failed"]


class Counts(msgspec.Struct, frozen=True):
    """Counts of a batch's images.

    total: number of images, which grows until the whole manifest is read. done: images with labels
        or an error. failed: images with an error.
    """

    total: Count
    done: Count
    failed: Count


class BatchOutline(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A batch in a list.

    source: where the images come from, in words or as an S3 URI.
    status: `cancelled` and `failed` batches ended early, `failed` with an `error`.
        `POST /batches/{batch_id}/retry` continues them.
    finished_at: when its results were written. For a cancelled or failed batch, when
        its finished results were written.
    """

    batch_id: str
    source: str
    created_at: datetime
    status: BatchStatus
    counts: Counts
    finished_at: datetime | None = None


class BatchView(BatchOutline, frozen=True, kw_only=True, omit_defaults=True):
    """A batch.

    labels: number of images by top label; for a multi-label model, by each label with a score of at
        least 0.5. errors: number of images by error code.
    retryable: number of failed images that a retry may fix. Lines that name no image always fail.
    results: a link to `results.jsonl` that works for up to an hour. For a cancelled or failed
        batch it has the finished results, or, until they are written, those of the previous round.
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
    """The recent batches, newest first; `GET /batches/{batch_id}` returns all fields."""

    batches: list[BatchOutline]


class Picture(msgspec.Struct, frozen=True):
    """A picture of a batch.

    at: position of the record in the results, from 0. source: the picture's address, as in the
        record. url: a link to the picture.
    """

    at: Count
    source: str
    url: str


class PictureList(msgspec.Struct, frozen=True):
    """Links to pictures that are in the images bucket and were classified.

    pictures: pictures at the requested positions. expires_in: lifetime of the links in seconds.
    """

    pictures: list[Picture]
    expires_in: int


class UploadForm(msgspec.Struct, frozen=True):
    """A form that uploads one file: POST the fields, and then `file`, to the URL.

    s3_uri: the file's S3 URI after the upload. expires_in: lifetime of the form in seconds.
    """

    url: str
    fields: dict[str, str]
    s3_uri: str
    expires_in: int
