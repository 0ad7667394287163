"""The deployed function on this machine, with an AWS beside it, and its cold starts."""

import contextlib
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import click
from moto.server import ThreadedMotoServer

from benchmarks.machine import check_hidden_from
from chalicelib.inference.packages import ModelPackage
from chalicelib.tokens import digest
from localcloud import sampleevents as events
from localcloud.disk import ARCHITECTURE, Image, Runtime, can_be_in_place, unpack
from localcloud.unzipped import Function, started
from tools.bundling import enginelayer
from tools.bundling.build import bundle, lambda_runtime, model_layer

TOKEN = "a-token-of-the-benchmark"
RESULTS = "coldstart-results"


@dataclass(frozen=True)
class Case:
    """A function to start, its environment, and the event to call it with."""

    image: Image
    handler: str
    environment: dict[str, str]
    event: events.Event

    @property
    def in_place(self) -> bool:
        """Whether the model is where Lambda has it: in a read-only folder."""
        return "MODEL_DIR" not in self.environment


def cases(image: Image, bare: Image, aws: dict[str, str], body: bytes) -> dict[str, Case]:
    """Returns the cases to compare. bare: the image without bytecode."""
    settings = {"ENGINE": "litert", **aws}
    if not can_be_in_place(image.runtime):
        settings["MODEL_DIR"] = str(image.opt / "models")
    predict = events.rest("POST", "/predict", body, {"Content-Type": "application/octet-stream"})
    blas = settings | {"OPENBLAS_NUM_THREADS": "2"}
    experiment = settings | {"ARMS": f"{settings['MODEL']}=1", "RESULTS_BUCKET": RESULTS}
    authorize = events.token(f"Bearer {TOKEN}")
    second = settings | {"ENGINE": "onnxruntime"}
    has_second = (image.opt / "python" / "onnxruntime").is_dir()
    return {
        "predict": Case(image, "app.app", settings, predict),
        "predict_without_bytecode": Case(bare, "app.app", settings, predict),
        "predict_with_experiment": Case(image, "app.app", experiment, predict),
        "predict_with_2_threads": Case(image, "app.app", settings | {"THREADS": "2"}, predict),
        "predict_with_blas_threads": Case(image, "app.app", blas, predict),
        **({"onnxruntime": Case(image, "app.app", second, predict)} if has_second else {}),
        "health": Case(image, "app.app", settings, events.rest("GET", "/health")),
        "authorize": Case(image, "app.authorize", settings, authorize),
    }


def measured(case: Case) -> dict[str, float]:
    """Measures a cold start and a second call, in seconds and megabytes."""
    with started(case.image, case.handler, case.environment, in_place=case.in_place) as function:
        init = function.init_seconds
        first = _call(function, case.event)
        cpu = function.cpu_seconds
        second = _call(function, case.event)
        check_hidden_from(function.process)
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


@contextlib.contextmanager
def unpacked(package: ModelPackage) -> Iterator[Image]:
    """Builds the zips for this machine, and yields them unpacked."""
    zips, lambdas = bundle(ARCHITECTURE), Runtime(*lambda_runtime())
    with tempfile.TemporaryDirectory() as folder:
        layer = model_layer(package, Path(folder) / "model.zip")
        layers = [zips["layer"], layer, *enginelayer.layers(ARCHITECTURE, package).values()]
        yield unpack(Path(folder) / "disk", zips["function"], layers, lambdas)


def without_bytecode(image: Image) -> Image:
    """Returns a copy of the unpacked deployment, without bytecode."""
    folder = image.task.parent
    copy = folder.with_name("bare")
    shutil.copytree(folder, copy, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    return Image(copy / image.task.name, image.runtime)


@contextlib.contextmanager
def aws(*buckets: str) -> Iterator[dict[str, Any]]:
    """Runs an AWS with these buckets; yields the options of boto3 that lead to it."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        place = {"endpoint_url": f"http://{host}:{port}", "region_name": events.REGION}
        options = {**place, **keys}
        s3, region = boto3.client("s3", **options), {"LocationConstraint": events.REGION}
        for bucket in buckets:
            # servers of one process share what they hold
            with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
                s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=region)
        yield options
    finally:
        server.stop()


@contextlib.contextmanager
def with_token() -> Iterator[dict[str, str]]:
    """Runs an AWS with a bucket; yields the environment of a stage that asks for the token."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    with aws(RESULTS) as options:
        yield {"AWS_ENDPOINT_URL": options["endpoint_url"], "TOKEN_SHA256": digest(TOKEN)}
