"""Commands in messages, help and pages run as they are said, in a clone without anything else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.errors import ModelInvalid
from tools.newpackage import existing

ROOT = Path(__file__).parents[2]
BARE = re.compile(r"(?<!/bin/)\bpython -m tools\.\w+ \S")
"""A tool with its arguments, of a Python that has none of what the tools need."""


def _said(path: Path) -> Iterator[str]:
    """The strings of a module, but for its own docstring."""
    tree = ast.parse(path.read_text())
    named = ast.get_docstring(tree, clean=False)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != named:
            yield node.value


def test_a_message_names_the_python_that_has_what_the_tools_need() -> None:
    modules = [path for top in ("chalicelib", "localcloud", "tools") for path in
               (ROOT / top).rglob("*.py")]  # fmt: skip
    assert [
        (path.name, text) for path in modules for text in _said(path) if BARE.search(text)
    ] == []


def test_so_do_the_docs_and_the_page() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    web = [path for path in (ROOT / "chalicelib" / "web").rglob("*.js") if "dist" not in path.parts]
    lines = [(path.name, line) for path in [*pages, *web] for line in path.read_text().splitlines()]
    said = [(name, line) for name, line in lines if BARE.search(line) and "Printed" not in line]
    assert [entry for entry in said if not entry[1].lstrip().startswith("//")] == []


def test_of_a_package_that_is_not_here_is_said_how_to_fetch_it(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="list` shows the packages, and those that `make model"):
        existing("inception-v3", [tmp_path])
