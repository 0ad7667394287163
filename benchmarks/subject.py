"""What the benchmarks measure by default: a full-size Inception v3, and a 720p photograph."""

import io
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageFilter

from chalicelib.aws.s3 import S3Store
from chalicelib.errors import ModelNotFound
from chalicelib.inference.finder import Models
from chalicelib.inference.packages import ModelPackage
from chalicelib.settings import ROOT, Settings

NETWORK = Path(os.environ.get("TEST_DATA", ROOT.parent / "shared" / "data")) / "inception-v3"
"""A trained Inception v3 for TensorFlow.js, with photographs beside it; not a part of this project.
Without it, a network of random weights stands in, which is as fast."""
TRAINED, RANDOM = "inception-v3-trained", "inception-v3-random"
MODEL = TRAINED if (NETWORK / "model.json").is_file() else RANDOM
SAMPLES = 16
"""Pictures that calibrate the random network for ONNX Runtime. They change its answers, not its
speed."""

Command = Callable[..., None]


@dataclass(frozen=True)
class Subject:
    """What our handler and TensorFlow's ways are compared on.

    image: a file's bytes. application: the package's network in keras.applications; None to leave
    TensorFlow's ways out.
    """

    package: ModelPackage
    image: bytes
    application: str | None


def options(runs: int) -> Callable[[Command], Command]:
    """Adds a Subject's options to a command, as `subject`, and --runs with that default."""
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    tensorflow = "The same network in keras.applications, for TensorFlow."

    def decorate(command: Command) -> Command:
        @click.argument("image", required=False, type=file)
        @click.option("--model", "name", default=MODEL, show_default=True, help="Model to run.")
        @click.option("--application", default="InceptionV3", show_default=True, help=tensorflow)
        @click.option("--runs", default=runs, show_default=True, help="Number of counted runs.")
        @click.option("--without-tensorflow", is_flag=True, help="Do not measure TensorFlow.")
        @wraps(command)
        def decorated(
            image: Path | None,
            name: str,
            application: str,
            without_tensorflow: bool,
            **rest: object,
        ) -> None:
            data = image.read_bytes() if image else photograph()
            chosen = None if without_tensorflow else application
            command(subject=Subject(model(name), data, chosen), **rest)

        return decorated

    return decorate


def model(name: str = MODEL) -> ModelPackage:
    """Finds the package. Exports the Inception v3 first, if it does not exist.

    On x86_64 it is for both engines. Raises ModelNotFound if another package does not exist.
    """
    models = Models(Settings.from_environment().model_dirs, "", S3Store(lambda: None))
    second = platform.machine() == "x86_64"
    try:
        package = models.find(name)
        if name not in (TRAINED, RANDOM) or package.info.ort_sha256 or not second:
            return package
    except ModelNotFound:
        if name not in (TRAINED, RANDOM):
            raise
    export = [sys.executable, "-m", "tools.model", "export", name, "--force"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*export, *_network(name, Path(folder), second)], check=True)
    return models.find(name)


def _network(name: str, folder: Path, second: bool) -> list[str]:
    """Returns the options of `export`. folder: for samples. second: whether for both engines."""
    if name == TRAINED:
        arguments = ["--tfjs", str(NETWORK / "model.json"), "--labels", str(NETWORK / "labels.txt")]
        arguments += ["--mean", "0", "--std", "255"]
        # only speed is measured here, so a loss of the second engine is shown and not refused
        samples, tolerance = NETWORK.parent / "imagenet-sample", "0.5"
    else:
        arguments = ["--keras", "InceptionV3", "--weights", "none"]
        for seed in range(SAMPLES if second else 0):
            (folder / f"{seed}.jpg").write_bytes(photograph(seed))
        # untrained, its classes differ by less than a step of 8 bits
        samples, tolerance = folder, "0.1"
    both = ["--onnxruntime", "--pictures", str(samples), "--tolerance", tolerance]
    return arguments + (both if second else [])


def photograph(seed: int = 0) -> bytes:
    """Makes a 1280x720 JPEG of about 110 kB, as of a photograph: blurred noise, by its seed."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (180, 320, 3), np.uint8)
    image = Image.fromarray(noise).resize((1280, 720), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(4)).save(file, "JPEG", quality=80)
    return file.getvalue()
