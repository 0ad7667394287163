"""Files that list pictures with their labels: CSV and JSON Lines."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from chalicelib.bulk.csvform import delimiter_of
from chalicelib.bulk.lines import UnknownEncoding, lines
from chalicelib.bulk.parsers import class_name
from chalicelib.requests import Instance
from tools.console.refusals import Refused

TEXTS = frozenset({".csv", ".tsv"})
SUFFIXES = TEXTS | {".jsonl", ".ndjson", ".manifest"}

IMAGES = (
    "image", "file", "file_name", "filename", "path", "filepath", "file_path", "image_path",
    "photo", "picture", "url", "s3_uri", "source-ref", "b64",
)  # fmt: skip
"""Names of columns or JSON fields with the picture."""

LABELS = (
    "label", "class", "class_name", "category", "target", "truth", "name", "wnid", "synset",
)  # fmt: skip
"""Names of those with the label. Of several, the one whose labels the model has."""

TERMS = ("licence", "source")
"""Names of those that samples are shown with."""

BLOCK_BYTES = 1 << 20


class Row(NamedTuple):
    """A line that names a picture. labels: the non-empty columns of LABELS.

    licence, source: the columns of these names.
    """

    number: int
    image: Path | Instance
    called: str
    labels: dict[str, str]
    licence: str = ""
    source: str = ""


class Table(NamedTuple):
    """A file's rows. faults: lines without a picture or a label, and why."""

    rows: list[Row]
    faults: list[str]


def read(path: Path) -> Table:
    """The pictures of a file, by its ending. Raises Refused if it lists none with labels."""
    fields = _csv(path) if path.suffix.lower() in TEXTS else _json(path)
    rows, faults = [], []
    for number, values in fields:
        row = _row(number, values, path.parent)
        if isinstance(row, Row):
            rows.append(row)
        else:
            faults.append(f"line {number} of {path.name} {row}")
    if not rows:
        why = f": {faults[0]}" if faults else ""
        raise Refused(
            f"{path} names no picture with a label{why}. {_columns('It')}, one picture a line."
        )
    return Table(rows, faults)


def _columns(what: str) -> str:
    return (
        f"{what} needs a column for the picture ({', '.join(IMAGES[:5])}, url …) and one for what "
        f"it shows ({', '.join(LABELS[:4])}, name …)"
    )


def _row(number: int, values: dict[str, str], folder: Path) -> Row | str:
    """The row, or what is wrong with it."""
    cells = [(column, values[column]) for column in IMAGES if values.get(column)]
    labels = {column: values[column] for column in LABELS if values.get(column)}
    if not cells:
        return "names no picture"
    if not labels:
        return "has no label"
    column, text = cells[0]
    image = _place(column, text, folder)
    called = text if isinstance(image, Path) or len(text) <= 200 else f"line {number}"
    return Row(number, image, called, labels, values.get("licence", ""), values.get("source", ""))


def _place(column: str, text: str, folder: Path) -> Path | Instance:
    if column == "b64":
        return Instance(b64=text)
    if text.startswith("s3://"):
        return Instance(s3_uri=text)
    if text.lower().startswith(("http://", "https://", "data:")):
        return Instance(url=text)
    path = folder / text
    return path if "\\" not in text or path.exists() else folder / text.replace("\\", "/")


def _csv(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The fields of each line. Raises Refused if there is no column for picture and label."""
    header: list[str] = []
    for number, cells in _cells(path):
        if not any(cells) or cells[0].startswith("#") or cells[0].lower() == "sep=":
            continue
        if header:
            yield number, dict(zip(header, cells, strict=False))
            continue
        header = [cell.lower() for cell in cells]
        if len(cells) > 1 and not {*header} & {*IMAGES} and (path.parent / cells[0]).is_file():
            header = ["image", "label"]  # the file has no header
            yield number, dict(zip(header, cells, strict=False))
        elif not {*header} & {*IMAGES} or not {*header} & {*LABELS}:
            raise Refused(
                f"{path} has the columns {', '.join(header) or '(none)'}. {_columns('It')}."
            )
        elif twice := [name for name in (*IMAGES, *LABELS, *TERMS) if header.count(name) > 1]:
            raise Refused(f"{path} has the column {twice[0]} twice. Rename or remove one of them.")


def _cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line. Raises Refused if one of them is too long for a CSV."""
    text = _text(path)
    delimiter = delimiter_of(text.lstrip().partition("\n")[0].strip())
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    try:
        for cells in reader:
            yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise Refused(
            f"{path} cannot be read at line {reader.line_num}: {error}. Close its quotes, or write "
            "pictures in base64 as JSON Lines."
        ) from error


def _json(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    for number, line in enumerate(_text(path).split("\n"), 1):
        if line.strip():
            yield number, _fields(line)


def _fields(line: str) -> dict[str, str]:
    """Texts and numbers of a line of JSON; none if it is no object."""
    try:
        values = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return {}
    fields = {
        key.lower(): str(value).strip()
        for key, value in values.items()
        if isinstance(value, str | int) and not isinstance(value, bool)
    }
    named = class_name(line) if '"class-name"' in line else None
    return {"label": named} | fields if named else fields


def _text(path: Path) -> str:
    """The file in UTF-8 or UTF-16, its lines ended by LF. Raises Refused for other encodings."""
    try:
        with path.open("rb") as file:
            numbered = lines(iter(lambda: file.read(BLOCK_BYTES), b""))
            return b"\n".join(line or b"" for _, line in numbered).decode()
    except (UnicodeDecodeError, UnknownEncoding) as error:
        raise Refused(f"{path} is neither UTF-8 nor UTF-16; save it in UTF-8.") from error
