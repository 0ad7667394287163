"""What others put on the work queue: S3's own events, and what only looks like them."""

import itertools
import json
from contextlib import suppress

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.batch.single import answer_key
from chalicelib.bulk.records import Record
from chalicelib.errors import BadRequest
from chalicelib.sources.read import MAX_KEY_BYTES
from tests.torture.conftest import Outcome
from tests.torture.faults import PICTURES, BatchCloud

letters = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
keys = st.builds(lambda text, times: text * times + ".png", letters, st.integers(1, 300)).filter(
    lambda key: len(key.encode()) <= MAX_KEY_BYTES
)


def event(bucket: str, key: str, name: str) -> str:
    """An S3 event, its key percent-encoded as S3 does it."""
    quoted = "".join(f"%{byte:02X}" for byte in key.encode())
    put = {"bucket": {"name": bucket}, "object": {"key": quoted, "sequencer": "00AA"}}
    record = {"eventTime": "2026-11-22T10:00:00.000Z", "eventName": name, "s3": put}
    return json.dumps({"Records": [record]})


def test_s3_events_on_the_work_queue(long: bool, outcome: Outcome) -> None:
    seen = itertools.count()

    @settings(max_examples=1500 if long else 100)
    @given(
        st.sampled_from(["images", "results", "models", "somebody-elses"]),
        keys,
        st.sampled_from(["ObjectCreated:Put", "ObjectRemoved:Delete", "ObjectTagging:Put"]),
    )
    def holds(bucket: str, key: str, name: str) -> None:
        next(seen)
        cloud = BatchCloud()
        for place in ("images", bucket):
            cloud.store.objects[place, key] = PICTURES[0]
        before = dict(cloud.store.objects)
        process = cloud.process()
        with suppress(BadRequest):
            process.events.on_message(event(bucket, key, name), lambda: 900.0)
        cloud.drain(process)
        written = {
            place: data for place, data in cloud.store.objects.items() if place not in before
        }
        if (bucket, name) == ("images", "ObjectCreated:Put") and not key.startswith("batches/"):
            ((place, data),) = written.items()
            assert place == ("results", answer_key(key)) and len(place[1].encode()) <= MAX_KEY_BYTES
            assert msgspec.json.decode(data, type=Record).id == key
        else:
            assert not written

    holds()
    outcome(
        "S3 events on the work queue that name any bucket, deletions, and keys up to S3's 1,024 "
        "bytes",
        "Nothing but what was put into the images bucket is read; each image of it has one answer",
        f"{next(seen):,} events",
    )
