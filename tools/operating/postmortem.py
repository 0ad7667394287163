"""Dead letters on the terminal: what each was, why it failed, and the question to send it again."""

import json
from collections.abc import Iterator
from typing import Any

import click

from chalicelib.wording import count, plain
from tools.deploying.target import WORKER, Target
from tools.deploying.terminal import tell
from tools.operating.deadletters import MAX_SHOWN, DeadLetters, Letter
from tools.operating.discretion import discreet
from tools.operating.running import Running

LETTERS = 10
"""Dead letters that are shown."""
UNTOLD = (
    f"the log of {WORKER} names no error: it may have run out of time or memory, or never have run"
)


def dead_letters(stage: Running) -> DeadLetters:
    """The stage's dead letters."""
    client = stage.client("sqs")
    dead, work = stage.target.dead_letters, f"{stage.target.name}-work"
    urls = [client.get_queue_url(QueueName=name)["QueueUrl"] for name in (dead, work)]
    return DeadLetters(client, *urls)


def redrive(stage: Running, plan: bool, yes: bool) -> None:
    """Show the dead letters, ask, and send them to the work queue again. plan: only show."""
    letters = dead_letters(stage)
    for line in shown(stage, letters):
        click.echo(line)
    if plan or not letters.look(1):
        click.echo("Nothing was done.")
        return
    if not yes:
        click.confirm("Send these messages to the work queue again?", abort=True)
    moved = letters.redrive(lambda letter: tell(letter.what))
    click.echo(
        f"Sent {count(moved, 'message')}. A message that fails five more times comes back; check "
        "with --status."
    )
    if not all(letter.movable for letter in letters.look(LETTERS)):
        click.echo(
            "Messages from streams stay, because they contain only a position in the stream."
        )


def shown(stage: Running, letters: DeadLetters) -> Iterator[str]:
    """The first letters, and why they failed."""
    first = letters.look(LETTERS)
    for letter in first:
        yield from described(stage, letter)
    if not first:
        yield "None."
    elif len(first) == LETTERS:
        yield f"The first {LETTERS} are shown."


def described(stage: Running, letter: Letter) -> Iterator[str]:
    """A letter, and why it failed."""
    received = count(letter.received, "time")
    yield f"{letter.what}: sent {letter.sent:%Y-%m-%d %H:%M}, received {received}"
    yield f"      {last_failure(stage.client('logs'), stage.target, letter)}"


def last_failure(logs: Any, target: Target, letter: Letter) -> str:
    """Why the letter failed: as Lambda wrote into it, else as the worker logged it last.

    logs: CloudWatch Logs' client.
    """
    if letter.why or not letter.movable:
        return letter.why or UNTOLD
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=target.log_group(WORKER),
        filterPattern=f'"{letter.id}"',
        startTime=int(letter.sent.timestamp() * 1000),
    )
    lines = [_facts(event["message"]) for page in pages for event in page["events"]]
    failures = [line for line in lines if line.get("done") is False]
    if not failures:
        return UNTOLD
    last = failures[-1]
    if "error" not in last:
        return f"a fault of ours: --logs shows request {str(last.get('request_id'))[:8]}"
    return plain(discreet(f"{last['error']}: {last.get('cause') or '-'}"), MAX_SHOWN)


def _facts(line: str) -> dict[str, Any]:
    try:
        facts = json.loads(line)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}
