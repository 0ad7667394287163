"""A stage that says nothing is closed: what is open is named here, and nothing else is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib import page
from chalicelib.page import WEB
from chalicelib.urlevents import GREEDY
from tests.conftest import ROOT

PATHS = (
    "/", "/docs", "/static/{name}", "/favicon.ico", "/robots.txt", "/health", "/openapi.json",
)  # fmt: skip
OPEN = {(method, path) for path in PATHS for method in ("GET", "HEAD")}
DOCUMENT = json.loads((WEB / "openapi.json").read_text())
PRINT_ROUTES = """
import json
from app import app
print(json.dumps([
    (method, path, route.authorizer.name if route.authorizer else None)
    for path, methods in app.routes.items() for method, route in methods.items()
]))
"""
UNDESCRIBED = (
    "/favicon.ico", "/robots.txt", "/v2/health", "/v2/models", "/v2/models/{name}/versions",
)  # fmt: skip
"""Habits of browsers, search engines and clients, and no part of the interface."""
Routes = dict[tuple[str, str], str | None]


def routes(**env: str) -> Routes:
    """The authorizer of each route of the app, as a process of its own imports it."""
    kept = {name: value for name, value in os.environ.items() if name != "PUBLIC"}
    command = [sys.executable, "-c", PRINT_ROUTES]
    run = subprocess.run(command, cwd=ROOT, env=kept | env, capture_output=True, check=True)
    return {(method, path): name for method, path, name in json.loads(run.stdout)}


def is_described(method: str, path: str) -> bool:
    """Whether the description has it; of a HEAD it has the GET."""
    return method != "HEAD" and path not in UNDESCRIBED and not path.endswith(GREEDY)


@pytest.fixture(scope="module")
def closed() -> Routes:
    return routes()


def test_without_a_word_all_but_the_page_and_its_neighbours_are_closed(closed: Routes) -> None:
    assert {route for route, name in closed.items() if name is None} == OPEN
    assert {name for route, name in closed.items() if route not in OPEN} == {"authorize"}


def test_what_answers_a_get_answers_a_head(closed: Routes) -> None:
    gets, heads = (
        {path for method, path in closed if method == wanted} for wanted in ("GET", "HEAD")
    )
    assert gets == heads and "/batches" in gets


def test_only_a_public_stage_is_open(closed: Routes) -> None:
    assert routes(PUBLIC="false") == closed
    assert routes(PUBLIC="true") == dict.fromkeys(closed)


def test_the_description_says_which_are_closed(closed: Routes) -> None:
    assert set(DOCUMENT["components"]["securitySchemes"]) == {"token"}
    described = {route: name for route, name in closed.items() if is_described(*route)}
    assert len(described) > 20
    for (method, path), name in described.items():
        operation = DOCUMENT["paths"][path][method.lower()]
        wanted = operation.get("security", DOCUMENT["security"])
        assert wanted == ([{"token": []}] if name else []), (method, path)
        assert ({"401", "403"} <= set(operation["responses"])) == bool(name), (method, path)


def test_a_public_stage_describes_itself_without_a_token() -> None:
    closed, public = (
        json.loads(page.description(is_public, {}).body) for is_public in (False, True)
    )
    assert closed == DOCUMENT
    assert public == {name: part for name, part in DOCUMENT.items() if name != "security"}


def test_no_stage_is_public_as_the_project_comes() -> None:
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    places = [config, *config["lambda_functions"].values(), *config["stages"].values()]
    assert not [place for place in places if "PUBLIC" in place.get("environment_variables", {})]


def test_chalice_makes_closed_routes_of_every_stage_for_api_gateway() -> None:
    """What `chalice deploy` sends: an authorizer for each route but the open ones."""
    chalice = Path(sys.executable).with_name("chalice")
    kept = {name: value for name, value in os.environ.items() if name != "PUBLIC"}
    for stage in ("dev", "local", "anything"):
        command = [str(chalice), "generate-models", "--stage", stage]
        made = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, check=True)
        secured = {
            (method.upper(), path): [
                name for entry in operation.get("security", ()) for name in entry
            ]
            for path, methods in json.loads(made.stdout)["paths"].items()
            for method, operation in methods.items()
            if method != "options"
        }
        assert {route for route, names in secured.items() if not names} == OPEN
        assert all(names == ["authorize"] for route, names in secured.items() if route not in OPEN)
