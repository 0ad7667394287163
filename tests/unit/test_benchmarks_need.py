"""What the benchmarks need, and what they see of it."""

import pytest

from benchmarks import needs
from benchmarks.install import as_make_does


def test_what_is_absent_is_named_with_the_command_that_installs_it() -> None:
    needs.check(lambda _: "there")
    with pytest.raises(SystemExit, match=r"Not installed: simpy\. Run `make \.venv/test` once"):
        needs.check(lambda name: None if name == "simpy" else "there")


def test_the_other_servers_do_without_it_in_their_own_environment() -> None:
    needs.check(lambda _: None, str(needs.OTHER_SERVERS))


def test_an_installation_is_measured_with_the_bytecode_that_make_has_pip_write() -> None:
    assert as_make_does({"PYTHONDONTWRITEBYTECODE": "1", "PATH": "/bin"}) == {"PATH": "/bin"}
