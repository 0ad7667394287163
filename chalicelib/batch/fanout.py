"""A manifest -> chunks in the bucket, each with a message on the queue. Resumes where it died."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import msgspec

from chalicelib.aws.sqs import Queue
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.losses import LOST
from chalicelib.batch.records import Batch, FanOut, chained
from chalicelib.bulk.chunks import MAX_IMAGES, chunked, growing, held
from chalicelib.bulk.deadline import Remaining, in_time
from chalicelib.bulk.manifests import Entry, entries, is_manifest
from chalicelib.errors import BadRequest
from chalicelib.requests import MAX_ID
from chalicelib.sources.read import MAX_KEY_BYTES, split_s3_uri

GROUP = 100
"""Chunks queued between two checkpoints: what a fan-out that dies does again, to no effect."""

WRITERS = 16
"""Chunks written at the same time."""

MARGIN = 20.0
"""Seconds before Lambda's deadline at which the rest is left to the next message."""


class ChunkMessage(msgspec.Struct, frozen=True, tag="chunk", omit_defaults=True):
    """On the work queue: classify this chunk. tries: how often it was lost before."""

    batch_id: str
    round: int
    chunk: int
    tries: int = 0


class ImageMessage(msgspec.Struct, frozen=True, tag="image"):
    """On the work queue: classify the image at that place, from 0, of a chunk that was lost."""

    batch_id: str
    round: int
    of: int
    place: int
    tries: int


class FanOutMessage(msgspec.Struct, frozen=True, tag="fan_out", omit_defaults=True):
    """On the work queue: cut this round into chunks, or go on with it.

    tries: how often it was lost before. resumed: queue again what was cut and is not done.
    """

    batch_id: str
    round: int
    tries: int = 0
    resumed: bool = False


def fan_out(
    ledger: Ledger, batch: Batch, queue: Queue, remaining: Remaining, most: int = MAX_IMAGES
) -> bool:
    """Queue every chunk of the batch's round; whether it came to the end.

    Raises BadRequest, before anything is cut, where there are more than `most` images.

    Constant memory: at most GROUP chunks are held. What was queued before is read past again, at a
    quarter of a million lines of a CSV a second and half a million of a text, so that a checkpoint
    needs no place in the file.
    """
    round = batch.round
    state, etag = ledger.tagged_fan_out(round)
    if state.complete or ledger.cancelled(round):
        return True
    if not state.chunks and not round:
        _check_size(ledger, batch, most)
    todo = chunked(
        islice(_entries(ledger, batch, most), state.entries, None), growing, state.entries
    )
    go_on = in_time(remaining, MARGIN)
    with ThreadPoolExecutor(WRITERS) as writers:
        for group in held(todo, GROUP):
            if ledger.cancelled(round):
                return True
            numbered = list(enumerate(group, state.chunks + 1))
            list(writers.map(lambda pair: ledger.write_chunk(round, *pair), numbered))
            queue.send([ChunkMessage(batch.batch_id, round, n) for n, _ in numbered])
            state = _advanced(state, group)
            etag = ledger.advance(round, state, etag)
            if etag is None:  # another one is at it, and this goes on from where that is
                return fan_out(ledger, batch, queue, remaining, most)
            if not go_on():
                queue.send([FanOutMessage(batch.batch_id, round)])
                return False
    done = msgspec.structs.replace(state, complete=True)
    if ledger.advance(round, done, etag) is None:
        return fan_out(ledger, batch, queue, remaining, most)
    return True


def queue_undone(ledger: Ledger, batch: Batch, queue: Queue) -> None:
    """Queue again every chunk that is cut and not done, as after a stop, which let them pass."""
    done = {chunk for chunk, _, _ in ledger.tallies(batch.round)}
    chunks = range(1, ledger.fan_out(batch.round).chunks + 1)
    queue.send([ChunkMessage(batch.batch_id, batch.round, n) for n in chunks if n not in done])


def _check_size(ledger: Ledger, batch: Batch, most: int) -> None:
    if sum(1 for _ in islice(_entries(ledger, batch, most), most + 1)) > most:
        raise BadRequest(
            f"A batch is of at most {most:,} images, and these are more; split them, and start "
            "a batch for each part."
        )


def _advanced(state: FanOut, group: list[list[Entry]]) -> FanOut:
    digest = state.digest
    for chunk in group:
        digest = chained(digest, (entry.id for entry in chunk))
    entries = state.entries + sum(map(len, group))
    return FanOut(state.chunks + len(group), entries, digest=digest)


def _entries(ledger: Ledger, batch: Batch, most: int) -> Iterator[Entry]:
    if batch.round:
        return _failed(ledger, batch.round - 1)
    listed = batch.source.endswith("/")
    key = ledger.key(_listing(ledger, batch.source, most) if listed else batch.manifest)
    longest = MAX_KEY_BYTES if listed else MAX_ID  # a listing's ids are keys
    return entries(key, ledger.store.stream(ledger.bucket, key), longest)


def _listing(ledger: Ledger, prefix: str, most: int) -> str:
    """The name of the manifest of a prefix: its objects as they were, whatever comes there later.

    Of two that list it at once the one counts that first says so.
    """
    return ledger.first(
        ledger.key("manifest.json"), str, lambda: _list_prefix(ledger, prefix, most)
    )


def _list_prefix(ledger: Ledger, prefix: str, most: int) -> str:
    """Write a manifest of a prefix, as it is now; its name."""
    name = f"manifest.{uuid.uuid4().hex[:8]}.jsonl"
    bucket, start = split_s3_uri(prefix)
    listed = (
        found.key
        for found in ledger.store.list(bucket, start)
        if not found.key.endswith("/") and not is_manifest(found.key)
    )
    images = islice(listed, most + 1)  # one too many, and the fan-out refuses them
    encode = msgspec.json.Encoder().encode
    ledger.store.write(
        ledger.bucket,
        ledger.key(name),
        (encode({"id": image.removeprefix(start), "s3_uri": f"s3://{bucket}/{image}"}) + b"\n"
         for image in images),
    )  # fmt: skip
    return name


def _failed(ledger: Ledger, round: int) -> Iterator[Entry]:
    """The entries whose record, as of the end of that round, is an error another try may mend.

    An image that was lost alone is alone in its chunk again.
    """
    outcomes = ledger.records(round)
    for chunk, size, _ in ledger.tallies(0):
        errors = [record.error for record in islice(outcomes, size)]
        if not any(errors):
            continue
        for entry, error in zip(ledger.chunk(0, chunk), errors, strict=True):
            if error is not None and entry.problem is None:
                yield msgspec.structs.replace(entry, alone=error.code == LOST.code)
