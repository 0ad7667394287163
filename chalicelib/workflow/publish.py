"""Write the end of a run: its results, its report, and the execution's output."""

from collections.abc import Iterator

import msgspec

from chalicelib.answers.judged import Figures, Line, Outcome, Result, Said
from chalicelib.bulk.records import Record
from chalicelib.inference.labels import is_right
from chalicelib.workflow.judge import Judge, Row
from chalicelib.workflow.judgement import Judgement
from chalicelib.workflow.outcomes import mark_outcome
from chalicelib.workflow.report.markdown import markdown
from chalicelib.workflow.report.poster import picture
from chalicelib.workflow.run import Plan, Run

PREDICTIONS_SHOWN, PREDICTIONS_BYTES = 25, 100_000
"""Images, and bytes of results, up to which the execution's output has the results too: a state's
payload has 262,144 bytes
(https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html)."""

REPORTS = {"json": "application/json", "md": "text/markdown; charset=utf-8", "svg": "image/svg+xml"}
"""The forms of a report, by the endings of their keys."""

ENDED = "Workflow Finished"
"""The `detail-type` of the event about a run."""


class Output(Result, frozen=True, kw_only=True, omit_defaults=True):
    """The output of the state machine.

    images: how many. errors: images without an answer by the champion. report: the addresses of the
    forms of the report, and of the results.
    """

    name: str
    images: int
    errors: int
    report: dict[str, str]


class RunFinished(msgspec.Struct, frozen=True):
    """The detail of the event about a run; see `Output`. The same id is the same event again."""

    id: str
    name: str
    outcome: Outcome
    verdict: str
    images: int
    errors: int
    report: dict[str, str]

    @classmethod
    def of(cls, output: Output) -> "RunFinished":
        """Returns what the bus is told."""
        told = output.outcome, output.verdict, output.images, output.errors, output.report
        return cls(f"workflows/{output.name}", output.name, *told)


class Report(msgspec.Struct, frozen=True):
    """The report as JSON."""

    name: str
    outcome: Outcome
    finished_at: float
    plan: Plan
    judgement: Judgement


def write_results(run: Run, plan: Plan) -> Judgement:
    """Writes a line for each image, and judges the models. Reads each chunk once."""
    judge = Judge(plan.champion, plan.challenger, plan.labels)
    encode = msgspec.json.Encoder().encode

    def lines() -> Iterator[bytes]:
        for row in run.rows(plan):
            truth = judge.add(row)
            yield encode(_line(row, truth)) + b"\n"

    run.store.write(run.bucket, run.report_keys()["results"], lines())
    return judge.judgement()


def publish(run: Run, outcome: Outcome, now: float) -> Output:
    """Writes the report. Returns the execution's output."""
    plan, judgement = run.plan(), run.judgement()
    if not run.has(run.report_keys()["results"], sure=False):
        write_results(run, plan)  # 0.1, which judged this run, left them to the report
    encode = msgspec.json.Encoder().encode
    # thousands of numbers, which say nothing here
    shown_plan = msgspec.structs.replace(plan, labels={})
    report = Report(run.name, outcome, now, shown_plan, judgement)
    forms = {
        "svg": picture(judgement).encode(),
        "md": markdown(plan, outcome, judgement, now).encode(),
        "json": encode(report),  # last, so that whoever sees it sees the others
    }
    for suffix, data in forms.items():
        run.store.put(run.bucket, run.report_key(suffix), data, REPORTS[suffix])
    mark_outcome(run, plan, outcome, judgement.verdict)
    return _output(run, outcome, judgement)


def _output(run: Run, outcome: Outcome, judgement: Judgement) -> Output:
    lines = None
    if judgement.images <= PREDICTIONS_SHOWN:
        lines = run.lines(run.report_keys()["results"], Line)
    is_small = len(msgspec.json.encode(lines)) <= PREDICTIONS_BYTES
    return Output(
        name=run.name,
        outcome=outcome,
        verdict=judgement.verdict,
        images=judgement.images,
        errors=judgement.images - judgement.champion.answered,
        # without what only the report shows
        judgement=msgspec.convert(msgspec.to_builtins(judgement), Figures),
        report={form: f"s3://{run.bucket}/{key}" for form, key in run.report_keys().items()},
        predictions=lines if is_small else None,
    )


def _line(row: Row, truth: str) -> Line:
    entry, champion, challenger = row
    other = None if challenger is None else _said(challenger, truth)
    return Line(entry.id, entry.source, entry.label, _said(champion, truth), other)


def _said(record: Record, truth: str) -> Said:
    """Returns what the record says. truth: the known label, or ""."""
    if not truth or record.error is not None:
        return Said(record.labels, record.error, multi_label=record.multi_label)
    label = record.said(truth)
    right = label is not None and is_right(truth, label.name)
    return Said(record.labels, right=right, multi_label=record.multi_label)
