"""Cut a manifest's entries into chunks, the unit of work of batches and workflows."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from chalicelib.bulk.lines import MAX_LINE
from chalicelib.bulk.manifests import Entry

SMALL_CHUNK, LARGE_CHUNK = 25, 100
"""Images in a chunk. Small chunks spread a little work over many workers, and a lost or repeated
message costs little. Large chunks need a quarter of the requests to S3, SQS and Step Functions,
which with small chunks cost a quarter of what the predictions cost (docs/cost.md)."""

SMALL_RUN = 10_000
"""Images that are cut into small chunks, for an inline Map. 400 chunks make about 7,000 of the
25,000 events of a history
(https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html)."""

MAX_IMAGES = 1_000_000
"""Images of a batch or a workflow, for which chunk numbers, finish and report are made."""

CHUNK_BYTES = SMALL_CHUNK * MAX_LINE
"""Bytes of addresses and inline images in a chunk."""

GROUP_BYTES = 2 * CHUNK_BYTES
"""Bytes of addresses and inline images in all chunks that are held at once."""

T = TypeVar("T")


def chunked(
    entries: Iterable[Entry], size: Callable[[int], int], begun: int = 0
) -> Iterator[list[Entry]]:
    """Cuts the entries into chunks.

    size: of a chunk, by the number of entries before it. begun: entries before the first.
    """
    return _packed(entries, size, _weight, CHUNK_BYTES, begun, alone=lambda entry: entry.alone)


def growing(before: int) -> int:
    """Returns the size of a chunk in a run of unknown length: small at first."""
    return SMALL_CHUNK if before < SMALL_RUN else LARGE_CHUNK


def held(chunks: Iterable[list[Entry]], most: int) -> Iterator[list[list[Entry]]]:
    """Groups up to `most` chunks, or fewer if they have large images inline."""
    return _packed(chunks, lambda before: most, lambda chunk: sum(map(_weight, chunk)), GROUP_BYTES)


def grouped(items: Iterator[T], size: int) -> Iterator[list[T]]:
    """Groups items into lists of `size`; the last list may be shorter."""
    while group := list(islice(items, size)):
        yield group


def _packed(
    items: Iterable[T],
    most: Callable[[int], int],
    weigh: Callable[[T], int],
    limit: int,
    begun: int = 0,
    alone: Callable[[T], bool] = lambda item: False,
) -> Iterator[list[T]]:
    """Packs items into lists that are no longer than `most` and no heavier than `limit`.

    most: by the number of items before. alone: whether an item gets a list of its own."""
    packed, weight = list[T](), 0
    for item in items:
        heavy = weigh(item)
        full = len(packed) == most(begun) or weight + heavy > limit
        if packed and (full or alone(item) or alone(packed[-1])):
            yield packed
            begun += len(packed)
            packed, weight = [], 0
        packed.append(item)
        weight += heavy
    if packed:
        yield packed


def _weight(entry: Entry) -> int:
    instance = entry.instance
    return len(instance.url or "") + len(instance.s3_uri or "") + len(instance.b64 or "")
