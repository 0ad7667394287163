"""Convert host names in any script to the ASCII of DNS, as browsers do.

UTS #46 (https://www.unicode.org/reports/tr46/), not transitional, with Python's own Unicode
tables: those of the package `idna` would slow every cold start. Only letters, marks and digits are
accepted, so where the two tables differ the name is refused.
"""

import unicodedata

MAX_LENGTH = 253
"""Characters of a name (RFC 1035)."""

_CATEGORIES = frozenset({"Ll", "Lo", "Lm", "Mn", "Mc", "Nd"})
_SIGNS = frozenset("-_·・〇")
"""Other characters of names, in Catalan, Japanese and Chinese (RFC 5892, 2.6 and appendix A)."""

_UNFOLDED = frozenset("ßςẞ")
"""Letters that folding would change. The last is refused, because browsers disagree."""

_INVISIBLE = frozenset(
    map(chr, (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164))
)
_SELECTORS = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF))


def in_ascii(host: str) -> str:
    """Returns the name with every label of another script as xn--….

    Full-width digits, dots and the like become plain ones first. So the result may be an IPv4
    address, and must still be checked. Raises ValueError.
    """
    if len(host) > MAX_LENGTH:
        raise ValueError("too long")
    name = _mapped(host)
    if _mapped(name) != name:
        raise ValueError("no stable form")
    return ".".join(map(_label, name.replace("。", ".").split(".")))


def _mapped(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text.replace("ϲ", "σ"))  # alone ς, in NFKC
    folded = "".join(c if c in _UNFOLDED else c.casefold() for c in plain)
    return unicodedata.normalize("NFKC", folded)


def _label(label: str) -> str:
    if not all(map(_is_of_a_name, label)):
        raise ValueError("neither letters nor digits")
    if label.isascii():
        return label
    if label.startswith("xn--") or unicodedata.category(label[0]).startswith("M"):
        raise ValueError("not as a label begins")
    return "xn--" + label.encode("punycode").decode("ascii")


def _is_of_a_name(character: str) -> bool:
    if character in _INVISIBLE or any(a <= ord(character) <= b for a, b in _SELECTORS):
        return False
    return character in _SIGNS or unicodedata.category(character) in _CATEGORIES
