"""The object store: the port, and S3 behind it."""

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from chalicelib.errors import ImageTooLarge, SourceRefused, SourceUnreachable

_REFUSALS = {"404", "403", "NoSuchKey", "NoSuchBucket", "AccessDenied", "InvalidBucketName"}


BLOCK_BYTES = 1 << 20
"""Bytes of a block of a stream."""

RANGE_BYTES = 4 << 20
"""Bytes that one connection gets of a file in `download`: six for an Inception v3 of 24 MB, which
came in 0.20 s where a connection carries 40 MB/s, 0.31 s by boto3's 8 MiB and 0.68 s in one."""


@dataclass(frozen=True)
class Found:
    """An object of a listing: its key, and when it was written, in seconds since the epoch."""

    key: str
    modified: float


class ObjectStore(Protocol):
    """Objects by bucket and key.

    Every method raises SourceRefused where there is no such object or it may not be read, and
    SourceUnreachable where the store does not answer.
    """

    def read(self, bucket: str, key: str, max_bytes: int) -> bytes:
        """The object's bytes. Raises ImageTooLarge where there are more than `max_bytes`."""

    def download(self, bucket: str, key: str, target: Path) -> None:
        """Write the object into the file `target`, without holding it in memory; in parallel."""

    def stream(self, bucket: str, key: str) -> Iterator[bytes]:
        """The object's bytes in blocks; opened at the call, as it is at that moment."""

    def list(self, bucket: str, prefix: str) -> Iterator[Found]:
        """The objects whose key starts with `prefix`, in the order of their UTF-8 keys."""

    def put(
        self, bucket: str, key: str, data: bytes, content_type: str, only_new: bool = False
    ) -> bool:
        """Write an object; with `only_new`, unless there is one. Whether it was written."""

    def write(self, bucket: str, key: str, blocks: Iterable[bytes]) -> None:
        """Write an object that comes in blocks; nobody ever sees half of it."""

    def copy(self, bucket: str, key: str, to_bucket: str, to_key: str) -> None:
        """Copy an object, without its bytes coming here."""

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object, or do nothing where there is none."""

    def link(self, bucket: str, key: str, seconds: int) -> str:
        """A URL that reads the object, whoever has it, for that long."""

    def upload_form(
        self, bucket: str, key: str, seconds: int, max_bytes: int
    ) -> tuple[str, dict[str, str]]:
        """A URL and form fields with which whoever has them may POST this one object."""


class S3Store:
    """The object store on Amazon S3, or on anything that speaks its protocol.

    make_client: returns a boto3 S3 client; called at the first use, because importing boto3 takes
        longer than a prediction and most requests need no bucket.
    """

    def __init__(self, make_client: Callable[[], Any]) -> None:
        self._make_client = make_client
        self._client: Any = None

    def read(self, bucket: str, key: str, max_bytes: int) -> bytes:
        """See ObjectStore."""
        with _translated(f"s3://{bucket}/{key}"):
            answer = self._s3().get_object(Bucket=bucket, Key=key)
            if answer["ContentLength"] > max_bytes:
                answer["Body"].close()
                raise ImageTooLarge(
                    f"The object has {answer['ContentLength']} bytes; "
                    f"store one of at most {max_bytes}."
                )
            return bytes(answer["Body"].read())

    def download(self, bucket: str, key: str, target: Path) -> None:
        """See ObjectStore."""
        from boto3.s3.transfer import TransferConfig

        ranges = TransferConfig(multipart_threshold=RANGE_BYTES, multipart_chunksize=RANGE_BYTES)
        with _translated(f"s3://{bucket}/{key}"):
            self._s3().download_file(bucket, key, str(target), Config=ranges)

    def stream(self, bucket: str, key: str) -> Iterator[bytes]:
        """See ObjectStore."""
        with _translated(f"s3://{bucket}/{key}"):
            body = self._s3().get_object(Bucket=bucket, Key=key)["Body"]
        return self._blocks(body, f"s3://{bucket}/{key}")

    def _blocks(self, body: Any, uri: str) -> Iterator[bytes]:
        with _translated(uri):
            yield from body.iter_chunks(BLOCK_BYTES)

    def list(self, bucket: str, prefix: str) -> Iterator[Found]:
        """See ObjectStore."""
        with _translated(f"s3://{bucket}/{prefix}"):
            pages = self._s3().get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=bucket, Prefix=prefix):
                for found in page.get("Contents", []):
                    yield Found(found["Key"], found["LastModified"].timestamp())

    def put(
        self, bucket: str, key: str, data: bytes, content_type: str, only_new: bool = False
    ) -> bool:
        """See ObjectStore."""
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        condition = {"IfNoneMatch": "*"} if only_new else {}
        with _translated(f"s3://{bucket}/{key}"):
            try:
                self._s3().put_object(
                    Bucket=bucket, Key=key, Body=data, ContentType=content_type, **condition
                )
            except self._s3().exceptions.ClientError as error:
                if only_new and error.response["Error"]["Code"] == "PreconditionFailed":
                    return False
                raise
        return True

    def write(self, bucket: str, key: str, blocks: Iterable[bytes]) -> None:
        """See ObjectStore."""
        with _translated(f"s3://{bucket}/{key}"):
            self._s3().upload_fileobj(io.BufferedReader(_Blocks(blocks)), bucket, key)

    def copy(self, bucket: str, key: str, to_bucket: str, to_key: str) -> None:
        """See ObjectStore."""
        with _translated(f"s3://{bucket}/{key}"):
            self._s3().copy({"Bucket": bucket, "Key": key}, to_bucket, to_key)

    def delete(self, bucket: str, key: str) -> None:
        """See ObjectStore."""
        with _translated(f"s3://{bucket}/{key}"):
            self._s3().delete_object(Bucket=bucket, Key=key)

    def link(self, bucket: str, key: str, seconds: int) -> str:
        """See ObjectStore."""
        with _translated(f"s3://{bucket}/{key}"):
            return str(
                self._s3().generate_presigned_url(
                    "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=seconds
                )
            )

    def upload_form(
        self, bucket: str, key: str, seconds: int, max_bytes: int
    ) -> tuple[str, dict[str, str]]:
        """See ObjectStore."""
        with _translated(f"s3://{bucket}/{key}"):
            form = self._s3().generate_presigned_post(
                bucket, key, ExpiresIn=seconds, Conditions=[["content-length-range", 1, max_bytes]]
            )
        return form["url"], form["fields"]

    def _s3(self) -> Any:
        if self._client is None:
            self._client = self._make_client()
        return self._client


class _Blocks(io.RawIOBase):
    """Blocks of bytes as a file to read from."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = memoryview(block)
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count


@contextmanager
def _translated(uri: str) -> Iterator[None]:
    """Turns botocore's errors about one object into the domain's."""
    try:
        yield
    except Exception as error:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        if isinstance(error, ClientError) and error.response["Error"]["Code"] in _REFUSALS:
            raise SourceRefused(
                f"{uri} does not exist or may not be read; check its bucket, key and policy."
            ) from error
        if isinstance(error, (ClientError, BotoCoreError, Boto3Error, OSError)):
            raise SourceUnreachable(f"{uri} could not be read; try again later.") from error
        raise
