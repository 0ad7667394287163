"""The results of a benchmark: printed, and kept in docs/figures/KIND/ for README and docs to quote.

KIND is the kind of processor, see `benchmarks.machine`, or "any" if it makes no difference.
"""

import datetime
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click

from benchmarks.machine import kind, machine
from tools.console.columns import columns

FOLDER = Path(__file__).parents[1] / "docs" / "figures"
ANY = "any"
INDEPENDENT = ("accuracy", "cloud", "install", "package", "standing", "triggers")
"""Scripts whose figures are those of any kind of processor."""

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Figure:
    """A number that README and docs may quote.

    key: its anchor, such as `handler-over-network`. says: what it is. text: the value and its unit.
    """

    key: str
    says: str
    value: float
    text: str


@dataclass(frozen=True)
class Table:
    """A table of text; the first column names the row."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Record:
    """The results of one run of a script.

    name: of the script, and of its files. figures: ratios first. notes: how to read them. series:
    data for the pictures, fit for JSON.
    """

    name: str
    title: str
    figures: Sequence[Figure]
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    series: Mapping[str, Any] = field(default_factory=dict)


def folder(name: str, of: str | None = None) -> Path:
    """Returns the folder of a script on a kind of processor, by default this machine's."""
    return FOLDER / (ANY if name in INDEPENDENT else of or kind())


def ratio(key: str, says: str, value: float) -> Figure:
    """Makes a figure that carries over to other machines."""
    return Figure(key, says, value, f"{value:.2f}×" if value < 10 else f"{value:.0f}×")


def options(command: Command) -> Command:
    """Adds --json and --save to a command, as `as_json` and `save`."""
    command = click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)
    keep = "Write tables and charts to docs/figures."
    return click.option("--save", is_flag=True, help=keep)(command)


def publish(record: Record, as_json: bool, save: bool) -> None:
    """Prints a record as tables or as JSON; keeps both in docs/figures if `save`.

    Pictures whose names begin with the record's are shown too.
    """
    content = _plain(record)
    click.echo(json.dumps(content) if as_json else _told(record, content["machine"]))
    if save:
        place = folder(record.name)
        place.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content, indent=1, ensure_ascii=False)
        (place / f"{record.name}.json").write_text(text + "\n")
        (place / f"{record.name}.md").write_text(_page(record, content))


def load(name: str, of: str | None = None) -> dict[str, Any]:
    """Reads what `publish` kept of a script, on a kind of processor, by default this machine's.

    Raises ClickException if the script never ran with --save.
    """
    path = folder(name, of) / f"{name}.json"
    if not path.exists():
        where = path.parent.name
        raise click.ClickException(
            f"Run python -m benchmarks.{name} --save{'' if where == ANY else f' on {where}'} first."
        )
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def _plain(record: Record) -> dict[str, Any]:
    arguments = [_named(word) for word in sys.argv[1:] if word not in ("--json", "--save")]
    return {
        "title": record.title,
        "command": " ".join(["python -m", f"benchmarks.{record.name}", *arguments]),
        "machine": machine(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "figures": {
            figure.key: {"says": figure.says, "value": figure.value, "text": figure.text}
            for figure in record.figures
        },
        "tables": [
            {"title": table.title, "columns": list(table.columns), "rows": [*map(list, table.rows)]}
            for table in record.tables
        ],
        "notes": list(record.notes),
        "series": dict(record.series),
    }


def _named(argument: str) -> str:
    """Returns an argument without this machine's folders."""
    return Path(argument).name if Path(argument).is_absolute() else argument


def _told(record: Record, where: str) -> str:
    """Lays a record out for a terminal."""
    figures = [(figure.says, figure.text) for figure in record.figures]
    blocks = [where, "\n".join(columns(figures[0], figures[1:]) if figures else ())]
    for table in record.tables:
        blocks.append("\n".join([table.title, *columns(table.columns, table.rows)]))
    return "\n\n".join([*blocks, *record.notes])


def _page(record: Record, content: Mapping[str, Any]) -> str:
    """Writes a record in Markdown, with an anchor for each figure."""
    machine, date = (f'<a id="{key}"></a>{content[key]}' for key in ("machine", "date"))
    ran = f"Printed by `{content['command']}` on {machine}, {date}."
    figures = [
        [f'<a id="{figure.key}"></a>{figure.says}', figure.text] for figure in record.figures
    ]
    blocks = [f"# {record.title}", ran, _markdown(["", "figure"], figures)]
    for table in record.tables:
        blocks += [f"## {table.title}", _markdown(table.columns, table.rows)]
    blocks += record.notes
    pictures = sorted(path.name for path in folder(record.name).glob(f"{record.name}*.svg"))
    return "\n\n".join([*blocks, *(f"![{record.title}]({name})" for name in pictures)]) + "\n"


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
