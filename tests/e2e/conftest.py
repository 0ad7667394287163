"""The real app, as `make run` starts it."""

import contextlib
import functools
import http.server
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3
from botocore.exceptions import BotoCoreError

from localcloud import starting
from localcloud.starting import wait_for
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
from tests.functional.deployer import ports, tool  # noqa: F401 - fixtures
from tests.loopback import answering
from tests.processes import OBSERVER, descendants

OPTIONS = ("--schedule-seconds", "2", "--parameter", "WithResultsQueue=true")


class LocalCloud(starting.LocalCloud):
    """The served app and AWS, for tests, which kill parts of it and see its faults."""

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

    def count_votes(self) -> None:
        """Returns once the schedule has counted all votes so far, those of tests before too."""
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"  # in whole seconds, as `updated_at`
        url = f"{self.url}/experiment"
        wait_for(lambda: (urllib3.request("GET", url).json().get("updated_at") or "") > now)

    def client(self, service: str, agent: str = OBSERVER) -> Any:
        """A boto3 client of its AWS, that no fault is for."""
        return super().client(service, agent)


@contextlib.contextmanager
def running(log: Path, model: str, *options: str, **env: str) -> Iterator[LocalCloud]:
    """The app and its AWS until the end of the block, at which all batches balance.

    log: gets all that it prints.
    """
    with starting.running(log, model, *options, **env) as served:
        cloud = LocalCloud(**vars(served))
        yield cloud
        cloud.check_batches()


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """The app with the bundled model, and its AWS; a message that fails comes again soon."""
    log = tmp_path_factory.mktemp("cloud") / "log"
    with running(log, "doodle", *OPTIONS) as cloud:
        yield cloud


@pytest.fixture(scope="package")
def divided_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """As `cloud`, for the modules that divide its traffic among models.

    A container may go on by the old weights for half a minute, so no other module may share it.
    """
    log = tmp_path_factory.mktemp("divided_cloud") / "log"
    with running(log, "doodle", *OPTIONS) as cloud:
        yield cloud


@pytest.fixture(scope="package")
def server(cloud: LocalCloud) -> str:
    """The base URL of the app with the bundled model."""
    return cloud.url


@pytest.fixture(scope="package", params=["REST API", "Function URL"])
def front(cloud: LocalCloud, request: pytest.FixtureRequest) -> str:
    """The base URL of the same app, by the one and by the other of its fronts."""
    return cloud.url if request.param == "REST API" else cloud.function_url


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
    with answering(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)) as server:
        yield f"http://127.0.0.1:{server.server_port}"
