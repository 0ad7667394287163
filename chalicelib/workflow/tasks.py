"""The tasks that the state machine of workflow.asl.json calls.

They take and return a few names and numbers. Images, records and reports go through the results
bucket. A task may run twice; it writes the same objects again. Bad input is an answer, never an
exception: an exception means that the task is tried again, or given up.
"""

import functools
import hashlib
import logging
import time
import uuid
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, ParamSpec, Protocol, TypeVar

import msgspec

from chalicelib.answers.judged import Outcome
from chalicelib.answers.predictions import ErrorInfo
from chalicelib.aws.s3 import ObjectStore
from chalicelib.bulk.chunks import LARGE_CHUNK, MAX_IMAGES, SMALL_CHUNK, SMALL_RUN
from chalicelib.bulk.copies import copy_manifest
from chalicelib.bulk.deadline import Remaining, in_time
from chalicelib.bulk.inlined import manifest_of
from chalicelib.bulk.manifests import entries
from chalicelib.bulk.recorder import IMAGE_MARGIN, Recorder
from chalicelib.bulk.records import Record
from chalicelib.errors import BadRequest, InceptionError, ServiceUnavailable
from chalicelib.inference.labels import FOUND
from chalicelib.inference.packages import ModelInfo
from chalicelib.requests import MAX_LABELS, Options, WorkflowRequest
from chalicelib.workflow.causes import message_of
from chalicelib.workflow.publish import publish, write_results
from chalicelib.workflow.request import Rules
from chalicelib.workflow.run import Arm, Kept, Plan, Run

logger = logging.getLogger("serverless-inception.workflow")
"""A child of the logger of `app.py`, which writes JSON."""


P = ParamSpec("P")
R = TypeVar("R")


def _task(method: Callable[P, R]) -> Callable[P, R]:
    """Raises every fault of ours under the one name that workflow.asl.json retries.

    Every further name would be in the template a dozen times, and it has no room for that.
    """

    @functools.wraps(method)
    def task(*given: P.args, **named: P.kwargs) -> R:
        try:
            return method(*given, **named)
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
    promoted; None for none.
    """

    def __init__(
        self,
        store: ObjectStore,
        rules: Rules,
        recorder: Recorder,
        load_model: Callable[[str], Loaded],
        experiment: Promoter | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._rules, self._recorder = store, rules, recorder
        self._load_model, self._experiment, self._clock = load_model, experiment, clock

    @_task
    def prepare(self, name: str, request: object) -> dict[str, Any]:
        """Checks the request, writes the chunks, and returns what there is to do."""
        try:
            plan = self._prepared(name, request)
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

    def _prepared(self, name: str, given: object) -> Plan:
        try:
            request = msgspec.convert(given, WorkflowRequest)
        except msgspec.ValidationError as error:
            raise BadRequest(f"The execution's input is not valid: {error}.") from error
        labels = self._rules.check(request, name)
        champion, *rivals = labels
        run = self._run(name)
        manifest = self._keep_manifest(run, request)
        total = sum(1 for _ in entries(manifest, self._store.stream(run.bucket, manifest)))
        if not 1 <= total <= MAX_IMAGES:
            raise BadRequest(f"A run may have 1 to {MAX_IMAGES:,} images; this one has {total:,}.")
        chunks = run.write_chunks(
            entries(manifest, self._store.stream(run.bucket, manifest)),
            SMALL_CHUNK if total <= SMALL_RUN else LARGE_CHUNK,
        )
        if total > SMALL_RUN:
            run.put(run.key("items.json"), [{"chunk": n} for n in range(1, chunks + 1)])
        plan = Plan(
            name=name,
            source=request.manifest or f"{total} instances",
            champion=champion,
            challenger=rivals[0] if rivals else None,
            promote=request.promote,
            max_error_rate=request.max_error_rate,
            max_labels=request.max_labels,
            total=total,
            chunks=chunks,
            created_at=self._clock(),
            labels={model: list(own) for model, own in labels.items()},
        )
        run.put(run.key("workflow.json"), plan)
        return plan

    def _keep_manifest(self, run: Run, request: WorkflowRequest) -> str:
        """Returns the key of the run's own copy of the manifest. The first copy stays.

        Raises BadRequest if it belongs to another request: a name may come again after 90 days.
        """
        digest = hashlib.sha256(msgspec.json.encode(request)).hexdigest()
        kept = run.first(
            run.key("manifest.json"), Kept, lambda: Kept(self._copy_manifest(run, request), digest)
        )
        if kept.request != digest:
            raise BadRequest(
                "This name belongs to a run with another request; give this run another name."
            )
        return run.key(kept.manifest)

    def _copy_manifest(self, run: Run, request: WorkflowRequest) -> str:
        """Copies the manifest. Returns its name among the run's objects."""
        name = f"manifest.{uuid.uuid4().hex[:8]}"
        if request.manifest is None:
            name += ".jsonl"
            lines = manifest_of(request.instances or [])
            self._store.put(run.bucket, run.key(name), lines, "application/jsonl")
        else:
            name += PurePosixPath(request.manifest.lower()).suffix
            copy_manifest(self._store, request.manifest, run.bucket, run.key(name))
        return name

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
            found, kept = run.chunk(chunk), run.partial_key(arm, chunk)
            done = run.get(kept, dict[int, Record], sure=False) or {}
            todo = {place: entry for place, entry in enumerate(found) if place not in done}
            options = Options(max_labels=plan.max_labels, model=model)
            if several:  # all labels that it finds, because any may be the known label
                options = Options(max_labels=MAX_LABELS, min_confidence=FOUND, model=model)
            done |= self._recorder.records(options, todo, in_time(left, IMAGE_MARGIN))
            if len(done) < len(found):
                run.put(kept, done)
                raise TimeoutError(f"{len(done)} of {len(found)} images are done; go on.")
            records = run.write_part(arm, chunk, [done[place] for place in range(len(found))])
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
        records = [Record(each.id, each.source, error=info) for each in run.chunk(chunk)]
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
        """Writes the report. Returns the execution's output."""
        output: dict[str, Any] = msgspec.to_builtins(
            publish(self._run(name), outcome, self._clock())
        )
        return output

    def _run(self, name: str) -> Run:
        return Run(self._store, self._rules.results, name)
