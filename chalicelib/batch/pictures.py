"""Link to the pictures of a batch."""

from collections.abc import Collection
from itertools import islice

import msgspec

from chalicelib.answers.batchviews import Picture
from chalicelib.batch.ledger import Ledger, split_lines
from chalicelib.batch.objects import Summary
from chalicelib.bulk.records import Record
from chalicelib.bulk.shown import picture_link


def pictures_of(
    ledger: Ledger, summary: Summary, images: str, places: Collection[int]
) -> list[Picture]:
    """Returns links to the pictures at these places, from 0, of the results.

    Places whose picture gets no link are left out. images: the bucket's name.
    """
    key = ledger.end_key(summary.round, summary.results)
    lines = split_lines(ledger.store.stream(ledger.bucket, key))
    linked = []
    for place, line in enumerate(islice(lines, max(places) + 1)):
        if place in places:
            record = msgspec.json.decode(line, type=Record)
            is_classified = record.labels is not None
            if url := picture_link(ledger.store, images, record.source, is_classified):
                linked.append(Picture(place, record.source, url))
    return linked
