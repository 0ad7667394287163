"""Ways in, with fakes for the network and the bucket."""

import base64
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import (
    AccessRefused,
    ImageTooLarge,
    InceptionError,
    ObjectMissing,
    ObjectTooLarge,
    ServiceUnavailable,
    SourceInvalid,
    SourceRefused,
    SourceUnreachable,
)
from chalicelib.requests import Instance
from chalicelib.sources.read import MAX_BYTES, Sources

PIXEL = bytes(range(256))
B64 = base64.b64encode(PIXEL).decode()


class Bucket:
    """Answers the same whatever is asked, or raises `fault`; remembers what was asked for."""

    def __init__(self, fault: InceptionError | None = None) -> None:
        self.read: list[tuple[str, str, int]] = []
        self.fault = fault

    def __call__(self, bucket: str, key: str, max_bytes: int) -> bytes:
        self.read.append((bucket, key, max_bytes))
        if self.fault is not None:
            raise self.fault
        return b"object"


class Network:
    def __init__(self) -> None:
        self.fetched: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.fetched.append(url)
        return b"page"


def load(instance: Instance, bucket: Bucket | None = None, network: Network | None = None) -> bytes:
    sources = Sources(network or Network(), bucket or Bucket(), frozenset({"photos", "more"}))
    return sources.load(instance)


def test_url_is_fetched_as_it_is() -> None:
    network = Network()
    assert load(Instance(url="https://good.example/a?b#c"), network=network) == b"page"
    assert network.fetched == ["https://good.example/a?b#c"]


def test_empty_url_is_left_to_the_fetcher_to_refuse() -> None:
    network = Network()
    load(Instance(url=""), network=network)
    assert network.fetched == [""]


@pytest.mark.parametrize(
    ("instance", "named"),
    [
        (Instance(), "none of them"),
        (Instance(id="a"), "none of them"),
        (Instance(url="http://a/", b64="AAAA"), "url and b64"),
        (Instance(url="", s3_uri=""), "url and s3_uri"),
        (Instance(url="u", s3_uri="s", b64="b"), "url and s3_uri and b64"),
    ],
)
def test_exactly_one_address(instance: Instance, named: str) -> None:
    with pytest.raises(SourceInvalid, match=f"this one has {named}."):
        load(instance)


def test_unknown_fields_are_not_an_instance() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"uri": "x"}', type=Instance)


@pytest.mark.parametrize(
    ("s3_uri", "key"),
    [
        ("s3://photos/cat.jpg", "cat.jpg"),
        ("s3://photos/a/b//c", "a/b//c"),
        ("s3://photos//", "/"),
        ("s3://photos/ü %20+?#.jpg", "ü %20+?#.jpg"),
        ("s3://photos/../more/x", "../more/x"),
        ("s3://photos/" + "a" * 1024, "a" * 1024),
    ],
)
def test_object_of_an_allowed_bucket_is_read_under_its_raw_key(s3_uri: str, key: str) -> None:
    bucket = Bucket()
    assert load(Instance(s3_uri=s3_uri), bucket) == b"object"
    assert bucket.read == [("photos", key, MAX_BYTES)]


@pytest.mark.parametrize(
    ("s3_uri", "hint"),
    [
        ("", "s3://bucket/key"),
        ("photos/cat.jpg", "s3://bucket/key"),
        ("S3://photos/cat.jpg", "s3://bucket/key"),
        ("s3:/photos/cat.jpg", "s3://bucket/key"),
        ("s3://photos", "s3://bucket/key"),
        ("s3://photos/", "s3://bucket/key"),
        ("s3:///cat.jpg", "s3://bucket/key"),
        ("s3://s3://photos/cat.jpg", "IMAGE_BUCKETS"),
        ("https://photos.s3.amazonaws.com/cat.jpg", "s3://bucket/key"),
        ("s3://secrets/cat.jpg", "IMAGE_BUCKETS"),
        ("s3://photos.evil/cat.jpg", "IMAGE_BUCKETS"),
        ("s3://PHOTOS/cat.jpg", "IMAGE_BUCKETS"),
        ("s3://arn:aws:s3:eu-west-1:1:accesspoint/x", "IMAGE_BUCKETS"),
        ("s3://photos/" + "a" * 1025, "1024 bytes"),
        ("s3://photos/" + "ü" * 513, "1024 bytes"),
        ("s3://photos/\ud800", "UTF-8"),
    ],
)
def test_other_s3_uris_are_refused(s3_uri: str, hint: str) -> None:
    bucket = Bucket()
    with pytest.raises(SourceInvalid, match=hint):
        load(Instance(s3_uri=s3_uri), bucket)
    assert bucket.read == []


@pytest.mark.parametrize(
    ("fault", "error", "hint"),
    [
        (AccessRefused(), SourceRefused, r"^s3://photos/a does not exist or may not be read"),
        (ObjectMissing(), SourceRefused, r"^s3://photos/a does not exist or may not be read"),
        (ServiceUnavailable(), SourceUnreachable, r"^s3://photos/a could not be read; try again"),
        (ObjectTooLarge("It has 9 bytes."), ImageTooLarge, r"^It has 9 bytes\.$"),
    ],
)
def test_the_faults_of_a_bucket_that_the_caller_named_are_the_sources(
    fault: InceptionError, error: type[InceptionError], hint: str
) -> None:
    with pytest.raises(error, match=hint) as told:
        load(Instance(s3_uri="s3://photos/a"), Bucket(fault))
    assert told.value.status < 500 and told.value.__cause__ is fault


def test_base64() -> None:
    assert load(Instance(b64=B64)) == PIXEL


@given(st.binary(min_size=1))
def test_base64_and_data_urls_come_back_as_they_were(data: bytes) -> None:
    encoded = base64.b64encode(data).decode()
    assert load(Instance(b64=encoded)) == data
    assert load(Instance(url="data:image/png;base64," + encoded)) == data
    assert load(Instance(b64="data:image/png;base64," + encoded)) == data
    assert load(Instance(url="data:image/png;base64," + quote(encoded, safe=""))) == data
    assert load(Instance(url="data:," + quote(data))) == data


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A",
        "AA",
        "AAA",
        "AA=A",
        "=AAA",
        "AAAA=",
        "AAAA====",
        "AA==AA==",
        "AAAA\n",
        " AAAA",
        "AA AA",
        "AAAA\nAAAA",
        "_-_-",
        "AAÄA",
        "AA\ud800A",
        "AA\x00A",
        "data:image/png;base64,AA",
        "data:image/png",
    ],
)
def test_other_base64_is_refused(text: str) -> None:
    with pytest.raises(SourceInvalid):
        load(Instance(b64=text))


@pytest.mark.parametrize(
    ("url", "data"),
    [
        ("data:,a", b"a"),
        ("DATA:,a", b"a"),
        ("data:;base64,YQ==", b"a"),
        ("data:image/png;BASE64,YQ==", b"a"),
        ("data:image/png;charset=x;base64,YQ%3D%3D", b"a"),
        ("data:text/plain,a%20b%00%ff", b"a b\x00\xff"),
        ("data:,a,b", b"a,b"),
        ("data:base64,YQ==", b"YQ=="),
        ("data:,=41=3D=_%3D41%0D%0A=%20", b"=41=3D=_=41\r\n= "),
    ],
)
def test_data_url(url: str, data: bytes) -> None:
    network = Network()
    assert load(Instance(url=url), network=network) == data
    assert network.fetched == []


@pytest.mark.parametrize(
    "url",
    [
        "data:",
        "data:,",
        "data:image/png;base64",
        "data:image/png;base64,",
        "data:;base64,YQ",
        "data:;base64,YQ==YQ==",
        "data:;base64,Y Q==",
        "data:;base64,YQ==#x",
        "data:;base64,_w==",
        "data:,a b",
        "data:,a\n",
        "data:,%",
        "data:,%4",
        "data:,%zz",
        "data:,ü",
        "data:,a#b",
        "data:,\ud800",
    ],
)
def test_other_data_urls_are_refused(url: str) -> None:
    with pytest.raises(SourceInvalid):
        load(Instance(url=url))


def test_size_limit_counts_decoded_bytes() -> None:
    fits = base64.b64encode(bytes(MAX_BYTES)).decode()
    over = base64.b64encode(bytes(MAX_BYTES + 1)).decode()
    assert len(load(Instance(b64=fits))) == MAX_BYTES
    assert len(load(Instance(url="data:;base64," + fits))) == MAX_BYTES
    for instance in (
        Instance(b64=over),
        Instance(b64=over + "AAAA"),
        Instance(url="data:;base64," + over),
        Instance(url="data:," + "a" * (MAX_BYTES + 1)),
        Instance(url="data:," + "a" * (3 * MAX_BYTES + 1)),
    ):
        with pytest.raises(ImageTooLarge, match="20 MB"):
            load(instance)


def test_a_process_that_fetches_no_url_does_not_import_urllib3_or_ssl() -> None:
    code = (
        "import sys; from chalicelib.sources.fetch import Fetcher;"
        "from chalicelib.sources.read import *;"
        "s = Sources(Fetcher(), None, frozenset()); s.load(Instance(b64='YQ=='));"
        "s.load(Instance(url='data:,a')); print({'urllib3', 'ssl'} & set(sys.modules))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
