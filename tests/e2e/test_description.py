"""The running app is what `/openapi.json` says it is."""

import json
import re
import subprocess
import sys
from pathlib import Path

import urllib3

from app import app
from chalicelib import __version__
from tests.unit.test_routes_closed import is_described


def description(server: str) -> dict[str, dict[str, dict[str, object]]]:
    loaded: dict[str, dict[str, dict[str, object]]] = json.loads(
        urllib3.request("GET", f"{server}/openapi.json").data
    )
    return loaded


def test_every_route_is_described_and_nothing_else(server: str) -> None:
    described = {
        path: {method.upper() for method in methods}
        for path, methods in description(server)["paths"].items()
    }
    routes = {
        path: {method for method in methods if is_described(method, path)}
        for path, methods in app.routes.items()
    }
    assert described == {path: methods for path, methods in routes.items() if methods}


def test_it_is_of_this_version(server: str) -> None:
    assert description(server)["info"]["version"] == __version__


def test_schemathesis_finds_nothing(server: str) -> None:
    run = subprocess.run(
        [
            *(Path(sys.executable).with_name("st"), "--no-color"),
            *("--config-file", Path(__file__).with_name("schemathesis.toml")),
            *("run", f"{server}/openapi.json", "--url", server),
            *("--max-examples", "10", "--seed", "1", "--suppress-health-check", "all"),
        ],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    assert run.returncode == 0, run.stdout[-8000:]
    selected, total = re.findall(r"Selected: (\d+)/(\d+)", run.stdout)[0]
    assert f"Tested: {selected}" in run.stdout and selected == total
