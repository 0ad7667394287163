"""Write pieces of an SVG drawing, to a tenth of a pixel, with every text made harmless."""

import unicodedata
from html import escape
from typing import NamedTuple

from chalicelib.wording import MAX_NAME, plain

STYLE = """
svg { color-scheme: light dark; --sheet: #fff; --ink: #15181c; --muted: #59616a; --line: #d3d8dc;
  --empty: #f1f3f4; --same: #4d5761; --mark: #c9351b; background: var(--sheet); }
svg:root { display: block; margin: 0 auto; max-width: 100%; height: auto; }
@media (prefers-color-scheme: dark) { svg { --sheet: #1f1c1a; --ink: #f3eeea; --muted: #aaa19b;
  --line: #4a443f; --empty: #282421; --same: #b5aca5; --mark: #ff7d5c; } }
text { font-family: -apple-system, "Segoe UI Variable Text", "Segoe UI", Roboto, "Helvetica Neue",
  Arial, sans-serif; font-size: 12px; fill: var(--ink); font-variant-numeric: tabular-nums; }
.headline { font-size: 20px; font-weight: 650; letter-spacing: -0.02em; }
.name { font-size: 15px; font-weight: 600; }
.figure { font-size: 20px; font-weight: 650; letter-spacing: -0.02em; }
.muted { fill: var(--muted); }
.end { text-anchor: end; }
.mid { text-anchor: middle; }
.tiny { font-size: 9.5px; }
.on { fill: var(--sheet); }
.sheet { fill: var(--sheet); }
.empty { fill: var(--empty); }
.gap { stroke: var(--sheet); stroke-width: 1.5; }
.same { fill: var(--same); }
.differ { fill: var(--mark); }
.mixed { fill: none; stroke: var(--muted); stroke-dasharray: 3 2; }
.dot { fill: var(--ink); stroke: var(--sheet); stroke-width: 2; }
.range { stroke: var(--ink); stroke-width: 4; stroke-linecap: round; opacity: 0.4; }
.rule { stroke: var(--line); stroke-width: 1; }
"""
"""The page's colours and type (chalicelib/web/shared/style.css), by day and by night."""


class Drawing(NamedTuple):
    """Elements, and the pixels that they take from 0, 0."""

    width: float
    height: float
    parts: list[str]


def safe(text: str, limit: int = MAX_NAME) -> str:
    """Escapes a stranger's text for an element or attribute."""
    return escape(plain(text, limit))


def number(value: float) -> str:
    """Writes a coordinate."""
    return f"{value:.1f}".removesuffix(".0")


def wide(text: str, size: float = 12) -> float:
    """Estimates the width of a text in pixels, rather too wide, without a font."""
    return size * sum(map(_breadth, text))


def _breadth(character: str) -> float:
    """Estimates the width of a character in ems."""
    if unicodedata.east_asian_width(character) in "WF" or character in "MW%@—…":
        return 1.0
    return 0.72 if character.isupper() else 0.56


def fit(text: str, width: float, size: float = 12) -> str:
    """Cuts a stranger's text to one line of that many pixels."""
    shown = plain(text, int(width / size * 4))
    while shown and wide(shown, size) > width:
        shown = shown.rstrip("…")[:-1].rstrip() + "…"
    return shown


def wrap(text: str, width: float, size: float) -> list[str]:
    """Breaks a text into lines of at most that many pixels."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and wide(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(fit(word, width, size))
    return lines


def text(x: float, y: float, content: str, style: str = "", turn: float = 0) -> str:
    """Draws a line of text; `content` may come from a stranger. turn: degrees, about its start."""
    place = f'x="{number(x)}" y="{number(y)}"'
    if turn:
        place = f'transform="translate({number(x)} {number(y)}) rotate({number(turn)})"'
    return f'<text {place} class="{style}">{safe(content, 400)}</text>'


def box(x: float, y: float, width: float, height: float, style: str, opacity: float = 1) -> str:
    """Draws a filled rectangle."""
    shade = "" if opacity == 1 else f' fill-opacity="{opacity:.2f}"'
    return (
        f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}" '
        f'height="{number(height)}" rx="2" class="{style}"{shade}/>'
    )


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """Draws a straight line."""
    return (
        f'<line x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}" '
        f'class="{style}"/>'
    )


def dot(x: float, y: float, style: str = "dot") -> str:
    """Draws a point."""
    return f'<circle cx="{number(x)}" cy="{number(y)}" r="6.5" class="{style}"/>'


def group(x: float, y: float, parts: list[str], tip: str = "") -> str:
    """Moves parts to a place together. tip: a text for a pointer that rests there."""
    title = f"<title>{safe(tip, 400)}</title>" if tip else ""
    return f'<g transform="translate({number(x)} {number(y)})">{title}{"".join(parts)}</g>'


def document(width: float, height: float, title: str, description: str, parts: list[str]) -> str:
    """Writes the document, with a name and a description for those who cannot see it."""
    size = f'width="{number(width)}" height="{number(height)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
        f'viewBox="0 0 {number(width)} {number(height)}" role="img" '
        f'aria-labelledby="title description">\n<title id="title">{safe(title, 400)}</title>\n'
        f'<desc id="description">{safe(description, 2000)}</desc>\n<style>{STYLE}</style>\n'
        + "\n".join([box(0, 0, width, height, "sheet"), *parts])
        + "\n</svg>\n"
    )
