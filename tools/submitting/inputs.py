"""SOURCES on the command line: folders and files of images, or a manifest."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from chalicelib.bulk.manifests import check_manifest, entries, is_manifest
from chalicelib.errors import BadRequest, ImageUnreadable
from chalicelib.images.formats import identify
from chalicelib.requests import MAX_ID

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".avif", ".gif", ".bmp"}
    | {".tif", ".tiff"}
)
"""Usual endings of the formats that the service decodes."""

UNREAD = {
    **dict.fromkeys((".heic", ".heif", ".hif"), "HEIC"),
    **dict.fromkeys((".jp2", ".jxl", ".svg", ".psd", ".ico"), "its format"),
    ".avifs": "animated AVIF",
    **dict.fromkeys((".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"), "raw"),
}
"""Endings of pictures that the service does not decode, with their names."""

NO_PICTURE = "it is no picture of a format that the service reads."
BLOCK_BYTES = 1 << 20
HEAD_BYTES = 1024
"""How much to read of a file with another ending."""


class InputError(ValueError):
    """A source cannot be submitted; the message says why and what to do."""


class Image(NamedTuple):
    """A file to upload. id: its name in results.

    problem: why it cannot be uploaded, or "". other: whether it is no picture at all.
    """

    path: Path
    id: str
    problem: str = ""
    other: bool = False


def find_images(sources: Sequence[Path]) -> Iterator[Image]:
    """Files, and the files of folders, in a fixed order, without hidden ones. Raises InputError.

    The ending or the first bytes make a file a picture. In a folder, any other file is skipped; if
    it was named itself, it is a problem. An id is the path within the folder if that is the only
    source, else the whole path.
    """
    alone = len(sources) == 1
    for source in sources:
        if source.is_dir():
            for path in _walk(source):
                image = _image(path, path.relative_to(source) if alone else path)
                if path.is_dir():
                    yield image._replace(
                        problem="it is a link to a folder; name the folder itself."
                    )
                elif not path.exists():
                    yield image._replace(problem="it is a link that leads nowhere.")
                else:
                    yield image if _is_picture(path) else image._replace(other=True)
        elif is_manifest(source.name):
            raise InputError(
                f"{source} is a manifest: submit it alone, or submit its images instead."
            )
        else:
            image = _image(source, Path(source.name) if alone else source)
            is_picture = _is_picture(source) or not os.access(source, os.R_OK)  # told when sent
            yield image if is_picture else image._replace(problem=NO_PICTURE)


def count_entries(path: Path) -> int:
    """Returns how many entries a manifest has. Raises InputError if it can be no service's.

    The service handles single bad lines: each becomes an error among the results.
    """
    try:
        check_manifest(path.name, _blocks(path))
    except BadRequest as error:
        raise InputError(str(error)) from error
    total = 0
    for entry in entries(path.name, _blocks(path)):
        total += 1
        if entry.problem is None and not entry.is_usable:
            raise InputError(
                f"{path} names {entry.source[:80]!r}: an entry must be an http(s):// or s3:// "
                "address. Local images are submitted by their folder, or file by file."
            )
    return total


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(BLOCK_BYTES), b"")


def _walk(folder: Path) -> Iterator[Path]:
    """All files below, with broken links and links to folders, which are not followed."""

    def refuse(error: OSError) -> None:
        raise error

    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in sorted([*files, *links]):
            path = Path(parent, name)
            if not name.startswith(".") and (path.is_file() or path.is_dir() or not path.exists()):
                yield path


def _is_picture(path: Path) -> bool:
    if path.suffix.lower() in SUFFIXES | UNREAD.keys():
        return True
    try:
        with path.open("rb") as file:
            identify(file.read(HEAD_BYTES))
    except (ImageUnreadable, OSError):
        return False
    return True


def _image(path: Path, called: Path) -> Image:
    id = os.fsencode(called.as_posix()).decode(errors="replace")
    if len(id) > MAX_ID:
        raise InputError(f"The name {path} is too long: shorten it to {MAX_ID} characters.")
    kind = UNREAD.get(path.suffix.lower())
    return Image(
        path, id, f"the service does not read {kind}; save it as JPEG or PNG." if kind else ""
    )
