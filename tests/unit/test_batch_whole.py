"""A batch that says it has finished is whole; and the rule that looks at it bites."""

import json
from typing import Any

import msgspec
import pytest

from chalicelib.batch.finish import finish_if_done
from chalicelib.batch.ledger import BLOCK
from chalicelib.batch.objects import FanOut
from chalicelib.bulk.manifests import Entry
from chalicelib.bulk.records import Record
from chalicelib.errors import AccessRefused, ServiceUnavailable
from tests.balance import check_finished
from tests.batchcloud import Cloud, cut, tick


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def refuse(cloud: Cloud, part: str, times: int) -> None:
    """Have reads of that object denied for so many times, whether it is there or not."""
    read, left = cloud.store.read, [times]

    def denied(bucket: str, key: str, limit: int) -> bytes:
        if key.endswith(part) and left[0]:
            left[0] -= 1
            raise AccessRefused
        return read(bucket, key, limit)

    cloud.store.read = denied  # type: ignore[method-assign]


def test_a_part_that_is_refused_at_the_end_is_waited_for(cloud: Cloud) -> None:
    ledger = cut(cloud, 100)
    *others, last = [cloud.queue.bodies.pop(0) for _ in range(4)]
    for body in others:
        cloud.deliver(body)
    refuse(cloud, "parts/000002.jsonl", 1)
    with pytest.raises(ServiceUnavailable):
        cloud.deliver(last)
    assert cloud.view(ledger.batch_id)[0] == "running"
    cloud.deliver(last)
    assert cloud.view(ledger.batch_id) == ("finished", (100, 100, 0))


def test_a_doubled_message_whose_reads_are_refused_counts_nothing_twice(cloud: Cloud) -> None:
    ledger = cut(cloud, 50)
    first, last = cloud.queue.bodies
    cloud.deliver(first)
    refuse(cloud, "parts/000001.jsonl", 2)
    with pytest.raises(ServiceUnavailable):
        cloud.deliver(first)
    assert list(ledger.tallies(0)) == [(1, 25, 0)]
    cloud.deliver(last)
    assert cloud.view(ledger.batch_id) == ("finished", (50, 50, 0))


def test_of_two_counts_of_a_part_the_one_with_records_counts(cloud: Cloud) -> None:
    """An older version counted a part that it could not read."""
    ledger = cut(cloud, 50)
    for count in ("000001-0-0", "000001-25-2", "000002-25-0"):
        ledger.mark(ledger.round_key(0, f"tally/{count}"))
    assert list(ledger.tallies(0)) == [(1, 25, 2), (2, 25, 0)]


@pytest.mark.parametrize("last", [1, BLOCK - 1, BLOCK, BLOCK + 1])
def test_whichever_chunk_of_several_blocks_is_done_last_finishes(cloud: Cloud, last: int) -> None:
    ledger = cut(cloud, 1)
    batch, chunks = ledger.batch(), BLOCK + 1
    records = {n: Record(f"id{n}", "", []) for n in range(1, chunks + 1)}
    for n, record in records.items():
        ledger.write_chunk(0, n, [Entry(n - 1, record.id)])
        ledger.complete(0, n, [record])
    ledger.put(ledger.round_key(0, "fanout.json"), FanOut(chunks, chunks, complete=True))
    ledger.uncount(0, last)
    for n in {1, BLOCK, chunks} - {last}:
        assert not finish_if_done(ledger, batch, n)
    ledger.complete(0, last, [records[last]])
    assert finish_if_done(ledger, batch, last)


def test_a_chunk_that_is_counted_and_not_there_goes_missing(cloud: Cloud) -> None:
    """As an older version may have left it, whose refused reads were empty parts."""
    ledger = cut(cloud, 50)
    _, last = cloud.queue.bodies.pop(0), cloud.queue.bodies.pop(0)
    ledger.mark(ledger.round_key(0, "tally/000001-0-0"))
    cloud.deliver(last)
    assert cloud.view(ledger.batch_id) == ("running", (50, 25, 0))
    tick(cloud)
    assert [json.loads(body)["chunk"] for body in cloud.queue.bodies] == [1]
    cloud.run()
    assert cloud.view(ledger.batch_id) == ("finished", (50, 50, 0))


@pytest.mark.parametrize("records", [[], [Record("id7", "", [])], [Record("id7", "", [])] * 25])
def test_results_that_are_not_what_was_asked_for_are_not_written(
    cloud: Cloud, records: list[Record]
) -> None:
    ledger = cut(cloud, 50)
    ledger.write_part(0, 1, records)
    ledger.mark(ledger.round_key(0, "tally/000001-25-0"))
    cloud.queue.bodies.pop(0)
    cloud.run()
    assert cloud.view(ledger.batch_id)[0] == ("failed" if records else "running")
    assert ("results", ledger.key("results.jsonl")) not in cloud.store.objects


def test_a_retry_whose_last_round_was_cut_short_does_not_finish(cloud: Cloud) -> None:
    cloud.flaky = {"http://h/1": 3}
    ledger = cut(cloud, 50)
    cloud.run()
    cloud.batches.retry(ledger.batch_id)
    cloud.deliver(cloud.queue.bodies.pop(0))
    whole = cloud.store.objects["results", ledger.key("results.jsonl")]
    cloud.store.objects["results", ledger.key("results.jsonl")] = b"".join(
        whole.splitlines(keepends=True)[:30]
    )
    cloud.run()
    view = cloud.batches.view(ledger.batch_id)
    assert view.status == "failed" and view.error.code == "BatchNotWhole"
    tick(cloud)
    assert not list(cloud.store.list("results", "active/"))
    assert cloud.batches.view(ledger.batch_id) == view


def test_no_empty_part_is_counted_or_written(cloud: Cloud) -> None:
    ledger = cut(cloud, 1)
    with pytest.raises(ServiceUnavailable):
        ledger.complete(0, 1, [])
    assert not list(ledger.tallies(0)) and ledger.part(0, 1) == []
    cloud.run()
    assert cloud.view(ledger.batch_id) == ("finished", (1, 1, 0))


def test_the_end_is_told_once(cloud: Cloud) -> None:
    ledger = cut(cloud, 2)
    body = cloud.queue.bodies[0]
    cloud.run()
    first = ledger.summary(0)
    cloud.deliver(body)
    tick(cloud)
    assert ledger.summary(0) == first


def damaged(name: str, change: Any) -> Any:
    def damage(objects: dict[tuple[str, str], bytes], root: str) -> None:
        objects["results", f"{root}/{name}"] = change(objects["results", f"{root}/{name}"])

    return damage


def lines(change: Any) -> Any:
    return lambda data: b"".join(change(data.splitlines(keepends=True)))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (damaged("results.jsonl", lines(lambda results: results[1:])), r"lost \['id0'\]"),
        (
            damaged("results.jsonl", lines(lambda results: [results[0], *results])),
            r"doubled .*\['id0'\]",
        ),
        (damaged("results.jsonl", lines(lambda results: results[::-1])), "another order"),
        (damaged("results.jsonl", lambda data: data.replace(b'"labels"', b'"other"')), "either"),
        (damaged("summary.json", lambda data: data.replace(b'"done":3', b'"done":2')), "summary"),
        (damaged("rounds/0/fanout.json", lambda data: data.replace(b"true", b"false")), "goes on"),
    ],
)
def test_the_rule_of_balance_bites(cloud: Cloud, damage: Any, why: str) -> None:
    ledger = cut(cloud, 3)
    cloud.run()
    objects, key = cloud.store.objects, ledger.key("summary.json")
    assert check_finished(lambda key: objects["results", key], key) == 3
    damage(objects, f"batches/{ledger.batch_id}")
    with pytest.raises(AssertionError, match=why):
        check_finished(lambda key: objects["results", key], key)


def test_a_summary_that_is_written_twice_fails_the_test_it_is_in(cloud: Cloud) -> None:
    ledger = cut(cloud, 3)
    cloud.run()
    with pytest.raises(AssertionError, match="written once"):
        ledger.put(ledger.key("summary.json"), msgspec.to_builtins(ledger.summary(0)))
