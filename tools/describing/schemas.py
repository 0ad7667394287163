"""Structs -> the schemas of OpenAPI 3.1, with their docstrings as descriptions."""

import json
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from chalicelib import requests
from chalicelib.answers import (
    batchviews,
    experimentviews,
    judged,
    predictions,
    protocol,
    workflowviews,
)

MODULES = (requests, predictions, batchviews, experimentviews, workflowviews, judged, protocol)
Schema = dict[str, Any]
Struct = type[msgspec.Struct]


def components(structs: Iterable[Struct]) -> dict[str, Schema]:
    """The schemas of these structs and of all structs inside, by name."""
    _, schemas = msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")
    known = {name: value for module in MODULES for name, value in vars(module).items()}
    return {name: _common(_described(schemas[name], known[name])) for name in sorted(schemas)}


def ref(kind: str, name: str) -> Schema:
    """A reference to one of the document's components."""
    return {"$ref": f"#/components/{kind}/{name}"}


def without_null(schema: Schema) -> Schema:
    """The schema of a field that is omitted if it has no value."""
    ways = [way for way in schema.get("anyOf", []) if way != {"type": "null"}]
    if not ways:
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return rest | (ways[0] if len(ways) == 1 else {"anyOf": ways})


def _common(schema: Any) -> Any:
    """The schema, limited to keywords that client generators know."""
    if isinstance(schema, list):
        return [_common(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "prefixItems" in schema:  # a tuple, whose items here are all of one kind
        (items,) = {str(item): item for item in schema["prefixItems"]}.values()
        schema = {key: value for key, value in schema.items() if key != "prefixItems"}
        schema["items"] = items
    if schema.get("type") == "array":
        schema = {"items": {}} | schema
    if "pattern" in schema:
        schema["pattern"] = schema["pattern"].replace(r"\Z", "$")  # as ECMAScript has it
    return {key: _common(value) for key, value in schema.items()}


def _described(schema: Schema, struct: Struct) -> Schema:
    """The schema with descriptions.

    Defaults go into them, because some generators make a field with a default required.
    """
    is_answer = struct.__module__ != requests.__name__
    summary, texts = _docstring(struct)
    properties = {}
    for name, field in schema["properties"].items():
        if is_answer and struct.__struct_config__.omit_defaults:
            field = without_null(field)
        default = {} if is_answer else field.get("default") or {}
        text = texts.get(name, "") + (f" Default: {json.dumps(default)}." if default else "")
        field = {key: value for key, value in field.items() if key != "default"}
        properties[name] = field | ({"description": text.strip()} if text else {})
    return schema | {"description": summary, "properties": properties}


def _docstring(struct: Struct) -> tuple[str, dict[str, str]]:
    """A docstring's text on the struct, and on each field after its name and a colon.

    Texts on other fields come from the bases.
    """
    fields = {field.encode_name for field in msgspec.structs.fields(struct)}
    name = "|".join(sorted(fields))
    heads = re.compile(rf"(?:^|\s)((?:{name})(?:, (?:{name}))*): ")
    texts: dict[str, str] = {}
    for base in reversed(struct.__mro__[: struct.__mro__.index(msgspec.Struct)]):
        summary, *rest = heads.split(" ".join((base.__doc__ or "").split()))
        for names, text in zip(rest[::2], rest[1::2], strict=True):
            texts |= dict.fromkeys(names.split(", "), text)
    return summary, texts
