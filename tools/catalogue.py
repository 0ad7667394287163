"""The public Inception models, and how they become packages."""

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from chalicelib.errors import ModelInvalid
from chalicelib.files import put_back, staged
from chalicelib.files import sha256 as digest
from chalicelib.images.preprocessing import IMAGENET, Preprocessing
from chalicelib.inference.packages import INFO, LABELS, MODEL, ModelInfo, ModelPackage, read_package
from tools.console.progress import download_progress
from tools.console.refusals import NothingSuch, Refused
from tools.featuremaps import exposed_if_possible, original
from tools.fetching.download import Progress, download
from tools.fetching.https import PATIENCE, FetchError, Patience
from tools.newpackage import as_json

__all__ = ["BASE_URL", "CATALOGUE", "CatalogueEntry", "FetchError", "fetch", "installed"]

BASE_URL = "https://github.com/google-coral/test_data/raw/104342d2d3480b3e66203073dac24f4e2dbb4c41"
"""The files' folder: google-coral/test_data at one commit."""


class NotInCatalogue(FetchError, NothingSuch):
    """The catalogue has no model of that name."""


class Photograph(NamedTuple):
    """A photograph below the base URL, with its git blob id, and what it shows."""

    file: str
    blob: str
    label: str
    licence: str = "CC BY 2.0"
    source: str = "Open Images; its author is in COPYRIGHT of google-coral/test_data"


@dataclass(frozen=True)
class CatalogueEntry:
    """A public model: its files below the base URL, their git blob ids, and its `model.json`.

    size: width and height in pixels of the network's input.
    classes: how many labels it has, the background included. samples: photographs that suit it.
    """

    file: str
    blob: str
    title: str
    description: str
    size: int
    labels_file: str = "imagenet_labels.txt"
    labels_blob: str = "0f975ffd415baaea2267b4363717daff56451ad0"
    version: str = "1"
    source: str = "https://github.com/google-coral/test_data"
    licence: str = "Apache-2.0"
    classes: int = 1001
    background_class: int | None = 0
    preprocessing: Preprocessing = IMAGENET
    samples: tuple[Photograph, ...] = ()


PHOTOGRAPHS = (
    Photograph("cat_720p.jpg", "1ebe25b5cb70a258730ec0aaa415e8eb520aac59", "tabby"),
    Photograph("parrot.jpg", "1ced7b374c3f7bf9fc22887ac86f8022e5a229b3", "macaw"),
    Photograph("hot_dog.jpg", "ae5358e4fb1cd2b779cebaae1dc9466f63dcbdc6", "hotdog"),
    Photograph("bird.bmp", "b544b65b2221cd249863ee1ea7077ec1535ad8ce", "chickadee"),
    Photograph(
        "grace_hopper.bmp", "ac9b0812eff4c852303ab4c840f3c755fa4c1a31", "military uniform",
        "public domain", "US Navy",
    ),
)  # fmt: skip


def _inception(number: int, size: int, blob: str, year: str) -> CatalogueEntry:
    return CatalogueEntry(
        file=f"inception_v{number}_{size}_quant.tflite",
        blob=blob,
        title=f"Inception v{number}",
        description=f"Google's Inception v{number} ({year}), 8-bit, trained on the 1,000 classes "
        "of ImageNet (ILSVRC-2012).",
        size=size,
        samples=PHOTOGRAPHS,
    )


CATALOGUE: dict[str, CatalogueEntry] = {
    "inception-v1": _inception(1, 224, "088ffa53d18e2b435e3e8fd1361d2ab46d974b05", "2014"),
    "inception-v2": _inception(2, 224, "1546a3a490b475bbeba8a9ff296c837d1dfc295c", "2015"),
    "inception-v3": _inception(3, 299, "8c52290bbb4120cbc61eb9a8979ed18da158403c", "2015"),
    "inception-v4": _inception(4, 299, "3908260a7c2c31765179df04fe9030da86dfbfd7", "2016"),
}


def fetch(
    name: str,
    cache: Path,
    *,
    base_url: str | None = None,
    force: bool = False,
    progress: Callable[[str], AbstractContextManager[Progress]] = download_progress,
    patience: Patience = PATIENCE,
    catalogue: Mapping[str, CatalogueEntry] = CATALOGUE,
    say: Callable[[str], None] = lambda line: None,
) -> ModelPackage:
    """The package of that name in `cache`. Downloads what is missing or damaged of it.

    base_url: the folder of the catalogue's files; None for MODEL_BASE_URL, else BASE_URL.
    force: download anyway. progress: a title to a context that shows the download.
    say: told why there are no samples, if they cannot be had.
    Raises FetchError, and leaves no half package.
    """
    if name not in catalogue:
        raise NotInCatalogue(f"The catalogue has no {name!r}. It has {', '.join(catalogue)}.")
    base = (base_url or os.environ.get("MODEL_BASE_URL") or BASE_URL).rstrip("/")
    entry, package = catalogue[name], None if force else installed(name, cache)
    try:
        package = package or _fetch(name, entry, cache, base, progress, patience)
        if entry.samples and not package.info.samples:
            return _with_samples(package, entry, base, patience, say)
        return package
    except FetchError as error:
        raise FetchError(f"{name} was not fetched: {error}") from error
    except OSError as error:
        raise FetchError(
            f"{name} was not fetched: {error}. Free some space, or give another folder with "
            "--to or MODEL_DIR."
        ) from error


def installed(name: str, cache: Path) -> ModelPackage | None:
    """The undamaged package of that name in `cache`, if there is one."""
    put_back(cache / name)
    try:
        package = read_package(cache / name)
        package.verify()
        original(package)
        package.labels()
    except ModelInvalid:
        return None
    return package


def _fetch(
    name: str,
    entry: CatalogueEntry,
    cache: Path,
    base: str,
    progress: Callable[[str], AbstractContextManager[Progress]],
    patience: Patience,
) -> ModelPackage:
    labels, model = (cache / f".{blob}.part" for blob in (entry.labels_blob, entry.blob))
    download(f"{base}/{entry.labels_file}", labels, entry.labels_blob, lambda *_: None, patience)
    with progress(f"Fetching {entry.title}") as report:
        download(f"{base}/{entry.file}", model, entry.blob, report, patience)
    with staged(cache / name) as folder:
        info = ModelInfo(
            name=name,
            version=entry.version,
            sha256=digest(model),
            title=entry.title,
            description=entry.description,
            source=entry.source,
            licence=entry.licence,
            background_class=entry.background_class,
            preprocessing=entry.preprocessing,
        )
        labels.rename(folder / LABELS)
        model.rename(folder / MODEL)
        (folder / INFO).write_bytes(as_json(info))
        exposed_if_possible(ModelPackage(folder, info), lambda line: None)
    return read_package(cache / name)


def _with_samples(
    package: ModelPackage,
    entry: CatalogueEntry,
    base: str,
    patience: Patience,
    say: Callable[[str], None],
) -> ModelPackage:
    """The package with the entry's photographs; without them if one cannot be had."""
    from tools.photosamples import Picture, attached

    pictures, parts = [], []
    try:
        for file, blob, label, licence, source in entry.samples:
            parts.append(package.folder.parent / f".{blob}.part")
            download(f"{base}/{file}", parts[-1], blob, lambda *_: None, patience)
            pictures.append(Picture(file, parts[-1].read_bytes(), label, licence, source))
        package = attached(package, pictures)
    except Refused as error:
        say(f"The sample photographs are missing, because {error}")
        return package
    for part in parts:
        part.unlink()
    return package
