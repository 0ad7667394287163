"""The instances of a request -> a manifest of them."""

from collections.abc import Sequence

import msgspec

from chalicelib.bulk.manifests import entries
from chalicelib.errors import BadRequest
from chalicelib.requests import Instance

PLACES_NAMED = 20
"""Places that a refusal names."""


def manifest_of(instances: Sequence[Instance]) -> bytes:
    """The instances as JSONL; one that has no id gets its place, from 0, unless another has that.

    Raises BadRequest, which names their places, where any does not name one image.
    """
    own = {each.id for each in instances}
    numbered = [
        each if each.id else msgspec.structs.replace(each, id=_unlike(own, str(place)))
        for place, each in enumerate(instances)
    ]
    lines = msgspec.json.Encoder().encode_lines(numbered)
    bad = [
        f"{entry.position} ({entry.problem.partition(': ')[2].rstrip('.')})"
        for entry in entries("manifest.jsonl", [lines])
        if entry.problem
    ]
    if bad:
        more = f"; and {len(bad) - PLACES_NAMED} more" if len(bad) > PLACES_NAMED else ""
        named = "; ".join(bad[:PLACES_NAMED]) + more
        raise BadRequest(f"Correct these instances, counted from 0: {named}.")
    return lines


def _unlike(own: set[str | None], id: str) -> str:
    """The id, or one made of it that none of those in `own` is."""
    while id in own:
        id = f"instance {id}"
    return id
