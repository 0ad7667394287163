"""Read CSV manifests, whatever separates their columns."""

import csv
import re
import string
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice

from chalicelib.bulk.lines import MAX_LINE, Line
from chalicelib.bulk.parsers import NOT_ONE, BadLine, Form, Named, address

ADDRESS_COLUMNS = ("url", "s3_uri", "source-ref")
"""Names of the column with addresses. The last is that of SageMaker's manifests
(https://docs.aws.amazon.com/sagemaker/latest/dg/sms-input-data-input-manifest.html)."""

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""Separators of a CSV and their names. Excel uses the second if a comma is the decimal sign."""

_AROUND = " \r\n"
"""Blanks around a first line. A tab is none of them: it may be Excel's separator."""
_SEP = re.compile('"?sep=(.)"?', re.IGNORECASE)

RECORD_LINES = 32
"""Lines that a CSV record may have, so that a lost quote does not cost the rest of the file."""


class CsvForm(Form):
    """The form of one CSV file. Its first readable line, comments aside, tells the separator."""

    def __init__(self) -> None:
        self._delimiter = ""
        self._header: list[str] = []
        self._refusal = ""

    def records(self, numbered: Iterable[Line]) -> Iterator[Line]:
        """Joins lines to records: a quoted field may have line breaks, which become LF.

        A record has the number of its first line. If a quote is not closed within RECORD_LINES, its
        line stays as it is, and so do the lines after it.
        """
        stream = iter(numbered)
        ahead: list[Line] = []
        while (line := ahead.pop(0) if ahead else next(stream, None)) is not None:
            if not self._delimiter:
                _, text = line
                self._look_for_delimiter(text or b"")
            yield _closed(line, ahead, stream, self._delimiter or ",")

    def _look_for_delimiter(self, line: bytes) -> None:
        with suppress(UnicodeDecodeError):
            text = line.decode().strip(_AROUND)
            if text.strip() and not text.lstrip().startswith("#"):
                self._delimiter = delimiter_of(text)

    def parse(self, text: str) -> Named | None:
        """See Form."""
        if not self._header and _SEP.fullmatch(text.strip(_AROUND)):
            return None
        blanks = string.whitespace.replace(self._delimiter, "")  # a tab may end an empty column
        fields = _fields(text.strip(blanks), self._delimiter)
        if not fields:
            raise BadLine("its quotes are not those of a CSV")
        if not any(field.strip() for field in fields):  # Excel keeps emptied rows like this
            return None
        if not self._header:
            self._header = [field.strip().lower() for field in fields]
            self._refusal = _refusal(self._header, self._delimiter)
            if not self._refusal:
                return None
        if self._refusal:
            raise BadLine(self._refusal)
        return self._row(fields)

    def _row(self, fields: Sequence[str]) -> Named:
        if any(
            field.strip() for field in fields[len(self._header) :]
        ):  # probably an address with commas
            raise BadLine(
                f"it has {len(fields)} columns and the header has {len(self._header)}; put an "
                "address in quotes if it contains the separator"
            )
        row = {name: field.strip() for name, field in zip(self._header, fields, strict=False)}
        addresses = [row[column] for column in ADDRESS_COLUMNS if row.get(column)]
        id, label = row.get("id") or None, row.get("label") or None
        if len(addresses) != 1:
            raise BadLine(NOT_ONE, id)
        return Named(address(addresses[0]), id, label)


def delimiter_of(first: str) -> str:
    """Returns the separator of a CSV, from its first line: Excel's `sep=;`, or the header.

    In a header it is the separator that gives a column with addresses, else the most frequent.
    """
    if named := _SEP.fullmatch(first):
        return named[1]
    fitting = (delimiter for delimiter in DELIMITERS if _addresses(_fields(first, delimiter)))
    return next(fitting, None) or max(DELIMITERS, key=first.count)


def _fields(text: str, delimiter: str) -> list[str]:
    if '"' not in text:  # a reader for each line would do the same and cost more
        return text.split(delimiter)
    fields = _quoted(text, delimiter)
    if not fields:  # people write blanks after a quote, which csv does not accept
        fields = _quoted(re.sub(rf'"[ \t]+(?={re.escape(delimiter)})', '"', text), delimiter)
    return fields


def _quoted(text: str, delimiter: str) -> list[str]:
    with suppress(csv.Error, ValueError):
        (fields,) = csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True)
        return fields
    return []


def _addresses(fields: Sequence[str]) -> set[str]:
    """Returns the columns with addresses."""
    return {field.strip().lower() for field in fields} & set(ADDRESS_COLUMNS)


def _refusal(header: Sequence[str], delimiter: str) -> str:
    """Says why no line below this header can be read, or nothing."""
    for name in (*ADDRESS_COLUMNS, "id", "label"):
        if header.count(name) > 1:
            return f"the header of a CSV has the column {name} twice; rename or remove one of them"
    if _addresses(header):
        return ""
    parted = DELIMITERS.get(delimiter, f"{delimiter!r}")
    named = ", ".join(header)[:100]
    return (
        f"the header of a CSV must have one of the columns {', '.join(ADDRESS_COLUMNS)}; this "
        f"header, separated by {parted}, has: {named}"
    )


def _closed(first: Line, ahead: list[Line], stream: Iterator[Line], delimiter: str) -> Line:
    """Reads the record that begins at `first`; its other lines come from `ahead`, then `stream`."""
    number, text = first
    if text is None or text.lstrip().startswith(b"#") or not _is_open(text, delimiter):
        return first
    for count in range(1, RECORD_LINES):
        if len(ahead) < count:
            ahead += islice(stream, 1)
        if len(ahead) < count:
            break
        _, more = ahead[count - 1]
        if more is None or len(text) + len(more) > MAX_LINE:
            break
        text += b"\n" + more
        if b'"' in more and not _is_open(text, delimiter):
            if not _is_sound(text, delimiter):
                break
            del ahead[:count]
            return number, text
    return first


def _is_open(text: bytes, delimiter: str) -> bool:
    """Whether the text ends within a quoted field."""
    if b'"' not in text or _is_sound(text, delimiter):
        return False
    return _is_sound(text + b'"', delimiter)


def _is_sound(text: bytes, delimiter: str) -> bool:
    line = text.decode("latin-1")
    try:
        reader = csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True)
        return len(list(reader)) == 1
    except csv.Error:
        return False
