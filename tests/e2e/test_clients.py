"""Clients that others' generators make of `openapi.json` work, in Python and in TypeScript."""

import base64
import importlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from chalicelib.page import WEB
from tests.conftest import DOODLES

SAMPLE = DOODLES / "umbrella.jpg"
NODE_PACKAGES = "openapi-typescript@7.13.0", "typescript@5.9.3"
OFFLINE = re.compile("ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH")
USE = """
import type { components, paths } from "./api";
declare const answer: paths["/predict"]["post"]["responses"][200]["content"]["application/json"];
declare const failed: components["schemas"]["ErrorAnswer"];
export const best: string | undefined = answer.predictions[0]?.labels?.[0]?.name;
export const codes: (string | undefined)[] =
  [failed.error.code, answer.predictions[0]?.error?.code];
export const several: components["schemas"]["PredictRequest"] =
  { instances: [{ url: "https://images.example/cat.jpg" }], max_labels: 1, min_confidence: 0 };
// @ts-expect-error: a label's name is no number
export const wrong: number = answer.predictions[0]!.labels![0]!.name;
"""


class Client:
    """The package that openapi-python-client made, and a client of the server by it."""

    def __init__(self, package: str, server: str) -> None:
        self._package = package
        self.models, self.types = self.module("models"), self.module("types")
        self.client = self.module("client").Client(base_url=server)

    def module(self, name: str) -> Any:
        return importlib.import_module(f"{self._package}.{name}")

    def ask(self, view: str, **parameters: Any) -> Any:
        return self.module(f"api.{view}").sync(client=self.client, **parameters)


@pytest.fixture(scope="module")
def client(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    pytest.importorskip("openapi_python_client", reason="requirements-test.txt is not installed")
    folder = tmp_path_factory.mktemp("client")
    config = folder / "config.json"
    config.write_text(json.dumps({"post_hooks": []}))
    generate = ("generate", "--meta", "none", "--path", str(WEB / "openapi.json"))
    command = [sys.executable, "-m", "openapi_python_client", *generate, "--config", str(config)]
    subprocess.run([*command, "--output-path", str(folder / "made_client")], check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        made = Client("made_client", server)
        with made.client:
            yield made


@pytest.mark.parametrize("way", ["JSON", "bytes", "form"])
def test_a_python_client_predicts(client: Client, way: str) -> None:
    data, models = SAMPLE.read_bytes(), client.models
    file = client.types.File(BytesIO(data), SAMPLE.name, "image/jpeg")
    body = {
        "JSON": models.PredictRequest(b64=base64.b64encode(data).decode(), max_labels=1),
        "bytes": file,
        "form": models.PredictForm(image=file, max_labels=1),
    }[way]
    answer = client.ask("predict.predict_post", body=body)
    assert isinstance(answer, models.Answer)
    (prediction,) = answer.predictions
    assert prediction.labels[0].name == "umbrella"
    assert (len(prediction.labels) == 1) == (way != "bytes")


def test_a_python_client_reads_errors(client: Client) -> None:
    models = client.models
    refused = client.ask("predict.predict_post", body=models.PredictRequest(url="ftp://h/x.jpg"))
    assert isinstance(refused, models.ErrorAnswer) and refused.error.code == "SourceInvalid"
    several = models.PredictRequest(instances=[models.Instance(url="ftp://h/x.jpg")])
    (prediction,) = client.ask("predict.predict_post", body=several).predictions
    assert prediction.error == refused.error
    missing = client.ask("batch.batch_get", batch_id="none")
    assert isinstance(missing, models.ErrorAnswer) and missing.error.code == "NotFound"


def test_a_python_client_reads_the_other_answers(client: Client) -> None:
    image = client.models.Instance(b64=base64.b64encode(SAMPLE.read_bytes()).decode())
    request = client.models.BatchRequest(instances=[image], max_labels=1)
    started = client.ask("batch.batches_post", body=request)
    assert started.status in ("queued", "running", "finished")
    listed = client.ask("batch.batches_get").batches
    assert started.batch_id in [batch.batch_id for batch in listed]
    assert client.ask("service.health").status == "ok"
    assert client.ask("service.models").default == "doodle"
    assert client.ask("experiment.experiment_get").arms[0].interval is None
    assert client.ask("open_inference_protocol.v2_model", name="doodle").inputs[0].shape[0] == -1


def test_typescript_types_compile_strictly(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("Node.js is not installed")

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    quiet = ("--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund")
    installed = run(npm, "install", *quiet, *NODE_PACKAGES)
    if OFFLINE.search(installed.stderr):
        pytest.skip("npm does not reach its registry")
    assert installed.returncode == 0, installed.stderr
    tools = tmp_path / "node_modules" / ".bin"
    made = run(str(tools / "openapi-typescript"), str(WEB / "openapi.json"), "-o", "api.ts")
    assert made.returncode == 0, made.stderr
    (tmp_path / "use.ts").write_text(USE)
    strictly = (
        "--strict",
        "--noEmit",
        "--noUncheckedIndexedAccess",
        "--exactOptionalPropertyTypes",
    )
    compiled = run(str(tools / "tsc"), *strictly, "use.ts", "api.ts")
    assert compiled.returncode == 0, compiled.stdout
