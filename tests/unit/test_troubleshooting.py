"""Each message that docs/troubleshooting.md quotes is one that the code says."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"
QUOTED = re.compile(r"^\| (`+)(.+?)\1 \|", re.MULTILINE)


def said() -> Iterator[str]:
    """Every text in the code, with … for what is put into it, and the Makefile."""
    yield (ROOT / "Makefile").read_text()
    rooms = [ROOT / room for room in ("chalicelib", "tools", "localcloud", "stage")]
    for path in (file for room in rooms for file in room.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                yield "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "…"
                    for part in node.values
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


@pytest.fixture(scope="module")
def texts() -> str:
    return "\0".join(said()).replace("{}", "…")


def quoted() -> list[str]:
    return [message for _, message in QUOTED.findall(PAGE.read_text())]


@pytest.mark.parametrize("message", quoted())
def test_a_quoted_message_is_still_said(message: str, texts: str) -> None:
    assert message.removesuffix(" …") in texts


def test_twenty_messages_are_quoted_once() -> None:
    messages = quoted()
    assert len(messages) >= 20 and len(set(messages)) == len(messages)


def test_a_message_that_nobody_says_would_be_seen(texts: str) -> None:
    assert "Port … is taken" not in texts
