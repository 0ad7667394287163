"""Networks that crash LiteRT, run for ever or take all memory: one sentence, and no package."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from chalicelib.errors import ModelInvalid
from tests.conftest import ROOT
from tests.samplepackages import by_colour, packed
from tools.change import change
from tools.evaluating.asking import contestant
from tools.inspecting.firstrun import LAMBDA_BYTES, SECONDS, check_runs, refused

DOODLE = ROOT / "vendor" / "models" / "doodle-small"
UNCHANGED = {"resize": None, "crop": None, "colour": None, "filter": None, "channels": None,
             "mean": None, "std": None, "scores": None, "multi_label": None}  # fmt: skip


def without_scale() -> bytes:
    """Doodle whose input has a scale of 0, which crashes LiteRT 2.1 to 2.3."""
    model = schema.ModelT.InitFromPackedBuf((DOODLE / "model.tflite").read_bytes())
    graph = model.subgraphs[0]
    graph.tensors[graph.inputs[0]].quantization.scale = np.zeros(1, np.float32)
    return packed(model)


def without_operators() -> bytes:
    model = schema.ModelT.InitFromPackedBuf((DOODLE / "model.tflite").read_bytes())
    model.subgraphs[0].operators = []
    return packed(model)


def flipped(seed: int) -> bytes:
    """Doodle with a few bytes changed, or cut off."""
    chance = random.Random(seed)
    data = bytearray((DOODLE / "model.tflite").read_bytes())
    for _ in range(1 + seed % 3):
        data[chance.randrange(8, len(data))] ^= chance.randrange(1, 256)
    return bytes(data[: chance.randrange(8, len(data))] if seed % 4 == 0 else data)


def add(folder: Path, network: bytes) -> subprocess.CompletedProcess[str]:
    """`tools.model add` in a process of its own, which may crash."""
    (folder / "net.tflite").write_bytes(network)
    command = [sys.executable, "-m", "tools.model", "add", "net", str(folder / "net.tflite"),
               "--labels", str(DOODLE / "labels.txt"), "--force"]  # fmt: skip
    env = {**os.environ, "MODEL_DIR": str(folder / "cache")}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("network", [without_scale, without_operators])
def test_a_network_that_crashes_litert_is_refused_in_a_sentence(
    tmp_path: Path, network: Callable[[], bytes]
) -> None:
    added = add(tmp_path, network())
    assert added.returncode == 1
    assert added.stderr.startswith("Error: model.tflite of net is damaged: ")
    assert added.stderr.count("\n") == 1
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("seed", range(12))
def test_no_damage_ends_in_a_signal_or_a_traceback(tmp_path: Path, seed: int) -> None:
    added = add(tmp_path, flipped(seed))
    assert added.returncode in (0, 1), added.stderr
    assert not added.returncode or added.stderr.startswith("Error: "), added.stderr
    assert "Traceback" not in added.stderr


def test_a_network_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net" / "model.tflite"
    path.parent.mkdir()
    for size, said in ((9_000, "than the 1 GB of memory"), (12_000, "memory than there is")):
        path.write_bytes(by_colour(size))
        with pytest.raises(ModelInvalid, match=f"of net needs more {said}"):
            check_runs(path, memory=1 << 30)


def test_a_good_network_passes_its_first_run() -> None:
    check_runs(DOODLE / "model.tflite")


@pytest.mark.parametrize(
    ("status", "log", "said"),
    [
        (-signal.SIGXCPU, b"", "computed for 60 s without an answer"),
        (-signal.SIGKILL, b"", "needs more than the 10 GB of memory"),
        (-signal.SIGABRT, b"what():  std::bad_alloc", "needs more than the 10 GB of memory"),
        (1, b"MemoryError: Unable to allocate", "needs more than the 10 GB of memory"),
        (-signal.SIGSEGV, b"", "running it crashes LiteRT"),
        (1, b"IndexError", "it cannot be read"),
    ],
)
def test_how_the_process_ended_says_why(status: int, log: bytes, said: str) -> None:
    message = refused(Path("net/model.tflite"), status, b"", log, SECONDS, LAMBDA_BYTES)
    assert message.startswith("model.tflite of net ") and said in message
    assert message.endswith("Copy or download the file again, or convert the network anew.")


@pytest.mark.parametrize("taught", [False, True])
def test_a_damaged_package_is_never_run(tmp_path: Path, taught: bool) -> None:
    """Nor is the damaged base of a taught package."""
    folder = tmp_path / "doodle-small"
    shutil.copytree(DOODLE, folder)
    name = "doodle-small"
    if taught:
        name = "pets"
        (tmp_path / name).mkdir()
        info = json.loads((folder / "model.json").read_text())
        info |= {"name": name, "base": "doodle-small", "samples": [], "exposed": None}
        (tmp_path / name / "model.json").write_text(json.dumps(info))
        for file in ("head.npz", "labels.txt"):
            shutil.copy(folder / file, tmp_path / name)
    (folder / "model.tflite").write_bytes(without_scale())
    with pytest.raises(ModelInvalid, match=r"doodle-small is damaged: model\.tflite"):
        change(name, [tmp_path], "2", UNCHANGED)
    with pytest.raises(ModelInvalid, match=r"doodle-small is damaged: model\.tflite"):
        contestant(name, [tmp_path], "auto", 1)
