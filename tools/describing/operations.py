"""A route -> its operation: parameters, body and answers."""

import re
from typing import Any

from chalicelib.requests import PredictRequest
from tools.describing.problems import ERRORS
from tools.describing.routes import OPTIONS, Route
from tools.describing.schemas import Schema, Struct, ref, without_null

IMAGE_FILE = {"type": "string", "format": "binary"}
CLIENT_ID = {
    "name": "X-Client-Id", "in": "header",
    "description": (
        "The same id always gets the same arm of an experiment. Without an id, the image decides."
    ),
    "schema": {"type": "string", "maxLength": 256, "pattern": "^[!-~]*$"},
}  # fmt: skip
PATH = {
    "batch_id": {"schema": {"type": "string"}, "example": "20261122-101500-1a2b3c4d"},
    "/workflows/{name}": {"schema": {"type": "string"}, "example": "20261122-101500-1a2b3c4d"},
    "/static/{name}": {
        "schema": {"type": "string", "pattern": r"^[a-z0-9-]+\.[a-z]+$"}, "example": "app.js",
    },
    "name": {
        "description": "A model's name, as `GET /models` lists it.",
        "schema": {"type": "string"}, "example": "inception-v3",
    },
    "file": {
        "description": "Its name, as `GET /models/{name}/samples` gives it in `url`.",
        "schema": {"type": "string"}, "example": "umbrella.jpg",
    },
    "version": {
        "description": "The model's version, as in its metadata; any other version is a 404.",
        "schema": {"type": "string"}, "example": "1.0",
    },
}  # fmt: skip
"""Parameters by name, or by the whole path where a name stands for another thing than a model."""


def operation(tag: str, route: Route, schemas: dict[str, Schema]) -> dict[str, Any]:
    """A route's operation object. schemas: the structs' schemas, by name."""
    parts = {
        "operationId": route.name,
        "tags": [tag],
        "summary": route.summary,
        "description": route.notes,
        "parameters": _parameters(route, schemas[PredictRequest.__name__]["properties"]),
        "requestBody": _body(route),
        "responses": _responses(route, schemas),
    }
    parts = {name: part for name, part in parts.items() if part}
    return parts | ({"security": []} if route.is_open else {})


def form(fields: dict[str, Schema]) -> Schema:
    """The schema of a form with an image and options. fields: a request's."""
    options = {name: without_null(fields[name]) for name in OPTIONS}
    return {
        "title": "PredictForm",
        "type": "object",
        "description": (
            "An image, and options of the answer. The file's field may have any other name too."
        ),
        "properties": {"image": IMAGE_FILE} | options,
        "required": ["image"],
        "additionalProperties": False,
    }


def _parameters(route: Route, fields: dict[str, Schema]) -> list[dict[str, Any]]:
    in_path: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True} | PATH.get(route.path, PATH[name])
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    in_query: list[dict[str, Any]] = [
        {"name": name, "in": "query", "schema": without_null(fields[name])}
        | ({"required": True} if name == "url" else {})
        for name in route.options
    ]
    return in_path + in_query + [*route.query] + [CLIENT_ID] * bool(route.options)


def _body(route: Route) -> dict[str, Any]:
    if route.takes is None:
        return {}
    json: dict[str, Any] = {"schema": ref("schemas", route.takes.__name__)}
    content = {"application/json": json | ({"example": route.example} if route.example else {})}
    if route.options:
        content["application/octet-stream"] = content["image/*"] = {"schema": IMAGE_FILE}
        content["multipart/form-data"] = {"schema": ref("schemas", "PredictForm")}
    return {"required": True, "content": content}


def _responses(route: Route, schemas: dict[str, Schema]) -> dict[str, Any]:
    answers: dict[int, Struct | None] = {200: route.or_200} if route.or_200 else {}
    answers[route.status] = route.answer
    responses: dict[int, Any] = {
        status: {
            "description": schemas[answer.__name__]["description"] if answer else route.summary,
            "content": {
                name: {"schema": ref("schemas", answer.__name__) if answer else {}}
                for name in route.media_types
            },
        }
        for status, answer in answers.items()
    }
    for status in route.failures():
        # API Gateway answers a wrong token before the protocol is spoken
        protocols = "Protocol" * (route.path.startswith("/v2") and status not in (401, 403))
        responses[status] = ref("responses", protocols + ERRORS[status][0])
    return {str(status): responses[status] for status in sorted(responses)}
