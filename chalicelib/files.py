"""Write files and folders as a whole, and compute digests."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Yields a folder to fill, which replaces `target` when it is complete.

    Nobody ever sees a half-written package. The folder is renamed at the end, or removed after an
    error.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    old = folder.with_name(f"{folder.name}-old")
    try:
        yield folder
        folder.chmod(0o755)
        with suppress(FileNotFoundError):
            # renamed, not removed: that would take longer, and others look for it
            target.replace(old)
        folder.replace(target)
    finally:
        if old.exists() and not target.exists():  # ended between the two
            old.replace(target)
        for path in (folder, old):
            shutil.rmtree(path, ignore_errors=True)


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
    """Whether nobody can write there, as where Lambda unpacks a layer."""
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
