"""What a classifier says of an image."""

import msgspec


class Label(msgspec.Struct, frozen=True):
    """A class's name and its probability, 0..1."""

    name: str
    score: float
