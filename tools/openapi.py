"""`python -m tools.openapi`: writes `openapi.json` from the structs and the table of routes."""

import json
from typing import Any

from chalicelib import __version__
from chalicelib.answers.predictions import ErrorAnswer, ProtocolErrorAnswer
from chalicelib.page import WEB
from tools.describing.operations import form, operation
from tools.describing.problems import responses
from tools.describing.routes import routes
from tools.describing.schemas import Schema, Struct, components

FILE = WEB / "openapi.json"
INFO = {
    "title": "serverless-inception",
    "version": __version__,
    "description": (
        "Classifies images. Scores are probabilities from 0 to 1. The scores of an image sum to "
        "at most 1, unless its model is multi-label. Every error says what to do."
    ),
    "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
}
TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "The stage's token; a public stage needs none.",
}


def document() -> dict[str, Any]:
    """The description in OpenAPI 3.1."""
    schemas = _schemas()
    paths: dict[str, Any] = {}
    for tag, route in routes():
        described = operation(tag, route, schemas)
        paths.setdefault(route.path, {})[route.method.lower()] = described
    errors = responses("", "ErrorAnswer") | responses("Protocol", "ProtocolErrorAnswer")
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": [{"url": "."}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": TOKEN},
            "responses": errors,
            "schemas": schemas,
        },
    }


def written() -> str:
    """The text of the file."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def _schemas() -> dict[str, Schema]:
    structs: set[Struct] = {ErrorAnswer, ProtocolErrorAnswer}
    for _, route in routes():
        structs |= {part for part in (route.answer, route.or_200, route.takes) if part}
    schemas = components(sorted(structs, key=lambda struct: struct.__name__))
    return schemas | {"PredictForm": form(schemas["PredictRequest"]["properties"])}


if __name__ == "__main__":
    FILE.write_text(written())
