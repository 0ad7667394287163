"""A line of a manifest -> the image that it names: the three forms of a manifest."""

import csv
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from chalicelib.sources import Instance

ADDRESS_COLUMNS = ("url", "s3_uri", "source-ref")
"""Of a CSV's header; the last is what SageMaker's manifests call it
(https://docs.aws.amazon.com/sagemaker/latest/dg/sms-input-data-input-manifest.html)."""

NOT_ONE = "it must name an image in exactly one way"


class BadLine(ValueError):
    """A line that names no image; the message says why. id: the line's own, where it has one."""

    def __init__(self, why: str, id: str | None = None) -> None:
        super().__init__(why)
        self.id = id


class _JsonId(msgspec.Struct, frozen=True):
    """Of a line of `.jsonl` that names no image: what is left to tell it by."""

    id: str | int | None = None
    record_id: str | None = msgspec.field(default=None, name="recordId")


class _JsonLine(_JsonId, frozen=True):
    """A line of `.jsonl`: an instance, or what SageMaker and Bedrock call one; more is ignored."""

    url: str | None = None
    s3_uri: str | None = None
    source_ref: str | None = msgspec.field(default=None, name="source-ref")
    b64: str | None = None
    label: str | None = None


class Named(NamedTuple):
    """What a line names."""

    instance: Instance
    id: str | None = None
    label: str | None = None


Parser = Callable[[str], Named | None]
"""A line's text -> what it names; None for one that is not meant to name any."""


def _address(text: str) -> Instance:
    return Instance(s3_uri=text) if text.startswith("s3://") else Instance(url=text)


def _text_parser() -> Parser:
    return lambda text: Named(_address(text))


def _json_parser() -> Parser:
    decoder = msgspec.json.Decoder(_JsonLine)

    def parse(text: str) -> Named:
        try:
            line = decoder.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            why = f"it is not the JSON of an instance ({error})"
            raise BadLine(why, _json_id(text)) from None
        id = _id(line)
        if line.source_ref:
            if line.url or line.s3_uri or line.b64:
                raise BadLine(NOT_ONE, id)
            return Named(_address(line.source_ref), id, line.label)
        return Named(Instance(url=line.url, s3_uri=line.s3_uri, b64=line.b64), id, line.label)

    return parse


def _id(line: _JsonId) -> str | None:
    return (line.record_id if line.id is None else str(line.id)) or None


def _json_id(text: str) -> str | None:
    try:
        return _id(msgspec.json.decode(text, type=_JsonId))
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None


def _fields(text: str) -> list[str]:
    if '"' not in text:  # a reader for each line does the same, and costs more
        return text.split(",")
    try:
        (fields,) = csv.reader([text], strict=True)
    except (csv.Error, ValueError):
        raise BadLine("its quotes are not those of a CSV") from None
    return fields


def _csv_parser() -> Parser:
    header: list[str] = []

    def parse(text: str) -> Named | None:
        fields = _fields(text)
        if not header:
            header.extend(field.strip().lower() for field in fields)
            if not set(ADDRESS_COLUMNS) & set(header):
                columns = ", ".join(ADDRESS_COLUMNS)
                raise BadLine(f"the header of a CSV must have one of the columns {columns}")
            return None
        row = {name: field.strip() for name, field in zip(header, fields, strict=False)}
        found = [row[column] for column in ADDRESS_COLUMNS if row.get(column)]
        id, label = row.get("id") or None, row.get("label") or None
        if len(found) != 1:
            raise BadLine(NOT_ONE, id)
        return Named(_address(found[0]), id, label)

    return parse


PARSERS: dict[str, Callable[[], Parser]] = {
    ".txt": _text_parser,
    ".csv": _csv_parser,
    ".jsonl": _json_parser,
}
