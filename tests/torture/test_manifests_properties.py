"""Whatever a manifest holds: each entry is read once, in order, and is in one chunk."""

import csv
import io
import itertools
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.batch.fanout import GROUP, ChunkMessage, FanOutMessage, fan_out
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.objects import Batch
from chalicelib.bulk.chunks import LARGE_CHUNK, SMALL_CHUNK, SMALL_RUN, grouped
from chalicelib.bulk.lines import MAX_LINE
from chalicelib.bulk.manifests import PEEKED, Entry, entries
from chalicelib.requests import MAX_ID, MAX_LABEL
from chalicelib.workflow.run import Run
from tests.fakes import MemoryQueue, MemoryStore
from tests.torture.conftest import Outcome

NEWLINES = ["\n", "\r\n", "\r"]
ENCODINGS = ["utf-8", "utf-16-le", "utf-16-be"]


class Line(NamedTuple):
    """A line as it is meant: an entry; else a `remark` that is passed over or `junk`."""

    address: str = ""
    id: str | None = None
    label: str | None = None
    remark: str | None = None
    junk: bytes = b""


def words(size: int) -> st.SearchStrategy[str]:
    """Any Unicode that has a UTF-8 form, without the space around it that no line keeps."""
    characters = st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0\ufeff\ufffd")
    return st.text(characters, min_size=1, max_size=size).map(str.strip).filter(bool)


def addresses() -> st.SearchStrategy[str]:
    ends = st.sampled_from(["http://h/", "https://é.example/", "s3://bucket/", "data:,", ""])
    return st.builds(str.__add__, ends, words(40)).filter(lambda text: not text.startswith("#"))


marks = st.integers(1, 40).map(str)
ids = st.none() | words(MAX_ID) | marks | marks.map("line {}".format)
labels = st.none() | words(MAX_LABEL)
remarks = st.sampled_from(["", " ", "\t", "#", "# http://h/", "  #{", "\u2003"])
junk = st.sampled_from([b"\xff", b"http://h/\xc3", b"\xed\xa0\x80", b"\xc0\x80"])
lines = st.one_of(
    st.tuples(addresses(), ids, labels).map(lambda told: Line(*told)),
    remarks.map(lambda remark: Line(remark=remark)),
    junk.map(lambda junk: Line(junk=junk)),
)


def text_line(line: Line) -> str:
    return line.address


def csv_line(line: Line) -> str:
    buffer = io.StringIO()
    row = [line.label or "", 'a note\n# of\n\n"lines"', line.address, line.id or ""]
    csv.writer(buffer, lineterminator="", quoting=csv.QUOTE_ALL).writerow(row)
    return buffer.getvalue()


def json_line(line: Line) -> str:
    way = "s3_uri" if line.address.startswith("s3://") else "url"
    return json.dumps({"id": line.id, way: line.address, "label": line.label, "x": [1]})


WRITERS = {"m.txt": text_line, "m.csv": csv_line, "m.jsonl": json_line}
CSV_LINES = 4
"""Lines that `csv_line` writes."""


def written(key: str, rows: list[Line], newline: str, encoding: str, bom: bool) -> bytes:
    """The manifest of these lines, its CSV with a header."""

    def encoded(line: Line) -> bytes:
        if line.junk:
            is_wide = encoding != "utf-8"
            return "\ud800".encode(encoding, "surrogatepass") if is_wide else line.junk
        text = WRITERS[key](line) if line.remark is None else line.remark
        return text.replace("\n", newline).encode(encoding)

    head = ["label,note,url,id".encode(encoding)] if key == "m.csv" else []
    body = newline.encode(encoding).join(head + [encoded(line) for line in rows])
    return ("\ufeff".encode(encoding) if bom else b"") + body


def first_lines(key: str, rows: list[Line]) -> Iterator[tuple[int, Line]]:
    """The lines that are entries, each with the number of the first line that it takes."""
    number = 2 if key == "m.csv" else 1
    for line in rows:
        if line.remark is None:
            yield number, line
        is_long = key == "m.csv" and line.remark is None and not line.junk
        number += CSV_LINES if is_long else 1


def blocks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@given(
    key=st.sampled_from(list(WRITERS)),
    rows=st.lists(lines, max_size=PEEKED),
    newline=st.sampled_from(NEWLINES),
    encoding=st.sampled_from(ENCODINGS),
    bom=st.booleans(),
    size=st.integers(1, 200),
)
@example("m.txt", [Line("s3://b/a\x85b"), Line(junk=b"\xff")], "\r\n", "utf-8", True, 1)
def check_lines(
    key: str, rows: list[Line], newline: str, encoding: str, bom: bool, size: int
) -> None:
    """Every line is an entry with its number, or passed over; none takes the id of another."""
    bom = bom or encoding != "utf-8"  # without one it is told by its first characters, if ASCII
    data = written(key, rows, newline, encoding, bom)
    listed = list(entries(key, blocks(data, size)))
    meant = list(first_lines(key, rows))
    assert [entry.position for entry in listed] == list(range(len(meant)))
    own = [line.id for _, line in meant if line.id and key != "m.txt"]
    for entry, (number, line) in zip(listed, meant, strict=True):
        made_up = entry.id in (str(number), f"line {number}", f"line {number} of the manifest")
        if line.junk:
            assert entry.problem and entry.problem.startswith(f"Line {number} of the manifest: ")
            assert (made_up, entry.source) == (True, "inline") and entry.id not in own
            continue
        assert entry.problem is None and entry.source == line.address
        told = key != "m.txt"
        assert entry.id == line.id if told and line.id else made_up and entry.id not in own
        assert entry.label == (line.label if told else None)
        assert (entry.instance.s3_uri is not None) == line.address.startswith("s3://")
        assert msgspec.json.decode(msgspec.json.encode(entry), type=Entry) == entry


def test_every_line_is_an_entry_with_its_number(long: bool, outcome: Outcome) -> None:
    count = 5000 if long else 150
    settings(max_examples=count)(check_lines)()
    outcome(
        "Manifests (.txt, .csv, .jsonl) of any Unicode in UTF-8 or UTF-16, with BOM, LF, CRLF or "
        "CR, quoted line breaks, comments, and lines that are damaged",
        "Every line that names an image is an entry, in order and with an id that no other has; a "
        "bad one is an error record that names the line",
        f"{count:,} manifests of up to {PEEKED} lines",
    )


numbers = st.integers() | st.just(10**400) | st.floats()
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=9) | words(MAX_ID + 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
names = st.sampled_from(["id", "recordId", "url", "s3_uri", "source-ref", "b64", "label"])


@settings(max_examples=60)
@given(st.lists(st.dictionaries(names | st.text(max_size=4), values, max_size=4), max_size=12))
def test_any_json_is_an_entry_or_a_problem_of_its_line(objects: list[dict[str, Any]]) -> None:
    data = "\n".join(map(json.dumps, objects)).encode()  # with NaN, as Python writes it
    listed = list(entries("m.jsonl", [data]))
    assert len(listed) == len(objects)
    for number, entry in enumerate(listed, 1):
        if entry.problem is not None:
            assert entry.problem.startswith(f"Line {number} of the manifest: ")
            assert len(entry.problem) < 2000
        else:
            ways = entry.instance.url, entry.instance.s3_uri, entry.instance.b64
            assert sum(map(bool, ways)) == 1
        assert len(entry.id) <= MAX_ID
        msgspec.json.encode(entry)


@settings(max_examples=30)
@given(
    key=st.sampled_from(["m.txt", "m.jsonl"]),
    long=st.integers(MAX_LINE - 2, MAX_LINE + 70_000),
    size=st.sampled_from([1 << 16, 1 << 20, 3 << 20]),
    last=st.booleans(),
)
def test_a_line_that_is_too_long_is_one_problem(key: str, long: int, size: int, last: bool) -> None:
    good = b"http://h/" if key == "m.txt" else b'{"url": "http://h/"}'
    data = b"\n".join([good, b"x" * long] + ([] if last else [good]))
    listed = list(entries(key, blocks(data, size)))
    assert [entry.position for entry in listed] == list(range(2 if last else 3))
    assert [entry.problem is None for entry in listed[::2]] == [True] * (1 if last else 2)
    if long > MAX_LINE:
        assert listed[1].problem and "Line 2" in listed[1].problem and "longer" in listed[1].problem


@given(st.lists(st.integers(), max_size=300), st.integers(1, 60))
def test_groups_are_the_items_in_order(items: list[int], size: int) -> None:
    groups = list(grouped(iter(items), size))
    assert list(itertools.chain(*groups)) == items
    assert all(len(group) == size for group in groups[:-1])
    assert all(0 < len(group) <= size for group in groups[-1:])


class Killed(Exception):
    """The process is gone."""


class Mortal(MemoryStore):
    """A store whose user dies at one of its writes: before it, or when it is done."""

    def __init__(self) -> None:
        super().__init__()
        self.lives: int | None = None

    def put(self, *arguments: Any, **options: Any) -> str | None:
        if self.lives is not None:
            self.lives -= 1
            if self.lives == 0:
                raise Killed
        return super().put(*arguments, **options)


PER_GROUP = GROUP * SMALL_CHUNK
LARGE = [SMALL_RUN + more for more in (0, 1, LARGE_CHUNK - 1, LARGE_CHUNK, GROUP * LARGE_CHUNK + 1)]


def expected_sizes(count: int) -> list[int]:
    """Of the chunks of so many entries, which are all small in bytes."""
    few, rest = min(count, SMALL_RUN), max(count - SMALL_RUN, 0)
    small, large = divmod(few, SMALL_CHUNK), divmod(rest, LARGE_CHUNK)
    sizes = [SMALL_CHUNK] * small[0] + [small[1]] + [LARGE_CHUNK] * large[0] + [large[1]]
    return [size for size in sizes if size]


@given(
    count=st.sampled_from([1, SMALL_CHUNK - 1, SMALL_CHUNK, SMALL_CHUNK + 1, PER_GROUP, *LARGE])
    | st.integers(1, 2 * PER_GROUP + 60),
    deaths=st.lists(st.integers(1, 120), max_size=3),
    patience=st.lists(st.sampled_from([900.0, 1.0]), max_size=4),
)
def check_chunks(count: int, deaths: list[int], patience: list[float]) -> None:
    store, queue = Mortal(), MemoryQueue()
    ledger = Ledger(store, "results", "b")
    batch = Batch(batch_id="b", created_at=0.0, source="m.txt", manifest="manifest.txt")
    manifest = "".join(f"http://h/{number}\n" for number in range(count)).encode()
    store.objects["results", ledger.key("manifest.txt")] = manifest
    left = itertools.chain(*([900.0, seconds] for seconds in patience), itertools.repeat(900.0))
    complete = False
    while not complete:
        store.lives = deaths.pop() if deaths else None
        try:
            complete = fan_out(ledger, batch, queue, lambda: next(left))
        except Killed:
            continue
    fan = ledger.fan_out(0)
    chunks = [ledger.chunk(0, number) for number in range(1, fan.chunks + 1)]
    assert not ledger.chunk(0, fan.chunks + 1)
    held = [entry for chunk in chunks for entry in chunk]
    assert [entry.source for entry in held] == [f"http://h/{number}" for number in range(count)]
    assert [entry.position for entry in held] == list(range(count))
    assert [len(chunk) for chunk in chunks] == expected_sizes(count)
    assert (fan.entries, fan.chunks) == (count, len(chunks))
    messages = [
        msgspec.json.decode(body, type=ChunkMessage | FanOutMessage) for body in queue.bodies
    ]
    queued = {message.chunk for message in messages if isinstance(message, ChunkMessage)}
    assert queued == set(range(1, fan.chunks + 1))


def test_every_entry_is_in_one_chunk_however_often_it_dies(long: bool, outcome: Outcome) -> None:
    count = 500 if long else 25
    settings(max_examples=count)(check_chunks)()
    outcome(
        "A fan-out killed at any of its writes, up to three times, or out of time",
        "Every entry is in exactly one chunk, in order; every chunk is full but the last, and "
        "queued",
        f"{count} batches of up to {LARGE[-1]:,} entries",
    )


@settings(max_examples=25)
@given(count=st.integers(0, 3000), size=st.integers(1, 300))
def test_every_entry_of_a_workflow_is_in_one_chunk(count: int, size: int) -> None:
    run = Run(MemoryStore(), "results", "run")
    listed = [Entry(number, str(number)) for number in range(count)]
    chunks = run.write_chunks(iter(listed), size)
    held = [run.chunk(number) for number in range(1, chunks + 1)]
    assert list(itertools.chain(*held)) == listed
    assert all(len(chunk) == size for chunk in held[:-1]) and chunks == -(-count // size)
