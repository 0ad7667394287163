"""Looks at pictures once: their features, and what may give a label away. Kept on disk."""

import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import msgspec
import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import InceptionError
from chalicelib.files import put
from chalicelib.images.decode import decode
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.packages import ModelPackage
from chalicelib.settings import ROOT
from tools.console.quiet import quiet
from tools.evaluating.asking import Load
from tools.evaluating.labelled import Photo

CACHE = ROOT / "build" / "features"

Progress = Callable[[str, int, int], None]
"""Takes what is being done, how many are done, and of how many. What it raises ends the work."""


class Look(NamedTuple):
    """What is kept of a picture.

    digest: SHA-256 of its file. facts: its format, width and height. edge: the colours of its edge,
    float32 [18]. times: milliseconds to decode and to infer. features: of the picture and of its
    mirror image, float16 [2, features].
    """

    digest: str
    facts: tuple[str, int, int]
    edge: NDArray[np.float32]
    times: tuple[float, float]
    features: NDArray[np.float16]


class Looker:
    """Looks at pictures through a base package. Raises FeaturesMissing if it gives no features.

    threads: pictures at the same time. cache: the folder of what was seen before.
    """

    def __init__(self, base: ModelPackage, threads: int, cache: Path = CACHE) -> None:
        with quiet():
            self._classifier = Classifier(base, threads, threads)
            width, height = self._classifier.input_size
            self._classifier.featured(np.zeros((height, width, 3), np.uint8))
        self._how, self._threads = base.info.preprocessing, threads
        told = base.info.sha256.encode() + msgspec.json.encode(self._how)
        self._folder = cache / hashlib.sha256(told).hexdigest()[:16]

    def all(
        self, photos: Sequence[Photo], load: Load, show: Progress
    ) -> tuple[list[Look | None], dict[str, str]]:
        """Looks at these pictures; None for an unreadable one, and why, by its name."""
        with suppress(OSError):  # as below
            self._folder.mkdir(parents=True, exist_ok=True)
        looks: list[Look | None] = []
        unreadable: dict[str, str] = {}

        def look(photo: Photo) -> Look | str:
            try:
                return self._look(load(photo))
            except (InceptionError, OSError) as error:
                return str(error)

        pool = ThreadPoolExecutor(self._threads)
        try:
            for photo, seen in zip(photos, pool.map(look, photos), strict=True):
                if isinstance(seen, str):
                    unreadable[photo.called] = seen
                looks.append(None if isinstance(seen, str) else seen)
                show("looking at pictures", len(looks), len(photos))
        finally:
            pool.shutdown(cancel_futures=True)
        return looks, unreadable

    def _look(self, data: bytes) -> Look:
        digest = hashlib.sha256(data).hexdigest()
        kept = self._folder / f"{digest}.npz"
        with suppress(OSError, EOFError, KeyError, ValueError, BadZipFile), np.load(kept) as arrays:
            format_, width, height = arrays["facts"].tolist()
            facts = format_, int(width), int(height)
            return Look(digest, facts, arrays["edge"], (*arrays["times"],), arrays["features"])
        look = self._seen(digest, data)
        file = BytesIO()
        np.savez(
            file, facts=np.array(look.facts), edge=look.edge, times=look.times,
            features=look.features,
        )  # fmt: skip
        with suppress(OSError):  # a full or read-only disk: the next lesson looks again
            put(kept, file.getvalue())
        return look

    def _seen(self, digest: str, data: bytes) -> Look:
        start = time.perf_counter()
        image = decode(data, self._classifier.input_size, self._how)
        decoded = time.perf_counter()
        features = [self._pooled(image.pixels)]
        inferred = time.perf_counter()
        features.append(self._pooled(np.ascontiguousarray(image.pixels[:, ::-1])))
        return Look(
            digest,
            (image.format, image.width, image.height),
            edge_of(image.pixels),
            ((decoded - start) * 1000, (inferred - decoded) * 1000),
            np.stack(features).astype(np.float16),
        )

    def _pooled(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        features: NDArray[np.float32] = self._classifier.featured(pixels)[1].pooled[0]
        return features


def edge_of(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The colours of an edge as wide as an eighth: its mean and spread, and each side's mean."""
    wide = max(1, len(pixels) // 8)
    sides = [pixels[:wide], pixels[-wide:], pixels[:, :wide], pixels[:, -wide:]]
    all_ = np.concatenate([side.reshape(-1, 3) for side in sides]).astype(np.float32)
    means = [side.mean(axis=(0, 1)) for side in sides]
    edge: NDArray[np.float32] = np.concatenate([all_.mean(0), all_.std(0), *means])
    return edge
