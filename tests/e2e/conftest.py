"""The real app, as `make run` starts it."""

import contextlib
import functools
import http.server
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from tests.balance import check_bucket
from tests.conftest import ROOT, TEST_DATA
from tests.e2e.browser import (  # noqa: F401 - fixtures
    browser,
    browser_options,
    context,
    contexts,
    own_context,
    page,
)
from tests.processes import END_SECONDS, OBSERVER, PYTHON, descendants, started

LOCALCLOUD = [*PYTHON, "localcloud", "--port", "0", "--aws-port", "0"]
TOLD = re.compile(
    r"^  (http\S+) serves .*\n +aws .*--endpoint-url (\S+) .* s3://(\S+)/$", re.MULTILINE
)
"""What it prints once it serves: where the app is, where AWS is, and the bucket of images."""

T = TypeVar("T")


@dataclass(frozen=True)
class LocalCloud:
    """What `python -m localcloud` serves: the app, an AWS, and a bucket of it for images.

    process: the supervisor. log: what it prints.
    """

    url: str
    aws: str
    images: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def kill(self, module: str) -> int:
        """Kill what runs a module of it, as localcloud.bootstrap; how many processes it were."""
        running = descendants(self.process.pid)
        pids = [pid for pid, command in running.items() if f"-m {module} " in command]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # as one that was only starting another
                os.kill(pid, signal.SIGKILL)
        return len(pids)

    def check_batches(self) -> None:
        """Whatever the test was about: each batch that says it has finished balances."""
        with contextlib.closing(self.client("s3")) as s3, contextlib.suppress(BotoCoreError):
            check_bucket(s3, self.results)  # unless what held them was ended by the test

    @property
    def results(self) -> str:
        """The bucket of the results."""
        return self.images.replace("-images-", "-results-")

    def client(self, service: str) -> Any:
        """A boto3 client of its AWS."""
        return boto3.client(
            service,
            endpoint_url=self.aws,
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=Config(user_agent_extra=OBSERVER),
        )


def wait_for(what: Callable[[], T], seconds: float = 90) -> T:
    """What it gives, as soon as that is true of it."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"waited {seconds} seconds for it in vain"
        time.sleep(0.1)
    return found


@contextlib.contextmanager
def running(log: Path, model: str, *options: str, **env: str) -> Iterator[LocalCloud]:
    """The app and its AWS, served by `python -m localcloud` until the end of the block.

    log: gets all that it prints.
    """
    command = [*LOCALCLOUD, "--model", model, *options]
    with (
        log.open("wb") as output,
        started(command, {"PYTHONUNBUFFERED": "1", **env}, stdout=output, stderr=output) as process,
    ):
        told = wait_for(lambda: TOLD.search(log.read_text()) or process.poll() is not None)
        assert isinstance(told, re.Match), log.read_text()
        cloud = LocalCloud(*told.groups(), process, log)
        yield cloud
        cloud.check_batches()
        process.terminate()
        assert process.wait(END_SECONDS) == 0, log.read_text()


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """The app with the bundled model, and its AWS; a message that fails comes again soon."""
    log = tmp_path_factory.mktemp("cloud") / "log"
    options = ("--schedule-seconds", "2", "--parameter", "WithResultsQueue=true")
    with running(log, "doodle", *options) as cloud:
        yield cloud


@pytest.fixture(scope="package")
def server(cloud: LocalCloud) -> str:
    """The base URL of the app with the bundled model."""
    return cloud.url


@pytest.fixture(scope="package")
def photo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of the app with the real ImageNet classifier of the test material."""
    cache = tmp_path_factory.mktemp("models")
    command = [sys.executable, "-m", "tools.model", "add", "mobilenet-v2"]
    network = TEST_DATA / "mobilenet-v2" / "mobilenet_v2_1.0_224_quant.tflite"
    labels = ["--labels", str(TEST_DATA / "imagenet_labels.txt")]
    env = {**os.environ, "MODEL_DIR": str(cache)}
    subprocess.run([*command, str(network), *labels], cwd=ROOT, env=env, check=True)
    log = tmp_path_factory.mktemp("photo_server") / "log"
    with running(log, "mobilenet-v2", MODEL_DIR=str(cache)) as cloud:
        yield cloud.url


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
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
