"""What README and docs name is there: files, tests, headings, settings."""

import re
from collections import Counter
from pathlib import Path

import pytest

from chalicelib import __version__
from chalicelib.subscriptions import VARIABLES
from tests.conftest import ROOT
from tests.torture.conftest import BEGIN, END, PAGE, lacking, table, told, write

PAGES = [PAGE, ROOT / "SECURITY.md"]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
ROOMS = ("chalicelib", "stage", "localcloud", "tools", "benchmarks")
CODE = [ROOT / "app.py", *ROOT.glob("*.yaml"), ROOT / "Makefile"] + [
    path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))
]
NAMED = re.compile(
    rf"(?<![\w/.-])(?:{'|'.join(ROOMS)}|docs|tests)/[a-z\d_./-]+\.(?:py|md|svg|yaml)\b"
)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)")
FILE = re.compile(r"(?:[\w.-]+/)+[\w.-]*|[\w.-]+\.(?:py|md|lock|yaml)")
TEST = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


def files(text: str) -> set[str]:
    """What is named in code, or in a command, as a file or folder of the project."""
    named = re.findall(r"`([^`\n]+)`", text) + re.findall(r"\S+", "".join(blocks(text)))
    return {name for name in named if FILE.fullmatch(name) and not name.startswith(".venv")}


def blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def headings(page: Path) -> set[str]:
    """The anchors of a page: of its headings, as GitHub makes them, and of its figures."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    return anchors | set(re.findall(r'<a id="([\w-]+)">', page.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_are_there(page: Path) -> None:
    named = files(page.read_text())
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
    assert any(name.startswith("tests/torture/test_") for name in named)


def test_files_that_code_names_are_there() -> None:
    named = {(path, name) for path in CODE for name in NAMED.findall(path.read_text())}
    assert {(path.name, name) for path, name in named if not (ROOT / name).exists()} == set()
    assert any(path.name == "session.py" for path, _ in named)


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text())
    for to, anchor in links:
        target = (page.parent / to).resolve() if to else page
        assert target.exists(), to
        assert not anchor or anchor in headings(target), (to, anchor)


def test_every_page_is_linked() -> None:
    texts = {page: page.read_text() for page in DOCUMENTS}
    for page in DOCUMENTS:
        others = "".join(text for other, text in texts.items() if other != page)
        assert page.name == "README.md" or f"{page.name})" in others or f"{page.name}#" in others


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/*.md")), ids=lambda page: page.name)
def test_every_page_of_the_book_has_a_command_and_is_in_its_index(page: Path) -> None:
    index = ROOT / "docs" / "README.md"
    if page != index:
        assert f"({page.name}" in index.read_text()
        assert blocks(page.read_text())


def unlike_bash(command: str) -> list[str]:
    """What zsh, as macOS has it, would not take: a comment, or a `?` or `[` outside of quotes."""
    bare = re.sub(r"'[^']*'|\"(?:\\.|[^\"])*\"", "''", command)
    return re.findall(r"(?:(?<=\s)|^)#.*|\S*[?\[]\S*", bare, re.MULTILINE)


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.name)
def test_every_command_can_be_pasted_into_zsh(page: Path) -> None:
    assert [part for text in blocks(page.read_text()) for part in unlike_bash(text)] == []


@pytest.mark.parametrize(
    ("command", "refused"),
    [
        ("make run    # serves\n", ["# serves"]),
        ("# serves\nmake run\n", ["# serves"]),
        ("curl http://127.0.0.1/predict?url=a\n", ["http://127.0.0.1/predict?url=a"]),
        ('curl \'http://127.0.0.1/predict?url=a#b\' -d "[\\"$ID\\"]" vendor/*.jpg\n', []),
    ],
)
def test_what_zsh_takes_otherwise_would_be_seen(command: str, refused: list[str]) -> None:
    assert unlike_bash(command) == refused


def sentences(page: Path) -> set[str]:
    """What a page says in at least seven words, without code blocks and the targets of links."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    parts = re.split(r"(?<=[.:;!?])\s+|\n|\|", text)
    return {part.strip(" -*") for part in parts if len(part.split()) >= 7}


def test_no_page_says_what_another_says() -> None:
    pages = [page for page in DOCUMENTS if page.name != "CHANGELOG.md"]
    said = Counter(sentence for page in pages for sentence in sentences(page))
    assert [sentence for sentence, times in said.items() if times > 1] == []


def test_the_newest_release_of_the_changelog_is_this_version() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    newest = next(heading for heading in headings if heading != "Unreleased")
    assert re.fullmatch(rf"{re.escape(__version__)} \(\d{{4}}-\d\d-\d\d\)", newest)


def test_every_setting_is_documented() -> None:
    source = (ROOT / "chalicelib" / "settings.py").read_text()
    read = set(re.findall(r'(?:get\(|\(env, )"([A-Z_]+)"', source))
    page = (ROOT / "docs" / "settings.md").read_text()
    rows = re.findall(r"^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \|", page, re.MULTILINE)
    described = set(re.findall(r"[A-Z_]+", " ".join(rows)))
    own = {name for name in read if not name.startswith("AWS_")}
    assert described == own | {*VARIABLES.values()}


def test_every_outcome_names_its_test() -> None:
    rows = PAGE.read_text().partition(BEGIN)[2].partition(END)[0].strip().splitlines()[2:]
    assert rows
    for row in rows:
        ((file, test),) = TEST.findall(row)
        assert f"def {test}(" in (ROOT / "tests" / "torture" / file).read_text(), row


def test_all_security_tests_are_named_by_their_whole_path() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    assert set(re.findall(r"test_\w+\.py", text)) == {
        Path(name).name for name in files(text) if name.startswith("tests/")
    }


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("`chalicelib/no.py` and `.chalice/policies/`", {"chalicelib/no.py", ".chalice/policies/"}),
        ("`/health`, `model.json`, `--rate 50`, `s3://a/b`, `AES256`", set()),
        ("```sh\n.venv/bin/pytest tests/torture/test_no.py\n```", {"tests/torture/test_no.py"}),
    ],
)
def test_a_file_that_is_missing_would_be_seen(text: str, named: set[str]) -> None:
    assert files(text) == named


def test_only_the_table_of_outcomes_is_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    rows = [("a fault", "an answer", "5 s", "test_x.py::test_y")]
    write(page, rows)
    assert page.read_text() == f"before\n{BEGIN}\n{table(rows)}\n{END}\nafter\n"
    assert list(tmp_path.iterdir()) == [page]


def test_a_table_is_written_after_a_whole_run_alone() -> None:
    whole = [("a fault", "an answer", "5 s", test) for test in told()]
    assert len(whole) > 70 and not lacking(whole, 0, is_part=False)
    assert "failed" in lacking(whole, 1, is_part=False)
    assert "a part" in lacking(whole, 0, is_part=True)
    (first, *_) = sorted(told())
    rows = [row for row in whole if row[3] != first]
    assert f"1 rows, as of {first}" in lacking(rows, 0, is_part=False)  # skipped, or not collected
