"""Update the figures that README and docs quote.

    python -m benchmarks.quote

A quoted figure is a link to its row, such as
[1.07×](docs/figures/avx2/predict.md#handler-over-network). Its text becomes the figure of today.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from benchmarks.findings import load

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
        figures = load(link["name"], link["kind"])["figures"]
        if link["key"] not in figures:
            raise click.ClickException(f"benchmarks.{link['name']} has no {link['key']!r}.")
        return f"[{figures[link['key']]['text']}]({link['to']})"

    return QUOTED.sub(now, text)


@click.command(help=__doc__)
def main() -> None:
    """Rewrite, and name what changed."""
    for path in documents():
        before = path.read_text()
        after = rewritten(before)
        if after != before:
            path.write_text(after)
            click.echo(f"{path.relative_to(ROOT)} has new figures.")


if __name__ == "__main__":
    main()
