"""Cut a manifest into chunks, with a message for each. Resumes where it died."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice

import msgspec

from chalicelib.aws.sqs import Queue
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.listing import list_images
from chalicelib.batch.losses import IMAGE_LOST
from chalicelib.batch.objects import Batch, FanOut, chained
from chalicelib.bulk.chunks import MAX_IMAGES, chunked, growing, held
from chalicelib.bulk.deadline import InTime, Remaining, in_time
from chalicelib.bulk.manifests import Entry, check_manifest, entries, is_manifest
from chalicelib.errors import BadRequest
from chalicelib.requests import MAX_ID
from chalicelib.sources.read import MAX_KEY_BYTES

GROUP = 100
"""Chunks between two checkpoints. A fan-out that dies queues them again, to no effect."""

WRITERS = 16
"""Chunks written at the same time."""

FAN_OUT_MARGIN = 20.0
"""Seconds before Lambda's deadline at which the rest goes into another message."""


class ChunkMessage(msgspec.Struct, frozen=True, tag="chunk", omit_defaults=True):
    """A message: classify this chunk. tries: how often it was lost before."""

    batch_id: str
    round: int
    chunk: int
    tries: int = 0


class ImageMessage(msgspec.Struct, frozen=True, tag="image"):
    """A message: classify the image at that place, from 0, of a chunk that was lost."""

    batch_id: str
    round: int
    of: int
    place: int
    tries: int


class FanOutMessage(msgspec.Struct, frozen=True, tag="fan_out", omit_defaults=True):
    """A message: cut this round into chunks, or continue that.

    tries: how often it was lost before. resumed: queue again the chunks that are not done.
    """

    batch_id: str
    round: int
    tries: int = 0
    resumed: bool = False


def fan_out(
    ledger: Ledger, batch: Batch, queue: Queue, remaining: Remaining, most: int = MAX_IMAGES
) -> bool:
    """Queues every chunk of the batch's round. Returns whether it reached the end.

    Raises BadRequest, before anything is cut, if there are more than `most` images.

    Constant memory: at most GROUP chunks are held. A resumed fan-out reads past what was queued
    before, at a quarter of a million lines of a CSV a second or half a million of a text, so a
    checkpoint needs no position in the file.
    """
    round = batch.round
    state, etag = ledger.tagged_fan_out(round)
    if state.complete or ledger.cancelled(round):
        return True
    go_on = in_time(remaining, FAN_OUT_MARGIN)
    parts = _parts(ledger, batch, state, most, go_on)
    if parts is None:
        queue.send([FanOutMessage(batch.batch_id, round)])
        return False
    todo = chunked(
        islice(_entries(ledger, batch, parts), state.entries, None), growing, state.entries
    )
    with ThreadPoolExecutor(WRITERS) as writers:
        for group in held(todo, GROUP):
            if ledger.cancelled(round):
                return True
            numbered = list(enumerate(group, state.chunks + 1))
            list(writers.map(lambda pair: ledger.write_chunk(round, *pair), numbered))
            queue.send([ChunkMessage(batch.batch_id, round, n) for n, _ in numbered])
            state = _advanced(state, group)
            etag = ledger.advance(round, state, etag)
            if etag is None:  # another fan-out is faster; this one continues from there
                return fan_out(ledger, batch, queue, remaining, most)
            if not go_on():
                queue.send([FanOutMessage(batch.batch_id, round)])
                return False
    done = msgspec.structs.replace(state, complete=True)
    if ledger.advance(round, done, etag) is None:
        return fan_out(ledger, batch, queue, remaining, most)
    return True


def queue_undone(ledger: Ledger, batch: Batch, queue: Queue) -> None:
    """Queues again every chunk that is not done, after a stop that let their messages pass."""
    done = {tally.chunk for tally in ledger.tallies(batch.round)}
    chunks = range(1, ledger.fan_out(batch.round).chunks + 1)
    queue.send([ChunkMessage(batch.batch_id, batch.round, n) for n in chunks if n not in done])


def _parts(
    ledger: Ledger, batch: Batch, state: FanOut, most: int, go_on: InTime
) -> list[str] | None:
    """Returns the names of the manifest's parts; None if a prefix is not listed yet."""
    if batch.round:
        return []
    if _is_prefix(batch):
        listing = list_images(ledger, batch.source, most, go_on)
        parts, complete, images = listing.parts, listing.complete, listing.images
    else:
        parts, complete, images = [batch.manifest], True, state.entries
        if not state.chunks:
            stream = ledger.store.stream(ledger.bucket, ledger.key(batch.manifest))
            check_manifest(batch.source if is_manifest(batch.source) else batch.manifest, stream)
            images = sum(1 for _ in islice(_entries(ledger, batch, parts), most + 1))
    if images > most:
        raise BadRequest(
            f"A batch may have at most {most:,} images, and this one has more; split it into "
            "several batches."
        )
    return parts if complete else None


def _advanced(state: FanOut, group: list[list[Entry]]) -> FanOut:
    digest = state.digest
    for chunk in group:
        digest = chained(digest, (entry.id for entry in chunk))
    entries = state.entries + sum(map(len, group))
    return FanOut(state.chunks + len(group), entries, digest=digest)


def _entries(ledger: Ledger, batch: Batch, parts: list[str]) -> Iterator[Entry]:
    """Yields the images of the round. parts: names of the parts of its manifest."""
    if batch.round:
        return _failed(ledger, batch.round - 1)
    streams = (ledger.store.stream(ledger.bucket, ledger.key(name)) for name in parts)
    longest = MAX_KEY_BYTES if _is_prefix(batch) else MAX_ID  # the ids of a listing are keys
    return entries(batch.manifest, chain.from_iterable(streams), longest)


def _is_prefix(batch: Batch) -> bool:
    return batch.source.endswith("/")


def _failed(ledger: Ledger, round: int) -> Iterator[Entry]:
    """Yields the entries that ended that round with an error which another try may fix.

    An image that was lost alone gets a chunk of its own again.
    """
    outcomes = ledger.records(round)
    for chunk, size, _ in ledger.tallies(0):
        records = list(islice(outcomes, size))
        if not any(record.error for record in records):
            continue
        for entry, record in zip(ledger.chunk(0, chunk), records, strict=True):
            if record.error is not None and not record.is_final:
                yield msgspec.structs.replace(entry, alone=record.error.code == IMAGE_LOST.code)
