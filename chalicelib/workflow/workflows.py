"""Answer callers about workflows: check, start, view."""

import hashlib
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice

import msgspec

from chalicelib.answers.judged import Line, Result
from chalicelib.answers.workflowviews import (
    Chunks,
    ExecutionView,
    Fault,
    ReportLinks,
    State,
    WorkflowCheck,
    WorkflowOutline,
    WorkflowStarted,
    WorkflowStatus,
    WorkflowView,
)
from chalicelib.aws.stepfunctions import Event, Execution, Executions
from chalicelib.aws.store import LINK_SECONDS, ObjectStore
from chalicelib.bulk.copies import stream_manifest
from chalicelib.bulk.inlined import manifest_of
from chalicelib.bulk.manifests import check_manifest, entries
from chalicelib.bulk.naming import MOST_RECENT, new_id
from chalicelib.bulk.shown import picture_link
from chalicelib.errors import NotFound
from chalicelib.requests import StartRequest, WorkflowRequest
from chalicelib.times import moment
from chalicelib.workflow.causes import message_of
from chalicelib.workflow.outcomes import Came, latest_outcomes
from chalicelib.workflow.rules import INPUTS, Rules
from chalicelib.workflow.run import ARMS, Plan, Run
from chalicelib.workflow.vocabulary import LeftOuts, Vocabulary

FAULTS = 10
"""The last faults of tasks, as many as a view shows."""

LABELS_LOOKED_AT = 20_000
"""Lines of a manifest whose labels are checked before a start, in well under a second."""

UNKNOWN_NAMED = 100
"""Unknown labels that a start names."""


CLOCKS_APART = 3600
"""Seconds by which the clocks of Step Functions and Lambda may differ, and far more."""


class WorkflowService:
    """Runs of the state machine."""

    def __init__(
        self,
        executions: Executions,
        store: ObjectStore,
        rules: Rules,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._executions, self._store = executions, store
        self._rules, self._clock = rules, clock

    def start(self, request: StartRequest) -> WorkflowStarted | WorkflowCheck:
        """Starts a run. The same name and input are the same run, even after its end.

        Returns its name, and the labels that will not count because not every model knows them;
        for a dry run only these labels.
        Raises BadRequest, Conflict, ModelInvalid, ModelNotFound, SourceInvalid, and NotFound if
        there is no such manifest.
        """
        name = request.name or new_id(self._clock(), uuid.uuid4().hex)
        vocabulary = Vocabulary(self._rules.check(request, name))
        lines = None if request.instances is None else manifest_of(request.instances)
        if request.manifest is not None:
            check_manifest(request.manifest, stream_manifest(self._store, request.manifest))
        check = self._check(request, vocabulary)
        if request.dry_run:
            return check
        manifest = request.manifest if lines is None else self._keep(lines)
        asked = {field: getattr(request, field) for field in WorkflowRequest.__struct_fields__}
        asked |= {"name": None, "instances": None, "manifest": manifest}
        fields = {key: value for key, value in asked.items() if value is not None}
        execution = self._executions.start(name, msgspec.json.encode(fields).decode())
        return WorkflowStarted(
            unknown_labels=check.unknown_labels,
            known_to_one=check.known_to_one,
            name=execution.name,
            status=_status(execution),
            started_at=_second(execution.started),
            execution=_own_words(execution),
        )

    def _check(self, request: StartRequest, vocabulary: Vocabulary) -> WorkflowCheck:
        """Returns labels that no model knows, and those that one knows, most frequent first."""
        left_out = LeftOuts(vocabulary)
        for label in islice(self._labels(request), LABELS_LOOKED_AT):
            left_out.take(label or "")
        listed = left_out.listed(UNKNOWN_NAMED)
        return WorkflowCheck(
            unknown_labels=[answer.label for answer in listed if answer.known_to is None],
            known_to_one=[answer.label for answer in listed if answer.known_to is not None],
        )

    def _labels(self, request: StartRequest) -> Iterator[str | None]:
        if request.manifest is None:
            yield from (example.label for example in request.instances or [])
        else:
            blocks = stream_manifest(self._store, request.manifest)
            yield from (entry.label for entry in entries(request.manifest, blocks))

    def _keep(self, lines: bytes) -> str:
        """Keeps a manifest of these lines. The same lines have the same address, so runs match."""
        key = f"{INPUTS}{hashlib.sha256(lines).hexdigest()}.jsonl"
        self._store.put(self._rules.results, key, lines, "application/jsonl")
        return f"s3://{self._rules.results}/{key}"

    def recent(self) -> list[WorkflowOutline]:
        """Lists the latest runs, newest first, with one listing of the store."""
        latest = latest_outcomes(self._store, self._rules.results)
        recent = self._executions.recent(MOST_RECENT)
        return [_ended(execution, latest.get(execution.name)) for execution in recent]

    def view(self, name: str) -> WorkflowView:
        """Returns a run as `GET /workflows/{name}` shows it. Raises NotFound."""
        execution = self._executions.describe(name)
        events = self._executions.history(name)
        run = Run(self._store, self._rules.results, name)
        view = WorkflowView(
            **msgspec.structs.asdict(_outline(execution)),
            execution=_own_words(execution),
            states=_states(events, execution.status),
            faults=_faults(events),
            error=execution.error,
            cause=execution.cause and message_of(execution.error or "", execution.cause),
        )
        if execution.output is not None:
            result = msgspec.json.decode(execution.output, type=Result)
            view = msgspec.structs.replace(view, **msgspec.structs.asdict(result))
            view = self._with_pictures(view)
        try:
            return self._with_progress(view, run, run.plan())
        except NotFound:
            return view

    def _with_pictures(self, view: WorkflowView) -> WorkflowView:
        def pictured(line: Line) -> Line:
            said = (line.champion, line.challenger)
            is_classified = any(answer and answer.labels is not None for answer in said)
            link = picture_link(self._store, self._rules.images, line.source, is_classified)
            return msgspec.structs.replace(line, picture=link)

        lines = view.predictions and [pictured(line) for line in view.predictions]
        return msgspec.structs.replace(view, predictions=lines)

    def _with_progress(self, view: WorkflowView, run: Run, plan: Plan) -> WorkflowView:
        done = {arm: run.parts_done(arm) for arm in ARMS}
        report = None
        if run.has(run.report_key("json")):
            keys = run.report_keys().items()
            report = ReportLinks(
                **{form: self._store.link(run.bucket, key, LINK_SECONDS) for form, key in keys}
            )
        return msgspec.structs.replace(
            view,
            champion=plan.champion,
            challenger=plan.challenger,
            images=plan.total,
            chunks=Chunks(total=plan.chunks, **done),
            report=report,
        )


def _outline(execution: Execution) -> WorkflowOutline:
    return WorkflowOutline(
        name=execution.name,
        status=_status(execution),
        started_at=_second(execution.started),
        ended_at=execution.stopped and _second(execution.stopped),
    )


def _ended(execution: Execution, came: Came | None) -> WorkflowOutline:
    """Returns the outline with what came of this run, not of an older one of that name."""
    outline = _outline(execution)
    began = execution.started.timestamp() - CLOCKS_APART
    if came is None or execution.status != "SUCCEEDED" or came.prepared < began:
        return outline
    return msgspec.structs.replace(outline, outcome=came.outcome, verdict=came.verdict or None)


def _own_words(execution: Execution) -> ExecutionView:
    stopped = execution.stopped and _second(execution.stopped)
    return ExecutionView(execution.arn, execution.status, _second(execution.started), stopped)


def _status(execution: Execution) -> WorkflowStatus:
    status: WorkflowStatus = msgspec.convert(execution.status.lower(), WorkflowStatus)
    return status


def _second(time: datetime) -> datetime:
    return moment(time.timestamp())


def _states(events: list[Event], status: str) -> dict[str, State]:
    """Returns running, succeeded or failed for each state that was entered."""
    states: dict[str, State] = {}
    last = Event(0, "")
    for event in events:
        if not event.state:
            continue
        if event.kind == "FailStateEntered" and last.kind.startswith(("Task", "Map")):
            # its fault was caught, and it was left like any other state
            states[last.state] = "failed"
        states[event.state] = "running" if event.kind.endswith("Entered") else "succeeded"
        last = event
    unfinished: State = "running" if status == "RUNNING" else "failed"
    return {name: unfinished if state == "running" else state for name, state in states.items()}


def _faults(events: list[Event]) -> list[Fault]:
    """Returns the faults of tasks, whether they were retried, caught, or ended the run."""
    faults = [
        Fault(event.error, message_of(event.error, event.cause))
        for event in events
        if event.kind.endswith(("Failed", "TimedOut")) and not event.kind.startswith("Execution")
        if event.error
    ]
    return faults[-FAULTS:]
