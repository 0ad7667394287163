"""Amazon S3 behind the port to an object store."""

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

from chalicelib.aws.blocks import Blocks
from chalicelib.aws.failures import told
from chalicelib.aws.s3answers import translated, unless_lost
from chalicelib.aws.store import Listed, Stored
from chalicelib.errors import AccessRefused, ObjectMissing, ObjectTooLarge

BLOCK_BYTES = 1 << 20
"""Bytes of a block of a stream."""

RANGE_BYTES = 4 << 20
"""Bytes of a file that one connection of `download` gets. An Inception v3 of 24 MB takes six:
0.20 s where a connection carries 40 MB/s, against 0.31 s with boto3's 8 MiB and 0.68 s with one."""


class S3Store:
    """The object store on Amazon S3, or on anything that speaks its protocol.

    make_client: returns a boto3 S3 client. It is called at the first use, because importing boto3
        takes longer than a prediction, and most requests need no bucket.
    """

    def __init__(self, make_client: Callable[[], Any]) -> None:
        self._s3 = cache(make_client)

    def read(self, bucket: str, key: str, max_bytes: int) -> bytes:
        """See ObjectStore."""
        return self._get(bucket, key, max_bytes).data

    def find(self, bucket: str, key: str, max_bytes: int) -> Stored | None:
        """See ObjectStore.

        A caller who may not list a bucket gets 403 for a missing object, as for one that may not be
        read. A listing of that key, which a policy can allow by its prefix, tells which it was
        (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
        """
        with suppress(ObjectMissing):
            try:
                return self._get(bucket, key, max_bytes)
            except AccessRefused:
                if self._is_listed(bucket, key):
                    return self._get(bucket, key, max_bytes)
        return None

    def _is_listed(self, bucket: str, key: str) -> bool:
        first = next(self.list(bucket, key), None)
        return first is not None and first.key == key

    def _get(self, bucket: str, key: str, max_bytes: int) -> Stored:
        uri = f"s3://{bucket}/{key}"
        with translated(uri):
            answer = self._s3().get_object(Bucket=bucket, Key=key)
            with closing(answer["Body"]):
                check_size(uri, told(answer, "ContentLength"), max_bytes)
                return Stored(bytes(answer["Body"].read()), told(answer, "ETag"))

    def download(self, bucket: str, key: str, target: Path) -> None:
        """See ObjectStore."""
        from boto3.s3.transfer import TransferConfig

        ranges = TransferConfig(multipart_threshold=RANGE_BYTES, multipart_chunksize=RANGE_BYTES)
        with translated(f"s3://{bucket}/{key}"):
            self._s3().download_file(bucket, key, str(target), Config=ranges)

    def stream(self, bucket: str, key: str) -> Iterator[bytes]:
        """See ObjectStore."""
        with translated(f"s3://{bucket}/{key}"):
            answer = self._s3().get_object(Bucket=bucket, Key=key)
            told(answer, "ETag")
            told(answer, "ContentLength")  # by which botocore tells half a body
        return self._blocks(answer["Body"], f"s3://{bucket}/{key}")

    def _blocks(self, body: Any, uri: str) -> Iterator[bytes]:
        with translated(uri):
            yield from body.iter_chunks(BLOCK_BYTES)

    def list(self, bucket: str, prefix: str, after: str = "") -> Iterator[Listed]:
        """See ObjectStore."""
        request = {"Bucket": bucket, "Prefix": prefix} | ({"StartAfter": after} if after else {})
        with translated(f"s3://{bucket}/{prefix}"):
            for page in self._pages(request):
                for listed in page.get("Contents", []):
                    yield Listed(listed["Key"], listed["LastModified"].timestamp())

    def folders(self, bucket: str, prefix: str, after: str = "") -> Iterator[str]:
        """See ObjectStore."""
        request = {"Bucket": bucket, "Prefix": prefix, "Delimiter": "/"}
        request |= {"StartAfter": after} if after else {}
        with translated(f"s3://{bucket}/{prefix}"):
            for page in self._pages(request):
                for folder in page.get("CommonPrefixes", []):
                    yield folder["Prefix"]

    def _pages(self, request: dict[str, str]) -> Iterator[dict[str, Any]]:
        for page in self._s3().get_paginator("list_objects_v2").paginate(**request):
            told(page, "IsTruncated")
            yield page

    def put(
        self,
        bucket: str,
        key: str,
        data: bytes,
        content_type: str,
        only_new: bool = False,
        replacing: str | None = None,
    ) -> str | None:
        """See ObjectStore."""
        conditions = {"IfNoneMatch": "*"} if only_new else {}
        if replacing is not None:
            conditions["IfMatch"] = replacing
        request = {"Bucket": bucket, "Key": key, "Body": data, "ContentType": content_type}
        with translated(f"s3://{bucket}/{key}"):
            if not conditions:
                return str(told(self._s3().put_object(**request), "ETag"))
            answer = unless_lost(lambda: self._s3().put_object(**request, **conditions))
            return None if answer is None else str(told(answer, "ETag"))

    def write(self, bucket: str, key: str, blocks: Iterable[bytes]) -> None:
        """See ObjectStore."""
        with translated(f"s3://{bucket}/{key}"):
            self._s3().upload_fileobj(io.BufferedReader(Blocks(blocks)), bucket, key)

    def copy(
        self, bucket: str, key: str, to_bucket: str, to_key: str, etag: str | None = None
    ) -> bool:
        """See ObjectStore. boto3 asks for the ETag as it looks at the source, and as it copies."""
        source = {"Bucket": bucket, "Key": key}
        with translated(f"s3://{bucket}/{key}"):
            if etag is not None:
                condition = {"CopySourceIfMatch": etag}
                copy = partial(self._s3().copy, source, to_bucket, to_key, ExtraArgs=condition)
                return unless_lost(lambda: copy() or True) is not None
            self._s3().copy(source, to_bucket, to_key)
        return True

    def delete(self, bucket: str, key: str) -> None:
        """See ObjectStore."""
        with translated(f"s3://{bucket}/{key}"):
            self._s3().delete_object(Bucket=bucket, Key=key)

    def link(self, bucket: str, key: str, seconds: int, type_: str = "") -> str:
        """See ObjectStore."""
        request = {"Bucket": bucket, "Key": key}
        if type_:
            request |= {"ResponseContentType": type_, "ResponseContentDisposition": "attachment"}
        with translated(f"s3://{bucket}/{key}"):
            sign = self._s3().generate_presigned_url
            return str(sign("get_object", Params=request, ExpiresIn=seconds))

    def upload_form(
        self, bucket: str, key: str, seconds: int, max_bytes: int
    ) -> tuple[str, dict[str, str]]:
        """See ObjectStore."""
        with translated(f"s3://{bucket}/{key}"):
            form = self._s3().generate_presigned_post(
                bucket, key, ExpiresIn=seconds, Conditions=[["content-length-range", 1, max_bytes]]
            )
        return form["url"], form["fields"]


def check_size(uri: str, size: int, max_bytes: int) -> None:
    """Raises ObjectTooLarge for more bytes than are allowed."""
    if size > max_bytes:
        sentence = (
            f"The object has {size} bytes, and at most {max_bytes} are allowed; store a "
            "smaller one."
        )
        raise ObjectTooLarge(sentence, f"{uri}: {sentence}")
