"""Keeps secrets out of what is shown."""

import re

_SECRETS = (
    (re.compile(r"(https?://)[^\s/?#\"'@]*@"), r"\1"),
    (re.compile(r"(https?://[^\s?#\"'<>]*)[?#][^\s\"'<>]*"), r"\1?…"),
    (re.compile(r"(?i)(bearer\s+)[\w.~+/=-]+"), r"\1…"),
)


def discreet(text: str) -> str:
    """The text without users, queries and fragments of URLs, and without tokens."""
    for pattern, kept in _SECRETS:
        text = pattern.sub(kept, text)
    return text
