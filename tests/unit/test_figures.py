"""Every figure that README and docs quote comes from a script that prints it."""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import click
import pytest

from benchmarks import bykind, findings, quote
from tests.torture.conftest import BEGIN, END

ROOT = Path(__file__).parents[2]
RECORDS = sorted(findings.FOLDER.glob("*/*.json"))
NO_PROSE = re.compile(r"```.*?```|`[^`]*`|\[[^\]]*\]\([^)]*\)|https?://\S+", re.DOTALL)
OUTCOMES = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
"""Each of its figures stands beside the test that measured it."""
PRINTED = re.compile(r"Printed at commit `[0-9a-f]{7,40}` by `python -m [^\n]*(?:\n+\|[^\n]*)+")
"""A table of a script that is gone, under the commit that still has it."""
MEASURED = re.compile(
    r"\$ ?\d[\d,.]*|\d[\d,.]*(?: ?[×%]| ?(?:x|ms|s|seconds?|minutes?|[kMG]B|times|M instructions|"
    r"images a second|requests a second|cents?|dollars?)\b)"
)
"""A number with the unit of something that one measures."""

GIVEN = {
    "24 MB": "size of the file that is fetched",
    "10 MB": "API Gateway's body",
    "4.5 MB": "Lambda's payload, less base64",
    "3.3 MB": "the same, once more less base64",
    "6 MB": "Lambda's payload",
    "900 s": "the longest that a function may take",
    "20 MB": "our limit of an image",
    "10 seconds": "our limit of a fetch",
    "29 seconds": "API Gateway's timeout",
    "29 s": "API Gateway's timeout",
    "52.4 MB": "Lambda's limit of a zip",
    "24 kB": "what a sample of a package should have",
    "64 kB": "what a sample may have",
    "300 kB": "what a package's samples may have",
    "250 MB": "Lambda's limit of what is unpacked",
    "256 kB": "Step Functions' payload",
    "1,024 MB": "memory size",
    "1,769 MB": "memory size of one vCPU",
    "3,538 MB": "memory size of two",
    "$33.33": "a million at 30,000 for a dollar, as the baseline has it",
    "$50.00": "a million at 20,000 for a dollar",
    "3.50 dollars": "API Gateway's price of a million requests",
    "25 dollars": "Step Functions' price of a million transitions",
    "1.50 dollars": "that of 60,000",
    "95%": "of an interval",
    "87.5%": "ImageNet's crop, 224 of 256 pixels",
    "20%": "price of arm64 below x86_64",
    "1.3 times": "what a second engine had to reach",
    "1.25 times": "where that price is made up for",
}
"""Limits, prices and settings: what is decided by others or by us, and not measured."""


def prose(text: str) -> str:
    """What is no code, no link, and no table of `make torture` or of a script that is gone."""
    return NO_PROSE.sub(" ", PRINTED.sub(" ", OUTCOMES.sub(" ", text)))


@pytest.mark.parametrize("path", list(quote.documents()), ids=lambda path: path.name)
def test_what_is_quoted_is_what_the_scripts_kept(path: Path) -> None:
    text = path.read_text()
    assert quote.rewritten(text) == text, "run python -m benchmarks.quote"


def test_the_page_of_all_figures_is_what_the_scripts_kept() -> None:
    page = (findings.FOLDER / bykind.NAME).read_text()
    assert page == bykind.page(bykind.kept()), "run python -m benchmarks.quote"


@pytest.mark.parametrize("kind", ["avx2", "vnni"])
def test_the_machine_and_the_date_can_be_quoted(kind: str) -> None:
    kept = findings.load("predict", kind)
    text = f"[x](figures/{kind}/predict.md#machine), [x](figures/{kind}/predict.md#date)"
    assert f"[{kept['machine']}]" in quote.rewritten(text)
    assert f"[{kept['date']}]" in quote.rewritten(text)


@pytest.mark.parametrize("path", list(quote.documents()), ids=lambda path: path.name)
def test_no_figure_is_without_a_script(path: Path) -> None:
    loose = [number for number in MEASURED.findall(prose(path.read_text())) if number not in GIVEN]
    assert not loose, "quote these as links into docs/figures, or say above why they are given"


def test_no_given_number_is_stale() -> None:
    texts = " ".join(prose(path.read_text()) for path in quote.documents())
    assert GIVEN.keys() <= set(MEASURED.findall(texts))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_record_names_a_script_that_there_is(path: Path) -> None:
    record: dict[str, Any] = json.loads(path.read_text())
    module = record["command"].split()[2]
    assert module == f"benchmarks.{path.stem}"
    assert importlib.util.find_spec(module)
    page = path.with_suffix(".md").read_text()
    for key, figure in record["figures"].items():
        assert f'<a id="{key}"></a>{figure["says"]} | {figure["text"]} |' in page


def test_a_page_shows_each_picture() -> None:
    pictures = [path for path in (ROOT / "docs").rglob("*.*") if path.suffix in (".svg", ".png")]
    pages = " ".join(
        path.read_text() for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    )
    assert pictures and not [path.name for path in pictures if path.name not in pages]


@pytest.mark.parametrize(
    "text", ["it takes 5 ms", "3.1× as fast", "costs $0.25", "12,000 images a second", "99.1%"]
)
def test_a_measured_number_is_seen(text: str) -> None:
    assert MEASURED.search(prose(text))


@pytest.mark.parametrize(
    "text",
    [
        "[5 ms](docs/figures/vnni/predict.md#handler)", "`sleep 5 s`", "```\n5 ms\n```", "5 images",
        f"{BEGIN}\n| fault | none | 5 s | `test_load.py` |\n{END}",
    ],
)  # fmt: skip
def test_a_quoted_one_or_code_is_not(text: str) -> None:
    assert not MEASURED.search(prose(text))


def test_a_removed_scripts_table_needs_its_commit() -> None:
    table = "\n\n| | ms |\n|---|---|\n| a | 5 ms |\n"
    printed = "Printed at commit `ccc420e` by `python -m benchmarks.gone`, then removed:"
    assert not MEASURED.search(prose(printed + table))
    assert MEASURED.findall(prose(f"Printed by me:{table}")) == ["5 ms"]
    assert MEASURED.findall(prose(f"{printed}{table}\nIn 7 ms.")) == ["7 ms"]


def test_what_is_beside_the_outcomes_is_seen() -> None:
    text = f"1 ms {BEGIN} 2 ms {END} 3 ms {BEGIN} 4 ms {END} 5 ms {BEGIN} 6 ms"
    assert MEASURED.findall(prose(text)) == ["1 ms", "3 ms", "5 ms", "6 ms"]


@pytest.mark.parametrize(
    "to", ["figures/avx2/predict.md#no-such-figure", "figures/avx2/nothing.md#ratio"]
)
def test_a_figure_without_a_script_fails(to: str) -> None:
    with pytest.raises(click.ClickException):
        quote.rewritten(f"as in [1.0×](docs/{to})")
