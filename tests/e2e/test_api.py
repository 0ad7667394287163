"""The HTTP surface: one shape of errors, the same headers, no trace of what is inside."""

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.robotparser import RobotFileParser

import pytest
import urllib3

from chalicelib import __version__
from chalicelib.page import file, files
from localcloud.starting import wait_for
from tests.conftest import DOODLES
from tests.e2e.conftest import LocalCloud, file_server

SAMPLES = {path.stem.replace("-", " "): path for path in sorted(DOODLES.glob("*.jpg"))}
NAME, SAMPLE = next(iter(SAMPLES.items()))


class Api:
    def __init__(self, server: str) -> None:
        self.server = server
        self.pool = urllib3.PoolManager(maxsize=16, retries=False)

    def __call__(self, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        return self.pool.request(method, self.server + path, **options)

    def post(self, body: bytes, content_type: str = "application/json") -> urllib3.BaseHTTPResponse:
        return self("POST", "/predict", body=body, headers={"Content-Type": content_type})


@pytest.fixture(scope="module")
def api(front: str) -> Iterator[Api]:
    api = Api(front)
    yield api
    api.pool.clear()


def test_several_images_by_several_ways(api: Api, tmp_path: Path) -> None:
    with file_server(DOODLES) as files:
        instances = [{"id": name, "url": f"{files}/{path.name}"} for name, path in SAMPLES.items()]
        answer = api("POST", "/predict", json={"instances": instances, "max_labels": 1})
    assert answer.status == 200
    labels = {p["id"]: p["labels"][0]["name"] for p in answer.json()["predictions"]}
    assert labels == {name: name for name in SAMPLES}


def test_get_with_options(api: Api) -> None:
    with file_server(DOODLES) as files:
        query = {"url": f"{files}/{SAMPLE.name}", "max_labels": 2, "min_confidence": 0, "id": "é"}
        answer = api("GET", f"/predict?{urlencode(query)}")
    (prediction,) = answer.json()["predictions"]
    assert prediction["id"] == "é"
    assert prediction["labels"][0]["name"] == NAME and len(prediction["labels"]) == 2
    assert prediction["image"]["format"] == "JPEG"


def test_many_callers_at_once_get_their_own_answers(api: Api) -> None:
    def ask(name: str) -> tuple[str, str]:
        answer = api.post(SAMPLES[name].read_bytes(), "image/jpeg")
        return name, answer.json()["predictions"][0]["labels"][0]["name"]

    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(ask, list(SAMPLES) * 8))
    assert all(asked == answered for asked, answered in answers)


NAN = b'{"url": "http://127.0.0.1/", "min_confidence": NaN}'
REFUSED = [
    (b"[" * 100_000, "application/json", 400, "BadRequest"),
    (b'{"instances":' * 50_000, "application/json", 400, "BadRequest"),
    (NAN, "application/json", 400, "BadRequest"),
    (b"{} trailing", "application/json", 400, "BadRequest"),
    (b'{"url": 7}', "application/json", 400, "BadRequest"),
    (b'{"url": "http://h/", "b64": "QUJD"}', "application/json", 400, "SourceInvalid"),
    (b'{"url": "ftp://h/"}', "application/json", 400, "SourceInvalid"),
    (b'{"b64": "?"}', "application/json", 400, "SourceInvalid"),
    (b'{"s3_uri": "s3://secret/key"}', "application/json", 400, "SourceInvalid"),
    (b'{"url": "http://10.0.0.1/"}', "application/json", 422, "SourceUnreachable"),
    (b'{"b64": "QUJD", "model": "none"}', "application/json", 404, "ModelNotFound"),
    (b'{"b64": "QUJD", "model": "../doodle"}', "application/json", 404, "ModelNotFound"),
    (b"{}", "text/plain", 415, "UnsupportedMediaType"),
    (b"{}", "", 400, "BadRequest"),
    (b"", "", 415, "UnsupportedMediaType"),
    (b"", "application/octet-stream", 422, "ImageUnreadable"),
    (b"<html>", "image/jpeg", 422, "ImageUnreadable"),
    (SAMPLE.read_bytes()[:3000], "image/jpeg", 422, "ImageUnreadable"),
    (b"x", "multipart/form-data", 400, "BadRequest"),
]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"), REFUSED, ids=lambda value: str(value)[:30]
)
def test_an_error_has_one_shape(
    api: Api, body: bytes, content_type: str, status: int, code: str
) -> None:
    answer = api.post(body, content_type)
    told = answer.json()
    assert (answer.status, told["error"]["code"]) == (status, code)
    assert told.keys() == {"error", "Code", "Message"}
    is_passing = code == "SourceUnreachable"
    assert told["error"] == {"code": code, "message": told["Message"], "retryable": is_passing}
    assert told["Code"] == code  # for clients of before
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Content-Type"] == "application/json"


def test_a_body_that_never_reaches_the_app(cloud: LocalCloud, api: Api) -> None:
    answer = api.post(bytes(10 * 2**20 + 1), "image/jpeg")
    assert answer.status == 413
    if api.server == cloud.url:
        assert answer.json()["Code"] == "BodyTooLarge"
    else:  # Lambda's own words
        assert "smaller than 6291456 bytes" in answer.json()["Message"]


def test_no_content_type_at_all(cloud: LocalCloud, front: str) -> None:
    connection = http.client.HTTPConnection(front.removeprefix("http://"))
    connection.putrequest("POST", "/predict")
    data = SAMPLE.read_bytes()
    connection.putheader("Content-Length", str(len(data)))
    connection.endheaders(data)
    answer = connection.getresponse()
    told = json.load(answer)
    connection.close()
    if front == cloud.url:  # API Gateway takes it for text
        assert answer.status == 400 and "application/octet-stream" in told["Message"]
    else:
        assert told["predictions"][0]["labels"][0]["name"] == NAME


def test_several_files_in_a_form(api: Api) -> None:
    fields = [("files", (path.name, path.read_bytes())) for path in SAMPLES.values()]
    answer = api("POST", "/predict", fields=fields)
    assert answer.status == 200
    best = {p["id"]: p["labels"][0]["name"] for p in answer.json()["predictions"]}
    assert best == {path.name: name for name, path in SAMPLES.items()}


def test_too_many_instances(api: Api) -> None:
    answer = api("POST", "/predict", json={"instances": [{"b64": "QUJD"}] * 17})
    assert answer.status == 400
    assert "16" in answer.json()["Message"]


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/predict", "/health", "/v2/models/doodle/infer"])
def test_another_method_is_refused_in_the_same_shape(api: Api, method: str, path: str) -> None:
    answer = api(method, path)
    assert answer.status == 405
    assert answer.json()["Code"] == "MethodNotAllowedError"
    speaks_protocol = path.startswith("/v2")
    assert isinstance(answer.json()["error"], str if speaks_protocol else dict)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "GET" in answer.headers["Allow"] or "POST" in answer.headers["Allow"]


def test_a_browser_of_another_site_may_ask(api: Api) -> None:
    answer = api("OPTIONS", "/predict", headers={"Origin": "https://other.example"})
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert {"GET", "POST"} <= set(answer.headers["Access-Control-Allow-Methods"].split(","))
    assert "Content-Type" in answer.headers["Access-Control-Allow-Headers"]


def test_the_page_may_run_its_own_files_alone(api: Api) -> None:
    answer = api("GET", "/")
    policy = answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in policy and "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_every_file_of_the_page_is_served(api: Api, subtests: pytest.Subtests) -> None:
    for name, path in sorted(files().items()):
        with subtests.test(name=name):
            accepted = api("GET", f"/static/{name}", headers={"Accept-Encoding": "gzip"})
            assert accepted.status == 200
            assert accepted.data == file(name, {}).body
            assert int(accepted.headers["Content-Length"]) == path.stat().st_size
            assert api("GET", f"/static/{name}").data == accepted.data, "also without an Accept"


def test_what_the_browser_has_is_not_sent_again(api: Api) -> None:
    for path in ("/", "/docs", "/static/favicon.svg", "/openapi.json"):
        tag = api("GET", path).headers["ETag"]
        again = api("GET", path, headers={"If-None-Match": tag})
        assert (again.status, again.data) == (304, b"")
        assert "Content-Length" not in again.headers or again.headers["Content-Length"] == "0"


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/health", "/models", "/openapi.json", "/static/favicon.svg"]
)
def test_a_head_is_a_get_without_its_body(api: Api, path: str) -> None:
    get, head = api("GET", path), api("HEAD", path)
    assert (head.status, head.data) == (200, b"")
    assert head.headers["Content-Type"] == get.headers["Content-Type"]
    assert head.headers.get("ETag") == get.headers.get("ETag")


def test_what_browsers_and_search_engines_ask_for_by_habit(api: Api) -> None:
    icon = api("GET", "/favicon.ico")
    assert (icon.status, icon.headers["Content-Type"]) == (200, "image/svg+xml")
    robots = RobotFileParser()
    robots.parse(api("GET", "/robots.txt").data.decode().splitlines())
    assert robots.can_fetch("Googlebot", "/static/favicon.svg")
    assert not robots.can_fetch("Googlebot", "/predict?url=https://a.example/cat.jpg")


def test_health_server_metadata_and_description_say_the_version(api: Api) -> None:
    described = api("GET", "/openapi.json").json()["info"]
    answers = [api("GET", "/health").json(), api("GET", "/v2").json(), described]
    assert [answer["version"] for answer in answers] == [__version__] * 3


@pytest.mark.parametrize("name", ["none.js", "..%2f..%2fapp.py", "%2e%2e", "app.py", ".hidden"])
def test_no_other_file_is(api: Api, name: str) -> None:
    answer = api("GET", f"/static/{name}")
    assert answer.status == 404
    assert answer.json()["Code"] == "NotFound"


def test_health_and_models(api: Api) -> None:
    health = api("GET", "/health").json()
    assert health["model"]["name"] == "doodle"
    assert health["kernels"] in ("xnnpack", "builtin", "onnxruntime")
    listed = api("GET", "/models").json()
    doodle = next(model for model in listed["models"] if model["name"] == "doodle")
    assert listed["default"] == "doodle" and doodle["default"]
    assert doodle["labels"] >= 24 and doodle["input"]["width"] > 0 and doodle["licence"]
    assert doodle["preprocessing"]["resize"] == "squash"
    assert api("GET", "/v2/models/doodle").json()["preprocessing"] == doodle["preprocessing"]


def test_the_log_is_one_json_object_a_request_without_query_or_image(
    cloud: LocalCloud, api: Api
) -> None:
    start = cloud.log.stat().st_size

    def printed() -> str:
        return cloud.log.read_bytes()[start:].decode()

    def requests() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in printed().split("\n")[:-1] if line[:1] == "{"]
        return [line for line in lines if line["message"].endswith("/predict")]

    api("GET", "/predict?url=http://127.0.0.1:9/x%3Fsignature=MYSTERY")
    api.post(b'{"url": "http://127.0.0.1:9/x?signature=MYSTERY"}')
    api.post(b"MYSTERY", "image/png")
    wait_for(lambda: len(requests()) >= 3)
    assert [line["status"] for line in requests()] == [422, 422, 422]
    assert all(line["request_id"] and line["total"] >= 0 for line in requests())
    assert "MYSTERY" not in printed()
