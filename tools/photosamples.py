"""Pictures -> the samples of a package: small copies, without what a camera wrote into them."""

import hashlib
import io
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from chalicelib.errors import InceptionError
from chalicelib.files import put
from chalicelib.images.preprocessing import Preprocessing
from chalicelib.inference.packages import INFO, ModelPackage
from chalicelib.inference.samples import MAX_SAMPLES, MAX_SAMPLES_BYTES, SAMPLES, Sample
from tools.console.refusals import Refused
from tools.newpackage import as_json

SHORTEST = 342
"""Pixels of a copy's shorter side: ImageNet's crop of 87.5% then has Inception's 299."""

WANTED = 24_000
"""Bytes of a copy: six of them go into the first view of the page."""

QUALITIES = (80, 70, 60, 50, 40, 30)


class Picture(NamedTuple):
    """A picture for a package. called: its name in messages."""

    called: str
    data: bytes
    label: str
    licence: str
    source: str


def small(data: bytes) -> bytes:
    """An upright WebP copy of a picture. Raises ImageUnreadable or ImageTooLarge."""
    from PIL import Image

    from chalicelib.images.decode import decode

    whole = decode(data, (1, 1))
    scale = min(1.0, SHORTEST / min(whole.width, whole.height))
    scale = min(scale, 2 * SHORTEST / max(whole.width, whole.height))
    size = max(1, round(scale * whole.width)), max(1, round(scale * whole.height))
    pixels = Image.fromarray(decode(data, size, Preprocessing(filter="lanczos")).pixels)
    for quality in QUALITIES:
        file = io.BytesIO()
        pixels.save(file, "WEBP", quality=quality, method=6)
        if file.tell() <= WANTED:
            break
    return file.getvalue()


def attached(package: ModelPackage, pictures: Iterable[Picture]) -> ModelPackage:
    """The package with these samples instead of those it had.

    The old files stay until `model.json` names the new ones, so an end in between loses nothing.
    Raises Refused, and changes nothing, if a picture cannot be read.
    """
    copies: dict[str, bytes] = {}
    old = [Path(sample.path).name for sample in package.info.samples]
    samples = []
    for called, data, label, licence, source in pictures:
        try:
            copy = small(data)
        except InceptionError as error:
            raise Refused(f"The sample {called} cannot be used: {error}") from error
        file = _file(label, [*copies, *old])
        copies[file] = copy
        samples.append(Sample(file, label, hashlib.sha256(copy).hexdigest(), licence, source))
    if sum(map(len, copies.values())) > MAX_SAMPLES_BYTES:
        raise Refused("The samples are too large together, even as small copies; choose fewer.")
    info = msgspec.structs.replace(package.info, samples=tuple(samples))
    folder = package.folder / SAMPLES
    folder.mkdir(exist_ok=True)
    for file, copy in copies.items():
        (folder / file).write_bytes(copy)
    put(package.folder / INFO, as_json(info))
    for path in folder.iterdir():
        if path.name not in copies:
            path.unlink()
    return ModelPackage(package.folder, info)


def of_folder(package: ModelPackage, folder: Path, say: Callable[[str], None]) -> ModelPackage:
    """The package with the labelled pictures of a folder as its samples.

    say: told how many they are. Raises Refused if they are too many, have a label that the model
    does not know, or cannot be read.
    """
    from tools.evaluating.labelled import find
    from tools.evaluating.truth import Truths

    labelled = find(folder, [Truths(package.labels(), package.info.background_class)])
    photos = [photo for photo in labelled.photos if isinstance(photo.image, Path)]
    if labelled.unknown:
        raise Refused(f"No class of the model is called {', '.join(labelled.unknown)}.")
    if len(photos) > MAX_SAMPLES:
        raise Refused(
            f"{folder} has {len(photos)} pictures. A package may contain only a few samples: "
            f"choose up to {MAX_SAMPLES}. For pictures that only show how pixels are scaled, "
            "use --pictures."
        )
    package = attached(package, (
        Picture(photo.called, photo.image.read_bytes(), photo.label, photo.licence, photo.source)
        for photo in photos if isinstance(photo.image, Path)
    ))  # fmt: skip
    say(
        "Samples: 1 picture, as a small copy, goes with the package."
        if len(photos) == 1
        else f"Samples: {len(photos)} pictures, as small copies, go with the package."
    )
    return package


def _file(label: str, taken: Iterable[str]) -> str:
    """A name for the sample's file, unlike those that are taken."""
    plain = re.sub("[^a-z0-9]+", "-", label.split(",")[0].lower()).strip("-")[:40] or "sample"
    ends = ("", *(f"-{number}" for number in range(2, 2 * MAX_SAMPLES + 1)))
    return next(f"{plain}{end}.webp" for end in ends if f"{plain}{end}.webp" not in taken)
