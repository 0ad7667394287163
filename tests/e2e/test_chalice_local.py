"""`chalice local` as a user types it, in a clone of the project, with nothing else running."""

import compileall
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from localcloud.listening import held_port
from tests.clone import clone

CHALICE = Path(sys.executable).with_name("chalice")
PICTURE = Path("vendor/models/doodle/samples/umbrella.jpg")


@contextlib.contextmanager
def serving(project: Path, *options: str, **env: str) -> Iterator[str]:
    """The base URL of `chalice local`."""
    log = project.with_suffix(".log")  # what is in the project is watched
    with held_port() as port, log.open("w") as output:
        process = subprocess.Popen(
            [CHALICE, "local", "--port", str(port), *options],
            cwd=project, env=os.environ | env, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}"
            retries = urllib3.Retry(total=None, connect=900, backoff_factor=0.1, backoff_max=0.1)
            urllib3.request("GET", f"{url}/", retries=retries)
            yield url
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # it and the process that reloads the app
            process.wait(timeout=20)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not quite new: Chalice starts again when Python keeps the bytecode of a new app.py."""
    project = clone(tmp_path_factory.mktemp("clone"))
    assert compileall.compile_file(project / "app.py", quiet=1)
    return project


@pytest.fixture(scope="module")
def url(project: Path) -> Iterator[str]:
    with serving(project) as url:
        yield url


def answer(method: str, url: str, **options: Any) -> tuple[int, Any]:
    response = urllib3.request(method, url, retries=False, **options)
    return response.status, response.json()


def test_the_page_comes(url: str) -> None:
    page = urllib3.request("GET", f"{url}/")
    assert page.status == 200 and b"<title>" in page.data
    assert urllib3.request("GET", f"{url}/static/favicon.svg").status == 200


def test_the_bundled_model_stands_in_for_one_that_is_not_there(url: str) -> None:
    status, health = answer("GET", f"{url}/health")
    assert (status, health["model"]["name"]) == (200, "doodle")
    status, models = answer("GET", f"{url}/models")
    assert status == 200
    assert {model["name"] for model in models["models"]} == {"doodle", "doodle-small"}


def test_a_file_and_an_address_of_this_machine_are_classified(url: str, project: Path) -> None:
    picture = (project / PICTURE).read_bytes()
    status, by_file = answer(
        "POST", f"{url}/predict", body=picture, headers={"Content-Type": "image/jpeg"}
    )
    assert status == 200
    asked = {"url": f"{url}/models/doodle/samples/{PICTURE.name}"}
    status, by_address = answer("POST", f"{url}/predict", json=asked)
    assert status == 200
    for said in (by_file, by_address):
        assert said["model"]["name"] == "doodle"
        assert said["predictions"][0]["labels"][0]["name"] == "umbrella"


@pytest.mark.parametrize("path", ["/batches", "/workflows", "/experiment"])
def test_what_needs_the_local_cloud_says_so(url: str, path: str) -> None:
    status, said = answer("GET", f"{url}{path}")
    assert status == 503
    assert "make run" in said["Message"]


def test_no_request_makes_chalice_start_again(url: str, project: Path) -> None:
    """As a file would that appears in the project: of bytecode, or of a model."""
    before = {path for path in project.rglob("*") if path.is_file()}
    assert answer("GET", f"{url}/health")[0] == 200
    assert answer("GET", f"{url}/predict?url={url}/models/doodle/samples/{PICTURE.name}")[0] == 200
    assert {path for path in project.rglob("*") if path.is_file()} == before
    assert not list((project / "chalicelib").rglob("__pycache__"))


def test_the_description_asks_for_no_token(url: str) -> None:
    assert "security" not in answer("GET", f"{url}/openapi.json")[1]


def test_on_an_address_that_others_reach_it_is_closed_until_it_is_told_otherwise(
    tmp_path: Path,
) -> None:
    project = clone(tmp_path)
    with serving(project, "--host", "0.0.0.0", "--no-autoreload") as url:
        assert answer("GET", f"{url}/models")[0] == 401
        assert answer("GET", f"{url}/health")[0] == 200
    with serving(project, "--host", "0.0.0.0", "--no-autoreload", PUBLIC="true") as url:
        assert answer("GET", f"{url}/models")[0] == 200


@pytest.mark.parametrize("options", [(), ("--no-autoreload",)], ids=["reloading", "once"])
@pytest.mark.parametrize("cause", ["port", "setting"])
def test_a_start_that_is_refused_ends_with_a_sentence(
    project: Path, options: tuple[str, ...], cause: str, free_port: int
) -> None:
    """Chalice reloads in a process of its own, which imports the app in a thread."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1] if cause == "port" else free_port
        done = subprocess.run(
            [CHALICE, "local", "--port", str(port), *options], cwd=project, capture_output=True,
            env=os.environ | ({"THREADS": "none"} if cause == "setting" else {}), text=True,
            timeout=60,
        )  # fmt: skip
    told = f"Port {port} of 127.0.0.1 cannot" if cause == "port" else "THREADS must be a whole"
    assert done.stderr.startswith(told) and done.stderr.count("\n") == 1
    assert done.stdout == ""
