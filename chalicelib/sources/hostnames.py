"""Host names in any script -> the ASCII that DNS has, as browsers write it.

UTS #46 (https://www.unicode.org/reports/tr46/), not transitional, by what Python knows of Unicode:
the package `idna` has tables of its own, which every cold start would carry. What is not letters,
marks and digits is refused, so where the two would differ there is no answer.
"""

import unicodedata

MAX_LENGTH = 253
"""Characters of a name (RFC 1035)."""

_CATEGORIES = frozenset({"Ll", "Lo", "Lm", "Mn", "Mc", "Nd"})
_SIGNS = frozenset("-_·・〇")
"""What else names have: of Catalan, Japanese and Chinese (RFC 5892, 2.6 and appendix A)."""

_UNFOLDED = frozenset("ßςẞ")
"""Letters that folding would make others of; the last is refused, because browsers disagree."""

_INVISIBLE = frozenset(
    map(chr, (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164))
)
_SELECTORS = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF))


def in_ascii(host: str) -> str:
    """The name with every label of another script as xn--….

    Characters that stand for others, such as full-width digits and dots, become those first: what
    is returned may be an IPv4 address, and is yet to be checked. Raises ValueError.
    """
    if len(host) > MAX_LENGTH:
        raise ValueError("too long")
    name = _mapped(host)
    if _mapped(name) != name:
        raise ValueError("no stable form")
    return ".".join(map(_label, name.replace("。", ".").split(".")))


def _mapped(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text.replace("ϲ", "σ"))  # alone ς, in NFKC
    folded = "".join(each if each in _UNFOLDED else each.casefold() for each in plain)
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
