"""What a test starts: an environment of its own, signals of its own, and it ends with the test."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.starting import started
from tests.conftest import ROOT
from tests.isolation import own_environment
from tests.processes import descendants

CALLER = {
    "PATH": "/bin", "LC_ALL": "C", "PIP_INDEX_URL": "https://pypi.example", "PYTEST_ADDOPTS": "-x",
    "AWS_PROFILE": "work", "AWS_DEFAULT_REGION": "eu-west-3", "MODEL": "mine", "MODEL_DIR": "/mine",
    "MODEL_BASE_URL": "http://mine", "ARMS": "mine=1", "PUBLIC": "true", "THREADS": "7",
    "PORT": "9", "AWS_PORT": "9", "NO_PROXY": "*", "http_proxy": "http://proxy:1", "COLUMNS": "9",
    "HTTPS_PROXY": "http://proxy:2",
}  # fmt: skip
DEAF = """
import os, signal, subprocess, sys
from tests.isolation import hear_signals
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
hear_signals()
os.kill(os.getpid(), signal.SIGINT)
wait = "import signal; print('started', flush=True); signal.pause()"
with subprocess.Popen([sys.executable, "-c", wait], stdout=subprocess.PIPE) as child:
    child.stdout.readline()
    child.send_signal(getattr(signal, sys.argv[1]))
print(child.returncode)
"""
"""What a runner that ignores SIGINT sees of a child that it sends a signal."""


def test_nothing_that_decides_what_the_product_does_is_taken_over(tmp_path: Path) -> None:
    assert own_environment(CALLER, tmp_path) == {
        "PATH": "/bin", "LC_ALL": "C", "PIP_INDEX_URL": "https://pypi.example",
        "PIP_PROXY": "http://proxy:2", "MODEL_DIR": str(tmp_path / "models"),
        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true", "CURL_HOME": str(tmp_path),
    }  # fmt: skip


def test_this_run_has_such_an_environment() -> None:
    assert os.environ["AWS_CONFIG_FILE"] == os.devnull
    assert not Path(os.environ["MODEL_DIR"]).is_relative_to(ROOT)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_child_hears_a_signal_that_its_parent_was_told_to_ignore(name: str) -> None:
    command = [sys.executable, "-c", DEAF, name]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert int(run.stdout) == -getattr(signal, name), run.stderr


def test_what_a_failed_test_started_is_ended() -> None:
    with pytest.raises(ZeroDivisionError), started(["sleep", "600"]) as process:
        raise ZeroDivisionError
    assert process.returncode == -signal.SIGTERM


def test_what_does_not_end_is_killed_and_told() -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)"
    command = [sys.executable, "-c", f"{deaf}; signal.pause()"]
    with (
        pytest.raises(AssertionError, match="did not end within"),
        started(command, seconds=0.1, stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout and process.stdout.readline()
    assert process.returncode == -signal.SIGKILL
    process.stdout.close()


def test_processes_are_found_below_others_with_the_whole_of_their_command() -> None:
    long = "x" * 5000
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"
    wait = "print(1, flush=True); input()"
    with started(
        [sys.executable, "-c", script, wait, long], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin and process.stdout and process.stdout.readline()
        (command,) = descendants(process.pid).values()
        assert command == f"{sys.executable} -c {wait} {long} "
        process.stdin.close()
        process.wait()
    process.stdout.close()
