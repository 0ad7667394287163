"""`--logs`: the logs of all functions of a stage as one stream."""

import heapq
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import click
from botocore.config import Config

from tools.operating.logline import LogLine, read_line
from tools.operating.running import Running

PATIENT = Config(retries={"mode": "adaptive", "max_attempts": 10})
"""CloudWatch answers a few FilterLogEvents a second; botocore slows down when it is throttled."""
POLL_SECONDS = 2
LAG = timedelta(seconds=30)
"""How late an event may arrive and still be shown: CloudWatch takes seconds to store it."""
COLOURS = {"ERROR": "red", "CRITICAL": "red", "WARNING": "yellow", "REPORT": "bright_black"}
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Event = tuple[int, str, str, str]
"""Milliseconds since the epoch, handler, CloudWatch's id of the event, text."""


def past(text: str) -> timedelta:
    """Read a time such as 10m. Raises click.BadParameter."""
    match = re.fullmatch(r"(\d{1,5})([smhd])", text)
    if match is None:
        raise click.BadParameter("Give a number and s, m, h or d: 30s, 10m, 2h, 1d.")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def patient(session: Any) -> Any:
    """CloudWatch Logs' client, which waits when it is throttled."""
    return boto3.session.Session.client(session, "logs", config=PATIENT)


class LogStream:
    """The logs of a stage. logs: CloudWatch Logs' client. now: gives the time."""

    def __init__(
        self, logs: Any, stage: Running, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._logs = logs
        self._groups = {name: stage.target.log_group(name) for name in stage.functions}
        self._now = now
        self._seen: dict[str, int] = {}

    def show(
        self, since: timedelta, follow: bool, wait: Callable[[float], None] = time.sleep
    ) -> None:
        """Print what was logged since then, then what comes, until Ctrl-C."""
        start = self._now() - since
        width = max(map(len, self._groups))
        try:
            while True:
                begun = self._now()
                for at, handler, _, text in self._fresh(start):
                    if line := read_line(text):
                        _print(at, f"{handler:{width}}", line)
                if not follow:
                    return
                wait(POLL_SECONDS)
                start = max(start, begun - LAG)
        except KeyboardInterrupt:
            click.echo()

    def _fresh(self, start: datetime) -> Iterator[Event]:
        """Events since `start` that were not shown yet, in the order of their times."""
        since = int(start.timestamp() * 1000)
        self._seen = {id: at for id, at in self._seen.items() if at >= since}
        groups = [self._events(handler, since) for handler in self._groups]
        for event in heapq.merge(*groups):
            at, _, id, _ = event
            if id not in self._seen:
                self._seen[id] = at
                yield event

    def _events(self, handler: str, since: int) -> Iterator[Event]:
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=self._groups[handler], startTime=since
        )
        try:
            for page in pages:
                for event in sorted(page["events"], key=lambda event: event["timestamp"]):
                    yield event["timestamp"], handler, event["eventId"], event["message"]
        except self._logs.exceptions.ResourceNotFoundException:
            return  # a function that was never called may have no log


def _print(at: int, handler: str, line: LogLine) -> None:
    moment = f"{datetime.fromtimestamp(at / 1000, UTC):%m-%d %H:%M:%S.%f}"[:-3]
    level = click.style(f"{line.level:7}", fg=COLOURS.get(line.level))
    click.echo(f"{moment}  {handler}  {level}  {line.request[:8]:8}  {line.message}")
    for further in line.more:
        click.echo(f"    {further}")
