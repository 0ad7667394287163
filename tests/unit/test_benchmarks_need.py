"""What the benchmarks need, and what they see of it."""

import subprocess
import sys

import pytest

from benchmarks import needs
from benchmarks.install import as_make_does
from tests.conftest import ROOT


def test_what_is_absent_is_named_with_the_command_that_installs_it() -> None:
    needs.check(lambda _: "there")
    with pytest.raises(SystemExit, match=r"Not installed: simpy\. Run `make \.venv/test` once"):
        needs.check(lambda name: None if name == "simpy" else "there")


@pytest.mark.parametrize(("program", "status"), [("-m", 1), ("pytest", 0)])
def test_only_a_benchmark_that_is_run_needs_tensorflow(program: str, status: int) -> None:
    """Python names a program `-m` while it looks for a module to run."""
    code = "import sys; sys.modules['tensorflow'] = None; sys.argv[0] = {!r}; import benchmarks"
    command = [sys.executable, "-c", code.format(program)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == status
    assert ("Not installed: tensorflow." in done.stderr) == bool(status)


def test_the_other_servers_do_without_it_in_their_own_environment() -> None:
    needs.check(lambda _: None, str(needs.OTHER_SERVERS))


def test_an_installation_is_measured_with_the_bytecode_that_make_has_pip_write() -> None:
    assert as_make_does({"PYTHONDONTWRITEBYTECODE": "1", "PATH": "/bin"}) == {"PATH": "/bin"}
