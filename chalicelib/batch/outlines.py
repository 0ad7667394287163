"""The list of batches: three listings of the store, and a look at each batch that has not ended."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import msgspec

from chalicelib.answers.status import BatchOutline
from chalicelib.aws.s3 import ObjectStore
from chalicelib.batch.ledger import ACTIVE, BATCH_FOLDERS, Ledger, parse_active
from chalicelib.batch.recent import PREFIX, last_ends
from chalicelib.batch.view import view_of
from chalicelib.bulk.naming import MOST_RECENT
from chalicelib.errors import NotFound

MARKS_LOOKED_AT = 1000
"""Of the index: as many as S3 returns at once. Those of deleted batches stay in it."""


def recent_batches(store: ObjectStore, bucket: str) -> list[BatchOutline]:
    """The latest batches, newest first; those that were deleted are passed over.

    What the index says of a batch counts only if the schedule looks after none of its rounds. Else,
    and for batches of before the index said it, the batch's own objects are asked.
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
    """The batches as their own objects have them, side by side; those just deleted are left out."""

    def look(id: str) -> BatchOutline | None:
        try:
            return outline_of(view_of(Ledger(store, bucket, id)))
        except NotFound:
            return None

    with ThreadPoolExecutor(MOST_RECENT) as pool:
        outlines = zip(ids, pool.map(look, ids), strict=True)
        return {id: outline for id, outline in outlines if outline is not None}


def outline_of(view: BatchOutline) -> BatchOutline:
    """What a list shows of a batch."""
    return msgspec.convert(view, BatchOutline, from_attributes=True)
