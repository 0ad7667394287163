"""What is done to the product here, and what came of it: the table of docs/reliability.md.

`make test` runs the short form; --torture runs the long one and prints the table, which
`make torture` writes into the page.
"""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- outcomes -->", "<!-- /outcomes -->"
ROW = "torture outcome"

Outcome = Callable[..., None]


@pytest.fixture(scope="session")
def long(pytestconfig: pytest.Config) -> bool:
    """Whether this is `make torture`, which has time."""
    return bool(pytestconfig.getoption("--torture"))


@pytest.fixture
def outcome(request: pytest.FixtureRequest) -> Outcome:
    """Note what came of a fault: one row of the table.

    fault: what was done. happens: what the product does then. figure: what was measured.
    """

    def note(fault: str, happens: str, figure: str = "") -> None:
        test = request.node.nodeid.removeprefix("tests/torture/").split("[")[0]
        request.node.user_properties.append((ROW, (fault, happens, figure, test)))

    return note


def table(rows: list[tuple[str, str, str, str]]) -> str:
    """The rows as Markdown, in the order of their tests."""
    lines = ["| fault | what happens | figure | test |", "|---|---|---|---|"]
    for fault, happens, figure, test in rows:
        lines.append(f"| {fault} | {happens} | {figure} | `{test}` |")
    return "\n".join(lines)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    """Print the table; write it into the page after a whole run in which nothing failed."""
    passed = terminalreporter.stats.get("passed", [])
    rows = [row for report in passed for key, row in report.user_properties if key == ROW]
    if not rows or not terminalreporter.config.getoption("--torture"):
        return
    rows.sort(key=lambda row: row[3].split("::")[0])
    terminalreporter.section("what came of it")
    terminalreporter.write_line(table([tuple(row) for row in rows]))
    config = terminalreporter.config
    chosen = any(map(config.getoption, ("keyword", "markexpr", "deselect", "lf")))
    problem = lacking(rows, exitstatus, chosen or config.args != ["tests/torture"])
    if not problem:
        write(PAGE, rows)
    terminalreporter.write_line(f"{PAGE.name} {problem or 'has it now'}.")


def lacking(rows: list[tuple[str, str, str, str]], exitstatus: int, is_part: bool) -> str:
    """Why a run's table is not that of the page, whose every row is of one run; empty if it is."""
    if exitstatus:
        return "stays as it was: the run failed"
    if is_part:
        return "stays as it was: the run was of a part"
    missing = sorted(told() - {row[3] for row in rows})
    return f"stays as it was: it lacks {len(missing)} rows, as of {missing[0]}" if missing else ""


def told() -> set[str]:
    """The tests of this folder that tell of an outcome."""
    return {
        f"{path.name}::{node.name}"
        for path in Path(__file__).parent.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and "outcome" in [arg.arg for arg in node.args.args]
    }


def write(page: Path, rows: list[tuple[str, str, str, str]]) -> None:
    """Put the table between the page's marks, at once: nobody ever sees half of it."""
    text = page.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    new = page.with_name(f".{page.name}.new")
    new.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{after}")
    new.replace(page)
