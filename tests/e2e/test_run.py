"""What `make run` does on a machine that is not as it should be."""

import contextlib
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from localcloud.starting import END_SECONDS, LOCALCLOUD, PYTHON
from tests.conftest import ROOT
from tests.e2e.conftest import LocalCloud, running


def start(*options: str) -> "subprocess.CompletedProcess[str]":
    command = [*LOCALCLOUD, *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_without_a_way_to_the_models_host_doodle_answers(tmp_path: Path, free_port: int) -> None:
    nowhere = f"http://127.0.0.1:{free_port}/"
    env = {"MODEL_DIR": str(tmp_path / "models"), "MODEL_BASE_URL": nowhere}
    with running(tmp_path / "log", "inception-v3", **env) as cloud:
        assert urllib3.request("GET", f"{cloud.url}/health").json()["model"]["name"] == "doodle"
        listed = urllib3.request("GET", f"{cloud.url}/models").json()
        assert (listed["default"], listed["missing"]) == ("doodle", "inception-v3")
    told = [line for line in (tmp_path / "log").read_text().splitlines() if "instead" in line]
    assert len(told) == 1 and "doodle" in told[0]


@pytest.fixture
def held() -> Iterator[list[int]]:
    """The ports of `make run`, held for the test, unless somebody else holds them already."""
    ports = [8000, 4566]
    with contextlib.ExitStack() as stack:
        for port in ports:
            with contextlib.suppress(OSError):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
        yield ports


def test_with_both_ports_of_make_run_taken_it_runs_on_others_and_names_them(
    held: list[int], tmp_path: Path
) -> None:
    with running(tmp_path / "log", "doodle") as cloud:
        assert urllib3.request("GET", f"{cloud.url}/health").status == 200
        assert cloud.client("s3").list_buckets()["Buckets"]
        taken = {int(url.rpartition(":")[2]) for url in (cloud.url, cloud.aws)}
    assert not taken & set(held)
    lines = [line for line in cloud.log.read_text().splitlines() if cloud.url in line]
    assert any(re.search(r"serves .*\(doodle\)\. Ctrl-C ends it", line) for line in lines)
    check_nothing_is_left(cloud)  # after SIGTERM


@pytest.mark.parametrize(
    ("options", "told"),
    [([], ("8000", "make run PORT=")), (["--port", "0"], ("4566", "AWS_PORT="))],
)
def test_make_run_says_how_to_choose_other_ports(
    held: list[int], options: list[str], told: tuple[str, str]
) -> None:
    command = [*PYTHON, "localcloud", "--model", "doodle", *options]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 1
    assert all(part in ended.stderr for part in told), ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_model_that_there_is_not() -> None:
    ended = start("--model", "none")
    assert ended.returncode == 1
    assert "no model 'none'" in ended.stderr and "list" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    with running(tmp_path / "log", "doodle") as cloud:
        cloud.process.send_signal(signal.SIGINT)
        assert cloud.process.wait(END_SECONDS) == 0
    check_nothing_is_left(cloud)


def check_nothing_is_left(cloud: LocalCloud) -> None:
    for url in (cloud.url, cloud.aws):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    assert "Traceback" not in cloud.log.read_text()
