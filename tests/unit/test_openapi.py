"""The committed description is the one that the structs and the table of routes make."""

import json
import re
from typing import Any

import pytest

from app import app
from chalicelib import __version__
from tests.unit.test_routes_closed import is_described
from tools.describing.routes import routes
from tools.openapi import FILE, written

DOCUMENT = json.loads(FILE.read_text())


def test_the_file_is_what_make_openapi_writes() -> None:
    assert FILE.read_text() == written(), "run `make openapi`"


def test_every_route_of_the_app_is_described_and_nothing_else() -> None:
    described = {(route.path, route.method) for _, route in routes()}
    assert described == {
        (path, method)
        for path, methods in app.routes.items()
        for method in methods
        if is_described(method, path)
    }
    assert DOCUMENT["info"]["version"] == __version__


def test_a_route_is_named_like_its_view() -> None:
    for _, route in routes():
        view = app.routes[route.path][route.method].view_name
        assert view == route.name or route.name.startswith("v2_version"), route.path


def references(part: Any) -> set[str]:
    if isinstance(part, list):
        return set().union(*map(references, part))
    if not isinstance(part, dict):
        return set()
    own = {part["$ref"]} if "$ref" in part else set()
    return own.union(*map(references, part.values()))


def test_all_that_it_refers_to_is_there() -> None:
    documented = {
        f"#/components/{kind}/{name}" for kind, parts in DOCUMENT["components"].items()
        for name in parts
    }  # fmt: skip
    assert references(DOCUMENT) <= documented


@pytest.mark.parametrize(
    ("schema", "field", "says"),
    [
        ("BatchView", "finished_at", "when its results were written"),
        ("WorkflowView", "ended_at", None),
        ("Example", "url", "http, https or data"),
        ("StartRequest", "challenger", "name of a model to compare"),
        ("ErrorAnswer", "Code", "the same as `error.code`"),
        ("ExecutionView", "startDate", None),
    ],
)
def test_a_field_says_what_its_docstring_does(schema: str, field: str, says: str | None) -> None:
    described = DOCUMENT["components"]["schemas"][schema]["properties"][field]
    assert described.get("description", "").startswith(says or "")
    assert says or "description" not in described


def test_what_an_answer_leaves_out_is_never_null() -> None:
    fields = DOCUMENT["components"]["schemas"]["Prediction"]["properties"]
    assert fields["error"]["$ref"].endswith("/ErrorInfo")
    assert "null" not in json.dumps(fields)
    assert "null" in json.dumps(
        DOCUMENT["components"]["schemas"]["ArmView"]["properties"]["interval"]
    )


def test_patterns_are_those_of_ecmascript() -> None:
    assert not re.search(r"\\\\[AZz]", FILE.read_text())
