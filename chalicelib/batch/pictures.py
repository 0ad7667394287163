"""Link to the pictures of a batch, so that whoever may see its results can see what they are about.

A link leads to what the batch has classified as an image, in the images bucket, and to nothing
else: the results name every address of a manifest, the service's own keys in other buckets among
them. It is answered as an image to save, whatever the object's own type is.
"""

from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import PurePosixPath

import msgspec

from chalicelib.answers.batchviews import Picture
from chalicelib.batch.ledger import Ledger, split_lines
from chalicelib.batch.objects import Summary
from chalicelib.bulk.records import Record

PICTURE_SECONDS = 300
"""How long a link to a picture works, which a browser follows at once."""

_UNSHOWN = {".tif", ".tiff"}
"""Endings of what is classified here and shown by few browsers."""

_TYPES = {
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".png": "image/png",
    ".webp": "image/webp",
}
_OTHER_TYPE = "image/jpeg"
"""Of any other ending. Browsers look into the bytes of an image for its real type
(https://mimesniff.spec.whatwg.org/#sniffing-in-an-image-context)."""


def pictures_of(
    ledger: Ledger, summary: Summary, images: str, places: Collection[int]
) -> list[Picture]:
    """Returns links to the pictures at these places, from 0, of the results.

    Places without a picture that can be linked to are left out. images: the bucket's name.
    """
    start = f"s3://{images}/"
    shown = []
    for place, record in _records(ledger, summary, places):
        key = record.source.removeprefix(start)
        ending = PurePosixPath(key.lower()).suffix
        if record.source.startswith(start) and record.labels is not None and ending not in _UNSHOWN:
            type_ = _TYPES.get(ending, _OTHER_TYPE)
            url = ledger.store.link(images, key, PICTURE_SECONDS, type_)
            shown.append(Picture(place, record.source, url))
    return shown


def _records(
    ledger: Ledger, summary: Summary, places: Collection[int]
) -> Iterator[tuple[int, Record]]:
    key = ledger.end_key(summary.round, summary.results)
    lines = split_lines(ledger.store.stream(ledger.bucket, key))
    for place, line in enumerate(islice(lines, max(places) + 1)):
        if place in places:
            yield place, msgspec.json.decode(line, type=Record)
