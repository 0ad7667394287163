"""What is measured, unless other is asked for: a full-size Inception v3, a 720p photograph."""

import io
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

from chalicelib.errors import ModelNotFound
from chalicelib.models import ModelPackage, Models
from chalicelib.settings import Settings
from chalicelib.storage import S3Store

MODEL = "inception-v3-random"
SAMPLES = 16
"""Of the pictures that the ranges of its network for ONNX Runtime come from: they decide on what it
answers, and not on how fast."""

Command = Callable[..., None]


@dataclass(frozen=True)
class Subject:
    """What our handler is compared on with TensorFlow's ways.

    image: a picture's bytes. application: the package's network in keras.applications; None where
    TensorFlow's ways are left out.
    """

    package: ModelPackage
    image: bytes
    application: str | None


def options(runs: int) -> Callable[[Command], Command]:
    """Give a command the options of a Subject, as `subject`, and --runs, of that default."""
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    tensorflow = "The same network in keras.applications, for TensorFlow's ways."
    keras = {"default": "InceptionV3", "show_default": True, "help": tensorflow}

    def decorate(command: Command) -> Command:
        @click.argument("image", required=False, type=file)
        @click.option("--model", "name", default=MODEL, show_default=True, help="Package to run.")
        @click.option("--application", **keras)
        @click.option("--runs", default=runs, show_default=True, help="Counted runs.")
        @click.option("--without-tensorflow", is_flag=True, help="Leave TensorFlow's ways out.")
        @wraps(command)
        def given(
            image: Path | None,
            name: str,
            application: str,
            without_tensorflow: bool,
            **rest: object,
        ) -> None:
            data = image.read_bytes() if image else photograph()
            chosen = None if without_tensorflow else application
            command(subject=Subject(model(name), data, chosen), **rest)

        return given

    return decorate


def model(name: str = MODEL) -> ModelPackage:
    """The package; the random Inception v3 is exported first, once, where it is absent.

    On x86_64 it is for both engines. Speed does not depend on the weights. Raises ModelNotFound for
    any other that is absent.
    """
    models = Models(Settings.from_environment().model_dirs, "", S3Store(lambda: None))
    second = platform.machine() == "x86_64"
    try:
        package = models.find(name)
        if name != MODEL or package.info.ort_sha256 or not second:
            return package
    except ModelNotFound:
        if name != MODEL:
            raise
    export = [MODEL, "--keras", "InceptionV3", "--weights", "none", "--force"]
    with tempfile.TemporaryDirectory() as folder:
        if second:
            for seed in range(SAMPLES):
                (Path(folder) / f"{seed}.jpg").write_bytes(photograph(seed))
            # untrained, all its classes are as likely but for less than a step of 8 bits
            export += ["--onnxruntime", "--samples", folder, "--tolerance", "0.1"]
        subprocess.run([sys.executable, "-m", "tools.model", "export", *export], check=True)
    return models.find(name)


def photograph(seed: int = 0) -> bytes:
    """A 1280x720 JPEG of about 110 kB, as photographs have: blurred noise, unlike any other."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (180, 320, 3), np.uint8)
    image = Image.fromarray(noise).resize((1280, 720), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(4)).save(file, "JPEG", quality=80)
    return file.getvalue()
