"""The contents of a batch's objects."""

import hashlib
import time
from collections.abc import Iterable

import msgspec

from chalicelib.answers.batchviews import Counts
from chalicelib.answers.predictions import ErrorInfo
from chalicelib.requests import Options


class Batch(Options, frozen=True, kw_only=True):
    """The request of a batch.

    source: where the images come from, in words or as an address. manifest: its name among the
    batch's objects. round: 0, or the number of the retry that runs.
    """

    batch_id: str
    created_at: float
    source: str
    manifest: str
    round: int = 0


class FanOut(msgspec.Struct, frozen=True):
    """How far a round's fan-out came: chunks and entries queued; `complete` at its end.

    digest: of the chunks' ids so far, see `chained`; None if it was not kept.
    """

    chunks: int = 0
    entries: int = 0
    complete: bool = False
    digest: str | None = None


class Summary(msgspec.Struct, frozen=True):
    """The summary of a round. labels: images by label; NO_LABEL if nothing was found.

    final: failed images that no retry can mend.
    results: the name of the results that it is about, which lie beside it.
    """

    batch_id: str
    round: int
    counts: Counts
    created_at: float
    finished_at: float
    labels: dict[str, int]
    errors: dict[str, int]
    final: int = 0
    results: str = "results.jsonl"


class Stop(msgspec.Struct, frozen=True):
    """Why a round was stopped: by a caller, or by an error."""

    error: ErrorInfo | None = None


def chained(digest: str | None, ids: Iterable[str]) -> str | None:
    """Adds a chunk to the digest by which a finish checks what the fan-out cut."""
    if digest is None:
        return None
    text = "\n".join([digest, *ids])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def now() -> float:
    """Returns the seconds since the epoch."""
    return time.time()
