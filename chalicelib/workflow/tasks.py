"""The tasks that the state machine of workflow.asl.json calls.

They take and return a few names and numbers. Images, records and reports go through the results
bucket. A task may run twice; it writes the same objects again. Bad input is an answer, never an
exception: an exception means that the task is tried again, or given up.
"""

import functools
import logging
import time
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

import msgspec

from chalicelib.answers.judged import Outcome
from chalicelib.answers.predictions import ErrorInfo
from chalicelib.aws.eventbridge import Bus
from chalicelib.aws.store import ObjectStore
from chalicelib.bulk.chunks import SMALL_RUN
from chalicelib.bulk.deadline import Remaining, in_time
from chalicelib.bulk.recorder import IMAGE_MARGIN, Recorder
from chalicelib.bulk.records import Record
from chalicelib.errors import BadRequest, InceptionError, ServiceUnavailable
from chalicelib.inference.labels import LIKELY_SCORE
from chalicelib.inference.packages import ModelInfo
from chalicelib.requests import MAX_LABELS, Options
from chalicelib.workflow.causes import message_of
from chalicelib.workflow.preparation import prepare
from chalicelib.workflow.publish import ENDED, RunFinished, publish, write_results
from chalicelib.workflow.rules import Rules
from chalicelib.workflow.run import Arm, Run

logger = logging.getLogger("serverless-inception.workflow")
"""A child of the logger of `app.py`, which writes JSON."""


P = ParamSpec("P")
R = TypeVar("R")


def _task(method: Callable[P, R]) -> Callable[P, R]:
    """Raises every fault of ours under the one name that workflow.asl.json retries.

    Every further name would be in the template a dozen times, and it has no room for that.
    """

    @functools.wraps(method)
    def task(*arguments: P.args, **named: P.kwargs) -> R:
        try:
            return method(*arguments, **named)
        except ServiceUnavailable as error:
            raise ServiceUnavailable(str(error), error.detail) from error

    return task


class Loaded(Protocol):
    """A model that can answer."""

    info: ModelInfo


class Promoter(Protocol):
    """The part of the experiment that a workflow uses."""

    def promote(self, champion: str, challenger: str) -> dict[str, float]:
        """Gives all traffic to the challenger. Returns the arms."""


class WorkflowTasks:
    """A method for each task.

    load_model: loads the model of that name, or raises. experiment: in which a better challenger is
    promoted; None for none. bus: is told how runs end; None for nobody.
    """

    def __init__(
        self,
        store: ObjectStore,
        rules: Rules,
        recorder: Recorder,
        load_model: Callable[[str], Loaded],
        experiment: Promoter | None,
        clock: Callable[[], float] = time.time,
        bus: Bus | None = None,
    ) -> None:
        self._store, self._rules, self._recorder = store, rules, recorder
        self._load_model, self._experiment, self._clock = load_model, experiment, clock
        self._bus = bus

    @_task
    def prepare(self, name: str, request: object) -> dict[str, Any]:
        """Checks the request, writes the chunks, and returns what there is to do."""
        try:
            plan = prepare(self._run(name), self._rules, request, self._clock())
        except ServiceUnavailable:
            raise
        except InceptionError as error:
            return {"name": name, "error": msgspec.to_builtins(ErrorInfo.of(error))}
        small = plan.total <= SMALL_RUN
        run = self._run(name)
        return {
            "name": name,
            "size": "small" if small else "large",
            "chunks": list(range(1, plan.chunks + 1)) if small else [],
            "items": {"bucket": run.bucket, "key": run.key("items.json")},
            "compare": plan.challenger is not None,
            "promote": plan.promote,
            "max_error_rate": plan.max_error_rate,
        }

    @_task
    def classify(self, name: str, chunk: int, arm: Arm, left: Remaining) -> dict[str, Any]:
        """Classifies the chunk by that arm, and writes its records.

        Raises ModelNotFound or ModelInvalid if the arm's model cannot answer, and TimeoutError if
        there was no time for all images; another try continues from there.
        """
        run = self._run(name)
        plan = run.plan()
        records = run.part(arm, chunk, sure=False)
        if not records:
            model = plan.champion if arm == "champion" else plan.challenger or ""
            several = self._load_model(model).info.multi_label
            images, kept = run.chunk(chunk), run.partial_key(arm, chunk)
            done = run.get(kept, dict[int, Record], sure=False) or {}
            todo = {place: entry for place, entry in enumerate(images) if place not in done}
            options = Options(max_labels=plan.max_labels, model=model)
            if several:  # all labels that it finds, because any may be the known label
                options = Options(max_labels=MAX_LABELS, min_confidence=LIKELY_SCORE, model=model)
            done |= self._recorder.records(options, todo, in_time(left, IMAGE_MARGIN))
            if len(done) < len(images):
                run.put(kept, done)
                raise TimeoutError(f"{len(done)} of {len(images)} images are done; go on.")
            records = run.write_part(arm, chunk, [done[place] for place in range(len(images))])
        failed = sum(record.error is not None for record in records)
        return {"chunk": chunk, "records": len(records), "failed": failed}

    @_task
    def record_loss(
        self, name: str, chunk: int, arm: Arm, error: str, cause: str
    ) -> dict[str, Any]:
        """Writes an error record for each image of a chunk that was given up."""
        run = self._run(name)
        logger.error(f"chunk {chunk} of {name} was given up by the {arm}: {error}: {cause}")
        info = ErrorInfo(error, message_of(error, cause), retryable=False)
        records = [Record(entry.id, entry.source, error=info) for entry in run.chunk(chunk)]
        run.write_part(arm, chunk, records)
        return {"chunk": chunk, "records": len(records), "failed": len(records)}

    @_task
    def judge(self, name: str) -> dict[str, Any]:
        """Writes the results, and compares the arms."""
        run = self._run(name)
        judgement = write_results(run, run.plan())
        run.put(run.key("judgement.json"), judgement)
        return {
            "error_rate": judgement.error_rate,
            "better": judgement.better,
            "verdict": judgement.verdict,
        }

    @_task
    def promote(self, name: str) -> dict[str, Any]:
        """Gives the experiment's traffic to the challenger."""
        plan = self._run(name).plan()
        if self._experiment is None or plan.challenger is None:
            raise BadRequest("There is no experiment to promote in; set ARMS to begin one.")
        arms = self._experiment.promote(plan.champion, plan.challenger)
        return {"outcome": "promoted", "arms": arms}

    @_task
    def report(self, name: str, outcome: Outcome) -> dict[str, Any]:
        """Writes the report, and tells the bus. Returns the execution's output."""
        output = publish(self._run(name), outcome, self._clock())
        if self._bus is not None:
            self._bus.put(ENDED, RunFinished.of(output))
        builtins: dict[str, Any] = msgspec.to_builtins(output)
        return builtins

    def _run(self, name: str) -> Run:
        return Run(self._store, self._rules.results, name)
