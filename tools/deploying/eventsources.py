"""What Chalice cannot set for the functions' events: concurrency, retries, log retention."""

from collections.abc import Callable, Iterable
from typing import Any

from tools.deploying.chalicerecord import Record
from tools.deploying.step import DeployError, Tell
from tools.deploying.target import API_HANDLER, WORKER, Target
from tools.deploying.waiting import A_MINUTE, POLL_SECONDS, settle

WORKERS = 50
FEWEST_WORKERS = 2
"""The lowest MaximumConcurrency
(https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html)."""
RETRIES = {
    "on_upload": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 21600},
    "on_topic": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 21600},
    "on_event": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 21600},
    "on_night": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 21600},
    "on_tick": {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 300},
}
"""For asynchronous events. A failed event is retried this often, within minutes. The age counts
when Lambda is busy or down. The next tick makes up for a lost one
(https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html)."""
NOT_KEPT = ("on_tick", "on_night")
"""The others' failed events go to the dead letters, because nothing makes up for a lost one
(https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html)."""


INSERTS = {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]}
STREAMS: dict[str, dict[str, Any]] = {"on_stream": {}, "on_item": {"FilterCriteria": INSERTS}}
"""What is set for each handler besides `STREAM`. Labels that are written into an item change it,
and are not to call the function again."""
STREAM = {
    "BisectBatchOnFunctionError": True,
    "MaximumRetryAttempts": 10,
    "MaximumRecordAgeInSeconds": 21600,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
}
"""For streams, whose records wait behind one that is tried again. By default Lambda tries for as
long as the stream keeps them
(https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html)."""


def dead_letters(target: Target) -> dict[str, str]:
    """The destination of what failed for the last time."""
    place = f"{target.partition}:sqs:{target.region}:{target.account}"
    return {"Destination": f"arn:{place}:{target.dead_letters}"}


class WorkersStep:
    """Limits how many chunks run at once, so that a batch leaves room for callers of the API.

    workers: None for 50, or half of the account's concurrency if that is less.
    poll_seconds: between two looks at a mapping that is still being created.
    """

    title = "Workers of the queue"

    def __init__(
        self,
        client: Any,
        record: Callable[[], Record],
        workers: int | None,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._client = client
        self._record = record
        self._workers = workers
        self._poll = poll_seconds

    def changes(self) -> list[str]:  # noqa: D102
        wanted, why = self._wanted()
        mapping = self._mapping()
        now = (mapping or {}).get("ScalingConfig", {}).get("MaximumConcurrency")
        return [] if now == wanted else [f"let {wanted} run at once{why}"]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        mapping = self._mapping()
        if mapping is None:
            raise DeployError(
                f"The queue is not connected to {WORKER}. Run the same command again."
            )
        # a mapping that is still being created accepts no change
        what = f"The mapping of {WORKER}"
        settle(self._client, "MappingSettled", what, self._poll, UUID=mapping["UUID"])
        self._client.update_event_source_mapping(
            UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": self._wanted()[0]}
        )

    def _wanted(self) -> tuple[int, str]:
        """How many, and why, in words."""
        if self._workers:
            return self._workers, ""
        limit = int(self._client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"])
        workers = max(FEWEST_WORKERS, min(WORKERS, limit // 2))
        return workers, f", of the {limit} functions that the account may run at once"

    def _mapping(self) -> dict[str, Any] | None:
        record = self._record()
        arn = record.functions().get(WORKER)
        return record.mapping(arn) if arn else None


class StreamsStep:
    """Sets what becomes of records that a function cannot take: see `STREAM`.

    handlers: of the stage. poll_seconds: until Lambda is asked again for what it refused.
    """

    title = "Failures of streams"

    def __init__(
        self,
        client: Any,
        record: Callable[[], Record],
        target: Target,
        handlers: Iterable[str],
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._client = client
        self._record = record
        self._target = target
        self._handlers = [handler for handler in STREAMS if handler in [*handlers]]
        self._poll = poll_seconds

    def changes(self) -> list[str]:  # noqa: D102
        return [
            f"{handler}: {STREAM['MaximumRetryAttempts']} retries, in halves, then the dead letters"
            for handler in self._handlers
            if self._is_missing(handler)
        ]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        for handler in self._handlers:
            mapping = self._mapping(handler)
            if mapping is None:
                raise DeployError(
                    f"The stream is not connected to {handler}. Run the same command again."
                )
            what, named = f"The mapping of {handler}", {"UUID": mapping["UUID"]}
            settle(self._client, "MappingSettled", what, **named)
            wanted = {**named, **self._wanted(handler)}
            settle(self._client, "RecordsKept", what, self._poll, attempts=A_MINUTE, **wanted)

    def _mapping(self, handler: str) -> dict[str, Any] | None:
        record = self._record()
        arn = record.functions().get(handler)
        return record.mapping(arn) if arn else None

    def _wanted(self, handler: str) -> dict[str, Any]:
        kept = {"OnFailure": dead_letters(self._target)}
        return {**STREAM, **STREAMS[handler], "DestinationConfig": kept}

    def _is_missing(self, handler: str) -> bool:
        now = self._mapping(handler) or {}
        kept = now.get("DestinationConfig", {}).get("OnFailure")  # an OnSuccess may be beside it
        now = {**now, "DestinationConfig": {"OnFailure": kept}}
        return any(now.get(name) != value for name, value in self._wanted(handler).items())


class RetriesStep:
    """Sets how often and how long asynchronous events are retried. handlers: of the stage."""

    title = "Retries of events"

    def __init__(self, client: Any, target: Target, handlers: Iterable[str]) -> None:
        self._client = client
        self._target = target
        self._handlers = [handler for handler in RETRIES if handler in [*handlers]]

    def changes(self) -> list[str]:  # noqa: D102
        return [
            f"{handler}: {wanted['MaximumRetryAttempts']} retries, "
            f"for {wanted['MaximumEventAgeInSeconds']} s at most"
            + (", then the dead letters" if handler not in NOT_KEPT else "")
            for handler, wanted in self._missing().items()
        ]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        for handler, wanted in self._missing().items():
            named = {"FunctionName": self._target.function(handler), **wanted}
            what = f"What the role of {handler} may do"
            settle(self._client, "EventsKept", what, attempts=A_MINUTE, **named)

    def _missing(self) -> dict[str, dict[str, Any]]:
        return {
            handler: wanted
            for handler in self._handlers
            if (wanted := self._wanted(handler)) != self._current(handler)
        }

    def _wanted(self, handler: str) -> dict[str, Any]:
        kept = dead_letters(self._target) if handler not in NOT_KEPT else {}
        return {**RETRIES[handler], "DestinationConfig": {"OnFailure": kept}}

    def _current(self, handler: str) -> dict[str, Any]:
        """The current settings, in the form of `_wanted`."""
        try:
            answer = self._client.get_function_event_invoke_config(
                FunctionName=self._target.function(handler)
            )
        except self._client.exceptions.ResourceNotFoundException:
            return {}
        kept = answer.get("DestinationConfig", {}).get("OnFailure", {})
        settings = {name: answer.get(name) for name in RETRIES[handler]}
        return {**settings, "DestinationConfig": {"OnFailure": kept}}


class RetentionStep:
    """Sets how long logs are kept, except the API's: its log group is in the stack."""

    title = "Retention of logs"

    def __init__(self, logs: Any, record: Callable[[], Record], target: Target, days: int) -> None:
        self._client = logs
        self._record = record
        self._target = target
        self._days = days

    def changes(self) -> list[str]:  # noqa: D102
        return [f"{group}: {self._days} days" for group in self._missing()]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        groups = self.groups()
        for group in self._missing():
            if group not in groups:
                self._client.create_log_group(logGroupName=group)
            self._client.put_retention_policy(logGroupName=group, retentionInDays=self._days)

    def groups(self) -> dict[str, int | None]:
        """The existing log groups and their days; None for ever."""
        record = self._record()
        ours = self._names(record.handlers(record.functions()))
        pages = self._client.get_paginator("describe_log_groups").paginate(
            logGroupNamePrefix=self._target.log_group(API_HANDLER)  # a neighbour's, too
        )
        every = {group["logGroupName"]: group for page in pages for group in page["logGroups"]}
        return {name: every[name].get("retentionInDays") for name in ours if name in every}

    def delete(self, groups: Iterable[str]) -> None:
        """Delete these log groups."""
        for group in groups:
            self._client.delete_log_group(logGroupName=group)

    def _missing(self) -> list[str]:
        groups = self.groups()
        wanted = self._names(self._record().functions())
        return [group for group in wanted if groups.get(group) != self._days]

    def _names(self, handlers: Iterable[str]) -> list[str]:
        return [self._target.log_group(handler) for handler in handlers if handler != API_HANDLER]
