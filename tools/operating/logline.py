"""Lines of a Lambda function's log, in words: the app's JSON, Lambda's own lines, tracebacks."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from chalicelib.wording import plain
from tools.operating.discretion import discreet

MAX_LINE = 2000
"""Characters of a line that is shown."""
NOISE = ("START RequestId: ", "END RequestId: ", "INIT_START ")
"""Lines of Lambda that say nothing which its REPORT does not."""
HIDDEN = {
    "level", "location", "message", "timestamp", "service", "_aws", "request_id", "exception",
    "exception_name", "stack_trace", "function_request_id",
}  # fmt: skip
"""Fields of the app's JSON that are shown elsewhere, or are for machines."""
_ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_TOLD = re.compile(r"\[(?P<level>[A-Z]+)\]\s+(?:\S+Z\s+)?")
_FAULTS = ("Task timed out", "Runtime exited", "Status: timeout", "Status: error")
_REPORT = {
    "took": re.compile(r"\tDuration: ([\d.]+ ms)"),
    "memory": re.compile(r"Max Memory Used: (\d+ MB)"),
    "of": re.compile(r"Memory Size: (\d+ MB)"),
    "cold start": re.compile(r"Init Duration: ([\d.]+ ms)"),
}


class LogLine(NamedTuple):
    """A line. request: its id. more: further lines, of a traceback."""

    level: str
    request: str
    message: str
    more: list[str]


def read_line(text: str) -> LogLine | None:
    """Read an event of a log; None if it says nothing."""
    if not text.strip() or text.startswith(NOISE):
        return None
    try:
        facts = json.loads(text)
    except ValueError:
        facts = None
    return _of_app(facts) if isinstance(facts, dict) else _of_lambda(text)


def _of_app(facts: Mapping[str, Any]) -> LogLine:
    request = facts.get("request_id") or facts.get("function_request_id") or ""
    told = [f"{name}={_shown(value)}" for name, value in facts.items() if name not in HIDDEN]
    message = " ".join([str(facts.get("message", "")), *told])
    more = str(facts.get("exception", "")).splitlines()
    return LogLine(str(facts.get("level", "INFO")), str(request), _clean(message), _kept(more))


def _of_lambda(text: str) -> LogLine:
    match = _ID.search(text)
    request = match[0] if match else ""
    first, *more = text.strip().splitlines()
    if first.startswith("REPORT "):
        told = {name: pattern.search(first) for name, pattern in _REPORT.items()}
        first = " ".join(f"{name} {value[1]}" for name, value in told.items() if value)
        fault = next((sign for sign in _FAULTS if sign in text), "")
        return LogLine("ERROR" if fault else "REPORT", request, f"{first} {fault}".strip(), [])
    level = "ERROR" if any(sign in first for sign in _FAULTS) else "INFO"
    if told_level := _TOLD.match(first):
        level, first = told_level["level"], first[told_level.end() :]
    return LogLine(level, request, _clean(_ID.sub(" ", first, count=1)), _kept(more))


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _clean(text: str) -> str:
    return plain(discreet(text), MAX_LINE)


def _kept(lines: list[str]) -> list[str]:
    """A traceback's lines, with their indentation."""
    return [" " * (len(line) - len(line.lstrip())) + _clean(line) for line in lines if line.strip()]
