"""`python -m tools.bundling.zips KIND FOLDER ARCHITECTURE [PROJECT]`: Chalice's zips of a folder.

They are for the Python that runs this. With PROJECT, they go where Chalice looks for its zips.
Chalice names zips after their ingredients and reuses those it finds, so `chalice deploy` of the
same project with the same Python version deploys these.
"""

import compileall
import filecmp
import fnmatch
import io
import json
import py_compile
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, is_zipfile

from chalice.deploy.packager import (
    AppOnlyDeploymentPackager,
    BaseLambdaDeploymentPackager,
    DependencyBuilder,
    LambdaDeploymentPackager,
    LayerDeploymentPackager,
    MissingDependencyError,
    PipRunner,
    SubprocessPip,
)
from chalice.utils import UI, OSUtils

from tools.bundling import zipentry

NEEDLESS = (
    "*/ai_edge_litert/libLiteRtWebGpuAccelerator.so",  # for GPUs
    "*/ai_edge_litert/vendors/*",  # compilers for phones' NPUs
    "*/ai_edge_litert/tools/*",
    "*/ai_edge_litert/aot/*",
    "*/tests/*",
)
"""Files that nothing on Lambda can use."""

LICENCE = Path(__file__).parents[2] / "LICENSE"
"""The licence requires a copy with the code."""

VERSION = "python{}.{}".format(*sys.version_info)
"""This Python's name on Lambda."""

FINISHED = b"serverless-inception 2"
"""The comment of a finished zip. Raise the number when `finish` changes."""


class HashedPip(PipRunner):
    """Chalice's pip, with hashes checked for Lambda's wheels, too.

    Chalice asks for these by name and version only.
    """

    _requirements = ""

    def download_all_dependencies(self, requirements_filename: str, directory: str) -> None:
        """Download this machine's wheels, and check their hashes if the requirements have them."""
        self._requirements = Path(requirements_filename).read_text()
        super().download_all_dependencies(requirements_filename, directory)

    def download_manylinux_wheels(
        self, abi: str, packages: list[str], directory: str, platforms: list[str] | None = None
    ) -> None:
        """Download Lambda's wheels, and check their hashes in the same way."""
        with tempfile.TemporaryDirectory() as folder:
            pinned = Path(folder) / "requirements.txt"
            for package in packages:
                pinned.write_text(required(self._requirements, package))
                super().download_manylinux_wheels(abi, [f"-r{pinned}"], directory, platforms)


def required(requirements: str, package: str) -> str:
    """The requirement of a package (name==version) with its hashes, or just the package."""
    name, _, version = package.partition("==")
    spelt = re.sub(r"[-_.]+", "[-_.]+", name)  # PEP 503
    start = rf"^{spelt}=={re.escape(version)}(?![\w.]).*(?:(?<=\\)\n.*)*"
    match = re.search(start, requirements, re.MULTILINE | re.IGNORECASE)
    return match[0] if match else package


class Dependencies(DependencyBuilder):
    """Chalice's builder, but a dependency without a wheel for Lambda ends the build."""

    def build_site_packages(self, abi: str, requirements: str, target: str) -> None:
        """Raise SystemExit where Chalice would only warn and leave a dependency out."""
        try:
            super().build_site_packages(abi, requirements, target)
        except MissingDependencyError as error:
            names = ", ".join(sorted(package.identifier for package in error.missing))
            raise SystemExit(f"There is no wheel for Lambda of {names}.") from error


class Uncompressed(OSUtils):
    """Writes uncompressed zips, because `finish` unpacks them and compresses."""

    ZIP_DEFLATED = ZIP_STORED


LAYERED = {"function": AppOnlyDeploymentPackager, "layer": LayerDeploymentPackager}


def build(project: Path, architecture: str) -> dict[str, str]:
    """The paths of the function's and the layer's zips, built if missing."""
    made = {}
    for name, packager in LAYERED.items():
        path = _packaged(packager, project, architecture, Uncompressed())
        is_code = name == "function"
        licences = [LICENCE] if is_code and LICENCE.is_file() else []
        finish(path, "/var/task" if is_code else "/opt", licences)
        made[name] = str(path)
    return made


def build_single(project: Path, architecture: str) -> dict[str, str]:
    """The path of the single zip that Chalice makes without a layer."""
    return {"single": str(_packaged(LambdaDeploymentPackager, project, architecture, OSUtils()))}


def place(made: dict[str, str], project: Path, architecture: str) -> dict[str, str]:
    """Copy zips to where Chalice looks for the project's, and delete older ones.

    A file with the right name may have other contents, because names depend on the project only.
    """
    targets = {
        name: _place(_tool(packager, architecture, OSUtils()), project)
        for name, packager in LAYERED.items()
    }
    folder = project / ".chalice" / "deployments"
    folder.mkdir(parents=True, exist_ok=True)
    for old in set(folder.glob("*.zip")) - set(targets.values()):
        old.unlink()
    for name, target in targets.items():
        if not (target.exists() and filecmp.cmp(made[name], target, shallow=False)):
            temporary = target.with_suffix(".new")
            shutil.copyfile(made[name], temporary)
            temporary.replace(target)
    return {name: str(target) for name, target in targets.items()}


def _packaged(
    packager: type[BaseLambdaDeploymentPackager], project: Path, architecture: str, system: OSUtils
) -> Path:
    tool = _tool(packager, architecture, system)
    layer = _place(tool, project)
    if layer.exists() and not is_zipfile(layer):
        layer.unlink()  # an interrupted build left it
    return Path(tool.create_deployment_package(str(project), VERSION))


def _place(tool: BaseLambdaDeploymentPackager, project: Path) -> Path:
    return Path(tool.deployment_package_filename(str(project), VERSION))


def _tool(
    packager: type[BaseLambdaDeploymentPackager], architecture: str, system: OSUtils
) -> BaseLambdaDeploymentPackager:
    pip = HashedPip(SubprocessPip(system), system)
    silent = UI(io.StringIO(), io.StringIO())
    return packager(system, Dependencies(system, pip, architecture), silent, architecture)


def finish(path: Path, root: str, more: Sequence[Path] = ()) -> None:
    """Trim a zip, and add bytecode and the files `more`. root: where Lambda unpacks it.

    Lambda's folders are read-only: without bytecode, every cold start compiles every module.
    Unchecked bytecode (PEP 552) does not depend on file times.
    """
    with ZipFile(path) as zipped:
        if zipped.comment == FINISHED:
            return
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            wanted = [name for name in zipped.namelist() if not _needless(name)]
            zipped.extractall(folder, wanted)
            for file in more:
                shutil.copyfile(file, Path(folder) / file.name)
            compileall.compile_dir(
                folder, quiet=2, maxlevels=50, stripdir=folder, prependdir=root,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )  # fmt: skip
            _write(Path(folder), path)


def _needless(name: str) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in NEEDLESS)


def _write(folder: Path, path: Path) -> None:
    temporary = path.with_suffix(".new")
    with ZipFile(temporary, "w", ZIP_DEFLATED) as zipped:
        zipped.comment = FINISHED
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                zipentry.add(zipped, str(file.relative_to(folder)), file.read_bytes())
    temporary.replace(path)


if __name__ == "__main__":
    kind, folder, architecture, *into = sys.argv[1:]
    make = {"layered": build, "single": build_single}[kind]
    zips = make(Path(folder), architecture)
    for project in into:
        zips = place(zips, Path(project), architecture)
    print(json.dumps(zips))
