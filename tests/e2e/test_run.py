"""What `make run` does on a machine that is not as it should be."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import urllib3

from tests.conftest import ROOT, pick_free_port
from tests.e2e.conftest import running

LOCALCLOUD = [sys.executable, "-m", "localcloud"]


def start(*options: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*LOCALCLOUD, *options], cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True
    )


def test_one_line_names_the_address_and_the_model(tmp_path: Path) -> None:
    with running(tmp_path / "log", "doodle") as cloud:
        lines = [line for line in (tmp_path / "log").read_text().splitlines() if cloud.url in line]
    assert any(re.search(r"serves .*\(doodle\)\. Ctrl-C ends it", line) for line in lines)


def test_without_a_way_to_the_models_host_doodle_answers(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{pick_free_port()}/"
    env = {"MODEL_DIR": str(tmp_path / "models"), "MODEL_BASE_URL": nowhere}
    with running(tmp_path / "log", "inception-v3", **env) as cloud:
        assert urllib3.request("GET", f"{cloud.url}/health").json()["model"]["name"] == "doodle"
    told = [line for line in (tmp_path / "log").read_text().splitlines() if "instead" in line]
    assert len(told) == 1 and "doodle" in told[0]


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = start("--model", "doodle", "--port", port)
    assert ended.returncode == 1
    assert port in ended.stderr and "PORT=" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_model_that_there_is_not() -> None:
    ended = start("--model", "none", "--port", str(pick_free_port()))
    assert ended.returncode == 1
    assert "no model 'none'" in ended.stderr and "list" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ending_it_leaves_nothing_behind(tmp_path: Path, how: signal.Signals) -> None:
    port = pick_free_port()
    log = tmp_path / "log"
    with log.open("wb") as output:
        command = [*LOCALCLOUD, "--model", "doodle", "--port", str(port)]
        env = {**os.environ, "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output)
        while b"Ctrl-C ends it" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        process.send_signal(how)
        assert process.wait(timeout=20) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert "Traceback" not in log.read_text()


def test_chalice_local_works_on_its_own(tmp_path: Path) -> None:
    """And a model that is not there is not missed: the stage `local` says what answers instead."""
    port = pick_free_port()
    command = [Path(sys.executable).with_name("chalice"), "local", "--stage", "local"]
    env = {**os.environ, "MODEL_DIR": str(tmp_path)}
    process = subprocess.Popen(
        [*command, "--no-autoreload", "--port", str(port)],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        retries = urllib3.Retry(total=None, connect=300, backoff_factor=0.1, backoff_max=0.1)
        health = urllib3.request("GET", f"http://127.0.0.1:{port}/health", retries=retries)
        assert health.json()["model"]["name"] == "doodle"
    finally:
        process.terminate()
        process.wait(timeout=20)
