"""What AWS's own models say of a call's parameters: botocore and moto check only some of it."""

import re
from collections.abc import Iterator
from typing import Any

from botocore.model import Shape

LENGTHS = ("string", "list", "map", "blob")
NUMBERS = ("integer", "long", "float", "double")


def faults(shape: Shape, value: Any, place: str = "") -> Iterator[str]:
    """Says what of a value is outside its shape's limits, pattern or enumeration."""
    kind, place = shape.type_name, place or shape.name
    size = value if kind in NUMBERS else _length(value) if kind in LENGTHS else None
    if size is not None:
        yield from _outside(shape.metadata, size, place)
    if isinstance(value, str):
        yield from _unlike(shape.metadata, value, place)
    elif kind == "structure":
        for name in value.keys() & shape.members.keys():
            yield from faults(shape.members[name], value[name], f"{place}.{name}")
    elif kind == "list":
        for number, item in enumerate(value):
            yield from faults(shape.member, item, f"{place}[{number}]")
    elif kind == "map":
        for name, item in value.items():
            yield from faults(shape.key, name, f"{place}'s key")
            yield from faults(shape.value, item, f"{place}.{name}")


def _length(value: Any) -> int | None:
    """A file's length is not told."""
    return len(value) if hasattr(value, "__len__") else None


def _outside(limits: dict[str, Any], size: float, place: str) -> Iterator[str]:
    if size > limits.get("max", size):
        yield f"{place}: {size} is over {limits['max']}"
    if size < limits.get("min", size):
        yield f"{place}: {size} is under {limits['min']}"


def _unlike(limits: dict[str, Any], text: str, place: str) -> Iterator[str]:
    if text not in limits.get("enum", [text]):
        yield f"{place}: {text!r} is none of {', '.join(limits['enum'])}"
    pattern = limits.get("pattern", "")
    if pattern and r"\p{" not in pattern and not re.fullmatch(pattern, text):
        yield f"{place}: {text!r} does not match {pattern}"
