"""Label files in text: one class a line, maybe with its index, or a CSV."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from chalicelib.errors import ModelInvalid
from chalicelib.inference.labels import fold
from tools.labelling.entries import WORDNET, Entry, consecutive

INDEX_COLUMNS = frozenset({
    "", "id", "index", "idx", "classid", "class id", "class index", "labelid", "label id", "no",
    "no.", "number", "target", "value",
})  # fmt: skip
NAME_COLUMNS = (
    "display name", "classname", "class name", "label name", "name", "label", "class", "category",
    "title", "names", "labels", "classes", "class names", "categories",
)  # fmt: skip
"""Header names, folded; the first match wins. "" is a data frame's index."""

DELIMITERS = ",;\t|"

_NUMBERED = re.compile(
    r"""(?:(\d{1,7})|"(\d{1,7})"|'(\d{1,7})')(\s*[,;|:=\t]\s*|\s*[.)]\s+|\s+-\s+|\s+)(\S.*)"""
)
_NUMBER_LAST = re.compile(r"""(.*\S)\s*([,;|:=\t])\s*"?(\d{1,7})"?""")
_QUOTED = re.compile(r"""(["'])(.*)\1[,;]?""")


class Rows(NamedTuple):
    """The entries of a text. header: a first line that is either a header or a label.

    without: what was left out of each line, in words; "" if nothing.
    """

    entries: list[Entry]
    header: str = ""
    without: str = ""


def from_text(text: str) -> Rows:
    """The classes of a text. Blank lines at its end do not count.

    Numbers before the names are indices if they count up from 0 or 1, in any order. Others belong
    to the names. Raises ModelInvalid if lines do not fit.
    """
    lines = [line.strip() for line in re.split(r"\r\n|\r|\n", text)]
    while lines and not lines[-1]:
        lines.pop()
    if lines and re.fullmatch('"?sep=.?"?', lines[0], re.IGNORECASE):  # for Excel
        del lines[0]
    first = next((place for place, line in enumerate(lines) if line), 0)
    if table := _table(lines[first:]):
        return table
    header = ""
    if lines and fold(_unquoted(lines[first]).rstrip(":")) in NAME_COLUMNS:
        header = _unquoted(lines[first])
        lines = lines[first + 1 :]
    if rows := _numbered([line for line in lines if line]):
        return rows
    if "" in lines:
        raise ModelInvalid(f"its line {lines.index('') + 1} is empty; give every class a name")
    names, without = _without_codes([_unquoted(line) for line in _evenly(lines)])
    return Rows([Entry(None, name) for name in names], header, without)


def _table(lines: Sequence[str]) -> Rows | None:
    """A CSV whose header has two known columns."""
    for delimiter in DELIMITERS:
        header = [fold(cell) for cell in _cells(lines[0], delimiter)] if lines else []
        known = [cell for cell in header if cell in INDEX_COLUMNS or cell in NAME_COLUMNS]
        if len(known) > 1 and any(known):
            rows = [_cells(line, delimiter) for line in lines[1:] if line.strip(delimiter + " ")]
            return _columns(header, rows, delimiter)
    return None


def _columns(header: list[str], rows: list[list[str]], delimiter: str) -> Rows | None:
    width = len(header)
    for number, row in enumerate(rows, 2):
        if len(row) > width and not any(row[width:]):
            del row[width:]
        elif len(row) > width and header[-1] in NAME_COLUMNS:
            row[width - 1 :] = [f"{delimiter} ".join(row[width - 1 :])]  # it was not quoted
        if len(row) != width:
            raise ModelInvalid(f"row {number} has {len(row)} columns and the header {width}")
    numeric = {place for place in range(width) if all(row[place].isdecimal() for row in rows)}
    named = [header.index(name) for name in NAME_COLUMNS if name in header]
    names = next((place for place in named if place not in numeric), named[0] if named else None)
    if names is None or not rows:
        return None
    index = next(
        (place for place in sorted(numeric - {names}) if header[place] in INDEX_COLUMNS),
        next((place for place in named if place in numeric and place != names), None),
    )
    for place in (names, index):
        if place is not None and header.count(header[place]) > 1:
            raise ModelInvalid(
                f"it has several columns called “{header[place]}”; rename or remove all but one"
            )
    return Rows(
        [Entry(None if index is None else int(row[index]), row[names]) for row in rows],
        without=f"all but the column “{header[names]}”",
    )


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        (cells,) = csv.reader([line], delimiter=delimiter, skipinitialspace=True)
    except (csv.Error, ValueError):
        return []
    return [cell.strip() for cell in cells]


def _numbered(lines: Sequence[str]) -> Rows | None:
    """The lines split into index and name; None if they have no indices."""
    matches = [_NUMBERED.fullmatch(line) for line in lines]
    numbered = [
        (int(match[1] or match[2] or match[3]), match[4], match[5]) for match in matches if match
    ]
    if not lines or len(numbered) < len(lines):
        return _number_last(lines)
    numbers = [number for number, _, _ in numbered]
    in_columns = all(sign.strip(" ") in [*DELIMITERS] for _, sign, _ in numbered)
    ends = f"{DELIMITERS} " if in_columns else ""  # empty columns
    rests = _evenly([rest.rstrip(ends) for _, _, rest in numbered])
    names, codes = _without_codes([_unquoted(rest) for rest in rests])
    differ = _differ(names)
    if consecutive(numbers):
        is_index = in_columns or (differ and (0 in numbers or len(numbers) > 2))
    else:  # `ordered` refuses these
        is_index = in_columns or (differ and 0 in numbers)
    if not is_index:
        return None
    entries = [Entry(number, name) for number, name in zip(numbers, names, strict=True)]
    return Rows(entries, without=codes or "the number before each")


def _differ(names: Iterable[str]) -> bool:
    """Whether most differ; names cut from "1 star", "2 stars" and so on do not."""
    counts = Counter(map(fold, names))
    return len(counts) >= 0.7 * counts.total()


def _number_last(lines: Sequence[str]) -> Rows | None:
    """Names with their indices after them, such as red,0."""
    matches = [_NUMBER_LAST.fullmatch(line) for line in lines]
    quoted = [match for match in matches if match and match[1].count('"') % 2 == 0]
    names = [_unquoted(match[1]) for match in quoted]
    if len(lines) < 2 or len(quoted) < len(lines) or not _differ(names):
        return None
    numbers = [int(match[3]) for match in quoted]
    in_columns = all(match[2] in DELIMITERS for match in quoted)
    if not in_columns and sorted(numbers) != [*range(len(lines))]:
        return None
    entries = [Entry(number, name) for number, name in zip(numbers, names, strict=True)]
    return Rows(entries, without="the number after each")  # what has gaps, `ordered` refuses


def _without_codes(names: list[str]) -> tuple[list[str], str]:
    """The names without WordNet's ids, if all begin with one."""
    matches = [WORDNET.fullmatch(name) for name in names]
    bare = [_unquoted(match[2]) for match in matches if match]
    if names and len(bare) == len(names):
        return bare, "WordNet's id before each"
    return names, ""


def _evenly(lines: list[str]) -> list[str]:
    """The lines without single quotes, if all have them; a single one may be an apostrophe."""
    matches = [_QUOTED.fullmatch(line) for line in lines]
    if lines and all(match and match[1] == "'" for match in matches):
        return [match[2] for match in matches if match]
    return lines


def _unquoted(text: str) -> str:
    match = _QUOTED.fullmatch(text)
    return match[2].replace('""', '"') if match and match[1] == '"' else text
