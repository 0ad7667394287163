"""Environments, pictures and model files, each made once under build/bench/engines."""

import os
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from chalicelib.settings import ROOT
from tools.bundling.build import VERSION
from tools.bundling.pythons import environment
from tools.doodle.data import pictures, training_seeds
from tools.doodle.drawings import SIZE, TEST_SEEDS

HERE = Path(__file__).parent
WORK = ROOT / "build" / "bench" / "engines"
NETWORKS = ("doodle", "inception")
CALIBRATION, SMOOTH, UNSEEN = 300, 6, 2000
"""Drawings, and made-up pictures, that ranges come from; drawings that agreement is told on."""


def python(engine: str) -> Path:
    """The interpreter of an engine's environment, of the version that Lambda runs."""
    lines = (HERE / f"requirements-{engine}.txt").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    return environment(WORK / "python" / engine, VERSION, wanted)


def models(weights: Path | None) -> dict[str, Path]:
    """The folder of each network's files. weights: the float doodle, else trained here."""
    folders = {name: WORK / "models" / name for name in NETWORKS}
    sources = {"inception": "InceptionV3", "doodle": str(weights or WORK / "doodle.keras")}
    for name, folder in folders.items():
        if (folder / "nncf.xml").exists():
            continue
        if name == "doodle" and not Path(sources[name]).exists():
            _train(Path(sources[name]))
        samples = _kept(f"{name}-samples", _drawings if name == "doodle" else _smooth)
        command = [str(python("convert")), str(HERE / "convert.py"), sources[name], str(samples)]
        click.echo(f"Converting {name} for every engine: minutes …", err=True)
        subprocess.run([*command, str(folder)], check=True, capture_output=True)
    return folders


def unseen() -> Path:
    """A .npy of drawings that the network was not trained on."""
    return _kept("unseen", lambda: _drawn(TEST_SEEDS[:UNSEEN]))


def _train(target: Path) -> None:
    command = [sys.executable, "-m", "tools.train_doodle", "--images", "40000"]
    places = ["--weights", str(target), "--out", str(target.with_suffix(""))]
    subprocess.run([*command, *places], check=True, stdout=sys.stderr)


def _kept(name: str, make) -> Path:  # type: ignore[no-untyped-def]
    path = WORK / f"{name}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, make())
    return path


def _drawings() -> NDArray[np.uint8]:
    return _drawn(training_seeds(0, 100_000)[:CALIBRATION])


def _drawn(seeds: range) -> NDArray[np.uint8]:
    images = np.empty((len(seeds), SIZE, SIZE, 3), np.uint8)
    for start, part, _ in pictures(seeds, max(1, (os.cpu_count() or 2) - 1)):
        images[start : start + len(part)] = part
    return images


def _smooth() -> NDArray[np.uint8]:
    """For a network of random weights, whose speed alone is told."""
    noise = np.random.default_rng(0).integers(0, 256, (SMOOTH, 13, 13, 3), np.uint8)
    return noise.repeat(23, axis=1).repeat(23, axis=2)
