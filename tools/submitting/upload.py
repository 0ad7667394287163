"""Uploads local files to the images bucket in parallel, with a manifest of them."""

import re
import secrets
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from chalicelib.sources.read import MAX_BYTES
from tools.console.progress import Show, progress
from tools.submitting.batchapi import Api
from tools.submitting.inputs import SUFFIXES, Image, InputError
from tools.submitting.pace import Pace, Speed, told
from tools.submitting.retrying import WORKERS, ApiError

AHEAD = 4 * WORKERS
"""Files in flight, which bounds memory for any number of files."""

NAMED = 5
"""How many left-out files a message names."""


@dataclass
class Uploaded:
    """What was uploaded, and what was not.

    manifest: its s3:// address. images: how many it names. left_out: pictures that it does not
    name. others: files that are no pictures. Both keep a few examples.
    """

    manifest: str = ""
    images: int = 0
    size: int = 0
    left_out: int = 0
    examples: list[str] = field(default_factory=list)
    others: int = 0
    other_examples: list[str] = field(default_factory=list)

    def leave_out(self, image: Image, reason: str) -> None:
        """Count a file that cannot be uploaded, and remember the first few."""
        self.left_out += 1
        if len(self.examples) < NAMED:
            self.examples.append(f"{image.path}: {reason}")

    def pass_over(self, image: Image) -> None:
        """Count a file that is no picture, and remember the first few."""
        self.others += 1
        if len(self.other_examples) < NAMED:
            self.other_examples.append(image.path.name)


@dataclass(frozen=True)
class _Sent:
    image: Image
    size: int = 0
    s3_uri: str = ""
    problem: str = ""


def upload_images(api: Api, images: Callable[[], Iterable[Image]], pace: Pace) -> Uploaded:
    """Upload images and the manifest that names them. Raises ApiError, InputError.

    images: lists them from the start at every call, so that they need no memory.
    """
    files, size = _survey(images())
    if not files:
        raise InputError(f"No image was found. Images end in {', '.join(sorted(SUFFIXES))}.")
    api.check()
    batch = _batch_name("images")
    uploaded = Uploaded()
    with tempfile.TemporaryFile() as manifest:
        with progress("Uploading", pace.clock) as show:
            report = _reporter(show, files, size, pace)
            for sent in _sent(api, images(), batch):
                _note(sent, uploaded, manifest)
                report(uploaded)
        if not uploaded.images:
            raise InputError(f"No image can be uploaded. {uploaded.examples[0]}")
        manifest.seek(0)
        uploaded.manifest = _upload_manifest(api, "manifest.jsonl", manifest.read(), batch)
    return uploaded


def upload_manifest(api: Api, path: Path) -> str:
    """Upload a manifest; returns its s3:// address. Raises ApiError."""
    api.check()
    name = f"manifest{path.suffix.lower()}"
    return _upload_manifest(api, name, path.read_bytes(), _batch_name(path.stem))


def _upload_manifest(api: Api, name: str, data: bytes, batch: str) -> str:
    try:
        return api.upload(name, data, batch)
    except ApiError as error:
        if "EntityTooLarge" in str(error):
            raise ApiError(
                f"A manifest of {len(data) / 1e6:.0f} MB is too large for one upload: submit the "
                "images in several batches."
            ) from error
        raise


def _batch_name(title: str) -> str:
    """A unique name for a batch's uploads."""
    title = re.sub("[^A-Za-z0-9]+", "-", title).strip("-")[:32] or "batch"
    return f"{title}-{secrets.token_hex(8)}"


def _survey(images: Iterable[Image]) -> tuple[int, int]:
    """The number of files, and their bytes."""
    files, size = 0, 0
    for image in images:
        if not image.other:
            files += 1
            size += 0 if image.problem else image.path.stat().st_size  # links may be broken
    return files, size


def _sent(api: Api, images: Iterable[Image], batch: str) -> Iterator[_Sent]:
    """Upload the images, and yield each one's outcome in order."""
    pending: deque[Future[_Sent]] = deque()
    workers = ThreadPoolExecutor(WORKERS)
    try:
        for number, image in enumerate(images, 1):
            pending.append(workers.submit(_send, api, image, number, batch))
            if len(pending) >= AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        workers.shutdown(cancel_futures=True)


def _send(api: Api, image: Image, number: int, batch: str) -> _Sent:
    if image.problem or image.other:
        return _Sent(image, problem=image.problem)
    try:
        data = image.path.read_bytes() if image.path.stat().st_size <= MAX_BYTES else None
    except OSError as error:
        return _Sent(image, problem=f"{error.strerror}.")
    if data is None:
        return _Sent(image, problem=f"it is over {MAX_BYTES / 1e6:g} MB; use a smaller one.")
    if not data:
        return _Sent(image, problem="it is empty.")
    suffix = image.path.suffix.lower()
    # numbered, because two subfolders may have files of the same name
    name = f"{number:06d}{suffix if suffix in SUFFIXES else ''}"
    try:
        return _Sent(image, len(data), api.upload(name, data, batch))
    except ApiError as error:
        raise ApiError(f"{image.path}: {error}") from error


def _note(sent: _Sent, uploaded: Uploaded, manifest: BinaryIO) -> None:
    if sent.image.other:
        uploaded.pass_over(sent.image)
        return
    if sent.problem:
        uploaded.leave_out(sent.image, sent.problem)
        return
    line = {"id": sent.image.id, "s3_uri": sent.s3_uri}
    manifest.write(msgspec.json.encode(line) + b"\n")
    uploaded.images += 1
    uploaded.size += sent.size


def _reporter(show: Show, files: int, size: int, pace: Pace) -> Callable[[Uploaded], None]:
    speed = Speed(pace.clock)
    speed.add(0)

    def report(so_far: Uploaded) -> None:
        speed.add(so_far.size)
        done = so_far.images + so_far.left_out
        text = (
            f"{done}/{files} files, {so_far.size / 1e6:.1f}/{size / 1e6:.1f} MB, "
            f"{speed.rate / 1e6:.1f} MB/s{told(speed.left(size))}"
        )
        show(so_far.size, size, text)

    return report
