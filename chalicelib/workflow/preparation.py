"""Prepare a run: keep its manifest, cut that into chunks, and write the plan."""

import hashlib
import uuid
from pathlib import PurePosixPath

import msgspec

from chalicelib.bulk.chunks import LARGE_CHUNK, MAX_IMAGES, SMALL_CHUNK, SMALL_RUN
from chalicelib.bulk.copies import copy_manifest
from chalicelib.bulk.inlined import manifest_of
from chalicelib.bulk.manifests import check_manifest, entries
from chalicelib.errors import BadRequest
from chalicelib.requests import WorkflowRequest
from chalicelib.wording import count
from chalicelib.workflow.rules import Rules
from chalicelib.workflow.run import Kept, Plan, Run


def prepare(run: Run, rules: Rules, payload: object, now: float) -> Plan:
    """Writes the run's chunks, and then its plan. Returns the plan.

    payload: the input of the execution. now: in seconds since the epoch.
    Raises BadRequest, and what `Rules.check` and the store do.
    """
    try:
        request = msgspec.convert(payload, WorkflowRequest)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The execution's input is not valid: {error}.") from error
    labels = rules.check(request, run.name)
    champion, *rivals = labels
    total, chunks = _cut(run, _keep_manifest(run, request), request.manifest)
    plan = Plan(
        name=run.name,
        source=request.manifest or count(total, "instance"),
        champion=champion,
        challenger=next(iter(rivals), None),
        promote=request.promote,
        max_error_rate=request.max_error_rate,
        max_labels=request.max_labels,
        total=total,
        chunks=chunks,
        created_at=now,
        labels={model: list(own) for model, own in labels.items()},
    )
    run.put(run.key("workflow.json"), plan)
    return plan


def _cut(run: Run, manifest: str, source: str | None) -> tuple[int, int]:
    """Writes the chunks of the manifest. Returns how many images and chunks it has.

    source: where it was copied from.
    """
    check_manifest(source or manifest, run.store.stream(run.bucket, manifest))
    total = sum(1 for _ in entries(manifest, run.store.stream(run.bucket, manifest)))
    if total > MAX_IMAGES:
        raise BadRequest(f"A run may have {MAX_IMAGES:,} images; this one has {total:,}.")
    small = total <= SMALL_RUN
    listed = entries(manifest, run.store.stream(run.bucket, manifest))
    chunks = run.write_chunks(listed, SMALL_CHUNK if small else LARGE_CHUNK)
    if not small:
        run.put(run.key("items.json"), [{"chunk": n} for n in range(1, chunks + 1)])
    return total, chunks


def _keep_manifest(run: Run, request: WorkflowRequest) -> str:
    """Returns the key of the run's own copy of the manifest. The first copy stays.

    Raises BadRequest if it belongs to another request: a name may come again after 90 days.
    """
    digest = hashlib.sha256(msgspec.json.encode(request)).hexdigest()
    kept = run.first(
        run.key("manifest.json"), Kept, lambda: Kept(_copy_manifest(run, request), digest)
    )
    if kept.request != digest:
        raise BadRequest(
            "This name belongs to a run with another request; give this run another name."
        )
    return run.key(kept.manifest)


def _copy_manifest(run: Run, request: WorkflowRequest) -> str:
    """Copies the manifest. Returns its name among the run's objects."""
    name = f"manifest.{uuid.uuid4().hex[:8]}"
    if request.manifest is None:
        name += ".jsonl"
        lines = manifest_of(request.instances or [])
        run.store.put(run.bucket, run.key(name), lines, "application/jsonl")
    else:
        name += PurePosixPath(request.manifest.lower()).suffix
        copy_manifest(run.store, request.manifest, run.bucket, run.key(name))
    return name
