"""Write numbers and strangers' names for people to read."""

import unicodedata

MAX_NAME = 80
"""Characters of a stranger's text that are shown."""

BROKEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories that break a line, hide, turn the text around, or are not XML."""

JOINER = "\u200d"
"""Hides like other format characters, but emoji are made with it."""


def plain(text: str, limit: int = MAX_NAME) -> str:
    """Puts a stranger's text on one short line, without control or invisible characters."""
    kept = "".join(" " if _is_broken(character) else character for character in text)
    line = " ".join(kept.split()).strip(f" {JOINER}")
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _is_broken(character: str) -> bool:
    """Whether a character breaks a line, hides, or is not XML, as U+FFFE and U+FFFF."""
    hides = unicodedata.category(character) in BROKEN and character != JOINER
    return hides or ord(character) & 0xFFFE == 0xFFFE


def count(number: int, noun: str, nouns: str = "") -> str:
    """Writes `1 image` or `10,000 images`. nouns: where an s is not enough."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def percent(share: float) -> str:
    """Writes a share, 0..1, to a tenth of a percent; 0% and 100% only if exact."""
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 < share < 1:
        return ">99.9%"
    return f"{share * 100:.1f}".removesuffix(".0") + "%"


def points(difference: float) -> str:
    """Writes the size of a difference of two shares, in percentage points."""
    size = abs(difference) * 100
    shown = f"{size:.1f}".removesuffix(".0") if size >= 0.1 else f"{size:.1g}"
    return shown + (" point" if shown == "1" else " points")


def p_value(p: float) -> str:
    """Writes `p = 0.003`, with more digits if three would hide on which side of 0.05 it is."""
    if p < 0.001:
        return "p < 0.001"
    if f"{p:.3f}" != "0.050" or p == 0.05:
        return f"p = {p:.3f}"
    if f"{p:.5f}" == "0.05000":
        return "p < 0.05" if p < 0.05 else "p > 0.05"
    return f"p = {p:.5f}"


def interval(bounds: tuple[float, float]) -> str:
    """Writes `87.4% to 93.9%`."""
    low, high = bounds
    return f"{percent(low)} to {percent(high)}"
