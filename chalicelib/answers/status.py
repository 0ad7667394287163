"""The state of batches, of workflows and of the experiment."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from chalicelib.answers.judged import Figures, Line, Outcome
from chalicelib.answers.predictions import ErrorInfo, Share

Count = Annotated[int, msgspec.Meta(ge=0)]
State = Literal["running", "succeeded", "failed"]
BatchStatus = Literal["queued", "running", "finished", "cancelled", "failed"]
WorkflowStatus = Literal[
    "running", "succeeded", "failed", "timed_out", "aborted", "pending_redrive"
]


class Counts(msgspec.Struct, frozen=True):
    """Counts of a batch's images.

    total: all; it grows until the manifest is read. done: with an outcome. failed: of these, with
        an error.
    """

    total: Count
    done: Count
    failed: Count


class BatchOutline(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A batch in a list.

    source: where the images come from, in words or as an address.
    status: `cancelled` and `failed` batches ended early, `failed` with an `error`.
        `POST /batches/{batch_id}/retry` continues them.
    finished_at: when its results were written. A batch that was cancelled or failed has it once the
        results of what was done are written.
    """

    batch_id: str
    source: str
    created_at: datetime
    status: BatchStatus
    counts: Counts
    finished_at: datetime | None = None


class BatchView(BatchOutline, frozen=True, kw_only=True, omit_defaults=True):
    """A batch.

    labels: images by best label; with a multi-label model, by each label with a score of at least
        0.5. errors: images by error code.
    results: a link to `results.jsonl` that works for up to an hour. For a batch that was cancelled
        or failed: the results of what was done, or, until those are written, of the last round.
    summary: a link to the summary of these results that works for up to an hour.
    error: why the batch ended early.
    """

    labels: dict[str, int] | None = None
    errors: dict[str, int] | None = None
    results: str | None = None
    summary: str | None = None
    error: ErrorInfo | None = None


class BatchList(msgspec.Struct, frozen=True):
    """The recent batches, newest first; `GET /batches/{batch_id}` tells more about a batch."""

    batches: list[BatchOutline]


class UploadForm(msgspec.Struct, frozen=True):
    """A form that uploads one file: POST the fields, and then `file`, to the URL.

    s3_uri: the file's address after the upload. expires_in: seconds.
    """

    url: str
    fields: dict[str, str]
    s3_uri: str
    expires_in: int


class ArmView(msgspec.Struct, frozen=True):
    """A model of the experiment.

    weight: its share of the traffic. votes: answers that were voted on. correct: of these, the
        right ones.
    interval: Wilson's for the accuracy, 95%.
    """

    name: str
    weight: Share
    votes: Count
    correct: Count
    accuracy: Share | None
    interval: tuple[Share, Share] | None


class Comparison(msgspec.Struct, frozen=True):
    """A challenger against the champion; figures are null if either has no votes.

    difference: the challenger's accuracy minus the champion's. p_value: of a z-test for one look.
    """

    challenger: str
    difference: Annotated[float, msgspec.Meta(ge=-1, le=1)] | None
    p_value: Share | None
    verdict: str


class ExperimentView(msgspec.Struct, frozen=True):
    """The state of the experiment.

    source: where the weights come from. updated_at: when the votes were last counted.
    """

    arms: list[ArmView]
    champion: str
    comparisons: list[Comparison]
    verdict: str
    source: Literal["environment", "experiment.json"]
    updated_at: datetime | None


class FeedbackAnswer(msgspec.Struct, frozen=True):
    """A vote. arm: the model that was voted on. counted: whether it counts in the experiment."""

    arm: str
    correct: bool
    counted: bool


class WorkflowCheck(msgspec.Struct, frozen=True):
    """Labels that will not count, so that their images do not count either.

    unknown_labels: labels that no model of the run knows, the most frequent first; for a manifest,
        in its first 20,000 lines. known_to_one: labels that only one of the two models knows.
    """

    unknown_labels: list[str]
    known_to_one: list[str]


class ExecutionView(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The run in Step Functions' own words."""

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
    """A run of the workflow."""

    name: str
    status: WorkflowStatus
    started_at: datetime
    ended_at: datetime | None = None


class WorkflowList(msgspec.Struct, frozen=True):
    """The recent runs, newest first."""

    workflows: list[WorkflowOutline]


class Fault(msgspec.Struct, frozen=True):
    """A fault of a task. cause: the reason, without names of buckets, functions or accounts."""

    error: str
    cause: str


class Chunks(msgspec.Struct, frozen=True):
    """Counts of chunks. total: all. champion: done by that model; likewise challenger."""

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

    states: each state that was entered. faults: the last faults of tasks, whether they were
        retried, were caught, or ended the run. error: the code of the fault that ended it.
    cause: why it failed, without names of buckets, functions or accounts.
    outcome: what was decided. verdict: the comparison in a sentence or two.
    judgement: the comparison in figures. predictions: all of them, if the run has few images.
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
    outcome: Outcome | None = None
    verdict: str | None = None
    judgement: Figures | None = None
    predictions: list[Line] | None = None
    report: ReportLinks | None = None
