"""Write files and folders as a whole, and compute digests."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_ASIDE = ".old-"
"""Before the name of a folder that is being replaced."""


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Yields a folder to fill, which replaces `target` when it is complete.

    Nobody ever sees a half-written package. The folder is renamed at the end, or removed after an
    error. If the process is killed meanwhile, `put_back` finds the old folder.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    try:
        yield folder
        folder.chmod(0o755)
        _replace(target, folder)
    finally:
        _remove(folder)


def put_back(target: Path) -> None:
    """Puts the old folder back if a process was killed between the two renames of `staged`."""
    if os.path.lexists(_aside(target)):
        with suppress(OSError), _alone(target.parent):  # who may not rename goes without
            _settle(target)


def put_all_back(parent: Path) -> None:
    """`put_back` for each folder in `parent`."""
    for aside in parent.glob(f"{_ASIDE}*"):
        put_back(parent / aside.name.removeprefix(_ASIDE))


def _replace(target: Path, folder: Path) -> None:
    """Swaps `folder` and `target`."""
    aside = _aside(target)
    with _alone(target.parent):
        _settle(target)
        try:
            with suppress(FileNotFoundError):
                # renamed, not removed: that would take longer, and others look for it
                target.replace(aside)
            folder.replace(target)
        finally:
            if os.path.lexists(aside):
                aside.replace(folder if os.path.lexists(target) else target)


def _settle(target: Path) -> None:
    """Ends a replacement whose process was killed."""
    aside = _aside(target)
    if os.path.lexists(target):
        _remove(aside)
    elif os.path.lexists(aside):
        aside.replace(target)


def _aside(target: Path) -> Path:
    return target.with_name(f"{_ASIDE}{target.name}")


def _remove(folder: Path) -> None:
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _alone(parent: Path) -> Iterator[None]:
    """Waits until no process replaces a folder in `parent`. The lock ends with the process."""
    place = os.open(parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems have no locks
            fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


def sha256(path: Path) -> str:
    """Returns the hexadecimal SHA-256 of a file."""
    import hashlib  # OpenSSL, for packages that are not where Lambda has them

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of(data: bytes) -> str:
    """Returns the hexadecimal SHA-256 of bytes."""
    import hashlib  # as above

    return hashlib.sha256(data).hexdigest()


def put(path: Path, data: bytes) -> None:
    """Writes a file as a whole. Whoever reads it meanwhile gets the old content."""
    with tempfile.TemporaryDirectory(prefix=".new-", dir=path.parent) as folder:
        whole = Path(folder) / path.name
        whole.write_bytes(data)
        whole.replace(path)


def is_read_only(folder: Path) -> bool:
    """Whether the folder is read-only, like the folder of a Lambda layer."""
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
