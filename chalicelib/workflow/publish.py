"""The end of a run: its results, its report, and the execution's output."""

from collections.abc import Iterator

import msgspec

from chalicelib.answers.judged import Figures, Line, Outcome, Result, Said
from chalicelib.bulk.records import Record
from chalicelib.inference.labels import is_right
from chalicelib.workflow.judgement import Judgement
from chalicelib.workflow.report.markdown import markdown
from chalicelib.workflow.report.poster import picture
from chalicelib.workflow.run import Plan, Run
from chalicelib.workflow.vocabulary import Vocabulary

PREDICTIONS_SHOWN, PREDICTIONS_BYTES = 25, 100_000
"""Images, and bytes of their results, up to which these are also part of the execution's output:
a state's payload has 262,144 bytes
(https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html)."""

REPORTS = {"json": "application/json", "md": "text/markdown; charset=utf-8", "svg": "image/svg+xml"}
"""The forms of a report, by the endings of their keys."""


class Output(Result, frozen=True, kw_only=True, omit_defaults=True):
    """The output of the state machine.

    images, errors: how many there are, and how many the champion has no answer for. report: the
    address of each form of the report, and of the results.
    """

    name: str
    images: int
    errors: int
    report: dict[str, str]


class Report(msgspec.Struct, frozen=True):
    """The report as JSON."""

    name: str
    outcome: Outcome
    finished_at: float
    plan: Plan
    judgement: Judgement


def publish(run: Run, outcome: Outcome, now: float) -> Output:
    """Write the results and the report; return the execution's output."""
    plan, judgement = run.plan(), run.judgement()
    encode = msgspec.json.Encoder().encode
    lines = _lines(run, plan)
    shown = list(lines) if plan.total <= PREDICTIONS_SHOWN else []
    results = run.report_keys()["results"]
    run.store.write(run.bucket, results, (encode(line) + b"\n" for line in shown or lines))
    shown_plan = msgspec.structs.replace(plan, labels={})  # thousands, which say nothing here
    report = Report(run.name, outcome, now, shown_plan, judgement)
    forms = {
        "svg": picture(judgement).encode(),
        "md": markdown(plan, outcome, judgement, now).encode(),
        "json": encode(report),  # last: who sees it sees the others
    }
    for suffix, data in forms.items():
        run.store.put(run.bucket, run.report_key(suffix), data, REPORTS[suffix])
    return _output(run, outcome, judgement, shown)


def _output(run: Run, outcome: Outcome, judgement: Judgement, shown: list[Line]) -> Output:
    is_small = shown and len(msgspec.json.encode(shown)) <= PREDICTIONS_BYTES
    return Output(
        name=run.name,
        outcome=outcome,
        verdict=judgement.verdict,
        images=judgement.images,
        errors=judgement.images - judgement.champion.answered,
        # without what the report alone shows
        judgement=msgspec.convert(msgspec.to_builtins(judgement), Figures),
        report={form: f"s3://{run.bucket}/{key}" for form, key in run.report_keys().items()},
        predictions=shown if is_small else None,
    )


def _lines(run: Run, plan: Plan) -> Iterator[Line]:
    vocabulary = Vocabulary(plan.labels)
    for entry, champion, challenger in run.rows(plan):
        label = entry.label or ""
        truth = label if label.strip() and vocabulary.knows(label) else None
        said = None if challenger is None else _said(challenger, truth)
        yield Line(entry.id, entry.source, entry.label, _said(champion, truth), said)


def _said(record: Record, truth: str | None) -> Said:
    if truth is None or record.error is not None:
        return Said(record.labels, record.error, multi_label=record.multi_label)
    label = record.said(truth)
    right = label is not None and is_right(truth, label.name)
    return Said(record.labels, right=right, multi_label=record.multi_label)
