"""Fan-outs of a manifest and of a prefix, each in its own process, and the CPU time of a listing.

The store does not keep the chunks. botocore lists the prefix, with S3's answers made up here. The
parts of its manifest are on the disk, as they would be in a bucket.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import click
from botocore.awsrequest import AWSResponse

from benchmarks.findings import Figure
from chalicelib.aws.s3 import S3Store
from chalicelib.aws.session import session
from chalicelib.aws.store import Listed
from chalicelib.batch.fanout import fan_out
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.objects import Batch
from chalicelib.bulk.chunks import LARGE_CHUNK, SMALL_CHUNK, SMALL_RUN
from localcloud.inmemory import MemoryQueue, MemoryStore
from localcloud.unzipped import peak_megabytes

PAGE = 1000
"""Keys in one of S3's answers."""

TIMED = 30
"""Pages of the listing that is timed."""

SOURCES = {"lines": ("", "manifest.txt"), "keys": ("s3://images/photos/", "manifest.jsonl")}
"""Source and manifest of a batch, by what is counted of it."""

ENTRY = (
    b"<Contents><Key>photos/%09d.jpg</Key><LastModified>2026-11-23T10:00:00.000Z</LastModified>"
    b"<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag>"
    b"<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
    b"<Size>150000</Size><StorageClass>STANDARD</StorageClass></Contents>"
)


class Body:
    """The raw response that AWSResponse reads."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self, **_: Any) -> Iterator[bytes]:
        """Yields the whole body."""
        return iter([self._data])


def client(made_by: Any, count: int) -> Any:
    """Makes an S3 client whose only bucket has `count` keys. made_by: the session, or boto3."""

    def answer(request: Any, **_: Any) -> AWSResponse:
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
        after = query.get("start-after", "photos/-1.jpg")
        start = int(query.get("continuation-token", int(after[len("photos/") : -4]) + 1))
        end = min(start + PAGE, count)
        more = b"<NextContinuationToken>%d</NextContinuationToken>" % end if end < count else b""
        cut_off = b"<IsTruncated>%s</IsTruncated>" % (b"true" if more else b"false")
        entries = b"".join(ENTRY % number for number in range(start, end))
        page = b"<ListBucketResult>%s%s%s</ListBucketResult>" % (cut_off, more, entries)
        return AWSResponse(request.url, 200, {}, Body(page))

    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    made = made_by.client("s3", region_name="us-east-1", **keys)
    made.meta.events.register("before-send.s3", answer)
    return made


def page_ms(made_by: Any) -> float:
    """Returns the CPU milliseconds of one page of a listing."""
    store = S3Store(lambda: client(made_by, TIMED * PAGE))
    next(store.list("images", "photos/"))  # the client is made
    start = time.process_time()
    assert sum(1 for _ in store.list("images", "photos/")) == TIMED * PAGE
    return (time.process_time() - start) * 1000 / TIMED


class Forgetful(MemoryStore):
    """Keeps the checkpoints and forgets the chunks; makes up the lines of a manifest.

    listing: lists the prefix. folder: of the manifest that is made from it.
    """

    def __init__(self, count: int, listing: S3Store, folder: Path) -> None:
        super().__init__()
        self._count, self._listing, self._folder = count, listing, folder

    def list(self, bucket: str, prefix: str, after: str = "") -> Iterator[Listed]:
        """Lists from S3."""
        return self._listing.list(bucket, prefix, after)

    def stream(self, bucket: str, key: str) -> Iterator[bytes]:
        """Yields a part in blocks, or the lines of a manifest that does not exist."""
        part = self._folder / Path(key).name
        if part.exists():
            with part.open("rb") as file:
                yield from iter(lambda: file.read(1 << 20), b"")
            return
        for start in range(0, self._count, 1000):
            lines = range(start, min(start + 1000, self._count))
            yield b"".join(b"https://images.example/photo-%d.jpg\n" % n for n in lines)

    def put(self, bucket: str, key: str, data: bytes, *rest: Any, **options: Any) -> str | None:
        """Keeps a checkpoint or a part; forgets a chunk."""
        name = Path(key).name
        if name.startswith("manifest."):
            (self._folder / name).write_bytes(data)
        elif "chunks/" not in key:
            return super().put(bucket, key, data, *rest, **options)
        return "written"


class Counting(MemoryQueue):
    """A queue that only counts its messages."""

    count = 0

    def send(self, messages: object) -> None:
        """Counts them."""
        self.count += len(list(messages))  # type: ignore[call-overload]


def fan_out_alone(kind: str, count: int) -> dict[str, float | str]:
    """Fans out in this process; returns seconds and peak megabytes. kind: lines or keys."""
    source, manifest = SOURCES[kind]
    batch = Batch(batch_id="b", created_at=0, source=source, manifest=manifest)
    queue = Counting()
    listing = S3Store(lambda: client(session(), count))
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Forgetful(count, listing, Path(folder)), "results", "b")
        start = time.perf_counter()
        assert fan_out(ledger, batch, queue, lambda: 900.0)
        seconds = time.perf_counter() - start
    peak, small = round(peak_megabytes(os.getpid())), min(count, SMALL_RUN)
    assert queue.count == -(-small // SMALL_CHUNK) - (small - count) // LARGE_CHUNK
    return {"kind": kind, "count": count, "seconds": round(seconds, 2), "peak_mb": peak}


def fanned_out(kind: str, count: int) -> dict[str, Any]:
    """Fans out in a new process, so that the peak is its own."""
    command = [sys.executable, "-m", "benchmarks.cutting", kind, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    out: dict[str, Any] = json.loads(done.stdout)
    return out


def figures(outs: list[dict[str, Any]]) -> Iterator[Figure]:
    """Yields what the fan-outs and a page of a listing take."""
    for out in outs:
        kind, count, peak, seconds = out["kind"], out["count"], out["peak_mb"], out["seconds"]
        named = f"fan-out-{count}" + ("-keys" if kind == "keys" else "")
        what = f"fan-out of {count:,} {kind}"
        yield Figure(f"{named}-mb", f"{what}: peak memory", peak, f"{peak:.0f} MB")
        yield Figure(f"{named}-s", f"{what}: time", seconds, f"{seconds:.1f} s")
    for key, who, made_by in (("list", "the service", session()), ("list-boto3", "boto3", boto3)):
        ms = page_ms(made_by)
        what = f"CPU time to list {PAGE:,} keys as {who} does"
        yield Figure(f"{key}-page-ms", what, ms, f"{ms:.0f} ms")


@click.command(help=__doc__)
@click.argument("kind", type=click.Choice(["lines", "keys"]))
@click.argument("count", type=int)
def main(kind: str, count: int) -> None:
    """Fan out, and print what it took."""
    click.echo(json.dumps(fan_out_alone(kind, count)))


if __name__ == "__main__":
    main()
