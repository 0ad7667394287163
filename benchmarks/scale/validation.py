"""Compare the simulation with real batches of a few hundred images on the local cloud.

Two runs with one container show what a request and a chunk cost. The other runs are predicted from
that. Before and after each, a run with one container shows how fast the machine is at that moment,
and how many threads of other programs run.
"""

import contextlib
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import urllib3

from benchmarks.cloud import SAMPLES, upload
from benchmarks.scale.local import REQUESTS, Costs, chunk_alone, fitted, predicted
from benchmarks.subject import model
from chalicelib.answers.batchviews import Counts
from chalicelib.aws.s3 import S3Store
from chalicelib.batch.ledger import Ledger
from chalicelib.bulk.chunks import SMALL_CHUNK
from chalicelib.images.decode import decode
from chalicelib.inference.classifier import Classifier
from chalicelib.settings import ROOT
from localcloud.starting import LocalCloud, running, wait_for

MODEL = "doodle"
BUCKET = "photographs"
CALIBRATION = (250, 1000)
BESIDE = 250
"""Images of the run before and after each."""
RUNS = ((500, 2), (500, 4), (1000, 1), (1000, 2), (2000, 2), (2000, 4))
START = "import app; app.services().classifiers.get(); import boto3; boto3.client('s3')"


@dataclass(frozen=True)
class Drained:
    """A real run.

    seconds: from the request to the results. calls: of the worker, the fan-out first. cpu: seconds
    a chunk, by the process's module. runnable: the machine's threads that could run, on average.
    """

    images: int
    workers: int
    seconds: float
    calls: list[float]
    cpu: dict[str, float]
    runnable: float

    @property
    def chunk(self) -> float:
        """Mean seconds of a chunk, without the first, which loads the model, and the last."""
        return statistics.fmean(self.calls[2:-1])


@dataclass(frozen=True)
class Compared:
    """A real run beside its prediction."""

    images: int
    workers: int
    measured: float
    predicted: float
    held_up_by: str
    others: float

    @property
    def ratio(self) -> float:
        """Predicted over measured."""
        return self.predicted / self.measured


def drained(images: int, workers: int) -> Drained:
    """Runs a batch of so many images on a new local cloud."""
    ids = [f"{number:07d}.jpg" for number in range(images)]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        options = ("--concurrency", str(workers), "--schedule-seconds", "3600")
        with running(log, MODEL, *options, IMAGE_BUCKETS=BUCKET) as cloud:
            return _batch(replace(cloud, images=BUCKET), cloud.results, ids, workers)


def _batch(cloud: LocalCloud, results: str, ids: list[str], workers: int) -> Drained:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET)  # no function is notified of it
    upload(cloud, ids)
    prefix = f"s3://{BUCKET}/batches/cloud/"
    body = {"instances": [{"id": id, "s3_uri": prefix + id} for id in ids]}
    batch = urllib3.request("POST", f"{cloud.url}/batches", json=body).json()["batch_id"]
    chunks = -(-len(ids) // SMALL_CHUNK)
    wait_for(lambda: len(_calls(cloud.log)) > min(2, chunks), 600)
    before, first, runnable = _cpu(cloud.process.pid), len(_calls(cloud.log)), list[int]()

    def nearly() -> bool:
        runnable.append(_runnable())
        return len(_calls(cloud.log)) >= chunks

    wait_for(nearly, 1800)
    after, last = _cpu(cloud.process.pid), len(_calls(cloud.log))
    wait_for(lambda: len(_calls(cloud.log)) > chunks, 600)

    ledger = Ledger(S3Store(lambda: s3), results, batch)
    summary = ledger.summary(0)
    assert summary and summary.counts == Counts(len(ids), len(ids), 0)
    cpu = {name: (after[name] - before[name]) / max(1, last - first) for name in after}
    seconds = summary.finished_at - ledger.batch().created_at
    mean = statistics.fmean(runnable)
    return Drained(len(ids), workers, seconds, _calls(cloud.log), cpu, mean)


def _runnable() -> int:
    """Counts the threads that run or wait for a core, without this one."""
    match = re.search(r"procs_running (\d+)", Path("/proc/stat").read_text())
    return int(match[1]) - 1 if match else 0


def _calls(log: Path) -> list[float]:
    """Returns the seconds of each call of the worker in the log."""
    totals = re.findall(r'-on_work".*?"total":([0-9.]+)', log.read_text())
    return [float(total) / 1000 for total in totals]


def _cpu(root: int) -> Counter[str]:
    """Returns CPU seconds by module, of a process and all its children."""
    seconds = Counter[str]()
    whole = psutil.Process(root)
    for process in (whole, *whole.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
            spent = process.cpu_times()
            module = process.cmdline()[2:3]  # of python -m MODULE
            seconds[module[0] if module else ""] += spent.user + spent.system
    return seconds


def cold_start() -> float:
    """Measures the CPU seconds until a container could classify."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    env = {**os.environ, "MODEL": MODEL, "AWS_DEFAULT_REGION": "us-east-1"}
    command = [sys.executable, "-c", START]
    subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=sys.stderr)  # it logs
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def image() -> float:
    """Measures the CPU seconds of one image of the local cloud."""
    classifier = Classifier(model(MODEL), 1)
    size, how = classifier.input_size, classifier.info.preprocessing
    seconds = []
    for number in range(100):
        start = time.thread_time()
        classifier.scores(decode(SAMPLES[number % len(SAMPLES)], size, how).pixels)
        seconds.append(time.thread_time() - start)
    return statistics.median(seconds)


def costs(small: Drained, large: Drained) -> Costs:
    """Derives the costs from two runs with one container."""
    sizes = [-(-run.images // SMALL_CHUNK) for run in (small, large)]
    per_image = image()
    client = max(0.0, large.cpu["localcloud.bootstrap"] - per_image * SMALL_CHUNK) / REQUESTS
    return Costs(
        aws=large.cpu["localcloud.motoserver"] / (REQUESTS + 2),
        client=client,
        image=per_image,
        message=large.cpu["localcloud.awslambda"],
        cold=cold_start(),
        fan_out=_line(sizes, [small.calls[0], large.calls[0]]),
        finish=_line(sizes, [run.calls[-1] - run.chunk for run in (small, large)]),
    )


def _line(at: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Returns a line's intercept and slope through two points; neither is negative."""
    slope = max(0.0, (values[1] - values[0]) / (at[1] - at[0]))
    return max(0.0, values[0] - slope * at[0]), slope


def compared(runs: Sequence[tuple[int, int]] = RUNS) -> Iterator[Compared]:
    """Predicts each run, and makes it."""
    cores = os.cpu_count() or 1
    small, large = (drained(images, 1) for images in CALIBRATION)
    measured = costs(small, large)
    ours = sum(large.cpu.values()) / chunk_alone(measured, cores)
    before = drained(BESIDE, 1)
    for images, workers in runs:
        real = drained(images, workers)
        after = drained(BESIDE, 1)
        others = max(0.0, (before.runnable + after.runnable) / 2 - ours)
        now = fitted(measured, (before.chunk + after.chunk) / 2, cores, others)
        sim = predicted(-(-images // SMALL_CHUNK), workers, now, cores, others)
        out = sim.out
        yield Compared(images, workers, real.seconds, out.seconds, out.held_up_by, others)
        before = after
