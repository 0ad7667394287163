"""The page with all figures, those of each kind of processor side by side."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.findings import ANY, FOLDER
from benchmarks.machine import KINDS

NAME = "README.md"
ABSENT = "not measured"

Kept = Mapping[str, Mapping[str, Any]]
"""What a script kept, by kind of processor."""


def kept(folder: Path = FOLDER) -> dict[str, Kept]:
    """Reads what all scripts kept, by name."""
    records: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*/*.json")):
        records.setdefault(path.stem, {})[path.parent.name] = json.loads(path.read_text())
    return dict(sorted(records.items()))


def kinds(records: Mapping[str, Kept]) -> list[str]:
    """Returns the kinds of processors of the records: of KINDS the slowest first, then others."""
    present = {kind for record in records.values() for kind in record} - {ANY}
    return sorted(present, key=lambda kind: (-KINDS.index(kind) if kind in KINDS else 1, kind))


def incomplete(records: Mapping[str, Kept]) -> dict[str, str]:
    """Returns the scripts that some kind of processor lacks, by the kinds that have them."""
    wanted, lacking = kinds(records), dict[str, list[str]]()
    for name, record in records.items():
        if ANY not in record and len(record) < len(wanted):
            lacking.setdefault(" and ".join(k for k in wanted if k in record), []).append(name)
    return {has: ", ".join(names) for has, names in lacking.items()}


def page(records: Mapping[str, Kept]) -> str:
    """Writes the page in Markdown."""
    wanted = kinds(records)
    told = [f"Measured on {has} only: {names}." for has, names in incomplete(records).items()]
    intro = [
        "# All figures",
        "`python -m benchmarks.quote` writes this page from what `make bench` keeps. Each column "
        "is a kind of processor. Where instructions were hidden, "
        "[a newer processor stood in for an older kind](../performance.md#another-processor).",
        *told,
    ]
    blocks = [_table(name, record, wanted) for name, record in records.items()]
    return "\n\n".join([*intro, *blocks]) + "\n"


def _table(name: str, record: Kept, wanted: Sequence[str]) -> str:
    """Writes the figures of a script."""
    columns = [ANY] if ANY in record else wanted
    titles = dict.fromkeys(of["title"] for of in record.values())
    heads = [f"[{k}]({k}/{name}.md)" if k in record else k for k in columns]
    rows = [["", *heads], ["---"] * (len(columns) + 1)]
    for key in ("machine", "date"):
        rows.append([key, *(record.get(kind, {}).get(key, ABSENT) for kind in columns)])
    rows += [[says, *(cells.get(k, ABSENT) for k in columns)] for says, cells in _figures(record)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"## {name}\n\n{'; '.join(titles)}.\n\n{table}"


def _figures(record: Kept) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields what each figure says, and its text by kind.

    Some say more than their key, such as the cheapest memory size: then each kind has its own row.
    """
    rows: dict[tuple[str, str], dict[str, str]] = {}
    keys = list(dict.fromkeys(key for of in record.values() for key in of["figures"]))
    for kind, of in record.items():
        for key, figure in of["figures"].items():
            rows.setdefault((key, figure["says"]), {})[kind] = figure["text"]
    for (_, says), cells in sorted(rows.items(), key=lambda row: keys.index(row[0][0])):
        yield says, cells
