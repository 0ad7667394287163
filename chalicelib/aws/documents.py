"""Read and write JSON and JSONL objects of one bucket."""

from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

import msgspec

from chalicelib.aws.store import MAX_OBJECT, ObjectStore
from chalicelib.errors import AccessRefused, ObjectMissing, ObjectTooLarge, ServiceUnavailable

T = TypeVar("T")


class Tagged(NamedTuple, Generic[T]):
    """A JSON object, and the ETag with which `Documents.put` replaces it and no other."""

    value: T
    etag: str


class Documents:
    """Reads and writes values as objects of one bucket.

    A refusal is not an absence: if an object may exist and cannot be read, AccessRefused is raised.
    A caller that may do its work twice need not be `sure`. Then a refused object counts as missing,
    and is not looked for a second time.
    """

    def __init__(self, store: ObjectStore, bucket: str) -> None:
        self.store, self.bucket = store, bucket

    def get(self, key: str, type_: type[T], sure: bool = True) -> T | None:
        """Reads JSON; None if there is no object. Raises msgspec.DecodeError for other JSON."""
        data = self._data(key, sure)
        return None if data is None else msgspec.json.decode(data, type=type_)

    def tagged(self, key: str, type_: type[T]) -> Tagged[T] | None:
        """Reads JSON and its ETag; None if there is no such object."""
        stored = self.store.find(self.bucket, key, MAX_OBJECT)
        if stored is None:
            return None
        return Tagged(msgspec.json.decode(stored.data, type=type_), stored.etag)

    def put(
        self, key: str, value: object, only_new: bool = False, replacing: str | None = None
    ) -> str | None:
        """Writes JSON. Returns its ETag, or None if it was not written: see ObjectStore."""
        data = msgspec.json.encode(value)
        return self.store.put(self.bucket, key, data, "application/json", only_new, replacing)

    def first(self, key: str, type_: type[T], make: Callable[[], T]) -> T:
        """Reads JSON; if there is no object, writes what `make` returns. The first writer wins."""
        value = self.get(key, type_)
        if value is None:
            value = make()
            if not self.put(key, value, only_new=True):
                value = self.get(key, type_)
        if value is None:
            raise ServiceUnavailable(
                detail=f"Another writer changed {key} at the same time; try again."
            )
        return value

    def mark(self, key: str) -> None:
        """Writes an empty object."""
        self.store.put(self.bucket, key, b"", "application/octet-stream")

    def has(self, key: str, sure: bool = True) -> bool:
        """Whether an object exists. Asking for it costs a twelfth of a listing."""
        try:
            return self._data(key, sure, most=0) is not None
        except ObjectTooLarge:
            return True

    def put_lines(self, key: str, items: Iterable[object], only_new: bool = False) -> str | None:
        """Writes JSONL; see `put`."""
        data = msgspec.json.Encoder().encode_lines(items)
        return self.store.put(self.bucket, key, data, "application/jsonl", only_new)

    def lines(self, key: str, type_: type[T], sure: bool = True) -> list[T]:
        """Reads the values of JSONL; empty if there is no such object."""
        data = self._data(key, sure)
        return [] if data is None else msgspec.json.Decoder(type_).decode_lines(data)

    def _data(self, key: str, sure: bool, most: int = MAX_OBJECT) -> bytes | None:
        if sure:
            stored = self.store.find(self.bucket, key, most)
            return None if stored is None else stored.data
        try:
            return self.store.read(self.bucket, key, most)
        except (AccessRefused, ObjectMissing):
            return None
