import re
from collections import Counter
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from chalicelib.requests import WorkflowRequest
from chalicelib.workflow.judge import Row
from chalicelib.workflow.judgement import Judgement
from chalicelib.workflow.report.markdown import markdown
from chalicelib.workflow.report.markup import safe
from chalicelib.workflow.report.poster import describe, picture
from chalicelib.workflow.report.svg import fit, wide, wrap
from chalicelib.workflow.run import Plan
from tests.unit.test_judge import compared, judge, rows

SVG = "{http://www.w3.org/2000/svg}"
WHEN = 1_750_000_000.0
HOSTILE = [
    "</title><script>alert(1)</script>",
    "a|b`c`\n# d",
    "![x](https://evil.example/x.png)",
    "www.evil.example &lt;b&gt; @admin",
    'quote" onload="x\x00\u202e\ud800\ufffe]]>',
    "\\|\\`*_~~$1$<https://evil.example>",
    "x" * 400,
]


def plan(judgement: Judgement, source: str = "s3://images/x.csv", promote: bool = False) -> Plan:
    return Plan(
        name="nightly-7",
        source=source,
        champion=judgement.champion.model,
        challenger=judgement.challenger.model if judgement.challenger else None,
        promote=promote,
        max_error_rate=0.2,
        max_labels=5,
        total=judgement.images,
        chunks=1,
        created_at=WHEN,
    )


def report(judgement: Judgement, outcome: str = "kept", **changes: Any) -> str:
    return markdown(plan(judgement, **changes), outcome, judgement, WHEN)


def many(labels: int, shift: int = 1) -> list[Row]:
    """Labels that the first is always right on, and the second on every other."""
    names = [f"label {n:03}" for n in range(labels)]
    told = [(name, name, names[(n + shift * (n % 2)) % labels]) for n, name in enumerate(names)]
    return rows(*told)


CASES = {
    "labelled": judge(compared(255, 9, 28, 8), "doodle", "doodle-small"),
    "unlabelled": judge(rows(*[(None, "a", "a")] * 9, (None, "a", "b")), "doodle", "other"),
    "alone": judge(rows(("a", "a", None), ("b", "a", None)), "doodle", None),
    "alone and unlabelled": judge(rows((None, "a", None)), "doodle", None),
    "one label": judge(rows(("a", "a", "a")), "doodle", "other"),
    "35 labels": judge(many(35), "doodle", "other"),
    "all errors": judge(rows(*[("a", "!ImageUnreadable", "!Other")] * 3), "doodle", "other"),
    "nothing": judge([], "doodle", "other"),
    "hostile": judge(
        rows(*[(name, name, HOSTILE[0]) for name in HOSTILE], ("a", f"!{HOSTILE[1]}", "a")),
        HOSTILE[0],
        HOSTILE[5],
    ),
}
each_case = pytest.mark.parametrize("judgement", CASES.values(), ids=CASES.keys())


def drawing(judgement: Judgement) -> ElementTree.Element:
    return ElementTree.fromstring(picture(judgement))


def words(element: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in element.iter(f"{SVG}text")]


@each_case
def test_a_picture_is_harmless_and_stands_alone(judgement: Judgement) -> None:
    root = drawing(judgement)
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "style", "g", "rect", "line", "circle", "text"}
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not {name for name in attributes if name.startswith("on") or "href" in name}
    style = root.findtext(f"{SVG}style") or ""
    assert "prefers-color-scheme: dark" in style
    assert not re.search(r"url\(|@import|@font-face", style)
    assert picture(judgement).count("http") == 1 or judgement is CASES["hostile"]


@each_case
def test_a_picture_says_what_it_shows(judgement: Judgement) -> None:
    root = drawing(judgement)
    named = (root.get("aria-labelledby") or "").split()
    assert root.get("role") == "img" and named == [child.get("id") for child in root[:2]]
    assert root.findtext(f"{SVG}desc") == describe(judgement)[:2000]
    assert describe(judgement).startswith(judgement.verdict[:30])


@each_case
def test_nothing_is_drawn_beyond_the_edges(judgement: Judgement) -> None:
    root = drawing(judgement)
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"

    def check(element: ElementTree.Element, x: float, y: float) -> None:
        moved = re.match(r"translate\(([\d.-]+) ([\d.-]+)\)", element.get("transform", ""))
        if moved:
            x, y = x + float(moved[1]), y + float(moved[2])
        ends = [(float(element.get(a, 0)), float(element.get(b, 0))) for a, b in ENDS]
        assert all(0 <= x + dx <= width and 0 <= y + dy <= height for dx, dy in ends)
        for child in element:
            check(child, x, y)

    check(root, 0, 0)


ENDS = [("x", "y"), ("x1", "y1"), ("x2", "y2"), ("cx", "cy")]


def test_the_figures_are_in_the_picture() -> None:
    shown = words(drawing(CASES["labelled"]))
    assert "doodle-small is right 6.3 points more often than doodle (p = 0.003, 300 images)." in (
        " ".join(shown)
    )
    assert {"88%", "94.3%", "83.8% to 91.2%", "91.1% to 96.4%"} <= set(shown)
    assert {"doodle says →", "doodle-small says →", "truth ↓"} <= set(shown)
    assert {"264", "36", "283", "17"} <= set(shown)


def test_intervals_are_drawn_to_scale() -> None:
    root = drawing(CASES["labelled"])
    (low, high), _ = (
        (float(line.get("x1", 0)), float(line.get("x2", 0)))
        for line in root.iter(f"{SVG}line")
        if line.get("class") == "range"
    )
    first, *_, last = (
        float(line.get("x1", 0)) for line in root.iter(f"{SVG}line") if line.get("class") == "rule"
    )
    interval = CASES["labelled"].champion.interval
    assert interval is not None
    share = [0.8 + 0.2 * (x - first) / (last - first) for x in (low, high)]
    assert share == pytest.approx(interval, abs=0.001)


def test_a_cell_for_each_count_and_a_tip() -> None:
    root = drawing(CASES["35 labels"])
    tips = [group.findtext(f"{SVG}title") for group in root.iter(f"{SVG}g")]
    counts = [n for matrix in CASES["35 labels"].confusion for row in matrix.counts for n in row]
    assert len([tip for tip in tips if tip]) == sum(n > 0 for n in counts)
    assert "label 001 → label 002: 1 image, 100% of the row" in tips
    drawn = Counter(rect.get("class") for rect in root.iter(f"{SVG}rect"))
    legend = 1
    (old, new) = (matrix.counts for matrix in CASES["35 labels"].confusion)
    right = sum(counts[n][n] > 0 for counts in (old, new) for n in range(20))
    assert drawn["mixed"] == 2 and drawn["same"] == right + legend
    assert drawn["differ"] == sum(n > 0 for n in counts) - right - 2 + legend


def test_what_all_images_failed_with_is_named() -> None:
    shown = words(drawing(CASES["all errors"]))
    assert "no answer: 3 ImageUnreadable" in shown and "no answer: 3 Other" in shown


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_name_can_be_drawn(model: str, label: str) -> None:
    judgement = judge(rows((label, label, "b"), ("a", f"!{label}", label)), model, label or "x")
    drawing(judgement)
    assert "<script" not in picture(judgement)


@given(st.text(max_size=200), st.integers(20, 300))
def test_text_is_cut_and_wrapped_to_its_width(text: str, width: int) -> None:
    assert wide(fit(text, width)) <= width
    assert all(wide(line) <= width for line in wrap(text, width, 12))
    assert wrap("to be or", wide("to be"), 12) == ["to be", "or"]


def tokens(text: str) -> list[Token]:
    """What a reader of GitHub's dialect makes of it, links of its own among that."""
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tree = reader.parse(text)
    return [inner for token in tree for inner in (token, *(token.children or []))]


@each_case
def test_a_report_has_no_markup_but_its_own(judgement: Judgement) -> None:
    text = report(judgement)
    parsed = tokens(text)
    assert not [token.content for token in parsed if "html" in token.type]
    links = {token.attrGet("href") or token.attrGet("src") for token in parsed if token.attrs}
    links -= {None}
    assert links == {"nightly-7.svg", "nightly-7.json", "../workflows/nightly-7/results.jsonl"}
    assert {token.content for token in parsed if token.type == "code_inline"} <= {
        "POST /workflows",
        "promote",
    }
    assert not {token.type for token in parsed} & {
        "em_open",
        "s_open",
        "hardbreak",
        "blockquote_open",
    }
    prose = re.sub(r"```json\n.*?```", "", text, flags=re.DOTALL)
    assert not re.search(r"https?://|www\.|@", prose)


@each_case
def test_tables_are_whole(judgement: Judgement) -> None:
    parsed = tokens(report(judgement))
    lengths: list[list[int]] = []
    for token in parsed:
        if token.type == "table_open":
            lengths.append([])
        elif token.type == "tr_open":
            lengths[-1].append(0)
        elif token.type in ("th_open", "td_open"):
            lengths[-1][-1] += 1
    assert lengths and all(len(set(rows)) == 1 and len(rows) > 1 for rows in lengths)


def test_tables_are_columns_in_an_editor_too() -> None:
    for block in report(CASES["labelled"]).split("\n\n"):
        if block.startswith("|"):
            assert len({len(line) for line in block.splitlines()}) == 1


def test_hostile_names_are_read_as_they_are() -> None:
    read = {
        "".join(part.content for part in token.children or [])
        for token in tokens(report(CASES["hostile"]))
        if token.type == "inline"
    }
    assert {HOSTILE[0], HOSTILE[2], HOSTILE[3], HOSTILE[5], "a|b`c` # d"} <= read


@given(st.text(alphabet="\\|`*_[]()<>!#~$&;@:/. \naxwhtps0", max_size=30))
def test_any_text_is_read_as_it_is(text: str) -> None:
    plain = " ".join(text.split())
    *_, inline = [token for token in tokens(f"| a |\n| - |\n| x{safe(text)}x |") if token.children]
    assert "".join(part.content for part in inline.children or []).split() == f"x{plain}x".split()
    assert all(part.type in ("text", "text_special") for part in inline.children or [])


def test_a_report_tells_the_run() -> None:
    text = re.sub(" +", " ", report(CASES["labelled"], "promoted"))
    assert text.startswith(
        "# doodle-small is right 6.3 points more often than doodle (p = 0.003, 300 images).\n\n"
        "**Promoted.** "
    )
    assert "Run nightly-7, 300 images, 300 with a known label, 2025-06-15 15:06 UTC." in text
    assert "| 88% (264 of 300) | 83.8% to 91.2% |" in text
    assert "| **doodle right** | 255 | 9 |" in text
    assert "| **doodle wrong** | 28 | 8 |" in text
    assert "the 37 images that only one model got right: p = 0.003." in text
    assert "agree on 263 of the 300 images that both answered (87.7%)" in text


def test_a_report_of_a_degraded_run_says_why() -> None:
    text = re.sub(" +", " ", report(CASES["all errors"], "degraded"))
    assert "The limit is 20% of the images; one model failed on 100%." in text
    assert "| ImageUnreadable | doodle | ImageUnreadable of i0 | i0 | 3 |" in text
    assert "## Side by side" not in text and "## Most confused" not in text


def test_a_better_challenger_that_was_not_to_be_promoted_is_pointed_out() -> None:
    assert "a run with `promote` would promote it" in report(CASES["labelled"])
    assert "would promote" not in report(CASES["labelled"], promote=True)
    assert "would promote" not in report(CASES["unlabelled"])


def test_the_body_to_do_it_again_is_a_valid_request() -> None:
    for judgement in CASES.values():
        (block,) = (token for token in tokens(report(judgement)) if token.type == "fence")
        request = msgspec.json.decode(block.content, type=WorkflowRequest)
        assert request.manifest == "s3://images/x.csv" and request.name is None
        assert request.champion == judgement.champion.model
    text = report(CASES["alone"], source="2 instances")
    assert "on the same images (2 instances), given as its `instances`:" in text
    assert '"manifest"' not in text and '"challenger"' not in text
