"""Other Python versions, and virtual environments of them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

CHECK = "import ensurepip, ssl, sys; print('%d.%d' % sys.version_info[:2])"


class BundleError(RuntimeError):
    """The zips cannot be built or are too large; the message says what to do."""


def interpreter(version: str) -> Path:
    """An interpreter of that version (such as 3.13) from the PATH, pyenv or uv.

    Raises BundleError if there is none.
    """
    for path in _candidates(version):
        # pyenv has shims on the PATH even for versions that are switched off
        if _said(path, "-I", "-c", CHECK) == version:
            return Path(path)
    raise BundleError(
        f"Python {version} is needed, as on Lambda, and was not found on the PATH or in pyenv; "
        f"install it, for example with `pyenv install {version}` or `uv python install {version}`."
    )


def _candidates(version: str) -> Iterator[str]:
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        yield sys.executable
    if path := shutil.which(f"python{version}"):
        yield path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(pyenv.glob(f"versions/{version}*/bin/python{version}")))
    if (uv := shutil.which("uv")) and (path := _said(uv, "python", "find", version)):
        yield path


def environment(folder: Path, version: str, requirements: Sequence[str]) -> Path:
    """The interpreter of a virtual environment in `folder` with exactly these requirements.

    Builds it if missing or different. requirements: arguments of `pip install`.
    Raises BundleError if that fails.
    """
    python, made = folder / "bin" / "python", folder / "made"
    contents = "\n".join([version, *requirements])
    if made.is_file() and made.read_text() == contents:
        return python
    made.unlink(missing_ok=True)
    _run(str(interpreter(version)), "-I", "-m", "venv", "--clear", str(folder))
    options = ["--disable-pip-version-check", "--quiet", "--prefer-binary"]
    _run(str(python), "-m", "pip", "install", *options, *requirements)
    made.write_text(contents)
    return python


def _said(*command: str) -> str | None:
    """A command's output; None if it failed."""
    done = _done(command)
    return None if done.returncode else done.stdout.strip()


def _run(*command: str) -> None:
    done = _done(command)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise BundleError(f"`{' '.join(command)}` failed: {said[-1] if said else 'no message'}")


def _done(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True)  # noqa: S603 - ours, no shell's
