"""The routes that teach: only for this machine's own page."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from chalice.app import Chalice
from chalice.test import Client

from localcloud.schoolroom import Schoolroom
from localcloud.teachroutes import add

JSON = {"Content-Type": "application/json"}
BYTES = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    app = Chalice("teaches")
    add(app, Schoolroom(tmp_path, (sys.executable, "-c", "")))
    with Client(app) as client:
        yield client


def opened(client: Client) -> str:
    id: str = client.http.post("/teachings", headers=JSON | {"Host": "localhost:8000"}).json_body[
        "id"
    ]
    return id


def test_a_picture_is_added_under_its_label(client: Client) -> None:
    id = opened(client)
    path = f"/teachings/{id}/pictures?label=a%20cat&name=1.jpg"
    host = {"Host": "127.0.0.1:8000"}
    assert client.http.post(path, headers=BYTES | host, body=b"bytes").status_code == 200
    assert client.http.get(f"/teachings/{id}", headers=host).json_body["pictures"] == {"a cat": 1}
    assert client.http.get("/teachings", headers=host).json_body == {"jobs": []}


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8000"},
        {"Host": "localhost:8000", "Sec-Fetch-Site": "cross-site"},
        {"Host": "localhost:8000", "Sec-Fetch-Site": "same-site"},
        {"Host": "localhost:8000", "Origin": "http://evil.example"},
        {"Host": "localhost:8000", "Origin": "http://localhost:3000"},
        {"Host": "localhost:8000", "Origin": "null"},
        {"Host": "localhost:8000", "Origin": "http://evil.example", "Sec-Fetch-Site": "none"},
        {"Host": "[::1].evil.example"},
        {},
    ],
)
def test_other_sites_are_refused(client: Client, headers: dict[str, str]) -> None:
    assert client.http.get("/teachings", headers=headers).status_code == 403
    assert client.http.post("/teachings", headers=JSON | headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "localhost"},
        {"Host": "[::1]"},
        {"Host": "[::1]:8000", "Origin": "http://[::1]:8000"},
        {"Host": "127.0.0.1:8000", "Origin": "http://127.0.0.1:8000"},
        {"Host": "LOCALHOST:8000", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_the_own_page_and_programs_of_this_machine_may_teach(
    client: Client, headers: dict[str, str]
) -> None:
    assert client.http.get("/teachings", headers=headers).status_code == 200
    assert client.http.post("/teachings", headers=JSON | headers).status_code == 200


@pytest.mark.parametrize(
    "type_", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_what_any_page_may_send_is_refused(client: Client, type_: str) -> None:
    id = opened(client)
    headers = {"Host": "localhost:8000", "Content-Type": type_}
    for path in ("/teachings", f"/teachings/{id}/pictures?label=cat", f"/teachings/{id}/start"):
        assert client.http.post(path, headers=headers, body=b"{}").status_code == 415


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"{}", "name"), (b'{"more": ' + b"[" * 100_000, "deep"), (b'{"name": "\xff"}', "UTF-8")],
)
def test_what_to_teach_is_asked_for_in_words(client: Client, body: bytes, said: str) -> None:
    id = opened(client)
    answer = client.http.post(
        f"/teachings/{id}/start", headers=JSON | {"Host": "localhost"}, body=body
    )
    assert answer.status_code == 400
    assert said in answer.json_body["error"]["message"]


def test_there_is_no_other_teaching(client: Client) -> None:
    assert client.http.get("/teachings/x", headers={"Host": "localhost"}).status_code == 404
