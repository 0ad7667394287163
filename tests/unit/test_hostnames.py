"""Names in other scripts, beside what the package `idna` makes of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.sources.hostnames import in_ascii

LETTERS = st.characters(categories=["Ll", "Lu", "Lo", "Lm", "Mn", "Mc", "Nd", "So", "Cf", "Po"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("Βόλος.example", "xn--nxasmm1c.example"),
        ("\u03f2.example", "xn--4xa.example"),
        ("παράδειγμα.δοκιμή", "xn--hxajbheg2az3al.xn--jxalpdlp"),
        ("пример.испытание", "xn--e1afmkfd.xn--80akhbyknj4f"),
        ("उदाहरण.परीक्षा", "xn--p1b6ci4b4b3a.xn--11b5bs3a9aj6g"),
        ("例子。测试", "xn--fsqu00a.xn--0zwm56d"),
        ("실례.테스트", "xn--9n2bp8q.xn--9t4b11yi5a"),
        ("col·legi.example", "xn--collegi-xma.example"),
        ("ｅｘａｍｐｌｅ．ｃｏｍ", "example.com"),
        ("１２７．０．０．１", "127.0.0.1"),
        ("ⓛocalhost", "localhost"),
    ],
)
def test_names_of_other_scripts(name: str, expected: str) -> None:
    assert in_ascii(name) == expected


@pytest.mark.parametrize(
    "name",
    ["ü b", "a／ü", "ü:1", "ü@b", "ü%41", "ü\\b", "ü\u200d", "ü\u00ad", "i❤", "ẞ", "\u0301ü",
     "xn--ü", "ü" * 254, "ü\ufe0f", "\u115fü", "ü\u2028", "ü\ud800"],
)  # fmt: skip
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError):
        in_ascii(name)


@given(st.text(LETTERS, min_size=1, max_size=12).map(lambda label: f"{label}.example"))
def test_an_answer_is_that_of_the_package_idna(name: str) -> None:
    """Or the package refuses it, by rules for which it needs its tables."""
    idna = pytest.importorskip("idna")
    try:
        encoded = in_ascii(name)
    except ValueError:
        return
    try:
        expected = idna.encode(name, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return
    assert encoded == expected
