"""Cold starts of the deployed function on this machine."""

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

from chalicelib.inference.packages import ModelPackage
from localcloud import sampleevents as events
from localcloud.disk import ARCHITECTURE, Image, Runtime, can_be_in_place, unpack
from localcloud.unzipped import Function, started
from tools.bundling import enginelayer
from tools.bundling.build import bundle, lambda_runtime, model_layer

TOKEN = "a-token-of-the-benchmark"
RESULTS = "coldstart-results"
PARAMETER = "/serverless-inception/coldstart/token"


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
def unpacked(package: ModelPackage) -> Iterator[tuple[Image, Image]]:
    """Yields the unpacked deployment, and the same without bytecode."""
    zips, lambdas = bundle(ARCHITECTURE), Runtime(*lambda_runtime())
    with tempfile.TemporaryDirectory() as folder:
        layer = model_layer(package, Path(folder) / "model.zip")
        layers = [zips["layer"], layer, *enginelayer.layers(ARCHITECTURE, package).values()]
        image = unpack(Path(folder) / "with", zips["function"], layers, lambdas)
        bare = unpack(Path(folder) / "without", zips["function"], layers, lambdas)
        for cached in list(bare.task.parent.rglob("__pycache__")):
            shutil.rmtree(cached)
        yield image, bare


@contextlib.contextmanager
def local_aws() -> Iterator[dict[str, str]]:
    """Runs an AWS with a bucket and a token; yields the environment variables that lead to it."""
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
