"""The project -> the zips of a deployment."""

import fcntl
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from chalicelib.inference.packages import INFO, LABELS, ModelPackage
from chalicelib.settings import ROOT
from tools.bundling import zipentry
from tools.bundling.pythons import BundleError, environment, interpreter

WORK = ROOT / "build" / "package"
ARCHITECTURES = ("x86_64", "arm64")
VERSIONS = ("3.13", "3.12")
VERSION = VERSIONS[0]
"""Lambda's Python version."""
PAGE_SOURCES = ("*.css", "*.html", "*.js")
"""Sources of the page; only the compressed build is deployed."""


def bundle(architecture: str, version: str = VERSION, single: bool = False) -> dict[str, Path]:
    """The zips of this checkout: "function" and "layer" as they are deployed.

    single: for comparison, the one zip "single" that Chalice makes without a layer.
    Raises BundleError.
    """
    project = WORK / f"python{version}-{architecture}{'-single' if single else ''}"
    with alone(project):
        stage(project, with_vendor=single)
        make = partial(_chalice, "single") if single else build
        return make(project, architecture, version)


def placed(project: Path, architecture: str, version: str = VERSION) -> dict[str, Path]:
    """Put the two zips where `chalice deploy` looks. project: a checkout.

    Chalice's own would be unpinned, untrimmed and uncompiled, and include the bundled models.
    Raises BundleError.
    """
    staged = WORK / f"python{version}-{architecture}"
    with alone(staged):
        stage(staged, source=project)
        return build(staged, architecture, version, project)


def stage(project: Path, with_vendor: bool = False, source: Path = ROOT) -> Path:
    """Copy the files of a deployment into the folder `project`.

    with_vendor: with the bundled models. source: the checkout.
    """
    project.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / "app.py", project / "app.py")
    shutil.copyfile(source / "requirements.lock", project / "requirements.txt")
    for name in ("chalicelib", "vendor"):
        shutil.rmtree(project / name, ignore_errors=True)
        if name == "chalicelib" or with_vendor:
            ignored = shutil.ignore_patterns("__pycache__", *PAGE_SOURCES)
            shutil.copytree(source / name, project / name, ignore=ignored)
    return project


def build(project: Path, architecture: str, version: str = VERSION, *into: Path) -> dict[str, Path]:
    """The zips "function" and "layer" of the Chalice project in a folder.

    They contain bytecode, and nothing that Lambda cannot use. They are in `.chalice/deployments` of
    the project, or of `into`, where `chalice deploy` takes them. Raises BundleError.
    """
    return _chalice("layered", project, architecture, version, *into)


def package_files(package: ModelPackage) -> tuple[str, ...]:
    """The files to deploy. The last makes the package complete."""
    samples = (sample.path for sample in package.info.samples)
    return (*package.info.digests, LABELS, *samples, INFO)


def model_layer(package: ModelPackage, target: Path) -> Path:
    """A reproducible layer zip with the package, and its base if any, at /opt/models/NAME."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(target, "w", ZIP_DEFLATED) as zipped:
        for part in with_bases([package]):
            for file in package_files(part):
                data = (part.folder / file).read_bytes()
                zipentry.add(zipped, f"models/{part.info.name}/{file}", data)
    return target


def with_bases(packages: Sequence[ModelPackage]) -> list[ModelPackage]:
    """The packages to deploy, each once: the bases of taught packages, then those."""
    bases = [package.base for package in packages if package.base]
    return [*{package.info.name: package for package in [*bases, *packages]}.values()]


def _chalice(
    kind: str, project: Path, architecture: str, version: str, *into: Path
) -> dict[str, Path]:
    with alone(WORK):
        python = environment(WORK / f"python{version}", version, [_pinned("chalice")])
        command = [str(python), "-m", "tools.bundling.zips", kind, str(project.resolve())]
        done = subprocess.run(  # noqa: S603 - of our own making
            [*command, architecture, *map(str, into)], cwd=ROOT, capture_output=True, text=True
        )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise BundleError(f"Chalice could not make the zips: {said[-1] if said else 'no message'}")
    return {name: Path(path) for name, path in json.loads(done.stdout).items()}


def lambda_runtime(version: str = VERSION) -> tuple[Path, Path]:
    """A Python of that version, and a folder with the packages of Lambda's image.

    Raises BundleError if that version is not on this machine.
    """
    folder = WORK / f"runtime{version}"
    with alone(WORK):
        environment(folder, version, ["awslambdaric==4.2.2", _pinned("boto3")])
    return interpreter(version), folder / "lib" / f"python{version}" / "site-packages"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Lock the folder, so that only one process builds in it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _pinned(name: str) -> str:
    """The line of requirements-dev.txt for a package."""
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    return next(line for line in lines if line.startswith(f"{name}=="))
