"""Write the instances of a request as a manifest."""

from collections.abc import Sequence

import msgspec

from chalicelib.bulk.manifests import entries
from chalicelib.errors import BadRequest
from chalicelib.requests import Instance

PLACES_NAMED = 20
"""Faulty instances that a refusal names."""


def manifest_of(instances: Sequence[Instance]) -> bytes:
    """Writes the instances as JSONL. Instances without an id get their place, from 0, as id.

    Raises BadRequest, with the places of instances that do not name one image.
    """
    own = {instance.id for instance in instances}
    numbered = [
        instance if instance.id else msgspec.structs.replace(instance, id=_unlike(own, str(place)))
        for place, instance in enumerate(instances)
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
    """Returns the id, changed if `own` already has it."""
    while id in own:
        id = f"instance {id}"
    return id
