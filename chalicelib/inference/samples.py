"""The samples of a package: a few pictures that suit its model, for the page."""

from pathlib import PurePosixPath
from typing import Annotated

import msgspec

from chalicelib.files import sha256_of

SAMPLES = "samples"
MAX_SAMPLES = 12
MAX_SAMPLE_BYTES = 64_000
MAX_SAMPLES_BYTES = 300_000
"""A package's samples, and bytes of each and of all: they are sent with the page's first view."""

SAMPLE_TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


class Sample(msgspec.Struct, frozen=True, omit_defaults=True):
    """A picture of a package, as `model.json` lists it.

    file: its name in the folder `samples`. label: what it shows, by a name that the model knows.
    sha256: hexadecimal digest. licence, source: its own, and where it is from or who made it.
    """

    file: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}\.(jpg|png|webp)\Z")]
    label: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    licence: str = ""
    source: str = ""

    @property
    def path(self) -> str:
        """Its place in the package."""
        return f"{SAMPLES}/{self.file}"

    @property
    def type(self) -> str:
        """Its media type."""
        return SAMPLE_TYPES[PurePosixPath(self.file).suffix]


SampleTuple = Annotated[tuple[Sample, ...], msgspec.Meta(max_length=MAX_SAMPLES)]


def address(name: str, samples: tuple[Sample, ...]) -> str | None:
    """Returns where a model's samples are had, which changes with them; None without samples."""
    if not samples:
        return None
    digest = sha256_of(msgspec.json.encode(samples))
    return f"models/{name}/{SAMPLES}?of={digest[:12]}"
