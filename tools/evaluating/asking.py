"""Asks networks about pictures, and takes the time."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

import click
import msgspec
import numpy as np
from numpy.typing import NDArray

from chalicelib.answers.predictions import HeatMap
from chalicelib.aws.s3 import S3Store
from chalicelib.errors import ImageTooLarge, ImageUnreadable, InceptionError
from chalicelib.images.decode import decode
from chalicelib.images.preprocessing import Preprocessing
from chalicelib.inference import engines
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.explainable import EXPLAINED
from chalicelib.inference.explaining import with_heat_maps
from chalicelib.inference.labels import LIKELY_SCORE
from chalicelib.inference.packages import ModelPackage
from chalicelib.inference.tensors import top
from chalicelib.requests import Instance
from chalicelib.settings import EngineName
from chalicelib.sources.read import MAX_BYTES, Sources
from tools.console.quiet import quiet
from tools.console.refusals import Refused
from tools.evaluating.labelled import Photo
from tools.newpackage import existing

BEST = 5
"""How many classes of an answer are kept."""

Load = Callable[[Photo], bytes]

Right = Callable[[Sequence[Preprocessing], str], list[list[bool]]]
"""Ways and the label of a progress bar -> for each way, which pictures are right."""


class Answer(NamedTuple):
    """A network's answer to a picture.

    best, scores: up to BEST class indices and their scores, 0..1; for a multi-label network, all
    that it finds. several: whether the network is multi-label.
    """

    best: tuple[int, ...]
    scores: tuple[float, ...]
    decode_ms: float
    infer_ms: float
    several: bool = False

    def said(self, true: Sequence[int]) -> tuple[int | None, float]:
        """The class that counts as the answer, and its score.

        That is the top class. For a multi-label network, as in workflows, it is a class of `true`
        if the network finds one, else its top class, or None if it finds nothing.
        """
        said: list[tuple[int | None, float]] = [*zip(self.best, self.scores, strict=True)]
        if not self.several:
            return said[0]
        likely = [label for label in said if label[1] >= LIKELY_SCORE] or [(None, said[0][1])]
        return next((label for label in likely if label[0] in true), likely[0])


@dataclass(frozen=True)
class Contestant:
    """A loaded network. name: its unique name in reports."""

    name: str
    package: ModelPackage
    engine: EngineName
    network: engines.Network
    classifier: Classifier

    def looked(self, data: bytes, label: str) -> HeatMap | None:
        """Where in a picture it saw the label; None if its network gives no feature maps."""
        info, classifier = self.package.info, self.classifier
        if not info.has_features:
            return None
        image = decode(data, classifier.input_size, info.preprocessing)
        scores, features = classifier.featured(image.pixels)
        labels = classifier.rank(scores, EXPLAINED)
        how = info.preprocessing
        maps = with_heat_maps(classifier, image, how, scores, features, labels)
        return next((seen.heat_map for seen in maps if seen.name == label), None)

    def doing(self, how: Preprocessing) -> "Contestant":
        """The same network with another preprocessing."""
        info = msgspec.structs.replace(self.package.info, preprocessing=how)
        package = ModelPackage(self.package.folder, info)
        classifier = Classifier(package, 1, load=lambda *_: self.network)
        return replace(self, package=package, classifier=classifier)


def contestant(named: str, dirs: Sequence[Path], engine: EngineName, threads: int) -> Contestant:
    """Load `NAME` or `NAME:ENGINE`; `engine` is the default.

    Raises Refused for an unknown engine, and ModelInvalid if loading fails.
    """
    name, colon, said = named.partition(":")
    if colon and said not in get_args(EngineName):
        raise Refused(f"{said!r} is not an engine; use one of {', '.join(get_args(EngineName))}.")
    package = existing(name, dirs)
    package.verify()
    runs = engines.chosen(package.info, cast(EngineName, said) if colon else engine)
    with quiet():
        network = runs.load(package, threads)
        classifier = Classifier(package, threads, load=lambda *_: network)
        width, height = classifier.input_size
        classifier.scores(np.zeros((height, width, 3), np.uint8))  # the first is slow
    return Contestant(named if colon else name, package, runs.name, network, classifier)


def loader(photos: Sequence[Photo]) -> Load:
    """A function that reads these pictures: files, and URLs as in manifests."""
    from chalicelib.sources.fetch import Fetcher

    uris = [p.image.s3_uri for p in photos if isinstance(p.image, Instance) and p.image.s3_uri]
    buckets = frozenset(uri.removeprefix("s3://").partition("/")[0] for uri in uris)
    sources = Sources(Fetcher(allow_loopback=True), S3Store(_s3).read, buckets)

    def load(photo: Photo) -> bytes:
        if isinstance(photo.image, Instance):
            return sources.load(photo.image)
        if not photo.image.is_file():
            raise ImageUnreadable("There is no such file.")
        if photo.image.stat().st_size > MAX_BYTES:
            raise ImageTooLarge(f"It is over {MAX_BYTES / 1e6:g} MB.")
        return photo.image.read_bytes()

    return load


def _s3() -> Any:
    import boto3

    return boto3.client("s3")


def ask(
    photos: Sequence[Photo], contestants: Sequence[Contestant], load: Load, label: str
) -> tuple[list[list[Answer] | None], dict[str, str]]:
    """For each picture, every contestant's answer, or None if it is unreadable; and why, by name.

    Each picture is read once, and decoded once for all contestants that see the same pixels.
    """
    answers: list[list[Answer] | None] = []
    unreadable = {}
    for photo in _shown(photos, label):
        try:
            answers.append(_asked(load(photo), contestants))
        except (InceptionError, OSError) as error:
            unreadable[photo.called] = str(error)
            answers.append(None)
    return answers, unreadable


def _shown(photos: Sequence[Photo], label: str) -> Iterator[Photo]:
    with click.progressbar(photos, label=label, file=sys.stderr) as bar:
        yield from bar


def _asked(data: bytes, contestants: Sequence[Contestant]) -> list[Answer]:
    decoded: dict[object, tuple[NDArray[np.uint8], float]] = {}
    answers = []
    for contestant in contestants:
        how = contestant.classifier.info.preprocessing
        size = contestant.classifier.input_size
        seen = (size, how.resize, how.crop, how.colour, how.filter)
        if seen not in decoded:
            start = time.perf_counter()
            pixels = decode(data, size, how).pixels
            decoded[seen] = pixels, (time.perf_counter() - start) * 1000
        pixels, decode_ms = decoded[seen]
        start = time.perf_counter()
        scores = contestant.classifier.scores(pixels)
        infer_ms = (time.perf_counter() - start) * 1000
        info = contestant.classifier.info
        count = max(BEST, int((scores >= LIKELY_SCORE).sum()) if info.multi_label else 0)
        best = tuple(top(scores, count, info.background_class))
        said = tuple(float(scores[i]) for i in best)
        answers.append(Answer(best, said, decode_ms, infer_ms, info.multi_label))
    return answers


def rightness(
    asked: Contestant, photos: Sequence[Photo], classes: Sequence[tuple[int, ...]], load: Load
) -> Right:
    """A function that tells which pictures a network gets right. classes: the right ones."""

    def right(ways: Sequence[Preprocessing], label: str) -> list[list[bool]]:
        all_answers, _ = ask(photos, [asked.doing(how) for how in ways], load, label)
        return [
            [
                answers is not None and answers[number].said(true)[0] in true
                for answers, true in zip(all_answers, classes, strict=True)
            ]
            for number in range(len(ways))
        ]

    return right
