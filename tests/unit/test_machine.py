"""A benchmark names the instructions that the measured processes see."""

import os
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen
from sys import executable, platform

import pytest
from click import ClickException

from benchmarks.machine import check_hidden_from, instructions

pytestmark = pytest.mark.skipif(platform != "linux", reason="processes are looked at in /proc")


@pytest.mark.parametrize(
    ("kernel", "numpy", "seen", "hidden"),
    [
        ("fpu avx2 avx512f avx512_vnni", {"AVX512F": True}, ["avx2", "avx512_vnni"], []),
        ("fpu avx2 avx512f avx512_vnni", {"AVX512F": False}, ["avx2"], ["avx512_vnni"]),
        ("avx2 avx_vnni", {"AVX512F": False}, ["avx2", "avx_vnni"], []),
        (
            "avx2 avx512f avx_vnni avx512_vnni amx_int8",
            {"AVX512F": False},
            ["avx2"],
            ["avx512_vnni", "avx_vnni", "amx_int8"],
        ),
        ("fp asimd", {}, [], []),
        ("", {}, [], []),
    ],
)
def test_a_process_may_see_less_than_the_kernel(
    kernel: str, numpy: dict[str, bool], seen: list[str], hidden: list[str]
) -> None:
    assert instructions(kernel.split(), numpy) == (seen, hidden)


@pytest.fixture
def process(hides: Path) -> Iterator["Popen[bytes]"]:
    """Python with that library, which waits."""
    command = [executable, "-c", "print(flush=True); input()"]
    own = os.environ | {"LD_PRELOAD": str(hides), "ODD": os.fsdecode(b"\xff")}
    with Popen(command, env=own, stdin=PIPE, stdout=PIPE) as waiting:
        assert waiting.stdout and waiting.stdout.readline()
        yield waiting
        waiting.kill()


def test_a_process_with_the_same_library_sees_the_same(
    process: "Popen[bytes]", hides: Path
) -> None:
    check_hidden_from(process.pid, {"LD_PRELOAD": str(hides)})
    check_hidden_from(os.getpid(), {})


@pytest.mark.parametrize("name", ["LD_PRELOAD", "LD_AUDIT"])
def test_a_process_without_the_library_stops_the_benchmark(name: str, hides: Path) -> None:
    with pytest.raises(ClickException, match=r"lacks .*hides\.so"):
        check_hidden_from(os.getpid(), {name: str(hides)})


def test_a_process_that_hides_something_else_stops_the_benchmark(
    process: "Popen[bytes]", hides: Path
) -> None:
    own = {"LD_PRELOAD": str(hides), "CPUMASK": "avx2"}
    with pytest.raises(ClickException, match="lacks CPUMASK=avx2"):
        check_hidden_from(process.pid, own)
