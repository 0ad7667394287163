"""The state of runs of the workflow."""

from datetime import datetime
from typing import Literal

import msgspec

from chalicelib.answers.judged import Figures, Line, Outcome
from chalicelib.answers.predictions import Count

State = Literal["running", "succeeded", "failed"]
WorkflowStatus = Literal[
    "running", "succeeded", "failed", "timed_out", "aborted", "pending_redrive"
]


class WorkflowCheck(msgspec.Struct, frozen=True):
    """Labels that will not count. Their images do not count either.

    unknown_labels: labels that no model of the run has, the most frequent first; for a manifest,
        in its first 20,000 lines. known_to_one: labels that only one of the two models has.
    """

    unknown_labels: list[str]
    known_to_one: list[str]


class ExecutionView(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The run as Step Functions describes it."""

    execution_arn: str
    status: str
    start_date: datetime
    stop_date: datetime | None = None


class WorkflowStarted(WorkflowCheck, frozen=True, kw_only=True):
    """A run that has started, and the labels that will not count."""

    name: str
    status: WorkflowStatus
    started_at: datetime
    execution: ExecutionView


class WorkflowOutline(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run of the workflow.

    outcome: what was decided. verdict: the comparison in a sentence or two.
    """

    name: str
    status: WorkflowStatus
    started_at: datetime
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    verdict: str | None = None


class WorkflowList(msgspec.Struct, frozen=True):
    """The recent runs, newest first."""

    workflows: list[WorkflowOutline]


class Fault(msgspec.Struct, frozen=True):
    """A fault of a task. cause: the reason, without names of buckets, functions or accounts."""

    error: str
    cause: str


class Chunks(msgspec.Struct, frozen=True):
    """Counts of chunks.

    total: number of chunks. champion, challenger: chunks that this model has classified.
    """

    total: Count
    champion: Count
    challenger: Count


class ReportLinks(msgspec.Struct, frozen=True):
    """Links to the forms of the report, and to the results, that work for up to an hour."""

    json: str
    markdown: str
    picture: str
    results: str


class WorkflowView(WorkflowOutline, frozen=True, kw_only=True, omit_defaults=True):
    """The progress and the result of a run.

    states: states that the run entered. faults: the latest faults of tasks, whether they were
        retried, were caught, or ended the run. error: code of the fault that ended the run.
    cause: why the run failed, without names of buckets, functions or accounts.
    judgement: the comparison in figures. predictions: all predictions, if the run has few images.
    """

    execution: ExecutionView
    states: dict[str, State]
    faults: list[Fault]
    error: str | None = None
    cause: str | None = None
    champion: str | None = None
    challenger: str | None = None
    images: int | None = None
    chunks: Chunks | None = None
    judgement: Figures | None = None
    predictions: list[Line] | None = None
    report: ReportLinks | None = None
