"""`--status`: what a stage is and does, section by section."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import click
from botocore.exceptions import ClientError

from chalicelib.aws.s3 import S3Store
from chalicelib.batch.outlines import recent_batches
from chalicelib.command import APP
from chalicelib.errors import InceptionError
from chalicelib.wording import count, plain
from stage.prices import Prices
from tools.console.columns import columns
from tools.deploying.target import API_HANDLER, api_stage
from tools.operating.discretion import discreet
from tools.operating.lastday import Function, LastDay
from tools.operating.postmortem import dead_letters, shown
from tools.operating.running import Running

BATCHES = 10
QUEUES = ("work", "dead-letters")
MAX_REASON = 200
"""Characters of an alarm's reason."""
WITHOUT = "S3, state transitions, storage, alarms, the init of cold starts, an account's free tiers"
Lines = Iterator[str]


class Overview:
    """The sections of `--status`. now: gives the time."""

    def __init__(
        self,
        stage: Running,
        prices: Prices,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._stage = stage
        self._target = stage.target
        self._prices = prices
        self._now = now
        self._details: list[dict[str, Any]] = []

    def show(self) -> None:
        """Print all sections. What AWS refuses is named in its place."""
        for title, section in (
            ("Functions", self._functions),
            ("Queues", self._queues),
            ("Dead letters", self._dead_letters),
            ("Alarms", self._alarms),
            ("Last batches", self._batches),
            ("Last 24 hours", self._last_day),
        ):
            click.secho(title, bold=True)
            try:
                for line in section():
                    click.echo(f"  {line}")
            except ClientError as error:
                said = error.response["Error"].get("Message", str(error))
                click.secho(f"  AWS refuses {error.operation_name}: {said}", fg="red")
            except InceptionError as error:
                click.secho(f"  {error.detail or error}", fg="red")

    def _configurations(self) -> list[dict[str, Any]]:
        if not self._details:
            client = self._stage.client("lambda")
            self._details = [
                {"handler": handler, **client.get_function_configuration(FunctionName=arn)}
                for handler, arn in self._stage.functions.items()
            ]
        return self._details

    def _functions(self) -> Lines:
        rows = [
            (
                function["handler"],
                f"{function['MemorySize']} MB",
                f"{function['Timeout']} s",
                function.get("Runtime", "-"),
                function["CodeSha256"][:8],
                function["LastModified"][:16].replace("T", " "),
                self._state(function),
            )
            for function in self._configurations()
        ]
        header = ("function", "memory", "timeout", "runtime", "code", "changed", "state")
        yield from columns(header, rows)
        for function in self._configurations():
            if function["handler"] == API_HANDLER:
                yield from _models(function)

    def _state(self, function: dict[str, Any]) -> str:
        answer = self._stage.client("lambda").get_function_concurrency(
            FunctionName=function["FunctionArn"]
        )
        limit = answer.get("ReservedConcurrentExecutions")
        if limit == 0:
            return "stopped by hand"
        state = str(function.get("State", "Active")).lower()
        return state if limit is None else f"{state}, {limit} at once"

    def _queues(self) -> Lines:
        names = [f"{self._target.name}-{kind}" for kind in QUEUES]
        rows = []
        for name in names:
            about = attributes(self._stage.client("sqs"), name)
            kinds = ("", "NotVisible", "Delayed")
            rows.append((name, *(about[f"ApproximateNumberOfMessages{kind}"] for kind in kinds)))
        yield from columns(("queue", "waiting", "in work", "delayed"), rows)

    def _dead_letters(self) -> Lines:
        yield from shown(self._stage, dead_letters(self._stage))

    def _alarms(self) -> Lines:
        pages = (
            self._stage.client("cloudwatch")
            .get_paginator("describe_alarms")
            .paginate(AlarmNamePrefix=f"{self._target.name}-")
        )
        alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
        for alarm in alarms:
            if alarm["StateValue"] == "ALARM":
                name = alarm["AlarmName"].removeprefix(f"{self._target.name}-")
                since = f"{alarm['StateUpdatedTimestamp']:%Y-%m-%d %H:%M}"
                reason = plain(alarm.get("StateReason", ""), MAX_REASON)
                yield click.style(f"ALARM {name} since {since}: {reason}", fg="red")
                yield f"      {plain(alarm.get('AlarmDescription', ''), MAX_REASON)}"
        quiet = sum(alarm["StateValue"] != "ALARM" for alarm in alarms)
        yield f"{count(quiet, 'alarm')} quiet" if alarms else "There are no alarms."

    def _batches(self) -> Lines:
        store = S3Store(lambda: self._stage.client("s3"))
        outlines = recent_batches(store, self._target.buckets[1])[:BATCHES]
        rows = [
            (
                batch.batch_id,
                batch.status,
                f"{batch.created_at:%Y-%m-%d %H:%M}",
                f"{batch.counts.done:,} of {batch.counts.total:,}",
                f"{batch.counts.failed:,}",
                plain(discreet(batch.source)),
            )
            for batch in outlines
        ]
        header = ("batch", "status", "created", "done", "errors", "source")
        yield from columns(header, rows) if rows else ["None."]

    def _last_day(self) -> Lines:
        functions = [
            Function(
                function["handler"], function["FunctionName"], function["MemorySize"],
                function.get("Architectures", ["x86_64"])[0],
            )
            for function in self._configurations()
        ]  # fmt: skip
        api = {"ApiName": APP, "Stage": api_stage(self._stage.config, self._target.stage)}
        day = LastDay(
            self._stage.client("cloudwatch"), functions, api, f"{self._target.name}-work",
            self._now(),
        )  # fmt: skip
        rows = [
            (function.handler, f"{calls:,}", f"{errors:,}", f"{seconds:,.1f} s")
            for function, calls, errors, seconds in day.busy()
        ]
        yield from columns(("function", "calls", "errors", "time"), rows) if rows else ["No calls."]
        costs = day.dollars(self._prices)
        for part, dollars in costs.items():
            if dollars:
                yield f"{part}: ${dollars:,.4f}"
        yield (
            f"About ${sum(costs.values()):,.4f} in all, an estimate by the prices of "
            f"{self._prices.region}; this stage is in {self._target.region}."
        )
        yield f"Not counted: {WITHOUT}."


def _models(function: dict[str, Any]) -> Lines:
    variables = function.get("Environment", {}).get("Variables", {})
    layers = [layer["Arn"].rpartition(":layer:")[2] for layer in function.get("Layers", [])]
    yield f"model {variables.get('MODEL', '-')}; layers: {', '.join(layers) or 'none'}"
    if arms := variables.get("ARMS"):
        yield f"arms {arms}"


def attributes(client: Any, name: str) -> dict[str, str]:
    """A queue's attributes. client: SQS's."""
    url = client.get_queue_url(QueueName=name)["QueueUrl"]
    answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return dict(answer["Attributes"])
