"""An app that is not public, over HTTP: `chalice local`, which knows the digest of the token."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from chalicelib.tokens import digest
from localcloud.listening import held_port
from localcloud.starting import started
from tests.conftest import DOODLES, ROOT

TOKEN = "kZ0-example_token"
OPEN = (
    "/", "/docs", "/static/favicon.svg", "/favicon.ico", "/robots.txt", "/health", "/openapi.json",
)  # fmt: skip
CLOSED = [
    ("GET", "/models"), ("GET", "/batches"), ("GET", "/experiment"), ("GET", "/workflows"),
    ("GET", "/v2"), ("GET", "/v2/health/live"), ("GET", "/predict?url=http://example.com/a.jpg"),
    ("POST", "/predict"), ("POST", "/uploads"), ("PUT", "/experiment"), ("POST", "/feedback"),
]  # fmt: skip


def environment(**env: str) -> dict[str, str]:
    """Of a process that asks for the token on loopback, too. There is no AWS."""
    return env | {"PUBLIC": "false", "NO_PROXY": "127.0.0.1", "MODEL": "doodle"}


@contextlib.contextmanager
def serving(log: Path, **env: str) -> Iterator[str]:
    """The base URL of `chalice local`."""
    chalice = str(Path(sys.executable).with_name("chalice"))
    with (
        log.open("wb") as output,
        held_port() as port,
        started(
            [chalice, "local", "--no-autoreload", "--port", str(port)], environment(**env),
            stdout=output, stderr=output,
        ),
    ):  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        retries = urllib3.Retry(total=None, connect=900, backoff_factor=0.1, backoff_max=0.1)
        assert urllib3.request("GET", f"{url}/health", retries=retries).status == 200
        yield url


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("closed") / "log"


@pytest.fixture(scope="module")
def url(log: Path) -> Iterator[str]:
    with serving(log, TOKEN_SHA256=digest(TOKEN)) as url:
        yield url


def ask(method: str, url: str, authorization: str | None = None) -> urllib3.BaseHTTPResponse:
    headers = {"Content-Type": "application/json"}
    if authorization is not None:
        headers["Authorization"] = authorization
    return urllib3.request(method, url, headers=headers, retries=False)


@pytest.mark.parametrize("path", OPEN)
def test_the_page_and_its_neighbours_need_no_token(url: str, path: str) -> None:
    assert ask("GET", f"{url}{path}").status == 200


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_all_else_does(url: str, method: str, path: str) -> None:
    assert ask(method, f"{url}{path}").status == 401
    assert ask(method, f"{url}{path}", "Bearer wrong").status == 403
    assert ask(method, f"{url}{path}", f"Basic {TOKEN}").status == 403
    assert ask(method, f"{url}{path}", f"Bearer {TOKEN}").status not in (401, 403)


def test_the_right_token_gets_a_prediction(url: str) -> None:
    picture = (DOODLES / "banana.jpg").read_bytes()
    headers = {"Content-Type": "image/jpeg", "Authorization": f"Bearer {TOKEN}"}
    answer = urllib3.request("POST", f"{url}/predict", body=picture, headers=headers)
    assert answer.status == 200
    assert answer.json()["predictions"][0]["labels"][0]["name"] == "banana"


@pytest.mark.parametrize("path", ["/predict", "/experiment", "/health"])
def test_a_preflight_needs_no_token_and_allows_one(url: str, path: str) -> None:
    headers = {
        "Origin": "https://elsewhere.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = urllib3.request("OPTIONS", f"{url}{path}", headers=headers)
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower()


def test_the_log_never_holds_a_token(url: str, log: Path) -> None:
    ask("GET", f"{url}/models", f"Bearer {TOKEN}")
    ask("GET", f"{url}/models", "Bearer someone-guessed-this")
    written = log.read_text()
    assert "/models" in written
    assert TOKEN not in written and "someone-guessed-this" not in written


@pytest.mark.parametrize("env", [{}, {"TOKEN_PARAMETER": "/serverless-inception/dev/token"}])
def test_where_the_digest_is_missing_nobody_comes_in(tmp_path: Path, env: dict[str, str]) -> None:
    """As in a stage that was deployed when the functions read the token themselves."""
    with serving(tmp_path / "log", **env) as url:
        assert ask("GET", f"{url}/models").status == 401
        for token in ("Bearer", "Bearer ", f"Bearer {TOKEN}"):
            answer = ask("GET", f"{url}/models", token)
            assert answer.status >= 400 and b"inception" not in answer.data
        assert ask("GET", f"{url}/health").status == 200
    told = [line for line in (tmp_path / "log").read_text().splitlines() if "Nobody may" in line]
    assert told and all("TOKEN_SHA256" in line and "make deploy" in line for line in told)


PRINT_POLICIES = """
import json
import sys
from app import authorize
event = {"type": "TOKEN", "methodArn": sys.argv[1]}
for token in sys.argv[2:]:
    print(json.dumps(authorize({**event, "authorizationToken": token}, None)))
"""


def test_a_policy_is_about_every_route_because_it_is_kept_by_the_token_alone() -> None:
    stage = "arn:aws:execute-api:eu-west-1:123456789012:abcdef/dev"
    tokens = (f"Bearer {TOKEN}", "Bearer wrong")
    run = subprocess.run(
        [sys.executable, "-c", PRINT_POLICIES, f"{stage}/GET/models", *tokens],
        cwd=ROOT, env=os.environ | environment(TOKEN_SHA256=digest(TOKEN)), capture_output=True,
        check=True,
    )  # fmt: skip
    policies = [json.loads(line)["policyDocument"] for line in run.stdout.splitlines()]
    assert [policy["Statement"] for policy in policies] == [
        [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": [f"{stage}/*/*"]}]
        for effect in ("Allow", "Deny")
    ]
