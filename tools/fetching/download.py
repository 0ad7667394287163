"""Resumable download of a file whose git blob id is known."""

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from tools.fetching.https import PATIENCE, Answer, FetchError, Interrupted, Patience, host

Progress = Callable[[int, int | None], None]
"""Takes the bytes received and the total, if known."""
MAX_BYTES = 500_000_000
"""Far above any classifier; stops endless answers."""


def download(
    url: str, part: Path, blob: str, progress: Progress, patience: Patience = PATIENCE
) -> None:
    """Complete the file `part` from `url`, from where an earlier try ended.

    blob: git's id of the content, sha1("blob " + size + "\\0" + content)
        (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects).
    Raises FetchError. `part` keeps what has arrived for the next try, unless it is wrong.
    """
    with _exclusive(part) as file:
        resumed = file.tell() > 0
        if resumed and blob_id(part) == blob:
            return
        _transfer(url, file, progress, patience)
        if resumed and blob_id(part) != blob:  # the old part was of something else: begin anew
            _empty(file)
            _transfer(url, file, progress, patience)
        if blob_id(part) != blob:
            part.unlink()
            raise FetchError(
                f"{host(url)} sent a file that does not match the catalogue (git blob {blob}). It "
                "was removed. A proxy or a login page may be the cause. See --base-url."
            )


def blob_id(path: Path) -> str:
    """Git's id of the file's content, hexadecimal."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _transfer(url: str, file: BinaryIO, progress: Progress, patience: Patience) -> None:
    """Append what is missing, and resume after interruptions."""
    start = file.tell()
    reason = ""
    for _ in range(patience.interruptions + 1):
        try:
            return _receive(url, file, progress, patience)
        except Interrupted as error:
            reason = str(error)
            if file.tell() == start:
                raise FetchError(
                    f"{host(url)} cannot be reached ({reason}). Try again from where it can be "
                    "reached, or give a mirror with --base-url."
                ) from error
        time.sleep(patience.pause)
    raise FetchError(
        f"{host(url)} broke off {patience.interruptions + 1} times ({reason}). Run the command "
        "again to continue."
    )


def _receive(url: str, file: BinaryIO, progress: Progress, patience: Patience) -> None:
    """One request, from where `file` ends."""
    with closing(Answer(url, file.tell(), patience)) as answer:
        if answer.status == 416 and file.tell():
            return  # nothing is missing, or the part is another file's: its id will tell
        total = _begin(answer, file, url)
        for chunk in answer.chunks():
            file.write(chunk)
            file.flush()
            progress(file.tell(), total)
            if file.tell() > MAX_BYTES:
                _empty(file)
                raise FetchError(f"{host(url)} sends more bytes than a model can have.")


def _begin(answer: Answer, file: BinaryIO, url: str) -> int | None:
    """Seek `file` to the start of the answer's body; returns the final size, if known."""
    if answer.status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
        if match and int(match[1]) == file.tell():
            return int(match[2]) if match[2] != "*" else None
        _empty(file)
        raise Interrupted("it sent a wrong byte range")
    if answer.status == 200:
        _empty(file)
        length = answer.headers.get("Content-Length", "")
        return int(length) if length.isdigit() else None
    if answer.status == 429 or answer.status >= 500:
        raise Interrupted(f"it answered {answer.status}")
    raise FetchError(
        f"{host(url)} answered {answer.status} for {urlsplit(url).path}; check --base-url."
    )


def _empty(file: BinaryIO) -> None:
    file.seek(0)
    file.truncate()


@contextmanager
def _exclusive(part: Path) -> Iterator[BinaryIO]:
    """Open the file at its end, locked for this process."""
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FetchError(
                "Another process is fetching this model; wait until it has ended."
            ) from error
        file.seek(0, os.SEEK_END)
        try:
            yield file
        finally:
            if file.tell() == 0:
                part.unlink(missing_ok=True)
