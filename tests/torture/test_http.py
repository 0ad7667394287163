"""The HTTP surface of a running stage under hostile requests, byte by byte where that matters."""

import base64
import gzip
import hmac
import itertools
import json
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import numpy as np
import pytest
import urllib3

from app import app
from chalicelib.aws.store import LINK_SECONDS
from chalicelib.batch.batches import MAX_MANIFEST
from chalicelib.errors import InceptionError, ModelNotFound
from chalicelib.inference.finder import Models
from chalicelib.page import files
from chalicelib.parsing import MAX_BODY
from chalicelib.sources.fetch import Fetcher
from chalicelib.sources.read import MAX_BYTES
from localcloud.gateway import MAX_EVENT
from localcloud.starting import wait_for
from stage.gatewayanswers import ANSWERS, MESSAGE
from tests.conftest import DOODLES, ROOT
from tests.e2e.conftest import LocalCloud, running
from tests.fakes import MemoryQueue, MemoryStore
from tests.functional.test_fetch import OK, TO_LOOPBACK, saying, serving
from tests.torture.conftest import Outcome
from tests.torture.wire import MARKUP, Reply, Wire, check_error, check_headers
from tests.unit.test_http import form
from tests.unit.test_routes_closed import OPEN, routes
from tests.wired import wired
from tools.deploying.restapi import gateway_response

SECONDS = 15.0
"""For an answer, on a machine with much to do; on an idle one the worst take tenths of a second."""
SAMPLES = {path.stem.replace("-", " "): path.read_bytes() for path in sorted(DOODLES.glob("*.jpg"))}
NAME, SAMPLE = next(iter(SAMPLES.items()))
JSON_ROUTES = [
    ("POST", "/predict"), ("POST", "/batches"), ("POST", "/uploads"), ("POST", "/workflows"),
    ("POST", "/feedback"), ("PUT", "/experiment"), ("POST", "/v2/models/doodle/infer"),
]  # fmt: skip
URL = "http://127.0.0.1/"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with running(tmp_path_factory.mktemp("stage") / "log", "doodle") as cloud:
        yield cloud


@pytest.fixture
def wire(stage: LocalCloud) -> Wire:
    return Wire(stage.url)


def timed(work: Callable[[], Reply]) -> tuple[float, Reply]:
    start = time.perf_counter()
    reply = work()
    return time.perf_counter() - start, reply


def hostile_json() -> dict[str, bytes]:
    """What may be sent as JSON and is none, or none that any route takes."""
    ok = json.dumps({"url": URL}).encode()
    many = MAX_EVENT // 4 * 3 - 100
    return {
        "deep lists": b"[" * 100_000,
        "deep lists that end": b"[" * 100_000 + b"]" * 100_000,
        "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "deep in each field": b'{"inputs":' + b"[" * 5000 + b"]" * 5000 + b',"url":' + b"[" * 5000,
        "a list of 2 million": b"[" + b"0," * (many // 2) + b"0]",
        "a million empty objects": b"[" + b"{}," * (many // 3) + b"{}]",
        "a name of 4 MB": b'{"' + b"x" * 4_000_000 + b'": 1}',
        "a million names": b"{" + b",".join(b'"%d":0' % n for n in range(400_000)) + b"}",
        "a number of 5,000 digits": b'{"max_labels": ' + b"9" * 5000 + b"}",
        "a number of a million digits": b'{"max_labels": 1' + b"0" * 10**6 + b"}",
        "1e999999": b'{"min_confidence": 1e999999, "max_error_rate": 1e999999}',
        "NaN": b'{"min_confidence": NaN}',
        "Infinity": b'{"min_confidence": -Infinity}',
        "nan as text": b'{"min_confidence": "NaN"}',
        "half a surrogate pair": b'{"url": "\\ud800"}',
        "the other half, as a name": b'{"\\udfff": 1}',
        "a surrogate in UTF-8": b'{"url": "\xed\xa0\x80"}',
        "overlong UTF-8": b'{"url": "\xc0\xaf"}',
        "UTF-16": ok.decode().encode("utf-16"),
        "UTF-16 without a mark": ok.decode().encode("utf-16-le"),
        "UTF-32": ok.decode().encode("utf-32"),
        "Latin-1": '{"url": "é"}'.encode("latin-1"),
        "a byte order mark": b"\xef\xbb\xbf" + ok,
        "gzip": gzip.compress(ok),
        "NUL bytes": b'{"url": "\0"}',
        "a line break in a text": b'{"url": "a\nb"}',
        "nothing": b"",
        "white space": b" " * 1000,
        "NUL": b"\0",
        "a list": b"[]", "null": b"null", "true": b"true", "a text": b'"x"', "a number": b"-0",
        "two values": b"{}{}", "trailing text": b"{} x", "a comma": b'{"url":"x",}',
        "single quotes": b"{'url': 'x'}", "a comment": b'/**/{"url":"x"}', "YAML": b"url: x",
        "half": b'{"url": "x', "XML": b"<?xml version='1.0'?><x/>",
        "unknown names": b'{"__proto__": {"x": 1}, "constructor": 1}',
        "markup": json.dumps({MARKUP: MARKUP}).encode(),
        "every field of another type": json.dumps(
            {name: {"x": [MARKUP]} for name in (
                "url", "b64", "instances", "manifest", "filename", "inference_id", "arms",
                "inputs", "max_labels", "model",
            )}
        ).encode(),
    }  # fmt: skip


def test_json_that_is_none(wire: Wire, outcome: Outcome) -> None:
    bodies, worst = hostile_json(), 0.0
    for (kind, body), (method, path) in itertools.product(bodies.items(), JSON_ROUTES):
        seconds, reply = timed(
            lambda: wire.ask(method, path, body, Content_Type="application/json")  # noqa: B023
        )
        check_error(reply, v2=path.startswith("/v2"))
        assert reply.status in (400, 413), (kind, path, reply.status)
        assert MARKUP.encode() not in reply.body or reply.headers["content-type"] != "text/html"
        assert seconds < SECONDS, (kind, path, seconds)
        worst = max(worst, seconds)
    outcome(
        "Invalid JSON: deep nesting, huge, NaN, halved surrogates, wrong encoding, or no JSON",
        "400 in the usual format of errors, at most 10 kB even if it quotes the input",
        f"{len(bodies)} bodies to {len(JSON_ROUTES)} routes, worst {worst:.2f} s",
    )


TENSOR = {"name": "image", "shape": [1, 64, 64, 3], "datatype": "UINT8"}
TENSORS: dict[str, dict[str, Any]] = {
    "texts of one long and many short": {"data": ["x" * 100_000, *["y"] * 20_000]},
    "lists of lists": {"data": [[[[]]]] * 1000},
    "empty lists": {"data": [[]] * 500_000},
    "objects": {"data": [{}] * 100_000},
    "numbers out of range": {"data": [2**63, -(2**63), 2**64 - 1]},
    "half numbers": {"data": [0.5] * 12288},
    "shape of 2^31": {"shape": [1, 2**31, 2**31, 3], "data": []},
    "shape of 100,000 dimensions": {"shape": [1] * 100_000, "data": [1]},
    "shape of nothing": {"shape": [], "data": []},
    "no data": {},
    "binary that is not there": {"parameters": {"binary_data_size": 2**40}},
    "binary of a negative size": {"parameters": {"binary_data_size": -1}},
    "another type": {"datatype": "x" * 10**6, "data": []},
    "a name of 1 MB": {"name": "x" * 10**6, "data": []},
    "base64 that is none": {"datatype": "BYTES", "shape": [1], "data": ["é" * 1000]},
    "17 images": {"datatype": "BYTES", "shape": [17], "data": ["QUJD"] * 17},
}


def test_tensors_that_are_none(wire: Wire, stage: LocalCloud, outcome: Outcome) -> None:
    worst = 0.0
    asked: list[dict[str, Any]] = [{"inputs": [TENSOR | tensor]} for tensor in TENSORS.values()]
    asked.append({"inputs": [TENSOR], "outputs": [{"name": "scores"}] * 100_000})
    asked.append({"inputs": [TENSOR] * 1000})
    asked.append({"inputs": [TENSOR], "id": "x" * 10**6})
    for request in asked:
        body = json.dumps(request).encode()
        seconds, reply = timed(lambda: wire.post("/v2/models/doodle/infer", body))  # noqa: B023
        check_error(reply, v2=True)
        assert seconds < SECONDS
        worst = max(worst, seconds)
    lengths = ["-1", "9" * 5000, "1e3", "0x2", "²", "99999999", " 2 2", "+2", ""]
    for length in lengths:
        reply = wire.ask(
            "POST", "/v2/models/doodle/infer", b"{}",
            Inference_Header_Content_Length=length.encode(),
        )  # fmt: skip
        check_error(reply, v2=True)
    outcome(
        "Open Inference requests with invalid tensors, shapes, outputs or lengths",
        "400, at once",
        f"{len(asked) + len(lengths)} requests, worst {worst:.2f} s",
    )


def test_duplicated_names_have_one_reading(wire: Wire, outcome: Outcome) -> None:
    twice = b'{"filename": "first.png", "filename": "../../second.png"}'
    form_ = wire.post("/uploads", twice).json()
    assert form_["s3_uri"].endswith("/second.png") and form_["fields"]["key"].endswith("second.png")
    bad = b'{"url": "https://good.example/", "url": "ftp://bad.example/"}'
    check_error(wire.post("/predict", bad))
    both = b'{"b64": "QUJD", "url": null, "url": "ftp://bad.example/"}'
    check_error(wire.post("/predict", both))
    outcome(
        "The same name twice in a JSON object",
        "The last value is used, both for checks and for work",
        "",
    )


def test_content_types_that_lie(wire: Wire, outcome: Outcome) -> None:
    ok = json.dumps({"url": "ftp://x/"}).encode()
    kind, multipart = form(("image", SAMPLE))
    wrong = [
        ("application/json", SAMPLE), ("image/jpeg", ok), ("image/png", b"<html>"),
        ("application/octet-stream", gzip.compress(SAMPLE)), ("image/svg+xml", b"<svg/>"),
        ("text/html", SAMPLE), ("application/x-www-form-urlencoded", b"url=x"), ("*/*", SAMPLE),
        ("application/json, image/jpeg", SAMPLE), ("image", SAMPLE), ("/", SAMPLE),
        ("application/json; charset=utf-16", ok.decode().encode("utf-16")), ("image /jpeg", SAMPLE),
        (MARKUP, ok), ("x" * 60_000, ok), ("multipart/form-data", multipart),
        ("multipart/form-data; boundary=", multipart),
        ("multipart/form-data; boundary=other", multipart),
        ("multipart/form-data; boundary=" + "x" * 5000, multipart),
        ("multipart/form-data; boundary*=utf-8''xyz", b"--xyz"),
        ("multipart/mixed; boundary=xyz", multipart), (kind, multipart[:-20]), (kind, b"--xyz--"),
        form(*[("image", SAMPLE)] * 17), form(*[("model", b"doodle")] * 40),
        form(("image", b"")), form((MARKUP, b"x")),
        form(("image", SAMPLE), ("max_labels", b"\xff")),
        (kind, b"--xyz\r\n" + b"X: y\r\n" * 10_000 + b"\r\n\r\n--xyz--"),
        (kind, b"--xyz\r\n" + b"X" * 10**6 + b"\r\n\r\n\r\n--xyz--"),
        (kind, b"--xyz\r\n" * 100_000),
    ]  # fmt: skip
    for content_type, body in wrong:
        reply = wire.post("/predict", body, content_type)
        check_error(reply)
        assert reply.status in (400, 413, 415, 422), (content_type[:60], reply.status)
    right = ["image/jpeg", "image/png", "IMAGE/WEBP; x=y", "application/octet-stream", kind, ";"]
    for content_type in right:
        body = multipart if content_type == kind else SAMPLE
        reply = wire.post("/predict", body, content_type)
        assert reply.status == 200, (content_type, reply.body)
        assert reply.json()["predictions"][0]["labels"][0]["name"] == NAME
    outcome(
        "A wrong Content-Type, an invalid form",
        "400, 415 or 422; an image's format is detected from its bytes",
        f"{len(wrong)} refused, {len(right)} classified",
    )


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "CONNECT", "QUERY"]


def test_every_other_method_of_every_route(wire: Wire, outcome: Outcome) -> None:
    tried = 0
    for route, known in app.routes.items():
        path = re.sub(r"\{\w+\+?\}", "x", route)
        for method in METHODS:
            if method not in known:
                reply = wire.ask(method, path)
                if method == "HEAD":
                    assert reply.body == b""
                else:
                    check_error(reply, v2=path.startswith("/v2"))
                assert reply.status == 405 and set(reply.headers["allow"].split(", ")) == set(known)
                tried += 1
        preflight = wire.ask("OPTIONS", path, Origin="https://other.example")
        assert preflight.status == 200 and preflight.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in preflight.headers
    for method in ("BREW", "get", "G\xc9T", MARKUP.replace(" ", ""), "X" * 5000):
        check_error(wire.ask(method, "/predict"))
        tried += 1
    outcome(
        "Every method that a route does not support, and unknown methods",
        "405 with Allow, in the same format; cookies and credentials are never allowed",
        f"{tried} requests to {len(app.routes)} routes",
    )


PATHS = [
    "//predict", "/predict/", "/predict//", "/./predict", "/x/../predict", "/predict/.",
    "/%70redict", "/predict%2f", "/%2fpredict", "/predict%00", "/predict%0d%0aX:y",
    "/predict;x=y", "/PREDICT", "/predict%20", "/predict\\", "\\predict", "/predict#x",
    "/static/%2e%2e/app.py", "//evil.example/x", "/static/..%2f..%2fapp.py",
    "/static/../../app.py", "/static/....//app.py", "/static//etc/passwd",
    "/static/%252e%252e%252fapp.py", "/static/..%5c..%5capp.py",
    "/models/doodle/samples/banana.jpg%00.html", "/static/.", "/static/..", "/static/", "/static",
    "/static/index.html/", "/static/C:%5Cx", "/static/\xff", "/static/%ff", "/batches/%2e%2e",
    "/batches/..%2fexperiment.key", "/batches//", "/batches/%00", "/workflows/%2e%2e%2finputs",
    "/workflows/*", "/workflows/a:b", "/workflows/" + "n" * 300, "/v2/models/../doodle",
    "/v2/models/%2e%2e", "/v2/models/doodle%2f..%2fdoodle", "/v2//models/doodle",
    "/v2/models/doodle\n/infer", "/v2/models/DOODLE", "/v2/models/doodle%00",
    "/.env", "/.git/config", "/app.py", "/.chalice/config.json", "/api/predict", "/..", "/%",
    "/%zz", "*", "predict", "/" + "a/" * 2000, "/" + "a" * 60_000, "/?" + "a=b&" * 15_000,
    "//[::1/predict", "/[", "http://[/", "http://evil.example/predict", f"/{MARKUP}",
    f"/static/{quote(MARKUP)}", f"/batches/{quote(MARKUP)}", f"/v2/models/{quote(MARKUP)}",
    f"/predict?{quote(MARKUP)}=1", "/predict?url", "/predict?url=a&url=b", "/predict?url=%ff",
    "/predict?url=http%3a%2f%2f127.0.0.1%3a1%2f%0d%0aX:y", "/predict?%00", "/predict?=",
    "/predict?url=ftp://x/&id=" + "x" * 300, "/predict?model=../../x&url=http://127.0.0.1:1/",
]  # fmt: skip


def test_paths_that_lead_astray(wire: Wire, outcome: Outcome) -> None:
    pages = 0
    for path in PATHS:
        reply = wire.ask("GET", path.replace("\n", "%0a").encode("latin-1"))
        if reply.status == 200:  # the very same resource, by a slash more or a fragment
            pages += 1
            assert b"def " not in reply.body and b"root:" not in reply.body
            continue
        v2 = path.startswith("/v2/") and isinstance(reply.json()["error"], str)
        check_error(reply, v2)
        assert b"Traceback" not in reply.body and str(ROOT).encode() not in reply.body
    assert pages <= 3
    outcome(
        "Paths with dots, double slashes, escapes, NUL, absolute and endless ones",
        "400, 403, 404, 405 or 414 in the usual format; only the page's files are ever read",
        f"{len(PATHS)} paths, {pages} of them another spelling of a page",
    )


def request(headers: bytes, body: bytes = b"", line: bytes = b"POST /predict HTTP/1.1") -> bytes:
    return line + b"\r\nHost: x\r\n" + headers + b"\r\n" + body


JSON = b"Content-Type: application/json\r\n"
BROKEN = {
    "a length in words": request(JSON + b"Content-Length: many\r\n"),
    "a negative length": request(JSON + b"Content-Length: -1\r\n"),
    "a length with a sign": request(JSON + b"Content-Length: +2\r\n", b"{}"),
    "two lengths": request(JSON + b"Content-Length: 2\r\nContent-Length: 5\r\n", b"{}abc"),
    "a length of 30 digits": request(JSON + b"Content-Length: " + b"9" * 30 + b"\r\n"),
    "a length of a terabyte": request(JSON + b"Content-Length: 1000000000000\r\n"),
    "chunks": request(JSON + b"Transfer-Encoding: chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n"),
    "chunks and a length": request(
        JSON + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"0\r\n\r\nGET /health HTTP/1.1\r\n\r\n",
    ),
    "101 headers": request(b"X: y\r\n" * 101),
    "a header of 70,000 letters": request(b"X: " + b"y" * 70_000 + b"\r\n"),
    "a line of 70,000 letters": request(b"", line=b"GET /" + b"x" * 70_000 + b" HTTP/1.1"),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "HTTP/9.9": request(b"", line=b"GET /health HTTP/9.9"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "five words": request(b"", line=b"GET /health HTTP/1.1 and more"),
    "a token not in ASCII": request(
        b"Authorization: Bearer \xe9\xff\r\n", line=b"GET /no HTTP/1.1"
    ),
    "a token on a path that there is not": request(
        b"Authorization: Bearer SECRET-TOKEN\r\n", line=b"GET /no HTTP/1.1"
    ),
    "no such path": request(b"", line=b"GET /no HTTP/1.1"),
    "no such path, asked by a browser": request(b"", line=b"OPTIONS /no HTTP/1.1"),
}


def test_requests_that_are_not_http(wire: Wire, stage: LocalCloud, outcome: Outcome) -> None:
    for kind, data in BROKEN.items():
        reply = wire.raw(data)
        check_error(reply)
        assert b"SECRET" not in reply.body and b"\xff" not in reply.body, kind
        assert reply.status != 405, kind
    hostile = f'{MARKUP} "quoted" \\ \n \x1b[31m é'
    for kind in ANSWERS:  # what the deployed API says itself, filled in as it does
        response = gateway_response(kind)
        text = response["responseTemplates"]["application/json"]
        answer = json.loads(text.replace(MESSAGE, json.dumps(hostile)))
        assert answer.keys() == {"error", "Code", "Message"} and answer["Code"]
        assert answer["error"]["message"] == answer["Message"] != ""
        parameters = response["responseParameters"]
        assert parameters["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"
    assert wire.ask("GET", "/health").status == 200
    outcome(
        "Requests that are not HTTP, wrong lengths, chunks, floods of headers, unknown paths",
        "4xx in the usual format with CORS headers, also from API Gateway; no answer contains a "
        "token",
        f"{len(BROKEN)} requests, {len(ANSWERS)} answers of API Gateway",
    )


def test_sizes_over_the_limit(wire: Wire, outcome: Outcome) -> None:
    over = bytes(MAX_BODY + 1)
    asked = [(path, "application/json") for method, path in JSON_ROUTES if method == "POST"]
    asked += [("/predict", "image/jpeg"), ("/predict", form()[0])]
    for path, content_type in asked:
        reply = wire.post(path, over, content_type)
        check_error(reply)
        assert (reply.status, reply.json()["Code"]) == (413, "BodyTooLarge"), path
        assert "/uploads" in reply.json()["Message"]
    with serving(saying(OK + b"Content-Length: 20000001\r\n\r\n")) as host:
        reply = wire.post("/predict", json.dumps({"url": host.url()}).encode())
    check_error(reply)
    assert reply.status == 413 and "use a smaller one" in reply.json()["Message"]
    outcome(
        "A body over 10 MB, an image over 20 MB",
        "413 with advice on what to do",
        f"{len(asked) + 1} requests",
    )


def test_routes_of_a_deployed_stage_are_closed(outcome: Outcome) -> None:
    closed = routes()
    assert {route for route, name in closed.items() if name is None} == OPEN
    outcome(
        "A call without a token to a deployed stage, which is closed by default",
        "401 or 403 from API Gateway before a route's code runs; a new open route fails a test",
        f"{len(closed) - len(OPEN)} of {len(closed)} routes closed; open are the page, its files, "
        "health and description",
    )


FAULTS = """
import json
from contextlib import suppress
from chalice.test import Client
from app import app
from chalicelib.errors import InceptionError
asked = [("GET", "/batches", None), ("GET", "/batches/x", None), ("GET", "/workflows", None),
         ("GET", "/workflows/x", None), ("GET", "/experiment", None),
         ("GET", "/v2/models/far", None),
         ("POST", "/batches", {"manifest": "s3://images/x.csv"}),
         ("POST", "/predict", {"url": "http://10.0.0.1/"}), ("POST", "/predict", {"b64": "?"})]
with Client(app) as client:
    for method, path, body in asked:
        answer = client.http.request(method, path, {"Content-Type": "application/json"},
                                     json.dumps(body).encode() if body else b"")
        found = [path, answer.status_code, answer.json_body, dict(answer.headers)]
        print("ANSWER", json.dumps(found))
    with suppress(InceptionError):
        client.lambda_.invoke("on_tick", client.events.generate_cw_event("aws.events", "", {}, []))
"""


class Refusing(BaseHTTPRequestHandler):
    """An AWS that lets nobody in."""

    body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"

    def refuse(self) -> None:
        self.send_response(403)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_HEAD = do_GET = do_PUT = do_POST = refuse  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def an_aws(answers: bool) -> Iterator[str]:
    """The address of one that refuses everything, or where nobody listens."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        if answers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        else:
            server.server_close()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            if answers:
                server.shutdown()


@pytest.mark.parametrize("answers", [False, True])
def test_our_faults_are_told_from_the_callers(answers: bool, outcome: Outcome) -> None:
    """Without an AWS behind it, or with one that refuses: nothing the caller did."""
    env = {
        name: value for name, value in os.environ.items() if not name.startswith("AWS_")
    } | {
        "PUBLIC": "true", "IMAGES_BUCKET": "images", "RESULTS_BUCKET": "results",
        "MODELS_BUCKET": "models", "WORK_QUEUE": "work", "ARMS": "doodle=1", "MODEL": "doodle",
        "WORKFLOW": "arn:aws:states:us-east-1:123456789012:stateMachine:none",
        "AWS_ACCESS_KEY_ID": "SECRET-ID", "AWS_SECRET_ACCESS_KEY": "SECRET-KEY",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    with an_aws(answers) as endpoint:
        run = subprocess.run(
            [sys.executable, "-c", FAULTS], cwd=ROOT, env=env | {"AWS_ENDPOINT_URL": endpoint},
            capture_output=True, text=True,
        )  # fmt: skip
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    told = [json.loads(line[7:]) for line in lines if line.startswith("ANSWER ")]
    assert len(told) == 9
    code = "AccessRefused" if answers else "ServiceUnavailable"
    for path, status, body, headers in told:
        assert {"Code", "Message"} <= body.keys() and "SECRET" not in json.dumps(body)
        assert headers["Access-Control-Allow-Origin"] == "*"
        if path == "/predict":
            assert status < 500, body
        else:
            assert (status, body["Code"]) == (503, code), (path, body)
            assert headers["Retry-After"] == "5"
            assert not re.search("s3:|arn:|images|results|work|123456789012", body["Message"])
    log = [json.loads(line) for line in lines if not line.startswith("ANSWER ")]
    assert sum(line["faults"] == 1 for line in log if "_aws" in line) == 7
    faults = [line for line in log if line.get("status") == 503]
    faults += [line for line in log if line.get("done") is False]
    assert len(faults) == 8 and all(line["level"] == "ERROR" for line in faults)
    parts = "s3://(results|models|images)/|stateMachine:none"
    assert all(re.search(parts, line["cause"]) for line in faults)
    outcome(
        f"S3 or Step Functions {'refuse' if answers else 'do not answer'}; a caller's host does "
        "not answer",
        "503 with Retry-After, in words that name no bucket, counted as a fault that an alarm "
        "looks at; 4xx, and not counted",
        "7 of ours, 2 of the caller's",
    )


def told_apart(first: list[float], other: list[float]) -> bool:
    """Whether two samples of seconds differ: medians by over 10 ms, and not by chance (p < 0.001).

    By permutation: how often labels dealt at random give a difference of mean ranks as large. In a
    mean of seconds, what a busy machine holds up once would hide all else.
    """
    dice = np.random.default_rng(7)
    both, count = np.argsort(np.argsort([*first, *other])), len(first)
    first_ranks, other_ranks = both[:count], both[count:]
    seen = abs(first_ranks.mean() - other_ranks.mean())
    dealt = dice.permuted(np.tile(both, (5000, 1)), axis=1)
    by_chance = abs(dealt[:, :count].mean(axis=1) - dealt[:, count:].mean(axis=1))
    p = (1 + (by_chance >= seen).sum()) / 5001
    return bool(p < 0.001 and abs(statistics.median(first) - statistics.median(other)) > 0.010)


def test_a_private_address_is_not_told_from_a_closed_port(
    wire: Wire, long: bool, outcome: Outcome
) -> None:
    step, count = (1.0, 60) if long else (0.25, 24)

    def slowly(connection: Any) -> None:
        threading.Event().wait(0.05)  # as a firewall or a far network has it

    def seconds(fetch: Fetcher, url: str) -> float:
        start = time.perf_counter()
        with pytest.raises(InceptionError):
            fetch(url)
        return time.perf_counter() - start

    def samples(failure_step: float, closed: str) -> tuple[list[float], list[float]]:
        fetch = Fetcher(allow_loopback=True, resolve=TO_LOOPBACK, failure_step=failure_step)
        turns = [("http://10.0.0.1/", closed)] * count
        with ThreadPoolExecutor(4) as pool:
            pairs = list(pool.map(lambda two: [seconds(fetch, url) for url in two], turns))
        return [private for private, _ in pairs], [closed for _, closed in pairs]

    with serving(slowly) as host:
        at_once = samples(0, host.url())
        in_steps = samples(step, host.url())
    assert told_apart(*at_once)  # so the test is one that can fail
    assert not told_apart(*in_steps)
    closed_url, private_url = f"{host.url()}x", "http://10.0.0.1/x"
    words = set()
    with ThreadPoolExecutor(8) as pool:
        asked = list(
            pool.map(
                lambda url: timed(lambda: wire.post("/predict", json.dumps({"url": url}).encode())),
                [closed_url, private_url] * 4,
            )
        )
    for (took, reply), url in zip(asked, [closed_url, private_url] * 4, strict=True):
        check_error(reply)
        assert took >= 1.0
        answer = reply.json()
        words.add(
            (reply.status, answer["Code"], answer["Message"].replace(urlsplit(url).hostname, ""))
        )
    assert len(words) == 1
    medians = [statistics.median(sample) * 1000 for sample in in_steps]
    outcome(
        "Address of a private network; a closed port; a host that breaks off after 50 ms",
        "The same words and status; the answer comes at a whole second",
        f"medians {medians[0]:.0f} and {medians[1]:.0f} ms at a step of {step * 1000:.0f} ms over "
        f"{2 * count} requests, not told apart at p < 0.001; without the step they are",
    )


IDS = [
    "..", "../..", "../../experiment.key", "/", "//", "a/../../b", "%2e%2e%2f", "..\\..", "\0",
    "a\nb", "x/rounds/0", "", " ", "*", "?", "é" * 300, "a" * 5000, "../models/doodle", MARKUP,
    "\u202e", "~", "${filename}", "s3://other/key", "arn:aws:s3:::other/key", "Batch.json",
    "active/x",
]  # fmt: skip


class Watched(MemoryStore):
    """Notes every object that is asked for or written."""

    def __init__(self) -> None:
        super().__init__()
        self.touched: set[tuple[str, str]] = set()

    def read(self, bucket: str, key: str, max_bytes: int) -> bytes:
        self.touched.add((bucket, key))
        return super().read(bucket, key, max_bytes)

    def put(self, bucket: str, key: str, *rest: Any, **options: Any) -> str | None:
        raise AssertionError(f"{key} was written")

    def delete(self, bucket: str, key: str) -> None:
        raise AssertionError(f"{key} was deleted")


def test_ids_that_climb(stage: LocalCloud, wire: Wire, tmp_path: Path, outcome: Outcome) -> None:
    store = Watched()
    batches = wired(store=store, queue=MemoryQueue()).batches
    for batch_id, action in itertools.product(IDS, (batches.view, batches.cancel, batches.retry)):
        with pytest.raises(InceptionError) as raised:
            action(batch_id)
        assert raised.value.status == 404
    for bucket, key in store.touched:
        assert bucket == "results" and key.startswith("batches/") and key.endswith("/batch.json")
    models = Models([tmp_path / "models"], "models", store)
    (tmp_path / "secret").mkdir(parents=True)
    (tmp_path / "secret" / "model.json").write_text("{}")
    store.touched.clear()
    for name in [*IDS, "../secret", "doodle/../doodle", "DOODLE", "doodle\n", ".", "-x", "a" * 65]:
        with pytest.raises(ModelNotFound):
            models.find(name)
    assert store.touched == set()
    results = f"s3://{stage.results}"
    refused = [
        *({"s3_uri": f"{results}/{key}"} for key in ("experiment.key", "batches/x/y.json", "x")),
        {"s3_uri": f"s3://{stage.images}.s3.amazonaws.com/x"},
        {"s3_uri": f"s3://{stage.images}@other/x"}, {"s3_uri": f"s3:////{stage.images}/x"},
        {"s3_uri": "s3://other/x"}, {"s3_uri": f"s3://{stage.images.upper()}/x"},
        {"s3_uri": f"s3://{stage.images}%2f..%2f{stage.results}/x"},
        {"s3_uri": "s3://arn:aws:s3:::other/x"}, {"s3_uri": f"s3://{stage.images}/"},
        {"url": f"s3://{stage.images}/x"}, {"url": "file:///etc/passwd"},
    ]  # fmt: skip
    for request_ in refused:
        reply = wire.post("/predict", json.dumps(request_).encode())
        check_error(reply)
        assert (reply.status, reply.json()["Code"]) == (400, "SourceInvalid"), request_
    for path, name in itertools.product(("/batches", "/workflows"), ("manifest", "prefix")):
        for uri in (f"{results}/experiment.key", f"{results}/x.csv", "s3://other/x.csv",
                    f"{results}/workflows/inputs/../../x.csv", "file:///x.csv", "/etc/x.csv",
                    "http://127.0.0.1/x.csv", f"s3://{stage.images}/x.exe"):  # fmt: skip
            reply = wire.post(path, json.dumps({name: uri}).encode())
            check_error(reply)
            assert reply.status in (400, 422), (path, uri, reply.status)
    outcome(
        "Ids of batches and models, keys and buckets that attempt path traversal",
        "400 or 404; keys stay below their prefix, no other bucket is asked for anything",
        f"{len(IDS)} ids by 3 actions, {len(IDS) + 7} models, {len(refused) + 32} addresses",
    )


FILENAMES = [
    "a.jpg", "${filename}", "x${filename}", "${filename}.jpg", "${file${filename}name}",
    "../../x.jpg", "/etc/passwd", "..", "...", "a/b/c.png", "c:\\d\\e.png", "a\nb.jpg",
    "a\0b.jpg", "\u202egpj.exe", MARKUP, "é" * 200, "x" * 200, " ", "experiment.key",
    "manifest.csv", "a.JSONL", "%2e%2e%2fx", "x?versionId=1", "#", "*", "$key", "\x1b[31m",
]  # fmt: skip
NAMES_REFUSED = ["..", "../x", "a/b", "x\n", "", "a" * 65, "é", " ", "x.y", "${filename}"]


def policy(fields: dict[str, str]) -> tuple[dict[str, str], list[Any], datetime]:
    """What a form's policy fixes, what it leaves open, and until when; its signature is right."""
    text = fields["policy"]
    scope = fields["x-amz-credential"].split("/")[1:]
    key = b"AWS4test"
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    assert hmac.digest(key, text.encode(), "sha256").hex() == fields["x-amz-signature"]
    document = json.loads(base64.b64decode(text))
    fixed: dict[str, str] = {}
    for condition in document["conditions"]:
        fixed |= condition if isinstance(condition, dict) else {}
    loose = [condition for condition in document["conditions"] if isinstance(condition, list)]
    return fixed, loose, datetime.fromisoformat(document["expiration"])


def test_presigned_forms_and_links(stage: LocalCloud, wire: Wire, outcome: Outcome) -> None:
    for filename, batch in itertools.product(FILENAMES, (None, "mine")):
        request = {"filename": filename} | ({"batch": batch} if batch else {})
        reply = wire.post("/uploads", json.dumps(request).encode())
        assert reply.status == 200, reply.body
        answer = reply.json()
        fixed, loose, end = policy(answer["fields"])
        key = answer["fields"]["key"]
        folder = "batches/mine/" if batch else "uploads/"
        assert (fixed["bucket"], fixed["key"]) == (stage.images, key)
        assert key.startswith(folder) and key.count("/") == 2 and "${filename}" not in key
        assert answer["s3_uri"] == f"s3://{stage.images}/{key}"
        is_list = filename.lower().endswith((".csv", ".jsonl"))
        assert loose == [["content-length-range", 1, MAX_MANIFEST if is_list else MAX_BYTES]]
        assert (end - datetime.now(UTC)).total_seconds() <= LINK_SECONDS + 1
        assert answer["url"].endswith(f"/{stage.images}")
    for name in NAMES_REFUSED:
        check_error(wire.post("/uploads", json.dumps({"filename": "a", "batch": name}).encode()))
    form_ = wire.post("/uploads", b'{"filename": "banana.jpg"}').json()
    sent = urllib3.request(
        "POST", form_["url"], fields={**form_["fields"], "file": ("../../x.jpg", SAMPLE)}
    )
    assert sent.status in (200, 204)
    s3 = stage.client("s3")
    key = form_["fields"]["key"]
    assert s3.head_object(Bucket=stage.images, Key=key)["ContentLength"] == len(SAMPLE)
    wait_for(
        lambda: s3.list_objects_v2(Bucket=stage.results, Prefix=f"uploads/{key}").get("Contents")
    )
    body = json.dumps({"instances": [{"b64": base64.b64encode(SAMPLE).decode()}]}).encode()
    path = f"/batches/{wire.post('/batches', body).json()['batch_id']}"
    view = wait_for(lambda: (v := wire.ask("GET", path).json())["status"] == "finished" and v)
    for name, file in (("results", "results.jsonl"), ("summary", "summary.json")):
        link = urlsplit(view[name])
        query = parse_qs(link.query)
        assert link.path == f"/{stage.results}{path}/{file}"
        assert query["X-Amz-Expires"] == [str(LINK_SECONDS)] and query["X-Amz-Signature"]
        assert urllib3.request("GET", view[name]).status == 200
    outcome(
        "File names that try to choose their key, including S3's ${filename}",
        "A form fixes bucket, key, size (20 MB, manifests 500 MB) and an hour of life; links too, "
        "for one object",
        f"{2 * len(FILENAMES)} forms, {len(NAMES_REFUSED)} names refused; an upload and two links "
        "used",
    )


SECRET = "MYSTERY"
INJECTED = f'{SECRET}\r\n{{"level":"INFO","message":"forged"}}\x1b[2J\x1b[31m"\\'


def test_log_lines(stage: LocalCloud, wire: Wire, outcome: Outcome) -> None:
    assert wire.ask("GET", "/health").status == 200
    start = stage.log.stat().st_size
    text, escaped = json.dumps(INJECTED), quote(INJECTED)
    header = INJECTED.replace("\r\n", " ").encode()
    head = "data:image/png;base64,"
    asked = [
        *(wire.ask("GET", path) for path in (
            f"/predict?url={quote('http://127.0.0.1:9/?X-Amz-Signature=' + INJECTED)}",
            f"/predict?{escaped}=1", f"/predict?model={escaped}&url={head}AAAA",
            f"/predict?id={escaped}&url=ftp://x/", f"/batches/{escaped}", f"/workflows/{escaped}",
            f"/static/{escaped}", f"/v2/models/{escaped}", f"/{escaped}", f"/health?x={escaped}",
        )),
        *(wire.ask("GET", "/health", **{name: header}) for name in (
            "User_Agent", "X_Client_Id", "Authorization", "Content_Type", "Cookie",
            "X_Forwarded_For",
            "X_Amzn_Trace_Id", "Accept", "Referer", "Origin",
        )),
        *(wire.post("/predict", body.encode()) for body in (
            f'{{"url": {text}}}', f'{{"id": {text}, "b64": "QUJD"}}', f'{{"b64": {text}}}',
            f'{{"model": {text}, "b64": "QUJD"}}', f'{{"s3_uri": {text}}}', f'{{{text}: 1}}',
            f'{{"instances": [{{"id": {text}, "url": "http://10.0.0.1/?{SECRET}"}}]}}',
        )),
        wire.post("/uploads", f'{{"filename": {text}}}'.encode()),
        wire.post("/feedback", f'{{"inference_id": {text}, "correct": true}}'.encode()),
        wire.post("/workflows", f'{{"name": {text}, "instances": [{{"b64": "QUJD"}}]}}'.encode()),
        wire.ask("PUT", "/experiment", f'{{"arms": {{{text}: 1}}}}'.encode()),
        wire.post("/predict", form((SECRET, b"x"))[1], form()[0]),
        wire.post("/predict", INJECTED.encode(), "image/jpeg"),
        wire.raw(b"GET /health?" + escaped.encode() + b" HTTP/1.1 " + header + b"\r\n\r\n"),
        wire.raw(b"\x1b[2J " + header + b"\r\n\r\n"),
    ]  # fmt: skip
    done = wire.ask("GET", "/health?the-last-one")
    assert done.status == 200 and all(reply.status < 500 or reply.status == 505 for reply in asked)
    last = done.headers["x-request-id"]
    wait_for(lambda: last in stage.log.read_text())
    printed = stage.log.read_bytes()[start:].decode()
    lines = [json.loads(line) for line in printed.splitlines()]
    assert all(isinstance(line, dict) for line in lines)
    assert SECRET not in printed and "\x1b" not in printed and "forged" not in printed
    requests = {line["request_id"]: line for line in lines if "status" in line}
    answered = [reply for reply in asked if "x-request-id" in reply.headers]
    assert len(answered) > 20
    for reply in answered:
        assert requests[reply.headers["x-request-id"]]["status"] == reply.status
    outcome(
        "Line breaks, forged log lines, terminal escapes and secrets in every field and header",
        "One JSON object a line; no query, token, signature or name that a caller chose is in it",
        f"{len(asked)} requests, {len(lines)} lines",
    )


def test_pages_of_other_sites_and_the_aws_of_a_laptop(stage: LocalCloud, outcome: Outcome) -> None:
    name = stage.aws.partition("://")[2]
    page = stage.url.replace("127.0.0.1", "localhost")
    form = json.loads(
        urllib3.request("POST", f"{stage.url}/uploads", json={"filename": "x.jpg"}).data
    )
    fields = {**form["fields"], "file": ("x.jpg", SAMPLE)}
    link = stage.client("s3").generate_presigned_url(
        "get_object", Params={"Bucket": stage.images, "Key": form["fields"]["key"]}
    )
    tried = [
        ("POST", "/moto-api/reset"), ("OPTIONS", f"/{stage.images}"), ("GET", "/"),
        ("GET", f"/{stage.images}"), ("PUT", f"/{stage.images}/x"), ("DELETE", f"/{stage.images}"),
        ("GET", "/?Action=ListQueues"), ("POST", "/"),
        ("POST", "/2015-03-31/functions/serverless-inception-local-on_tick/invocations"),
    ]  # fmt: skip
    foreign: list[dict[str, str]] = [
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
        {"Host": f"evil.example:{urlsplit(stage.aws).port}"},
        {"Origin": f"http://evil.example:{urlsplit(stage.url).port}"},
    ]  # fmt: skip
    for method, path in tried:
        for headers in foreign:
            answer = urllib3.request(method, stage.aws + path, headers={"Host": name, **headers})
            assert answer.status == 403, (path, headers)
            assert b"programs of this machine" in answer.data
            assert "access-control-allow-origin" not in answer.headers
    sent = urllib3.request("POST", form["url"], fields=fields, headers={"Origin": page})
    read = urllib3.request("GET", link, headers={"Origin": page, "Sec-Fetch-Site": "cross-site"})
    shown = urllib3.request("GET", link, headers={"Sec-Fetch-Site": "cross-site"})
    assert sent.status in (200, 204) and read.data == shown.data == SAMPLE
    assert {answer.headers["access-control-allow-origin"] for answer in (sent, read)} <= {page, "*"}
    outcome(
        "Other sites' pages, and their host names that point here, at the AWS of a laptop",
        "403; nothing is read, written or deleted; the page's own uploads and links still work",
        f"{len(tried) * len(foreign)} requests",
    )


def test_requests_at_once_never_see_each_other(wire: Wire, long: bool, outcome: Outcome) -> None:
    count = 3000 if long else 240
    ids: set[str] = set()

    def ask(number: int) -> None:
        dice = random.Random(number)
        name, ident = dice.choice(list(SAMPLES)), f"id-{number}-{dice.random()}"
        labels, data = dice.randint(1, 9), SAMPLES[name]
        query = f"?id={ident}&max_labels={labels}&min_confidence=0"
        way = dice.randrange(4)
        if way == 0:
            reply = wire.post(f"/predict{query}", data, "image/jpeg")
        elif way == 1:
            b64 = base64.b64encode(data).decode()
            options = {"max_labels": labels, "min_confidence": 0}
            body = json.dumps({"b64": b64, "id": ident, **options}).encode()
            reply = wire.post("/predict", body)
        elif way == 2:
            kind, body = form(
                ("image", data),
                ("id", ident.encode()),
                ("max_labels", b"%d" % labels),
                ("min_confidence", b"0"),
            )
            reply = wire.post("/predict", body, kind)
        else:
            reply = wire.post("/predict", json.dumps({"model": ident, "b64": "QUJD"}).encode())
            assert reply.status == 404 and ident in reply.json()["Message"]
            return
        answer = reply.json()
        (prediction,) = answer["predictions"]
        assert prediction["id"] == ident and len(prediction["labels"]) == labels
        assert prediction["labels"][0]["name"] == name
        ids.update((answer["inference_id"], reply.headers["x-request-id"]))

    with ThreadPoolExecutor(16) as callers:
        list(callers.map(ask, range(count)))
    good = wire.seen[200]
    assert len(ids) == 2 * good and good > count / 2
    outcome(
        "Different parallel requests: various images, ids, options and formats, with errors "
        "among them",
        "Each request gets its own labels, id, options and error",
        f"{count:,} requests by 16 callers, {good:,} classified, 0 mixed up",
    )


def test_the_page_and_what_is_no_page(wire: Wire, outcome: Outcome) -> None:
    page = wire.ask("GET", "/")
    rules = dict(
        rule.strip().split(" ", 1) for rule in page.headers["content-security-policy"].split(";")
    )
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert rules["form-action"] == "'none'" and "object-src" not in rules
    assert not {"'unsafe-inline'", "'unsafe-eval'"} & set(" ".join(rules.values()).split())
    html = page.body.decode()
    assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", html) == []
    assert re.findall(r"\son[a-z]+=|javascript:|\sstyle=", html) == []
    shown = [page]
    shown += [wire.ask("GET", f"/static/{name}") for name in sorted(files())]
    for path in ("/health", "/models", "/openapi.json", "/batches", "/v2", "/static/none.js"):
        shown.append(wire.ask("GET", path))
    for path in ("/models", "/batches", "/batches/none", "/experiment", "/workflows", "/predict"):
        assert wire.ask("GET", path).headers["cache-control"] == "no-store"
    for reply in shown:
        assert "strict-transport-security" not in reply.headers  # a laptop's is http
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["cross-origin-opener-policy"] == "same-origin"
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    mark = quote(MARKUP)
    reflected = [
        *(wire.ask("GET", path, Accept="text/html") for path in (
            f"/predict?{mark}=1", f"/predict?url={mark}", f"/predict?model={mark}&url=data:,x",
            f"/static/{mark}", f"/batches/{mark}", f"/v2/models/{mark}", f"/{mark}",
        )),
        wire.post("/predict", json.dumps({MARKUP: 1}).encode()),
        wire.post("/predict", json.dumps({"url": f"http://{MARKUP}/"}).encode()),
        wire.post("/predict", b"x", MARKUP),
        wire.ask(MARKUP.replace(" ", ""), "/predict"),
    ]  # fmt: skip
    quoting = 0
    for reply in reflected:
        check_headers(reply)
        quoting += MARKUP.encode() in reply.body
    assert quoting > 0  # or nothing was tried
    outcome(
        "Markup in paths, queries, bodies, types and methods; scripts in the page",
        "Quotes are in JSON, with nosniff and a Content-Security-Policy that loads nothing; the "
        "page runs only its own files",
        f"{len(reflected)} requests, {quoting} quoted; {len(shown)} answers with all headers",
    )


def test_hostile_bodies_made_from_the_description(
    stage: LocalCloud, long: bool, outcome: Outcome
) -> None:
    if not long:
        pytest.skip("make test runs it in tests/e2e/test_description.py")
    run = subprocess.run(
        [
            *(Path(sys.executable).with_name("st"), "--no-color"),
            *("--config-file", ROOT / "tests" / "e2e" / "schemathesis.toml"),
            *("run", f"{stage.url}/openapi.json", "--url", stage.url),
            *("--max-examples", "100", "--mode", "all", "--suppress-health-check", "all"),
        ],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-8000:]
    cases = re.findall(r"(\d[\d,]*) generated", run.stdout)
    outcome(
        "Requests that Schemathesis generates from openapi.json, valid and hostile",
        "The described answers, and never a 500",
        f"{cases[-1] if cases else 'all'} requests",
    )
