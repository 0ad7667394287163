"""A process of its own that is given files, because peak memory is a process's.

    python -m tests.torture.posting http FOLDER                     POST /predict, one by one
    python -m tests.torture.posting mutations FOLDER FIRST COUNT    POST mutations of the files
    python -m tests.torture.posting together FOLDER                 one POST /predict of all
    python -m tests.torture.posting batch FOLDER...                 one batch of all

All but the first ask for heat maps and embeddings too. It prints a JSON line for each file that the
FOLDER's index.jsonl names.
"""

import base64
import contextlib
import faulthandler
import io
import json
import os
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.torture.mutations import mutated

HANGS = 60
"""Seconds after which a file has hung the process: it ends with a traceback."""


def peak_mb() -> float:
    """The most memory this process had since `forget_peak`, in MB; since its start, if not Linux.

    The resource module's figure would start with that of the process that started this one.
    """
    try:
        peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        return int(peak[1]) / 1000 if peak else 0.0
    except OSError:
        unit = 1e6 if sys.platform == "darwin" else 1e3
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    _, way, *arguments = sys.argv
    os.environ.update(MODEL="doodle", PUBLIC="true", POWERTOOLS_LOG_LEVEL="CRITICAL")
    for name in ("IMAGES_BUCKET", "RESULTS_BUCKET", "ARMS", "MODELS_BUCKET"):
        os.environ.pop(name, None)
    results, sys.stdout = sys.stdout, io.StringIO()  # which gets the metrics
    ways: dict[str, Callable[..., Any]] = {
        "http": _files_posted,
        "mutations": _mutations_posted,
        "together": _together,
        "batch": _batch,
    }
    for line in ways[way](*arguments):
        print(json.dumps(line), file=results, flush=True)
        sys.stdout.seek(0)
        sys.stdout.truncate()


def _files_posted(folder: str) -> Iterator[dict[str, Any]]:
    return _http((name, (Path(folder) / name).read_bytes()) for name in _names(folder))


def _mutations_posted(folder: str, first: str, count: str) -> Iterator[dict[str, Any]]:
    seeds = [path.read_bytes() for path in sorted(Path(folder).iterdir())]
    numbers = range(int(first), int(first) + int(count))
    path = "/predict?explain=true&embedding=true"
    return _http(((str(number), mutated(seeds, number)) for number in numbers), path)


def _names(folder: str) -> list[str]:
    index = (Path(folder) / "index.jsonl").read_text().splitlines()
    return [json.loads(line)["file"] for line in index]


@contextlib.contextmanager
def _client() -> Iterator[Any]:
    """A client of the app, whose model is loaded."""
    from chalice.test import Client

    from app import app
    from tests.conftest import ROOT

    with Client(app, stage_name="dev", project_dir=str(ROOT)) as client:
        client.http.get("/health")
        yield client.http


def _http(files: Iterator[tuple[str, bytes]], path: str = "/predict") -> Iterator[dict[str, Any]]:
    """Post each file to the app; seconds are the processor's, which other work does not touch."""
    with _client() as client:
        for name, data in files:
            faulthandler.dump_traceback_later(HANGS, exit=True)
            forget_peak()
            start = time.process_time()
            headers = {"Content-Type": "application/octet-stream"}
            answer = client.post(path, headers=headers, body=data)
            seconds = time.process_time() - start
            faulthandler.cancel_dump_traceback_later()
            yield _line(name, answer.status_code, answer.json_body, seconds)


def _together(folder: str) -> Iterator[dict[str, Any]]:
    """Post all files in one request."""
    instances = [
        {"id": name, "b64": base64.b64encode((Path(folder) / name).read_bytes()).decode()}
        for name in _names(folder)
    ]
    body = json.dumps({"instances": instances, "explain": True, "embedding": True}).encode()
    with _client() as client:
        faulthandler.dump_traceback_later(10 * HANGS, exit=True)
        headers = {"Content-Type": "application/json"}
        answer = client.post("/predict", headers=headers, body=body)
        faulthandler.cancel_dump_traceback_later()
        for prediction in answer.json_body["predictions"]:
            yield _line(prediction["id"], answer.status_code, _told(prediction), 0.0)


def _told(outcome: dict[str, Any]) -> dict[str, str]:
    """The error of one outcome among several, in the form of a whole answer's."""
    error = outcome.get("error")
    return {"Code": error["code"], "Message": error["message"]} if error else {}


def _line(name: str, status: int | str, told: dict[str, str], seconds: float) -> dict[str, Any]:
    return {
        "file": name,
        "status": status,
        "code": told.get("Code", "classified"),
        "message": told.get("Message", ""),
        "seconds": seconds,
        "peak": peak_mb(),
    }


def _batch(*folders: str) -> Iterator[dict[str, Any]]:
    """Classify all of them as one batch; its results, with the peak of the whole on each line."""
    from chalicelib.requests import BatchRequest, Instance
    from chalicelib.wiring import services
    from tests.fakes import MemoryQueue, MemoryStore
    from tests.wired import wired

    class Folder(MemoryStore):
        """Images are read from disk: the store's memory is not the worker's."""

        def read(self, bucket: str, key: str, max_bytes: int) -> bytes:
            if bucket == "images":
                return (root / key).read_bytes()
            return super().read(bucket, key, max_bytes)

    root = Path(folders[0]).parent
    store, queue, own = Folder(), MemoryQueue(), services()
    batch = wired(own.models, {"MODEL": own.classifiers.get().info.name}, store=store, queue=queue)
    names = [f"{Path(folder).name}/{name}" for folder in folders for name in _names(folder)]
    instances = [Instance(id=name, s3_uri=f"s3://images/{name}") for name in names]
    request = BatchRequest(instances=instances, explain=True, embedding=True)
    batch_id = batch.batches.create(request).batch_id
    while queue.bodies:
        faulthandler.dump_traceback_later(10 * HANGS, exit=True)
        batch.events.on_message(queue.bodies.pop(0), lambda: 900.0)
    faulthandler.cancel_dump_traceback_later()
    status = batch.batches.view(batch_id).status
    for line in store.objects["results", f"batches/{batch_id}/results.jsonl"].splitlines():
        record = json.loads(line)
        yield _line(record["id"], status, _told(record), 0.0)


if __name__ == "__main__":
    main()
