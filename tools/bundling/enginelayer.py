"""ONNX Runtime as a Lambda layer: the compiled module and its licences, no wrapper."""

import fnmatch
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from chalicelib.inference.packages import ModelPackage
from chalicelib.settings import ROOT
from tools.bundling import zipentry
from tools.bundling.build import VERSION, WORK, alone
from tools.bundling.pythons import BundleError

REQUIREMENTS = ROOT / "requirements-onnxruntime.txt"
ARCHITECTURE = "x86_64"
"""The only architecture where it pays: docs/engines.md."""
GLIBC = (34, 28, 27)
"""Minor glibc versions that a wheel may need; Lambda's runtimes have glibc 2.34
(https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html)."""
KEPT = (
    "onnxruntime/capi/onnxruntime_pybind11_state*.so",
    "onnxruntime/capi/libonnxruntime_providers_shared.so",
    "onnxruntime/LICENSE",
    "onnxruntime/ThirdPartyNotices.txt",
    "onnxruntime-*.dist-info/METADATA",
    "onnxruntime-*.dist-info/RECORD",
)
"""Files of the wheel. libonnxruntime.so would be a second copy of the module. Without the small
library (for other processors), the module warns on standard error."""


def needed(architecture: str, *packages: ModelPackage) -> bool:
    """Whether a deployment of these models can use the engine."""
    return architecture == ARCHITECTURE and any(package.info.ort_sha256 for package in packages)


def engine_digest(version: str) -> str:
    """SHA-256, in hex, of the layer's ingredients. version: Lambda's Python."""
    parts = [version, *KEPT, REQUIREMENTS.read_text()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def engine_layer(version: str) -> Path:
    """The layer's zip for a Python version, built if missing.

    Raises BundleError if the wheel is unavailable or not the pinned one.
    """
    target = WORK / f"onnxruntime-python{version}-{engine_digest(version)[:16]}.zip"
    with alone(WORK / "onnxruntime"):
        if not target.exists():
            with tempfile.TemporaryDirectory() as folder:
                _write(engine_wheel(version, Path(folder)), target)
    return target


def layers(architecture: str, *packages: ModelPackage, version: str = VERSION) -> dict[str, Path]:
    """The layer's zip by its name, if a deployment can use it."""
    is_needed = needed(architecture, *packages)
    return {"engine layer": engine_layer(version)} if is_needed else {}


def engine_wheel(version: str, folder: Path, requirements: Path = REQUIREMENTS) -> Path:
    """Download the wheel for a Python version on Lambda into a folder.

    Raises BundleError if it is unavailable, or its hash is not in the requirements.
    """
    command = [
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"),
        *("--no-deps", "--require-hashes", "--only-binary=:all:", "--implementation=cp"),
        *(f"--platform=manylinux_2_{minor}_{ARCHITECTURE}" for minor in GLIBC),
        *(f"--python-version={version}", f"--dest={folder}", f"-r{requirements}"),
    ]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 - of our own making
    if done.returncode:
        said = done.stderr.strip() or "no message"
        raise BundleError(f"ONNX Runtime for Lambda could not be downloaded: {said}")
    return next(folder.glob("*.whl"))


def _write(wheel: Path, target: Path) -> None:
    """Write the zip, reproducibly."""
    temporary = target.with_suffix(".new")
    with ZipFile(wheel) as source, ZipFile(temporary, "w", ZIP_DEFLATED) as zipped:
        for name in sorted(source.namelist()):
            if any(fnmatch.fnmatch(name, pattern) for pattern in KEPT):
                zipentry.add(zipped, f"python/{name}", source.read(name))
    temporary.replace(target)
