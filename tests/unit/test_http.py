import gzip
import json
import re
import zlib
from functools import partial

import pytest

from chalicelib import parsing
from chalicelib.errors import (
    BadRequest,
    BodyTooLarge,
    UnsupportedMediaType,
)
from chalicelib.page import WEB
from chalicelib.requests import (
    BatchRequest,
    Instance,
    PredictRequest,
    UploadRequest,
    WorkflowRequest,
)

JSON = "application/json"


def form(*fields: tuple[str, bytes]) -> tuple[str, bytes]:
    parts = [
        b'--xyz\r\nContent-Disposition: form-data; name="%s"; filename="f"\r\n\r\n%s\r\n'
        % (name.encode(), value)
        for name, value in fields
    ]
    return "multipart/form-data; boundary=xyz", b"".join(parts) + b"--xyz--\r\n"


@pytest.mark.parametrize("content_type", [JSON, "Application/JSON; charset=utf-8"])
def test_json_names_the_images(content_type: str) -> None:
    request, image = parsing.predict_request(
        content_type, {}, b'{"url": "http://h/", "max_labels": 3}'
    )
    assert (request.url, request.max_labels, image) == ("http://h/", 3, None)


@pytest.mark.parametrize("content_type", ["image/jpeg", "IMAGE/PNG", "application/octet-stream"])
def test_the_body_is_the_image_and_the_query_has_the_options(content_type: str) -> None:
    query = {"max_labels": ["3"], "min_confidence": ["0.5"], "model": ["m"]}
    request, image = parsing.predict_request(content_type, query, b"\xff\xd8")
    assert image == b"\xff\xd8"
    assert (request.max_labels, request.min_confidence, request.model) == (3, 0.5, "m")


def test_a_form_holds_the_image_and_the_options() -> None:
    content_type, body = form(("image", b"\xff\xd8\r\n--"), ("max_labels", b"2"))
    request, image = parsing.predict_request(content_type, {"model": ["m"]}, body)
    assert (image, request.max_labels, request.model) == (b"\xff\xd8\r\n--", 2, "m")


@pytest.mark.parametrize(
    "fields",
    [[], [("max_labels", b"3")], [("image", b"x")] * 17, [("image", b"x"), ("model", b"a")] * 2],
)
def test_a_form_with_no_image_or_too_many_or_an_option_twice(
    fields: list[tuple[str, bytes]],
) -> None:
    content_type, body = form(*fields)
    with pytest.raises(BadRequest):
        parsing.predict_request(content_type, {}, body)


NAMELESS = b'--xyz\r\nContent-Disposition: form-data; name="%s"\r\n%s\r\n\xff\xd8\r\n--xyz--\r\n'


@pytest.mark.parametrize(
    "body",
    [
        form(("file", b"\xff\xd8"))[1],
        form(("upload[]", b"\xff\xd8"), ("max_labels", b"5"))[1],
        NAMELESS % (b"data", b"Content-Type: image/jpeg\r\n"),
        NAMELESS % (b"data", b""),
    ],
)
def test_a_forms_file_may_be_in_a_field_of_any_name(body: bytes) -> None:
    request, image = parsing.predict_request("multipart/form-data; boundary=xyz", {}, body)
    assert (image, request.max_labels) == (b"\xff\xd8", 5)


def test_several_files_of_a_form_are_several_images() -> None:
    body = form(("file", b"x"), ("mask", b"y"), ("max_labels", b"2"))[1]
    body = body.replace(b'filename="f"', b'filename="cat.jpg"', 1)
    chosen_none = b'--xyz\r\nContent-Disposition: form-data; name="c"; filename=""\r\n\r\n\r\n'
    request, image = parsing.predict_request(
        "multipart/form-data; boundary=xyz", {}, chosen_none + body
    )
    assert image is None and request.max_labels == 2
    assert request.instances == [Instance("cat.jpg", b64="eA=="), Instance("f", b64="eQ==")]


def test_a_form_may_hold_an_address_instead() -> None:
    content_type, body = form(("url", b"http://h/"))
    request, image = parsing.predict_request(content_type, {}, body)
    assert (request.url, image) == ("http://h/", None)


def test_an_option_of_a_form_that_is_no_text_is_refused() -> None:
    for body in (
        form(("image", b"x"), ("max_labels", b"\xff"))[1],
        NAMELESS % (b"model", b"Content-Type: text/plain; charset=no\r\n"),
        NAMELESS % (b"model", b"Content-Type: text/plain; charset=hex\r\n"),
    ):
        with pytest.raises(BadRequest, match="not text"):
            parsing.predict_request("multipart/form-data; boundary=xyz", {}, body)


@pytest.mark.parametrize("content_type", ["", "application/x-www-form-urlencoded"])
def test_without_a_type_the_bytes_tell(content_type: str) -> None:
    """The second is what curl sends for --data and --data-binary."""
    parse = partial(parsing.predict_request, content_type)
    assert parse({"max_labels": ["3"]}, b"\xff\xd8") == (PredictRequest(max_labels=3), b"\xff\xd8")
    by_url = PredictRequest(url="http://h/?a=b", max_labels=2)
    assert parse({}, b' {"url": "http://h/?a=b", "max_labels": 2}') == (by_url, None)
    assert parse({}, b"url=http%3A%2F%2Fh%2F%3Fa%3Db&max_labels=2") == (by_url, None)
    assert parse({}, b"a=\xff") == (PredictRequest(), b"a=\xff")
    for bad in (b"url=" + b"&url=" * 99, b"u=1", b"{"):
        with pytest.raises(BadRequest):
            parse({}, bad)


def test_a_compressed_body_is_unpacked() -> None:
    plain = b'{"url": "http://h/"}'
    for encoding, packed in (
        ("gzip", gzip.compress(plain)), ("X-Gzip", gzip.compress(plain)),
        ("deflate", zlib.compress(plain)), ("identity", plain), (None, plain), ("gzip", plain),
    ):  # fmt: skip
        assert parsing.unpacked(encoding, packed) == plain


def test_a_compressed_body_may_be_as_large_as_another() -> None:
    packed = gzip.compress(bytes(parsing.MAX_BODY), compresslevel=1)
    assert len(parsing.unpacked("gzip", packed)) == parsing.MAX_BODY


def test_a_compressed_body_that_is_refused() -> None:
    bomb = gzip.compress(bytes(parsing.MAX_BODY + 1))
    good = gzip.compress(b"{}" * 100)
    for error, encoding, body in (
        (BodyTooLarge, "gzip", bomb), (BadRequest, "gzip", good[:-9]),
        (BadRequest, "gzip", good * 2), (BadRequest, "gzip", good[:2] + b"x" * 9),
        (BadRequest, "deflate", b"x" * 9),
        (UnsupportedMediaType, "br", good), (UnsupportedMediaType, "gzip, gzip", good),
        (BodyTooLarge, None, bytes(parsing.MAX_BODY + 1)),
    ):  # fmt: skip
        with pytest.raises(error):
            parsing.unpacked(encoding, body)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"x"),
        ("multipart/form-data; boundary=xyz", b"no part here"),
        ("multipart/form-data; boundary=xyz", form(("image", b"x"))[1][:-12]),
        ("multipart/form-data; boundary=é", b"x"),
    ],
)
def test_a_form_that_is_none(content_type: str, body: bytes) -> None:
    with pytest.raises(BadRequest):
        parsing.predict_request(content_type, {}, body)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b"1", b'"x"', b"{", b"{} {}", b'{"url": 1}', b'{"url": null, "u": 1}',
        b'{"min_confidence": NaN}', b'{"min_confidence": 1e999}', b'{"max_labels": 0}',
        b'{"max_labels": 1001}', b'{"max_labels": true}', b'{"instances": []}',
        b'{"instances": {}}',
        b'{"instances": [1]}', b'{"instances": [{"url": "u", "other": 1}]}', b'{"url": "\\ud800"}',
        b'{"url": "\xff"}', b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b"[" * 100_000,
        b'{"instances": ' + b"[" * 100_000, b'{"x":' * 100_000,
        b'{"instances": [' + b",".join([b'{"url": "u"}'] * 17) + b"]}",
    ],
    ids=lambda body: repr(body[:40]),
)  # fmt: skip
def test_json_that_is_not_what_it_should_be(body: bytes) -> None:
    with pytest.raises(BadRequest):
        parsing.predict_request(JSON, {}, body)


def test_nesting_where_anything_is_allowed() -> None:
    deep = b'{"inputs": [{"name": "image", "shape": [1], "datatype": "UINT8", "data": '
    with pytest.raises(BadRequest, match="nested too deeply"):
        parsing.infer_request(None, deep + b"[" * 100_000)


@pytest.mark.parametrize(
    "content_type", ["text/html", "text/plain", "application/jsonx", "multipart/mixed"]
)
def test_another_content_type_is_told_what_to_set(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="application/json"):
        parsing.predict_request(content_type, {}, b"{}")


@pytest.mark.parametrize(
    "query",
    [
        {"max_labels": ["many"]}, {"max_labels": ["0"]}, {"min_confidence": ["nan"]},
        {"min_confidence": ["2"]}, {"url": ["a", "b"]}, {"instances": ["[]"]}, {"b64": ["QUJD"]},
        {"callback": ["alert"]}, {"id": ["x" * 257]},
    ],
    ids=str,
)  # fmt: skip
def test_a_query_that_is_not_what_it_should_be(query: dict[str, list[str]]) -> None:
    with pytest.raises(BadRequest):
        parsing.predict_query(query)


def test_an_empty_body_of_no_type_is_told_what_to_send() -> None:
    with pytest.raises(UnsupportedMediaType, match="image/"):
        parsing.predict_request("", {}, b"")


def test_options_come_one_way_only() -> None:
    with pytest.raises(BadRequest, match="JSON body"):
        parsing.predict_request(JSON, {"max_labels": ["3"]}, b"{}")


def test_a_body_over_the_limit() -> None:
    with pytest.raises(BodyTooLarge, match="smaller image"):
        parsing.predict_request("image/png", {}, bytes(parsing.MAX_BODY + 1))


@pytest.mark.parametrize("type_", [BatchRequest, UploadRequest])
def test_a_json_body_over_the_limit(type_: type) -> None:
    with pytest.raises(BodyTooLarge):
        parsing.json_request(b" " * (parsing.MAX_BODY + 1), type_)


def test_binary_tensors_follow_the_json() -> None:
    head = b'{"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES"}]}'
    request, binary = parsing.infer_request(str(len(head)), head + b"abc")
    assert (request.inputs[0].shape, binary) == ([1], b"abc")


@pytest.mark.parametrize("length", ["-1", "x", "1000000", "", "²", "1.5", "9" * 5000, "1\n"])
def test_a_header_length_that_is_none(length: str) -> None:
    with pytest.raises(BadRequest, match="Inference-Header-Content-Length"):
        parsing.infer_request(length, b"{}")


def test_a_message_does_not_grow_with_the_request_that_it_quotes() -> None:
    with pytest.raises(BadRequest, match="unknown field `xxx") as raised:
        parsing.json_request(b'{"' + b"x" * 10**6 + b'": 1}', UploadRequest)
    assert len(str(raised.value)) < 1000
    assert str(raised.value).endswith(". GET /openapi.json lists its fields.")


@pytest.mark.parametrize("batch", ["a\\n", "a/b", "..", "", "a" * 65, "ü"])
def test_a_name_of_uploads_that_is_none(batch: str) -> None:
    with pytest.raises(BadRequest):
        parsing.json_request(f'{{"filename": "f", "batch": "{batch}"}}'.encode(), UploadRequest)


@pytest.mark.parametrize("name", ["a\\n", "a/b", "..", "", "a" * 81, "a:b"])
def test_a_name_of_a_workflow_that_is_none(name: str) -> None:
    with pytest.raises(BadRequest):
        parsing.json_request(f'{{"name": "{name}"}}'.encode(), WorkflowRequest)


FOUR_OUTPUTS = b'"outputs": [' + b",".join([b'{"name": "label"}'] * 4) + b"]"
LONG_ID = b'"id": "' + b"i" * 257 + b'"'


@pytest.mark.parametrize("field", [FOUR_OUTPUTS, LONG_ID], ids=["outputs", "id"])
def test_an_answer_does_not_outgrow_the_request(field: bytes) -> None:
    tensor = b'{"name": "image", "shape": [1], "datatype": "BYTES", "data": []}'
    with pytest.raises(BadRequest):
        parsing.infer_request(None, b'{"inputs": [' + tensor + b"], " + field + b"}")


@pytest.mark.parametrize(
    ("header", "id"), [(None, ""), ("", ""), ("me", "me"), ("~" * 256, "~" * 256)]
)
def test_a_client_may_have_an_id(header: str | None, id: str) -> None:
    assert parsing.client_id(header) == id


@pytest.mark.parametrize("header", ["a b", " ", "me ", "é", "a\n", "\x7f", "~" * 257])
def test_a_clients_id_is_as_the_description_has_it(header: str) -> None:
    paths = json.loads((WEB / "openapi.json").read_text())["paths"]
    for operation in paths["/predict"].values():
        named = {parameter["name"]: parameter["schema"] for parameter in operation["parameters"]}
        schema = named["X-Client-Id"]
        fits = re.search(schema["pattern"].replace("$", r"\Z"), header)
        assert not fits or len(header) > schema["maxLength"]
    with pytest.raises(BadRequest, match="X-Client-Id"):
        parsing.client_id(header)


LENGTH, ENCODING = {"inference-header-content-length": "2"}, {"content-encoding": "gzip"}
TYPED = {"content-type": "application/json"}


@pytest.mark.parametrize("headers", [{}, LENGTH, ENCODING, TYPED | LENGTH, TYPED | ENCODING])
def test_bytes_that_arrive_as_text_are_refused_with_the_header_that_is_missing(
    headers: dict[str, str],
) -> None:
    lost = b"{}\xff\xd8".decode(errors="replace")
    with pytest.raises(BadRequest, match="send the header Content-Type: application/octet-stream"):
        parsing.check_text(lost, headers)
    parsing.check_text('{"id": "é"}', headers)
    parsing.check_text('{"id": "\ufffd"}', TYPED)
