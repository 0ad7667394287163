"""How far batches and workflows are, and how the experiment stands."""

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
    """Images of a batch.

    total: asked for; it grows until the manifest is read. done: with an outcome. failed: of these,
        with an error.
    """

    total: Count
    done: Count
    failed: Count


class BatchOutline(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A batch, as a list shows it.

    source: where the images come from, in words or as an address.
    status: `cancelled` and `failed` have ended before their time, `failed` with an `error`;
        `POST /batches/{batch_id}/retry` goes on with them.
    finished_at: when its results were written. Of a batch that was cancelled or failed it is left
        out until those of what was done are written.
    """

    batch_id: str
    source: str
    created_at: datetime
    status: BatchStatus
    counts: Counts
    finished_at: datetime | None = None


class BatchView(BatchOutline, frozen=True, kw_only=True, omit_defaults=True):
    """A batch.

    labels: images by best label; of a multi-label model, by each label with a score of at least
        0.5. errors: images by error code.
    results: where `results.jsonl` can be had for up to an hour. Of a batch that was cancelled or
        failed: the results of what was done until then, or, until those are written, of the last
        round.
    summary: where the summary of these results can be had for up to an hour.
    error: why the batch ended before its time.
    """

    labels: dict[str, int] | None = None
    errors: dict[str, int] | None = None
    results: str | None = None
    summary: str | None = None
    error: ErrorInfo | None = None


class BatchList(msgspec.Struct, frozen=True):
    """The recent batches, newest first; `GET /batches/{batch_id}` tells more of each."""

    batches: list[BatchOutline]


class UploadForm(msgspec.Struct, frozen=True):
    """A form that uploads one file: POST the fields, and then `file`, to the URL.

    s3_uri: where the file will be. expires_in: seconds.
    """

    url: str
    fields: dict[str, str]
    s3_uri: str
    expires_in: int


class ArmView(msgspec.Struct, frozen=True):
    """A model of the experiment.

    weight: its share of the traffic. votes: answers that were voted on. correct: of these, right.
    interval: Wilson's for the accuracy, 95%.
    """

    name: str
    weight: Share
    votes: Count
    correct: Count
    accuracy: Share | None
    interval: tuple[Share, Share] | None


class Comparison(msgspec.Struct, frozen=True):
    """A challenger against the champion; figures are null where either has no votes.

    difference: challenger's accuracy minus the champion's. p_value: of the z-test for one look.
    """

    challenger: str
    difference: Annotated[float, msgspec.Meta(ge=-1, le=1)] | None
    p_value: Share | None
    verdict: str


class ExperimentView(msgspec.Struct, frozen=True):
    """How the experiment stands.

    source: where the weights come from. updated_at: when the votes were last counted.
    """

    arms: list[ArmView]
    champion: str
    comparisons: list[Comparison]
    verdict: str
    source: Literal["environment", "experiment.json"]
    updated_at: datetime | None


class FeedbackAnswer(msgspec.Struct, frozen=True):
    """A vote. arm: the model voted on. counted: whether it counts in the experiment."""

    arm: str
    correct: bool
    counted: bool


class WorkflowCheck(msgspec.Struct, frozen=True):
    """Labels that will not count, nor their images in the comparison or for a promotion.

    unknown_labels: labels given that no model of the run knows, the most frequent first; of a
        manifest, in its first 20,000 lines. known_to_one: labels given that only one of the two
        models knows.
    """

    unknown_labels: list[str]
    known_to_one: list[str]


class ExecutionView(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The run as Step Functions has it, in its own words."""

    execution_arn: str
    status: str
    start_date: datetime
    stop_date: datetime | None = None


class WorkflowStarted(WorkflowCheck, frozen=True, kw_only=True):
    """A run that has begun, and the labels that will not count."""

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
    """A fault of a task. cause: why; names no bucket, function or account of the service."""

    error: str
    cause: str


class Chunks(msgspec.Struct, frozen=True):
    """Chunks of images. total: all of them. champion: done by that model; likewise challenger."""

    total: Count
    champion: Count
    challenger: Count


class ReportLinks(msgspec.Struct, frozen=True):
    """Where each form of the report, and the results, can be had for up to an hour."""

    json: str
    markdown: str
    picture: str
    results: str


class WorkflowView(WorkflowOutline, frozen=True, kw_only=True, omit_defaults=True):
    """How far a run is, and what it came to.

    states: each state that was entered. faults: the last faults of tasks, whether tried again,
        caught, or the end. error: the code of what ended it. cause: why it failed; names no
        bucket, function or account of the service.
    outcome: what was decided. verdict: in a sentence, what the comparison found.
    judgement: the comparison in figures. predictions: of a run of few images, all of them.
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
