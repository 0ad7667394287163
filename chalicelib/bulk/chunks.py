"""A manifest's entries -> chunks, the unit of work of batches and of workflows."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from chalicelib.bulk.lines import MAX_LINE
from chalicelib.bulk.manifests import Entry

SMALL_CHUNK, LARGE_CHUNK = 25, 100
"""Images in a chunk. Small ones share a little work among many workers, and a message lost or
repeated costs little; large ones cost a quarter of the requests to S3, SQS and Step Functions,
which for small ones are a quarter of what the predictions cost (docs/cost.md)."""

SMALL_RUN = 10_000
"""Images that are cut into small chunks. An inline Map does them: 400 chunks are about 7,000 of the
25,000 events of a history
(https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html)."""

MAX_IMAGES = 1_000_000
"""Of a batch or a workflow: what a chunk's number, a finish and a report are made for."""

CHUNK_BYTES = SMALL_CHUNK * MAX_LINE
"""Of addresses and inline images in a chunk."""

GROUP_BYTES = 2 * CHUNK_BYTES
"""The same, of chunks that are held at once."""

T = TypeVar("T")


def chunked(
    entries: Iterable[Entry], size: Callable[[int], int], begun: int = 0
) -> Iterator[list[Entry]]:
    """The entries in chunks.

    size: of a chunk, by the number of entries before it. begun: those before the first one here.
    """
    return _packed(entries, size, _weight, CHUNK_BYTES, begun, alone=lambda entry: entry.alone)


def growing(before: int) -> int:
    """The size of a chunk in a run whose end is not known: small at first."""
    return SMALL_CHUNK if before < SMALL_RUN else LARGE_CHUNK


def held(chunks: Iterable[list[Entry]], most: int) -> Iterator[list[list[Entry]]]:
    """The chunks in groups of up to `most`, of fewer where they have large images inline."""
    return _packed(chunks, lambda before: most, lambda chunk: sum(map(_weight, chunk)), GROUP_BYTES)


def grouped(items: Iterator[T], size: int) -> Iterator[list[T]]:
    """The items in lists of `size`; the last one may be shorter."""
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
    """Lists of as many items as `most` says by the number before, and no heavier than `limit`;
    of one where it is to be `alone`."""
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
    given = entry.instance
    return len(given.url or "") + len(given.s3_uri or "") + len(given.b64 or "")
