"""Label files that are JSON, a Python literal, or a protocol buffer's text.

https://huggingface.co/docs/transformers/main_classes/configuration (id2label),
https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json (Keras),
https://github.com/tensorflow/models/blob/master/research/object_detection/protos/string_int_label_map.proto
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.errors import ModelInvalid
from tools.labelling.entries import WORDNET, Entry

WRAPPERS = (
    "id2label", "label2id", "labels", "class_names", "classes", "categories", "names",
    "label_map", "class_indices", "class_to_idx",
)  # fmt: skip
"""Keys under which tools store the labels."""

NAME_KEYS = ("display_name", "name", "label", "class_name", "label_name", "title", "class")
INDEX_KEYS = ("id", "index", "idx", "class_id", "class_index", "label_id", "label", "class")

_ITEM = re.compile(r"\s*item\s*:?\s*\{")
_TOKEN = re.compile(
    r"""\#[^\n]* | [{}] | (\w+)\s*:\s*("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\s{},;]+)""", re.X
)


def is_pbtxt(text: str) -> bool:
    """Whether it begins like a StringIntLabelMap."""
    return bool(_ITEM.match(re.sub(r"(?m)^\s*#.*$", "", text)))


def from_pbtxt(text: str) -> list[Entry]:
    """The items; `display_name` wins over `name`, which may be a code.

    Raises ModelInvalid if an item has a field twice.
    """
    entries: list[Entry] = []
    depth, item = 0, dict[str, Any]()
    for match in _TOKEN.finditer(text):
        sign = match[0]
        if sign == "{":
            depth += 1
            item = {} if depth == 1 else item
        elif sign == "}":
            depth -= 1
            if depth == 0:
                entries.append(_from_dict(item))
        elif match[1] and depth == 1:
            if match[1] in item:
                raise ModelInvalid(f"an item of it has “{match[1]}” twice")
            item[match[1]] = _literal(match[2])
    return entries


def _literal(token: str) -> Any:
    try:
        return ast.literal_eval(token)
    except (ValueError, SyntaxError):
        return token


def from_json(text: str, must_be: bool) -> list[Entry] | None:
    """The labels in JSON, JSON Lines or a Python literal; None if it is none of these.

    must_be: whether None is refused, too. Raises ModelInvalid if it has no labels.
    """
    try:
        value = _value(text)
    except ValueError as error:
        if must_be and not isinstance(error, _Twice):
            raise ModelInvalid(f"it is not JSON ({error})") from error
        if isinstance(error, _Twice):
            raise ModelInvalid(f"it has the key “{error}” twice") from error
        return None
    return list(_entries(value))


class _Twice(ValueError):
    """An object has a key twice."""


def _value(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except _Twice:
        raise
    except (ValueError, RecursionError) as error:
        for read in (_json_lines, _python):
            try:
                return read(text)
            except _Twice:
                raise
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                pass
        raise ValueError(str(error)) from error


def _json_lines(text: str) -> list[Any]:
    return [json.loads(line, object_pairs_hook=_once) for line in text.splitlines() if line.strip()]


def _python(text: str) -> Any:
    tree = ast.parse(text.lstrip(" \t"), mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            _once([(str(ast.literal_eval(key)), None) for key in node.keys if key])
    return ast.literal_eval(tree)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for key, value in pairs:
        if key in entries:
            raise _Twice(key)
        entries[key] = value
    return entries


def _entries(value: Any) -> Iterator[Entry]:
    if isinstance(value, Mapping) and value:
        for key in WRAPPERS:
            if isinstance(value.get(key), list | dict):
                yield from _entries(value[key])
                return
        if all(_index(key) is not None for key in value):
            yield from (Entry(_index(key), _name(item)) for key, item in value.items())
            return
        if all(_index(item) is not None for item in value.values()):
            yield from (Entry(_index(item), str(key)) for key, item in value.items())
            return
    elif isinstance(value, list | tuple) and value:
        yield from map(_from_item, value)
        return
    raise ModelInvalid(
        'it has no labels where they are looked for; give a list of names or {"0": "name", …}'
    )


def _from_item(item: Any) -> Entry:
    if isinstance(item, Mapping):
        return _from_dict(item)
    if isinstance(item, list | tuple) and len(item) == 2:
        first, second = item
        if _index(first) is not None:
            return Entry(_index(first), _name(second))
        if isinstance(second, int):
            return Entry(second, _name(first))
    return Entry(None, _name(item))


def _from_dict(item: Mapping[str, Any]) -> Entry:
    index_key = next((key for key in INDEX_KEYS if _index(item.get(key)) is not None), None)
    names = (item[key] for key in NAME_KEYS if key != index_key and item.get(key))
    name = next(names, None)
    if name is None:
        raise ModelInvalid(f"it has an entry without a name: {str(dict(item))[:80]}")
    return Entry(_index(item[index_key]) if index_key else None, _name(name))


def _name(value: Any) -> str:
    """A name, or several of one class: ["n01440764", "tench"], ["hotdog", "hot dog"]."""
    if isinstance(value, Mapping):
        return _from_dict(value).name
    if isinstance(value, list | tuple) and value and all(isinstance(part, str) for part in value):
        return ", ".join(value[1:] if WORDNET.match(value[0] + " -") and value[1:] else value)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise ModelInvalid(f"it has a label that is no text: {str(value)[:80]}")


def _index(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,7}", value) else None
