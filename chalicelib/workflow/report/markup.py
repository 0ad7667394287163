"""Write pieces of GitHub's Markdown, in which strangers' names stay text."""

import re
from collections.abc import Sequence

import msgspec

from chalicelib.wording import MAX_NAME, plain

SPECIAL = re.compile(r"([\\`*_\[\]|~$]|<(?=\S)|&(?=[#\w]))")
"""Characters that begin code, emphasis, a link, a cell, a formula, HTML or an entity."""

LINK = re.compile(r"(?i)\b(https?|ftp)(:)(?=//)|\b(www)(\.)|()(@)")
"""Text that GitHub turns into a link or a mention by itself."""


def safe(text: str, limit: int = MAX_NAME) -> str:
    """Escapes a stranger's text for a line or a cell, so that nothing is markup or a link."""
    return LINK.sub(_unlinked, SPECIAL.sub(r"\\\1", plain(text, limit)))


def _unlinked(match: re.Match[str]) -> str:
    before, sign = [part for part in match.groups() if part is not None]
    return f"{before}&#{ord(sign)};"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> list[str]:
    """Writes a table of cells in Markdown, with columns that align in an editor too.

    words: number of columns with words, aligned left. The columns after them have figures.
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
    """Writes a fenced block. No line of JSON begins with the fence: its texts have no line ends."""
    shown = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return ["```json", *shown.splitlines(), "```"]
