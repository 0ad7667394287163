"""The port to an object store, as S3 is one."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec

LINK_SECONDS = 3600
"""How long a link to a result, or an upload's form, works at most. It ends earlier if the
credentials of the function that signed it do
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html)."""

MAX_OBJECT = 100 * 2**20
"""Bytes of an object of ours that is read whole: a chunk with images inside, and room."""


class Stored(msgspec.Struct, frozen=True):
    """An object that was read: its bytes, and the ETag of this version."""

    data: bytes
    etag: str


class Listed(msgspec.Struct, frozen=True):
    """An object of a listing: its key, and when it was written, in seconds since the epoch."""

    key: str
    modified: float


class ObjectStore(Protocol):
    """Objects by bucket and key. A slash in a key means nothing: `a` and `a/b` may both exist.

    Every method raises ServiceUnavailable if the store does not answer, and AccessRefused if it
    refuses. Methods that read raise ObjectMissing if there is no such object. S3 refuses that too
    to a caller who may not list the bucket; only `find` is sure.
    """

    def read(self, bucket: str, key: str, max_bytes: int) -> bytes:
        """Reads the object. Raises ObjectTooLarge if it has more than `max_bytes`."""

    def find(self, bucket: str, key: str, max_bytes: int) -> Stored | None:
        """Reads the object; None if it certainly does not exist.

        Raises AccessRefused if it may exist and cannot be read, and ObjectTooLarge if it has more
        than `max_bytes`.
        """

    def download(self, bucket: str, key: str, target: Path) -> None:
        """Downloads the object into the file `target` in parallel, not held in memory."""

    def stream(self, bucket: str, key: str) -> Iterator[bytes]:
        """Returns the object's bytes in blocks, of the version at the moment of the call."""

    def list(self, bucket: str, prefix: str, after: str = "") -> Iterator[Listed]:
        """Lists the objects whose key starts with `prefix`, in the order of their UTF-8 keys.

        after: only objects whose key comes after this key.
        """

    def folders(self, bucket: str, prefix: str, after: str = "") -> Iterator[str]:
        """Lists the folders right under `prefix`, each with its final slash, in order.

        after: only folders that come after this key.
        """

    def put(
        self,
        bucket: str,
        key: str,
        data: bytes,
        content_type: str,
        only_new: bool = False,
        replacing: str | None = None,
    ) -> str | None:
        """Writes an object. Returns its ETag, or None if a condition prevented the write.

        only_new: only if there is no such object. replacing: only in place of the version with that
        ETag. If it was not written, somebody else was faster, or our own answer was lost.
        """

    def write(self, bucket: str, key: str, blocks: Iterable[bytes]) -> None:
        """Writes an object from blocks. Nobody ever sees half of it."""

    def copy(
        self, bucket: str, key: str, to_bucket: str, to_key: str, etag: str | None = None
    ) -> bool:
        """Copies an object inside the store. Returns whether it was copied.

        etag: of the version to copy, with its quotes; another version is not copied.
        """

    def delete(self, bucket: str, key: str) -> None:
        """Deletes an object, or does nothing if there is none."""

    def link(self, bucket: str, key: str, seconds: int, type_: str = "") -> str:
        """Returns a URL with which anybody can read the object, for that long.

        type_: the Content-Type that it is answered with, as a file to save; empty for its own.
        """

    def upload_form(
        self, bucket: str, key: str, seconds: int, max_bytes: int
    ) -> tuple[str, dict[str, str]]:
        """Returns a URL and form fields with which anybody can POST this one object."""
