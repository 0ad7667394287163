"""Update the figures that README and docs quote, and the page with all of them.

    python -m benchmarks.quote

A quoted figure is a link to its row, such as
[1.07×](docs/figures/avx2/predict.md#handler-over-network). Its text becomes the figure of today.
"machine" and "date" can be quoted like a figure. docs/figures/README.md has all figures, with those
of each kind of processor side by side.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from benchmarks import bykind
from benchmarks.findings import FOLDER, load

ROOT = Path(__file__).parents[1]
QUOTED = re.compile(
    r"\[(?P<text>[^\]]*)\]\((?P<to>[\w./-]*figures/(?P<kind>\w+)/(?P<name>\w+)\.md#(?P<key>[\w-]+))\)"
)


def documents() -> Iterator[Path]:
    """Yields README and the docs, without the figures themselves."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "docs").glob("*.md"))


def rewritten(text: str) -> str:
    """Returns the document with today's figures.

    Raises ClickException if a link names no figure.
    """

    def now(link: re.Match[str]) -> str:
        content, key = load(link["name"], link["kind"]), link["key"]
        texts = {name: figure["text"] for name, figure in content["figures"].items()}
        texts |= {name: content[name] for name in ("machine", "date")}
        if key not in texts:
            raise click.ClickException(f"benchmarks.{link['name']} has no {key!r}.")
        return f"[{texts[key]}]({link['to']})"

    return QUOTED.sub(now, text)


@click.command(help=__doc__)
def main() -> None:
    """Rewrite, and name what changed and what is measured on one kind of processor only."""
    records = bykind.kept()
    texts = {path: rewritten(path.read_text()) for path in documents()}
    texts[FOLDER / bykind.NAME] = bykind.page(records)
    for path, text in texts.items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            click.echo(f"{path.relative_to(ROOT)} has new figures.")
    for has, names in bykind.incomplete(records).items():
        click.echo(f"Measured on {has} only: {names}.")


if __name__ == "__main__":
    main()
