"""The object store: the port, and S3 behind it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from chalicelib.errors import ImageTooLarge, SourceRefused, SourceUnreachable

_REFUSALS = {"404", "403", "NoSuchKey", "NoSuchBucket", "AccessDenied", "InvalidBucketName"}


class ObjectStore(Protocol):
    """Objects by bucket and key.

    Every method raises SourceRefused where there is no such object or it may not be read, and
    SourceUnreachable where the store does not answer.
    """

    def read(self, bucket: str, key: str, max_bytes: int) -> bytes:
        """The object's bytes. Raises ImageTooLarge where there are more than `max_bytes`."""

    def download(self, bucket: str, key: str, target: Path) -> None:
        """Write the object into the file `target`, without holding it in memory."""


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
        with _translated(f"s3://{bucket}/{key}"):
            self._s3().download_file(bucket, key, str(target))

    def _s3(self) -> Any:
        if self._client is None:
            self._client = self._make_client()
        return self._client


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
