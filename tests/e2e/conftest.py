"""The real app, as `make run` starts it."""

import contextlib
import functools
import http.server
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, TEST_DATA, pick_free_port


@contextlib.contextmanager
def running(log: Path, model: str, **env: str) -> Iterator[str]:
    """The base URL of the app, served by `python -m localcloud` until the end of the block.

    log: gets all that it prints.
    """
    port = pick_free_port()
    command = [sys.executable, "-m", "localcloud", "--model", model, "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **env},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        while b"Ctrl-C ends it" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of the app with the bundled model."""
    with running(tmp_path_factory.mktemp("server") / "log", "doodle") as url:
        yield url


@pytest.fixture(scope="session")
def photo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of the app with the real ImageNet classifier of the test material."""
    cache = tmp_path_factory.mktemp("models")
    command = [sys.executable, "-m", "tools.model", "add", "mobilenet-v2"]
    network = TEST_DATA / "mobilenet-v2" / "mobilenet_v2_1.0_224_quant.tflite"
    labels = ["--labels", str(TEST_DATA / "imagenet_labels.txt")]
    env = {**os.environ, "MODEL_DIR": str(cache)}
    subprocess.run([*command, str(network), *labels], cwd=ROOT, env=env, check=True)
    log = tmp_path_factory.mktemp("photo_server") / "log"
    with running(log, "mobilenet-v2", MODEL_DIR=str(cache)) as url:
        yield url


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def file_server(folder: Path) -> Iterator[str]:
    """The base URL of a loopback server of the folder's files."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
