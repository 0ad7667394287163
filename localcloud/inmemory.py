"""The object store and the queue in memory, for tests and benchmarks."""

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from chalicelib.aws.dynamodb import Item, Values
from chalicelib.aws.store import Listed, Stored
from chalicelib.errors import AccessRefused, ObjectMissing, ObjectTooLarge, ServiceUnavailable


class MemoryStore:
    """The object store in a dictionary of (bucket, key); `chalicelib.aws.store.ObjectStore`.

    Its clock moves by a second with each write, and by what is added to `late`.
    """

    def __init__(self, objects: dict[tuple[str, str], bytes] | None = None) -> None:
        self.objects = objects or {}
        self.modified: dict[tuple[str, str], float] = {}
        self._ticks = itertools.count(1.0)
        self.late = 0.0

    def read(self, bucket: str, key: str, max_bytes: int) -> bytes:
        try:
            data = self.objects[bucket, key]
        except KeyError:
            raise ObjectMissing(detail=f"s3://{bucket}/{key} does not exist.") from None
        if len(data) > max_bytes:
            raise ObjectTooLarge(f"The object has {len(data)} bytes.")
        return data

    def find(self, bucket: str, key: str, max_bytes: int) -> Stored | None:
        try:
            data = self.read(bucket, key, max_bytes)
        except (AccessRefused, ObjectMissing):
            if (bucket, key) not in self.objects:
                return None
            raise
        return Stored(data, etag_of(data))

    def download(self, bucket: str, key: str, target: Path) -> None:
        target.write_bytes(self.read(bucket, key, 2**40))

    def stream(self, bucket: str, key: str) -> Iterator[bytes]:
        data = self.read(bucket, key, 2**40)
        return (data[start : start + 1000] for start in range(0, len(data), 1000))

    def list(self, bucket: str, prefix: str, after: str = "") -> Iterator[Listed]:
        places = list(self.objects)  # a copy: other threads may write meanwhile
        keys = [key for where, key in places if where == bucket and key.startswith(prefix)]
        keys = sorted((key for key in keys if key.encode() > after.encode()), key=str.encode)
        return iter([Listed(key, self.modified.get((bucket, key), 0.0)) for key in keys])

    def folders(self, bucket: str, prefix: str, after: str = "") -> Iterator[str]:
        names = {
            prefix + listed.key.removeprefix(prefix).partition("/")[0] + "/"
            for listed in MemoryStore.list(self, bucket, prefix)
            if "/" in listed.key.removeprefix(prefix)
        }
        return iter(sorted((name for name in names if name > after), key=str.encode))

    def put(
        self,
        bucket: str,
        key: str,
        data: bytes,
        content_type: str,
        only_new: bool = False,
        replacing: str | None = None,
    ) -> str | None:
        stored = self.objects.get((bucket, key))
        if only_new and stored is not None:
            return None
        if replacing is not None and (stored is None or etag_of(stored) != replacing):
            return None
        self._keep(bucket, key, data)
        return etag_of(data)

    def write(self, bucket: str, key: str, blocks: Iterable[bytes]) -> None:
        self._keep(bucket, key, b"".join(blocks))

    def copy(
        self, bucket: str, key: str, to_bucket: str, to_key: str, etag: str | None = None
    ) -> bool:
        data = self.read(bucket, key, 2**40)
        if etag is not None and etag_of(data) != etag:
            return False
        self._keep(to_bucket, to_key, data)
        return True

    def _keep(self, bucket: str, key: str, data: bytes) -> None:
        self.objects[bucket, key] = data
        self.modified[bucket, key] = next(self._ticks) + self.late

    def delete(self, bucket: str, key: str) -> None:
        self.objects.pop((bucket, key), None)

    def link(self, bucket: str, key: str, seconds: int, type_: str = "") -> str:
        return f"memory://{bucket}/{key}" + (f"?{type_}" if type_ else "")

    def upload_form(
        self, bucket: str, key: str, seconds: int, max_bytes: int
    ) -> tuple[str, dict[str, str]]:
        return f"memory://{bucket}", {"key": key}


def etag_of(data: bytes) -> str:
    """Returns S3's ETag for an object that was not put in parts."""
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


class MemoryBus:
    """The event bus as a list of kinds and details; `chalicelib.aws.eventbridge.Bus`.

    away: how many events it refuses from now on.
    """

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.away = 0

    def put(self, kind: str, detail: object) -> None:
        if self.away:
            self.away -= 1
            raise ServiceUnavailable(detail="the event bus is away")
        self.events.append((kind, msgspec.json.decode(msgspec.json.encode(detail))))


class MemoryItems:
    """Items of tables, by table and key; `chalicelib.aws.dynamodb.Items`."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {}

    def put(self, table: str, key: str, item: dict[str, Any]) -> None:
        self.items[table, key] = {"id": {"S": key}, **item}

    def write(self, item: Item, values: Values) -> bool:
        stored = self.items.get((item.table, item.key["id"]["S"]))
        if stored is None or stored | item.address != stored:
            return False
        stored |= values
        return True


class MemoryQueue:
    """The queue as a list of JSON texts; `chalicelib.aws.sqs.Queue`.

    busy: whether messages of others keep the queue busy.
    """

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.busy = False

    def send(self, messages: Sequence[object]) -> None:
        self.bodies += [msgspec.json.encode(message).decode() for message in messages]

    def idle(self) -> bool:
        return not self.bodies and not self.busy

    def patience(self) -> float:
        return 3600.0
