"""The list of batches: three requests to the store, and some for each batch that has not ended."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import msgspec

from chalicelib.answers.batchviews import BatchOutline
from chalicelib.aws.store import ObjectStore
from chalicelib.batch.ledger import ACTIVE, BATCH_FOLDERS, Ledger, parse_active
from chalicelib.batch.recent import PREFIX, last_ends
from chalicelib.batch.view import view_of
from chalicelib.bulk.naming import MOST_RECENT
from chalicelib.errors import NotFound

MARKS_LOOKED_AT = 1000
"""Marks read from the index: as many as S3 returns at once. Deleted batches leave theirs behind."""


def recent_batches(store: ObjectStore, bucket: str) -> list[BatchOutline]:
    """Returns the latest batches, newest first, without those that were deleted.

    The index counts only for a batch that the schedule no longer looks after. Any other batch is
    read from its own objects, as is one that ended before the index held ends.
    """
    ends = last_ends(islice(store.list(bucket, PREFIX), MARKS_LOOKED_AT))
    if not ends:
        return []
    working = {parse_active(mark.key)[0] for mark in store.list(bucket, ACTIVE)}
    folders = set(store.folders(bucket, BATCH_FOLDERS, after=BATCH_FOLDERS + min(ends)))
    ids = [id for id in ends if f"{BATCH_FOLDERS}{id}/" in folders][:MOST_RECENT]
    outlines = {id: end for id in ids if (end := ends[id]) and id not in working}
    outlines |= _looked_at(store, bucket, [id for id in ids if id not in outlines])
    return [outlines[id] for id in ids if id in outlines]


def _looked_at(store: ObjectStore, bucket: str, ids: Sequence[str]) -> dict[str, BatchOutline]:
    """Reads batches from their own objects, side by side, without those deleted meanwhile."""

    def look(id: str) -> BatchOutline | None:
        try:
            return outline_of(view_of(Ledger(store, bucket, id)))
        except NotFound:
            return None

    with ThreadPoolExecutor(MOST_RECENT) as pool:
        outlines = zip(ids, pool.map(look, ids), strict=True)
        return {id: outline for id, outline in outlines if outline is not None}


def outline_of(view: BatchOutline) -> BatchOutline:
    """Returns the part of a view that a list shows."""
    return msgspec.convert(view, BatchOutline, from_attributes=True)
