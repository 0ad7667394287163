"""One contract for the object store: the fake of the unit tests, and S3 on the local AWS."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.config import Config

from chalicelib.errors import ImageTooLarge, SourceRefused, SourceUnreachable
from chalicelib.storage import ObjectStore, S3Store
from tests.fakes import MemoryStore

Put = Callable[[str, bytes], None]


@pytest.fixture
def bucket() -> str:
    return f"bucket-{uuid.uuid4()}"


@pytest.fixture(params=["memory", "s3"])
def store_and_put(request: pytest.FixtureRequest, bucket: str) -> tuple[ObjectStore, Put]:
    if request.param == "memory":
        store = MemoryStore()
        return store, lambda key, data: store.objects.update({(bucket, key): data})
    s3 = request.getfixturevalue("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return S3Store(lambda: s3), lambda key, data: s3.put_object(Bucket=bucket, Key=key, Body=data)


@pytest.mark.parametrize("key", ["a", "a/b.jpg", "with space+plus&%20.jpg", "ü/日本.png"])
def test_what_is_put_is_read(
    store_and_put: tuple[ObjectStore, Put], bucket: str, tmp_path: Path, key: str
) -> None:
    store, put = store_and_put
    put(key, b"\x00\xffdata")
    assert store.read(bucket, key, 6) == b"\x00\xffdata"
    store.download(bucket, key, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"\x00\xffdata"


def test_what_is_not_there(
    store_and_put: tuple[ObjectStore, Put], bucket: str, tmp_path: Path
) -> None:
    store, _ = store_and_put
    with pytest.raises(SourceRefused):
        store.read(bucket, "none", 10)
    with pytest.raises(SourceRefused):
        store.read("no-such-bucket-anywhere", "none", 10)
    with pytest.raises(SourceRefused):
        store.download(bucket, "none", tmp_path / "file")


def test_what_is_too_large(store_and_put: tuple[ObjectStore, Put], bucket: str) -> None:
    store, put = store_and_put
    put("large", bytes(11))
    with pytest.raises(ImageTooLarge):
        store.read(bucket, "large", 10)


def unreachable(aws: dict[str, Any], port: int, **options: Any) -> S3Store:
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    settings = aws | {"endpoint_url": f"http://127.0.0.1:{port}", "config": config} | options
    return S3Store(lambda: boto3.client("s3", **settings))


def test_a_store_that_does_not_answer(aws: dict[str, Any], free_port: int, tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable):
        unreachable(aws, free_port).read("bucket", "key", 10)
    with pytest.raises(SourceUnreachable):
        unreachable(aws, free_port).download("bucket", "key", tmp_path / "file")


def test_no_credentials_are_no_crash() -> None:
    def client() -> Any:
        session = botocore.session.get_session()
        session.register_component("credential_provider", _NoCredentials())
        return boto3.session.Session(region_name="eu-west-1", botocore_session=session).client("s3")

    with pytest.raises(SourceUnreachable):
        S3Store(client).read("bucket", "key", 10)


class _NoCredentials:
    def load_credentials(self) -> None:
        return None
