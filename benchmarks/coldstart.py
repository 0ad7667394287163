"""A cold start of the deployed zips: how long until the first answer, and how much memory it takes.

    python -m benchmarks.coldstart --model inception-v3 photo.jpg

Unpacks the zips of `make package` as Lambda does and runs them by its own runtime client against a
Runtime API on this machine. Prints medians of interleaved runs, ratios first. What Lambda does
before it starts Python (a machine, the zips' download) is not in it; the files are in memory.
"""

import contextlib
import json
import logging
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import click
from moto.server import ThreadedMotoServer

from benchmarks.machine import machine
from chalicelib.models import Models
from chalicelib.settings import Settings
from chalicelib.storage import S3Store
from tests import lambdaevents as events
from tests.lambdafunction import ARCHITECTURE, Function, Image, runtime, started, unpack
from tools.bundling.build import bundle, model_layer

TOKEN = "a-token-of-the-benchmark"
RESULTS = "coldstart-results"
PARAMETER = "/serverless-inception/coldstart/token"


@dataclass(frozen=True)
class Case:
    """A function that is started and called once, and what it answers if all is well."""

    image: Image
    handler: str
    environment: dict[str, str]
    event: events.Event


def cases(image: Image, bare: Image, aws: dict[str, str], body: bytes) -> dict[str, Case]:
    """What is compared. bare: the image without bytecode."""
    settings = {"MODEL_DIR": str(image.opt / "models"), **aws}
    predict = events.rest("POST", "/predict", body, {"Content-Type": "application/octet-stream"})
    threads = settings | {"OPENBLAS_NUM_THREADS": "1"}
    experiment = settings | {"ARMS": f"{settings['MODEL']}=1", "RESULTS_BUCKET": RESULTS}
    authorize = events.token(f"Bearer {TOKEN}")
    return {
        "predict": Case(image, "app.app", settings, predict),
        "predict_without_bytecode": Case(bare, "app.app", settings, predict),
        "predict_with_experiment": Case(image, "app.app", experiment, predict),
        "predict_with_1_blas_thread": Case(image, "app.app", threads, predict),
        "health": Case(image, "app.app", settings, events.rest("GET", "/health")),
        "authorize": Case(image, "app.authorize", settings, authorize),
    }


def measured(case: Case) -> dict[str, float]:
    """One cold start, in seconds and megabytes, and a second call."""
    with started(case.image, case.handler, case.environment) as function:
        init = function.init_seconds
        first = _call(function, case.event)
        cpu = function.cpu_seconds
        second = _call(function, case.event)
        return {
            "init_s": init,
            "first_s": first,
            "total_s": init + first,
            "cpu_s": cpu,
            "second_s": second,
            "peak_mb": function.peak_megabytes,
        }


def _call(function: Function, event: events.Event) -> float:
    start = time.perf_counter()
    outcome = function.invoke(event)
    seconds = time.perf_counter() - start
    payload: Any = outcome.payload
    if outcome.failed or payload is None or payload.get("statusCode", 200) != 200:
        raise click.ClickException(f"{payload}\n{function.printed[-2000:]}")
    return seconds


def medians(compared: dict[str, Case], runs: int) -> dict[str, dict[str, float]]:
    """Medians of each case, the runs interleaved, after one that is not counted."""
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in compared}
    with click.progressbar(range(runs + 1), label="cold starts", file=sys.stderr) as rounds:
        for number in rounds:
            for name, case in compared.items():
                found = measured(case)
                if number:
                    seen[name].append(found)
    return {
        name: {key: round(statistics.median(run[key] for run in found), 3) for key in found[0]}
        for name, found in seen.items()
    }


@contextlib.contextmanager
def unpacked(model: str) -> Iterator[tuple[Image, Image]]:
    """The deployment's folders, and the same without bytecode."""
    package = Models(Settings.from_environment().model_dirs, "", S3Store(lambda: None)).find(model)
    zips, lambdas = bundle(ARCHITECTURE), runtime()
    with tempfile.TemporaryDirectory() as folder:
        layer = model_layer(package, Path(folder) / "model.zip")
        layers = [zips["layer"], layer]
        image = unpack(Path(folder) / "with", zips["function"], layers, lambdas)
        bare = unpack(Path(folder) / "without", zips["function"], layers, lambdas)
        for cached in list(bare.task.parent.rglob("__pycache__")):
            shutil.rmtree(cached)
        yield image, bare


@contextlib.contextmanager
def local_aws() -> Iterator[dict[str, str]]:
    """The variables of functions that reach an AWS on this machine, with a bucket and a token."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        endpoint = f"http://{host}:{port}"
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        options: dict[str, Any] = {"endpoint_url": endpoint, "region_name": events.REGION, **keys}
        place = {"LocationConstraint": events.REGION}
        boto3.client("s3", **options).create_bucket(Bucket=RESULTS, CreateBucketConfiguration=place)
        boto3.client("ssm", **options).put_parameter(
            Name=PARAMETER, Value=TOKEN, Type="SecureString"
        )
        yield {"AWS_ENDPOINT_URL": endpoint, "TOKEN_PARAMETER": PARAMETER}
    finally:
        server.stop()


@click.command(help=__doc__)
@click.argument("image", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", default="inception-v3", show_default=True, help="Package to run.")
@click.option("--runs", default=9, show_default=True, help="Counted runs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(image: Path, model: str, runs: int, as_json: bool) -> None:
    """Measure, and print."""
    # Lambda shows two CPUs to a function of up to 3,008 MB, however little of them it gets
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    with unpacked(model) as (disk, bare), local_aws() as aws:
        compared = cases(disk, bare, {**aws, "MODEL": model}, image.read_bytes())
        found = medians(compared, runs)
    base = found["predict"]
    ratios = {
        f"{name}_over_predict_{key}": round(found[name][key] / base[key], 2)
        for name in list(found)[1:]
        for key in ("total_s", "cpu_s")
    }
    figures = {"machine": machine(), "model": model, "runs": runs, **ratios}
    if as_json:
        click.echo(json.dumps(figures | {"cases": found}))
        return
    for name, value in figures.items():
        click.echo(f"{name:50}{value}")
    for name, each in found.items():
        click.echo(f"{name:28}" + "  ".join(f"{key} {value}" for key, value in each.items()))


if __name__ == "__main__":
    main()
