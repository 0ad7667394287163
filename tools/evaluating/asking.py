"""Pictures -> what networks say of them, and how long that takes."""

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

from chalicelib.aws.s3 import S3Store
from chalicelib.errors import ImageTooLarge, ImageUnreadable, InceptionError
from chalicelib.images.decode import decode
from chalicelib.images.preprocessing import Preprocessing
from chalicelib.inference import engines
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.labels import LIKELY_SCORE
from chalicelib.inference.packages import ModelPackage
from chalicelib.inference.tensors import top
from chalicelib.requests import Instance
from chalicelib.settings import EngineName
from chalicelib.sources.read import MAX_BYTES, Sources
from tools.evaluating.labelled import Photo
from tools.newpackage import existing
from tools.quiet import quiet
from tools.refusals import Refused

BEST = 5
"""Classes of an answer that are kept."""

Load = Callable[[Photo], bytes]

Right = Callable[[Sequence[Preprocessing], str], list[list[bool]]]
"""For each of some ways, of which pictures the network is right; the text labels a progress bar."""


class Answer(NamedTuple):
    """What a network says of a picture.

    best, scores: up to BEST class indices, and their scores, 0..1; of a multi-label network all
    that it finds. several: whether it is one.
    """

    best: tuple[int, ...]
    scores: tuple[float, ...]
    decode_ms: float
    infer_ms: float
    several: bool = False

    def said(self, true: Sequence[int]) -> tuple[int | None, float]:
        """The class that the answer stands for, and its score.

        That is the top one. A multi-label network is asked about the classes that are `true`, as in
        workflows: it is one of them if it finds it, else the top one of what it finds, or None.
        """
        said: list[tuple[int | None, float]] = [*zip(self.best, self.scores, strict=True)]
        if not self.several:
            return said[0]
        likely = [label for label in said if label[1] >= LIKELY_SCORE] or [(None, said[0][1])]
        return next((label for label in likely if label[0] in true), likely[0])


@dataclass(frozen=True)
class Contestant:
    """A loaded network that is asked. name: what reports call it, unlike that of any other."""

    name: str
    package: ModelPackage
    engine: EngineName
    network: engines.Network
    classifier: Classifier

    def doing(self, how: Preprocessing) -> "Contestant":
        """The same network, given pictures in another way."""
        info = msgspec.structs.replace(self.package.info, preprocessing=how)
        package = ModelPackage(self.package.folder, info)
        classifier = Classifier(package, 1, load=lambda *_: self.network)
        return replace(self, package=package, classifier=classifier)


def contestant(named: str, dirs: Sequence[Path], engine: EngineName, threads: int) -> Contestant:
    """Load what `NAME` or `NAME:ENGINE` says; `engine` is that of a name alone.

    Raises Refused for an engine that is none, and ModelInvalid where it cannot be loaded.
    """
    name, colon, said = named.partition(":")
    if colon and said not in get_args(EngineName):
        raise Refused(f"{said!r} is no engine; one of {', '.join(get_args(EngineName))} is.")
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
    """What reads these pictures: files, and what a manifest may name."""
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
    """The answers of each contestant to each picture; None for those that cannot be read.

    Also why these cannot, by what they are called. Each picture is read once, and decoded once for
    those that see the same pixels.
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
    """What tells of which pictures, whose classes are given, a network is right in some ways."""

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
