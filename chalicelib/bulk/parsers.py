"""A line of a manifest -> the image that it names: the three forms of a manifest."""

import csv
import re
import string
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import msgspec

from chalicelib.requests import Instance

ADDRESS_COLUMNS = ("url", "s3_uri", "source-ref")
"""Of a CSV's header; the last is what SageMaker's manifests call it
(https://docs.aws.amazon.com/sagemaker/latest/dg/sms-input-data-input-manifest.html)."""

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""What parts the columns of a CSV, and its name; Excel takes the second where a comma is a decimal
sign."""

_SEP = re.compile('"?sep=(.)"?', re.IGNORECASE)

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
    label: str | int | float | None = None

    @property
    def shown(self) -> str | None:
        """What the image shows; a number is a class index, as SageMaker has it."""
        return None if self.label is None else str(self.label)


class _About(msgspec.Struct, frozen=True):
    class_name: str | None = msgspec.field(default=None, name="class-name")


class Named(NamedTuple):
    """What a line names."""

    instance: Instance
    id: str | None = None
    label: str | None = None


Parser = Callable[[str], Named | None]
"""A line's text, blanks and all -> what it names; None for one that is not meant to name any."""


def _address(text: str) -> Instance:
    return Instance(s3_uri=text) if text.startswith("s3://") else Instance(url=text)


def _text_parser() -> Parser:
    return lambda text: Named(_address(text.strip()))


def _json_parser() -> Parser:
    decoder = msgspec.json.Decoder(_JsonLine)

    def parse(text: str) -> Named:
        try:
            line = decoder.decode(text.strip())
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            why = f"it is not the JSON of an instance ({error})"
            raise BadLine(why, _json_id(text)) from None
        id, label = _id(line), line.shown
        if label is None and '"class-name"' in text:
            label = class_name(text)
        if line.source_ref:
            if line.url or line.s3_uri or line.b64:
                raise BadLine(NOT_ONE, id)
            return Named(_address(line.source_ref), id, label)
        return Named(Instance(url=line.url, s3_uri=line.s3_uri, b64=line.b64), id, label)

    return parse


def class_name(text: str) -> str | None:
    """The label that a labelling job of Ground Truth gave, where it was only one
    (https://docs.aws.amazon.com/sagemaker/latest/dg/sms-data-output.html#sms-output-class)."""
    line = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    names = []
    for key, value in line.items():
        if key.endswith("-metadata"):
            with suppress(msgspec.DecodeError):
                names.append(msgspec.json.decode(value, type=_About).class_name)
    found = [name for name in names if name]
    return found[0] if len(found) == 1 else None


def _id(line: _JsonId) -> str | None:
    return (line.record_id if line.id is None else str(line.id)) or None


def _json_id(text: str) -> str | None:
    try:
        return _id(msgspec.json.decode(text, type=_JsonId))
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None


def delimiter_of(first: str) -> str:
    """What parts the columns of a CSV, by its first line: Excel's `sep=;`, or the header.

    Of a header it is what leads to a column with addresses, else the most frequent.
    """
    if named := _SEP.fullmatch(first):
        return named[1]
    found = [each for each in DELIMITERS if _addresses(_fields(first, each))]
    return found[0] if found else max(DELIMITERS, key=first.count)


def _fields(text: str, delimiter: str) -> list[str]:
    if '"' not in text:  # a reader for each line does the same, and costs more
        return text.split(delimiter)
    fields = _quoted(text, delimiter)
    if not fields:  # no reader takes blanks after a quote, which people write
        fields = _quoted(re.sub(rf'"[ \t]+(?={re.escape(delimiter)})', '"', text), delimiter)
    return fields


def _quoted(text: str, delimiter: str) -> list[str]:
    with suppress(csv.Error, ValueError):
        (fields,) = csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True)
        return fields
    return []


def _addresses(fields: Sequence[str]) -> set[str]:
    """The columns with addresses."""
    return {field.strip().lower() for field in fields} & set(ADDRESS_COLUMNS)


def _csv_parser() -> Parser:
    header: list[str] = []
    delimiter = ""

    def parse(text: str) -> Named | None:
        nonlocal delimiter
        if not delimiter:
            delimiter = delimiter_of(text.strip())
            if _SEP.fullmatch(text.strip()):
                return None
        blanks = string.whitespace.replace(delimiter, "")  # a tab may be an empty column's end
        fields = _fields(text.strip(blanks), delimiter)
        if not fields:
            raise BadLine("its quotes are not those of a CSV")
        if not any(field.strip() for field in fields):  # as Excel keeps rows that were emptied
            return None
        if not header:
            header.extend(field.strip().lower() for field in fields)
            if not _addresses(header):
                raise BadLine(_without_address(header, delimiter))
            return None
        if any(field.strip() for field in fields[len(header) :]):  # as of an address with commas
            raise BadLine(
                f"it has {len(fields)} columns and the header {len(header)}; put an address in "
                "quotes if it has what parts the columns"
            )
        row = {name: field.strip() for name, field in zip(header, fields, strict=False)}
        found = [row[column] for column in ADDRESS_COLUMNS if row.get(column)]
        id, label = row.get("id") or None, row.get("label") or None
        if len(found) != 1:
            raise BadLine(NOT_ONE, id)
        return Named(_address(found[0]), id, label)

    return parse


def _without_address(header: Sequence[str], delimiter: str) -> str:
    parted = DELIMITERS.get(delimiter, f"{delimiter!r}")
    named = ", ".join(header)[:100]
    return (
        f"the header of a CSV must have one of the columns {', '.join(ADDRESS_COLUMNS)}; parted by "
        f"{parted}, this one has: {named}"
    )


PARSERS: dict[str, Callable[[], Parser]] = {
    ".txt": _text_parser,
    ".csv": _csv_parser,
    ".jsonl": _json_parser,
    ".manifest": _json_parser,
}
"""By the ending of a manifest; the last is SageMaker's."""

ENDINGS = ".txt, .csv, .jsonl or .manifest"
