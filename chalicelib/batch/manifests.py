"""Manifests: a file that lists images -> the images, one by one, never held whole."""

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import msgspec

from chalicelib.errors import BadRequest
from chalicelib.sources import MAX_ID, MAX_LABEL, Instance

MAX_LINE = 2 * 2**20
"""Bytes of a line: an address, or a small image in base64."""

ADDRESS_COLUMNS = ("url", "s3_uri", "source-ref")
"""Of a CSV's header; the last is what SageMaker's manifests call it
(https://docs.aws.amazon.com/sagemaker/latest/dg/sms-input-data-input-manifest.html)."""


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one line names: an image, or a `problem` that says why it names none.

    position: 0 for the first entry. id: the line's own, or else its number, 1 for the first line.
    label: what the image is known to show, where the line says so.
    """

    position: int
    id: str
    instance: Instance = Instance()
    problem: str | None = None
    label: str | None = None

    @property
    def source(self) -> str:
        """The image's address, as results name it."""
        return self.instance.url or self.instance.s3_uri or "inline"


class _BadLine(ValueError):
    """A line that names no image; the message says why."""


class _JsonLine(msgspec.Struct, frozen=True):
    """A line of `.jsonl`: an instance, or what SageMaker and Bedrock call one; more is ignored."""

    id: str | int | None = None
    record_id: str | None = msgspec.field(default=None, name="recordId")
    url: str | None = None
    s3_uri: str | None = None
    source_ref: str | None = msgspec.field(default=None, name="source-ref")
    b64: str | None = None
    label: str | None = None


class _Named(NamedTuple):
    """What a line names."""

    instance: Instance
    label: str | None = None


Parser = Callable[[str], _Named | None]
"""A line's text -> what it names; None for one that is not meant to name any."""


def is_manifest(key: str) -> bool:
    """Whether an object of that key is a manifest, by its ending."""
    return PurePosixPath(key.lower()).suffix in _PARSERS


def entries(key: str, blocks: Iterable[bytes]) -> Iterator[Entry]:
    """The entries of a manifest whose bytes come in `blocks`; its form is told by the key's ending.

    A BOM, CRLF, blank lines and comments (#) are passed over. A bad line becomes an entry with a
    `problem` that names the line. Raises BadRequest where the ending is of no known form.
    """
    suffix = PurePosixPath(key.lower()).suffix
    if suffix not in _PARSERS:
        raise BadRequest("A manifest must be a .txt, .csv or .jsonl file.")
    parse = _PARSERS[suffix]()
    position = 0
    for number, line in _lines(blocks):
        try:
            named = _parsed(line, parse)
        except _BadLine as error:
            problem = f"Line {number} of the manifest: {error}."
            yield Entry(position, str(number), problem=problem)
        else:
            if named is None:
                continue
            given = named.instance.id if named.instance.id is not None else str(number)
            yield Entry(position, given, named.instance, label=named.label)
        position += 1


def _parsed(line: bytes | None, parse: Parser) -> _Named | None:
    if line is None:
        raise _BadLine(f"it is longer than {MAX_LINE} bytes")
    try:
        text = line.decode().strip()
    except UnicodeDecodeError:
        raise _BadLine("it is not UTF-8") from None
    if not text or text.startswith("#"):
        return None
    named = parse(text)
    if named is None:
        return None
    instance = named.instance
    if len(instance.id or "") > MAX_ID:
        raise _BadLine(f"its id is longer than {MAX_ID} characters")
    if len(named.label or "") > MAX_LABEL:
        raise _BadLine(f"its label is longer than {MAX_LABEL} characters")
    given = [way for way in (instance.url, instance.s3_uri, instance.b64) if way]
    if len(given) != 1:
        raise _BadLine("it must name an image in exactly one way")
    return named


def _lines(blocks: Iterable[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Number, from 1, and bytes of each line; None in place of one over MAX_LINE."""
    pending, number, too_long = b"", 0, False
    for block in blocks:
        *whole, pending = (pending + block).split(b"\n")
        for line in whole:
            number += 1
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            yield number, None if too_long or len(line) > MAX_LINE else line
            too_long = False
        if len(pending) > MAX_LINE:
            pending, too_long = b"", True
    if pending or too_long:
        first = pending.removeprefix(b"\xef\xbb\xbf") if number == 0 else pending
        yield number + 1, None if too_long else first


def _address(text: str, id: str | None = None) -> Instance:
    if text.startswith("s3://"):
        return Instance(id=id, s3_uri=text)
    return Instance(id=id, url=text)


def _text_parser() -> Parser:
    return lambda text: _Named(_address(text))


def _json_parser() -> Parser:
    decoder = msgspec.json.Decoder(_JsonLine)

    def parse(text: str) -> _Named:
        try:
            line = decoder.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            raise _BadLine(f"it is not the JSON of an instance ({error})") from None
        id = line.record_id if line.id is None else str(line.id)
        if line.source_ref:
            if line.url or line.s3_uri or line.b64:
                raise _BadLine("it must name an image in exactly one way")
            return _Named(_address(line.source_ref, id), line.label)
        instance = Instance(id=id, url=line.url, s3_uri=line.s3_uri, b64=line.b64)
        return _Named(instance, line.label)

    return parse


def _csv_parser() -> Parser:
    """A line is a record: no address has a line break, and a lost quote then costs one line."""
    header: list[str] = []

    def parse(text: str) -> _Named | None:
        try:
            (fields,) = csv.reader([text], strict=True)
        except (csv.Error, ValueError):
            raise _BadLine("its quotes are not those of a CSV") from None
        if not header:
            header.extend(field.strip().lower() for field in fields)
            if not set(ADDRESS_COLUMNS) & set(header):
                columns = ", ".join(ADDRESS_COLUMNS)
                raise _BadLine(f"the header of a CSV must have one of the columns {columns}")
            return None
        row: dict[str, Any] = dict(zip(header, fields, strict=False))
        found = [row[column].strip() for column in ADDRESS_COLUMNS if row.get(column, "").strip()]
        if len(found) != 1:
            raise _BadLine("it must name an image in exactly one way")
        id, label = (row.get(column, "").strip() or None for column in ("id", "label"))
        return _Named(_address(found[0], id), label)

    return parse


_PARSERS: dict[str, Callable[[], Parser]] = {
    ".txt": _text_parser,
    ".csv": _csv_parser,
    ".jsonl": _json_parser,
}
