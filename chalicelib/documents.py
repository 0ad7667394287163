"""JSON and JSONL objects of one bucket."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from chalicelib.errors import ImageTooLarge, SourceRefused
from chalicelib.storage import ObjectStore

MAX_OBJECT = 100 * 2**20
"""Bytes of an object that is read whole: a chunk of images inline, and room."""

T = TypeVar("T")


class Documents:
    """The objects of one bucket that are written and read as values.

    Every method raises SourceUnreachable where the store does not answer.
    """

    def __init__(self, store: ObjectStore, bucket: str) -> None:
        self.store, self.bucket = store, bucket

    def get(self, key: str, type_: type[T]) -> T | None:
        """A JSON object; None where there is none. Raises msgspec.DecodeError for other JSON."""
        try:
            return msgspec.json.decode(self.store.read(self.bucket, key, MAX_OBJECT), type=type_)
        except SourceRefused:
            return None

    def put(self, key: str, value: object, only_new: bool = False) -> bool:
        """Write JSON; whether it was written, which `only_new` leaves to the first."""
        data = msgspec.json.encode(value)
        return self.store.put(self.bucket, key, data, "application/json", only_new=only_new)

    def first(self, key: str, type_: type[T], make: Callable[[], T]) -> T:
        """The JSON object that is there, or else what `make` returns, unless someone was faster."""
        found = self.get(key, type_)
        if found is None:
            found = make()
            if not self.put(key, found, only_new=True):
                found = self.get(key, type_) or found
        return found

    def mark(self, key: str) -> None:
        """Write an empty object."""
        self.store.put(self.bucket, key, b"", "application/octet-stream")

    def has(self, key: str) -> bool:
        """Whether an object is there: asked for, which costs a twelfth of a listing."""
        try:
            self.store.read(self.bucket, key, 0)
        except ImageTooLarge:
            return True
        except SourceRefused:
            return False
        return True

    def put_lines(self, key: str, items: Iterable[object], only_new: bool = False) -> bool:
        """Write JSONL; see `put`."""
        data = msgspec.json.Encoder().encode_lines(items)
        return self.store.put(self.bucket, key, data, "application/jsonl", only_new=only_new)

    def lines(self, key: str, type_: type[T]) -> list[T]:
        """The values of JSONL; empty where there is no such object."""
        try:
            data = self.store.read(self.bucket, key, MAX_OBJECT)
        except SourceRefused:
            return []
        return msgspec.json.Decoder(type_).decode_lines(data)
