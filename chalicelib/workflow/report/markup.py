"""Pieces of Markdown as GitHub reads it; whatever strangers named stays text."""

import re
from collections.abc import Sequence

import msgspec

from chalicelib.wording import MAX_NAME, plain

SPECIAL = re.compile(r"([\\`*_\[\]|~$]|<(?=\S)|&(?=[#\w]))")
"""What begins code, emphasis, a link, a cell, a formula, HTML or an entity."""

LINK = re.compile(r"(?i)\b(https?|ftp)(:)(?=//)|\b(www)(\.)|()(@)")
"""What GitHub makes a link or a mention of by itself."""


def said(text: str, limit: int = MAX_NAME) -> str:
    """A stranger's text within a line or a table's cell: nothing in it is markup or a link."""
    escaped = SPECIAL.sub(r"\\\1", plain(text, limit))
    return LINK.sub(_unlinked, escaped)


def _unlinked(match: re.Match[str]) -> str:
    before, sign = [part for part in match.groups() if part is not None]
    return f"{before}&#{ord(sign)};"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> list[str]:
    """A table of cells that are Markdown already, in columns that an editor shows as such, too.

    words: columns of words, to the left; those after them are figures, to the right.
    """
    widths = [max(3, *map(len, column)) for column in zip(heads, *rows, strict=True)]
    sides = ["<" if place < words else ">" for place in range(len(heads))]
    rule = [
        ":" + "-" * (width - 1) if side == "<" else "-" * (width - 1) + ":"
        for side, width in zip(sides, widths, strict=True)
    ]
    return [
        "| " + " | ".join(map(format, cells, map("{}{}".format, sides, widths))) + " |"
        for cells in (heads, rule, *rows)
    ]


def json_block(value: object) -> list[str]:
    """A fenced block. JSON has no line that begins with the fence: within texts, no line ends."""
    shown = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return ["```json", *shown.splitlines(), "```"]
