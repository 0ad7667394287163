"""The lists of processors that a loaded LiteRT reads, in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.inference.processors import LISTS, list_for
from chalicelib.settings import ROOT

LED = """
import ctypes, os
from ai_edge_litert.interpreter import Interpreter
from chalicelib.inference import processors

places = list(processors._places("ai_edge_litert"))
before = {ctypes.string_at(address).decode() for address, _ in places}
assert before == set(processors.LISTS), before
assert processors.list_for("ai_edge_litert") == len(places)
for address, _ in places:
    with open(ctypes.string_at(address)) as ours:
        assert ours.read() == f"0-{os.cpu_count() - 1}\\n"
libraries = [line for line in open("/proc/self/maps") if "ai_edge_litert" in line]
assert not any(line.split()[1].startswith("rwx") for line in libraries)
interpreter = Interpreter(model_path="vendor/models/doodle/model.tflite")
interpreter.allocate_tensors()
interpreter.invoke()
print("led")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_loaded_library_reads_our_lists_and_works_on() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LED], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "led\n", done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_library_that_is_not_loaded_is_not_missed() -> None:
    assert list_for("a library that nobody loaded") == 0


def test_ours_is_no_longer_than_what_it_stands_for() -> None:
    assert all(len("/proc/self/fd/1048576") < len(path) for path in LISTS)


@pytest.mark.skipif(not Path(LISTS[0]).exists(), reason="this host lists no processors")
def test_a_host_with_lists_is_left_alone() -> None:
    from chalicelib.inference.processors import unlisted

    assert not unlisted()
