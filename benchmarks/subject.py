"""What is measured, unless other is asked for: a full-size Inception v3, a 720p photograph."""

import io
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

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
