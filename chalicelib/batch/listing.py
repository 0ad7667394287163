"""List a prefix as a manifest of its images, in parts. Resumes after the last key."""

import uuid
from itertools import islice

import msgspec

from chalicelib.batch.ledger import Ledger
from chalicelib.bulk.deadline import InTime
from chalicelib.bulk.manifests import is_manifest
from chalicelib.sources.read import split_s3_uri

KEYS = 10_000
"""Keys between two checkpoints: ten pages of a listing."""

CHECKPOINT = "fanout.listing.json"
"""Name of the checkpoint, beside the fan-out's own, so that one listing shows both times."""


class Listing(msgspec.Struct, frozen=True):
    """How far the listing of a prefix came.

    parts: names of the manifest's parts, in order. images: lines in them. last: the last key read.
    """

    parts: list[str] = []
    images: int = 0
    last: str = ""
    complete: bool = False


def list_images(ledger: Ledger, prefix: str, most: int, go_on: InTime) -> Listing:
    """Lists the images of a prefix until the end, more than `most` images, or a lack of time.

    If two list at once, the first to write a checkpoint wins, and the other continues from there.
    So there is one manifest, whatever is put under the prefix meanwhile.
    """
    key = ledger.round_key(0, CHECKPOINT)
    while True:
        listing, etag = ledger.tagged(key, Listing) or (_listed_before(ledger), None)
        if listing.complete or not go_on():
            return listing
        further = _further(ledger, listing, prefix, most)
        ledger.put(key, further, only_new=etag is None, replacing=etag)


def _listed_before(ledger: Ledger) -> Listing:
    """Returns the whole listing that 0.1 made, or an empty one."""
    manifest = ledger.get(ledger.key("manifest.json"), str)
    return Listing([manifest], complete=True) if manifest else Listing()


def _further(ledger: Ledger, listing: Listing, prefix: str, most: int) -> Listing:
    """Writes one more part, and returns the listing with it."""
    bucket, start = split_s3_uri(prefix)
    objects = ledger.store.list(bucket, start, after=listing.last)
    keys = [entry.key for entry in islice(objects, KEYS)]
    images = [key for key in keys if not key.endswith("/") and not is_manifest(key)]
    name = f"manifest.{len(listing.parts) + 1:06d}-{uuid.uuid4().hex[:8]}.jsonl"
    ledger.put_lines(
        ledger.key(name),
        [{"id": key.removeprefix(start), "s3_uri": f"s3://{bucket}/{key}"} for key in images],
    )
    count = listing.images + len(images)
    complete = len(keys) < KEYS or count > most
    return Listing([*listing.parts, name], count, keys[-1] if keys else listing.last, complete)
