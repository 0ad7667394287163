"""One contract for the object store: the fake of the unit tests, and S3 on the local AWS."""

import random
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
import urllib3
from botocore.config import Config

from chalicelib.aws.quickreads import QuickStore
from chalicelib.aws.s3 import S3Store
from chalicelib.aws.store import ObjectStore
from chalicelib.errors import (
    AccessRefused,
    ObjectMissing,
    ObjectTooLarge,
    ServiceUnavailable,
)
from tests.fakes import MemoryStore
from tests.functional.absence import refuse, tell_no_absence

Put = Callable[[str, bytes], None]
KEYS = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}

ABSENT = (AccessRefused, ObjectMissing)
"""What a read of a missing key raises: S3 tells it from a refusal only to those who may list it."""


@pytest.fixture
def bucket() -> str:
    return f"bucket-{uuid.uuid4()}"


@pytest.fixture(params=["memory", "s3", "s3 that tells no absence", "quick"])
def store_and_put(request: pytest.FixtureRequest, bucket: str) -> tuple[ObjectStore, Put]:
    if request.param == "memory":
        store = MemoryStore()
        return store, lambda key, data: store.objects.update({(bucket, key): data})
    s3 = request.getfixturevalue("s3")
    if request.param == "s3 that tells no absence":
        tell_no_absence(s3.meta.events)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    env = {**KEYS, "AWS_ENDPOINT_URL": s3.meta.endpoint_url}
    store = QuickStore(lambda: s3, env) if request.param == "quick" else S3Store(lambda: s3)
    return store, lambda key, data: s3.put_object(Bucket=bucket, Key=key, Body=data)


@pytest.mark.parametrize("key", ["a", "a/b.jpg", "with space+plus&%20.jpg", "ü/日本.png"])
def test_what_is_put_is_read(
    store_and_put: tuple[ObjectStore, Put], bucket: str, tmp_path: Path, key: str
) -> None:
    store, put = store_and_put
    put(key, b"\x00\xffdata")
    assert store.read(bucket, key, 6) == b"\x00\xffdata"
    store.download(bucket, key, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"\x00\xffdata"


def test_a_large_file_comes_in_ranges_at_the_same_time(
    aws: dict[str, Any], bucket: str, tmp_path: Path
) -> None:
    with closing(boto3.client("s3", **aws)) as s3:
        s3.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": aws["region_name"]}
        )
        s3.put_object(Bucket=bucket, Key="model", Body=(data := random.randbytes(10_000_000)))
        asked: list[str] = []
        all_under_way = threading.Barrier(3, timeout=60)

        def record(params: dict[str, Any], **_: Any) -> None:
            asked.append(params["Range"])
            all_under_way.wait()

        s3.meta.events.register("provide-client-params.s3.GetObject", record)
        S3Store(lambda: s3).download(bucket, "model", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == data
    assert sorted(asked) == ["bytes=0-4194303", "bytes=4194304-8388607", "bytes=8388608-"]


def test_a_stream_is_the_object_as_it_was_opened(
    store_and_put: tuple[ObjectStore, Put], bucket: str
) -> None:
    store, put = store_and_put
    put("large", data := bytes(range(256)) * 10_000)
    blocks = store.stream(bucket, "large")
    put("large", b"another")
    assert b"".join(blocks) == data
    with pytest.raises(ABSENT):
        store.stream(bucket, "none")


# what tells no absence lists as S3 does
@pytest.mark.parametrize("store_and_put", ["memory", "s3"], indirect=True)
def test_a_listing_is_in_order_and_of_its_prefix(
    store_and_put: tuple[ObjectStore, Put], bucket: str
) -> None:
    store, put = store_and_put
    keys = [f"a/{n:04d}" for n in range(1001)]  # more than a page
    for key in ["b", "a", *reversed(keys)]:
        put(key, b"")
    assert [entry.key for entry in store.list(bucket, "a/")] == keys
    assert [entry.key for entry in store.list(bucket, "a")] == ["a", *keys]
    for after, rest in (
        ("a/0998", keys[999:]),
        ("a/0998x", keys[999:]),
        ("a/1000", []),
        ("", keys),
    ):
        assert [entry.key for entry in store.list(bucket, "a/", after)] == rest
    assert list(store.list(bucket, "none")) == []


@pytest.mark.parametrize("store_and_put", ["memory", "s3"], indirect=True)
def test_folders_are_told_once_each_in_order(
    store_and_put: tuple[ObjectStore, Put], bucket: str
) -> None:
    store, put = store_and_put
    for key in ("a/2/x", "a/2/y/z", "a/10/x", "a/file", "b/1/x", "a/3/x"):
        put(key, b"")
    assert list(store.folders(bucket, "a/")) == ["a/10/", "a/2/", "a/3/"]
    assert list(store.folders(bucket, "a/", after="a/2")) == ["a/2/", "a/3/"]
    assert list(store.folders(bucket, "c/")) == []


def test_a_key_may_go_on_where_another_ends(
    store_and_put: tuple[ObjectStore, Put], bucket: str
) -> None:
    store, put = store_and_put
    put("recent/a", b"1")
    put("recent/a/end", b"22")
    assert store.read(bucket, "recent/a", 9) == b"1"
    assert store.read(bucket, "recent/a/end", 9) == b"22"
    assert [listed.key for listed in store.list(bucket, "recent/")] == ["recent/a", "recent/a/end"]
    assert list(store.folders(bucket, "recent/")) == ["recent/a/"]


def test_only_the_first_writes_what_must_be_new(
    store_and_put: tuple[ObjectStore, Put], bucket: str
) -> None:
    store, put = store_and_put
    put("other", b"")  # makes the bucket
    assert store.put(bucket, "key", b"first", "text/plain", only_new=True)
    assert not store.put(bucket, "key", b"second", "text/plain", only_new=True)
    assert store.read(bucket, "key", 10) == b"first"
    assert store.put(bucket, "key", b"third", "text/plain")
    assert store.read(bucket, "key", 10) == b"third"


def test_only_what_was_read_is_replaced(
    store_and_put: tuple[ObjectStore, Put], bucket: str
) -> None:
    store, put = store_and_put
    put("key", b"first")
    stored = store.find(bucket, "key", 10)
    assert stored is not None and stored.data == b"first"
    assert store.put(bucket, "key", b"second", "text/plain", replacing=stored.etag)
    assert not store.put(bucket, "key", b"third", "text/plain", replacing=stored.etag)
    assert store.read(bucket, "key", 10) == b"second"
    assert not store.put(bucket, "none", b"fourth", "text/plain", replacing=stored.etag)
    assert store.find(bucket, "none", 10) is None


def test_what_is_not_there_is_told_from_what_is_too_large(
    store_and_put: tuple[ObjectStore, Put], bucket: str
) -> None:
    store, put = store_and_put
    put("key-and-more", b"data")
    assert store.find(bucket, "key", 10) is None
    with pytest.raises(ObjectTooLarge):
        store.find(bucket, "key-and-more", 3)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("hides", [False, True])
def test_a_refusal_is_no_absence(s3: Any, bucket: str, times: int, hides: bool) -> None:
    """Once it is asked again; twice it is said that the object cannot be had."""
    store = S3Store(lambda: s3)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    if hides:
        tell_no_absence(s3.meta.events)
    refuse(s3.meta.events, "GetObject", times)
    if times == 1:
        stored = store.find(bucket, "key", 10)
        assert stored is not None and stored.data == b"data"
    else:
        with pytest.raises(AccessRefused) as told:
            store.find(bucket, "key", 10)
        assert bucket not in str(told.value)
        assert f"s3://{bucket}/key: " in told.value.detail and "AccessDenied" in told.value.detail


def test_where_listing_is_refused_too_nothing_is_known(s3: Any, bucket: str) -> None:
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    tell_no_absence(s3.meta.events)
    refuse(s3.meta.events, "ListObjectsV2", 1)
    with pytest.raises(AccessRefused):
        S3Store(lambda: s3).find(bucket, "none", 10)


def test_a_bucket_that_is_gone_is_no_absence_of_its_objects(s3: Any) -> None:
    with pytest.raises(AccessRefused, match="which policy"):
        S3Store(lambda: s3).find("no-such-bucket-anywhere", "key", 10)


def test_two_conditional_writes_at_once_are_somebody_elses(s3: Any, bucket: str) -> None:
    """409 says that another write is under way; moto does one after the other."""
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    refuse(s3.meta.events, "PutObject", 2, 409, "ConditionalRequestConflict")
    store = S3Store(lambda: s3)
    assert not store.put(bucket, "key", b"data", "text/plain", only_new=True)
    assert not store.put(bucket, "key", b"data", "text/plain", replacing='"0"')
    assert store.find(bucket, "key", 10) is None


@pytest.mark.parametrize("count", [0, 1, 3000])
def test_what_comes_in_blocks_is_written_whole(
    store_and_put: tuple[ObjectStore, Put], bucket: str, count: int
) -> None:
    store, put = store_and_put
    put("other", b"")
    blocks = [bytes([n % 256]) * (n % 9000) for n in range(count)]
    store.write(bucket, "key", iter(blocks))
    assert store.read(bucket, "key", 2**30) == b"".join(blocks)


def test_blocks_that_break_off_leave_what_was_there(
    store_and_put: tuple[ObjectStore, Put], bucket: str
) -> None:
    store, put = store_and_put
    put("key", b"before")

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ServiceUnavailable("The parts cannot be read.")

    with pytest.raises(ServiceUnavailable):
        store.write(bucket, "key", broken())
    assert store.read(bucket, "key", 10) == b"before"


def test_a_copy_and_what_is_deleted(store_and_put: tuple[ObjectStore, Put], bucket: str) -> None:
    store, put = store_and_put
    put("from", b"data")
    store.copy(bucket, "from", bucket, "to")
    store.delete(bucket, "from")
    store.delete(bucket, "from")
    assert [entry.key for entry in store.list(bucket, "")] == ["to"]
    assert store.read(bucket, "to", 10) == b"data"
    with pytest.raises(ABSENT):
        store.copy(bucket, "none", bucket, "to")


def test_a_copy_of_what_has_been_replaced(
    store_and_put: tuple[ObjectStore, Put], bucket: str
) -> None:
    store, put = store_and_put
    put("from", b"first")
    first = store.find(bucket, "from", 10)
    assert first is not None and store.copy(bucket, "from", bucket, "to", first.etag)
    put("from", b"second")
    assert not store.copy(bucket, "from", bucket, "to", first.etag)
    assert store.read(bucket, "to", 10) == b"first"


def test_links_and_forms_work_without_credentials(s3: Any, bucket: str) -> None:
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    store = S3Store(lambda: s3)
    url, fields = store.upload_form(bucket, "a/b c.jpg", 60, 5)
    assert urllib3.request("POST", url, fields={**fields, "file": ("x", b"12345")}).status == 204
    link = store.link(bucket, "a/b c.jpg", 60)
    assert urllib3.request("GET", link).data == b"12345"
    assert "Signature" in link and fields["key"] == "a/b c.jpg"
    typed = urllib3.request("GET", store.link(bucket, "a/b c.jpg", 60, "image/png"))
    assert typed.data == b"12345" and typed.headers["Content-Type"] == "image/png"
    assert typed.headers["Content-Disposition"] == "attachment"


def test_what_is_not_there(
    store_and_put: tuple[ObjectStore, Put], bucket: str, tmp_path: Path
) -> None:
    store, _ = store_and_put
    with pytest.raises(ABSENT):
        store.read(bucket, "none", 10)
    with pytest.raises(ABSENT):
        store.read("no-such-bucket-anywhere", "none", 10)
    with pytest.raises(ABSENT):
        store.download(bucket, "none", tmp_path / "file")


def test_what_is_too_large(store_and_put: tuple[ObjectStore, Put], bucket: str) -> None:
    store, put = store_and_put
    put("large", bytes(11))
    with pytest.raises(ObjectTooLarge):
        store.read(bucket, "large", 10)


def unreachable(aws: dict[str, Any], port: int, **options: Any) -> S3Store:
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    settings = aws | {"endpoint_url": f"http://127.0.0.1:{port}", "config": config} | options
    return S3Store(lambda: boto3.client("s3", **settings))


def test_a_store_that_does_not_answer(aws: dict[str, Any], free_port: int, tmp_path: Path) -> None:
    with pytest.raises(ServiceUnavailable):
        unreachable(aws, free_port).read("bucket", "key", 10)
    with pytest.raises(ServiceUnavailable):
        unreachable(aws, free_port).download("bucket", "key", tmp_path / "file")


def test_no_credentials_are_no_crash() -> None:
    def client() -> Any:
        session = botocore.session.get_session()
        session.register_component("credential_provider", _NoCredentials())
        return boto3.session.Session(region_name="eu-west-1", botocore_session=session).client("s3")

    with pytest.raises(ServiceUnavailable):
        S3Store(client).read("bucket", "key", 10)


class _NoCredentials:
    def load_credentials(self) -> None:
        return None
