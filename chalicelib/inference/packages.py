"""Model packages: their files, how to read them and how to verify them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from chalicelib.answers.predictions import Scores
from chalicelib.errors import ModelInvalid
from chalicelib.files import put_back, sha256
from chalicelib.images.preprocessing import IMAGENET, WHOLE, Preprocessing
from chalicelib.inference.labels import is_imagenet
from chalicelib.inference.samples import SampleTuple

MODEL, ORT, LABELS, INFO = "model.tflite", "model.ort", "labels.txt", "model.json"
HEAD = "head.npz"
"""The files of a package. Not every package has ORT, the same network for ONNX Runtime, or HEAD,
its last layer; see `chalicelib.inference.head`."""

DIGEST = msgspec.Meta(pattern="^[0-9a-f]{64}$")

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""Names of packages. None can lead out of a folder or out of a bucket's prefix."""


class Exposed(msgspec.Struct, frozen=True):
    """The outputs of `model.tflite` beside its scores, and the file before they were added.

    map, pooled: their positions among the outputs: the last feature map [1, height, width,
        features], and its average over height and width.
    original_sha256, original_size: digest and bytes of the original. It is the beginning of
        `model.tflite`, with the number `pointer_was` in the 4 bytes at `pointer_at`.
    """

    map: int
    pooled: int
    original_sha256: Annotated[str, DIGEST]
    original_size: int
    pointer_at: int
    pointer_was: int


class ModelInfo(msgspec.Struct, frozen=True):
    """The contents of `model.json`.

    sha256: hexadecimal digest of `model.tflite`.
    base: name of the package whose `model.tflite` a taught package uses, with a head of its own;
        empty if the package has its own network.
    ort_sha256: digest of `model.ort`, or None. It is the same network for ONNX Runtime; it takes
        pixels as they are and gives the same scores.
    head_sha256: digest of `head.npz`, or None.
    exposed: the outputs of `model.tflite` beside its scores, or None.
    background_class: index of a class that is never shown, or None.
    preprocessing: how a picture becomes the network's input.
    scores, multi_label: what the network gives, and whether each class is judged by itself. Then
        several classes may be right, or none; see `chalicelib.inference.tensors.to_scores`.
    samples: pictures that suit the model, in the folder `samples`.
    """

    name: str
    version: str
    sha256: Annotated[str, DIGEST]
    base: str = ""
    ort_sha256: Annotated[str, DIGEST] | None = None
    head_sha256: Annotated[str, DIGEST] | None = None
    exposed: Exposed | None = None
    title: str = ""
    description: str = ""
    source: str = ""
    licence: str = ""
    background_class: int | None = None
    preprocessing: Preprocessing = WHOLE
    scores: Scores = "probabilities"
    multi_label: bool = False
    samples: SampleTuple = ()

    @property
    def has_features(self) -> bool:
        """Whether the network gives what embeddings and class activation maps are made of."""
        return self.exposed is not None or bool(self.base)

    @property
    def digests(self) -> dict[str, str]:
        """The digest of each file of the package that holds weights."""
        network = None if self.base else self.sha256
        weights = {MODEL: network, ORT: self.ort_sha256, HEAD: self.head_sha256}
        return {file: digest for file, digest in weights.items() if digest}


class _Scaling(msgspec.Struct, frozen=True):
    mean: float
    std: float


class _Older(msgspec.Struct, frozen=True):
    """The fields of a `model.json` from before `preprocessing`."""

    preprocessing: Preprocessing | None = None
    input_scaling: _Scaling | None = None


class ModelPackage(msgspec.Struct, frozen=True):
    """A folder with a classifier: network, labels and `model.json`.

    base: the package with the network of a taught package, once it is found; see `on`.
    """

    folder: Path
    info: ModelInfo
    base: "ModelPackage | None" = None

    @property
    def model_path(self) -> Path:
        """The `.tflite` file."""
        return (self.base or self).folder / MODEL

    def on(self, base: "ModelPackage") -> "ModelPackage":
        """Returns a taught package with its base. Raises ModelInvalid if this is not its base."""
        if base.info.base or base.info.sha256 != self.info.sha256:
            raise ModelInvalid(
                f"Model {self.info.name} was taught on another {self.info.base} than the one here: "
                f"its {MODEL} has another sha256. Bring that one back, or teach "
                f"{self.info.name} again."
            )
        return ModelPackage(self.folder, self.info, base)

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the package's files, relative to its folder."""
        return INFO, LABELS, *self.info.digests, *(sample.path for sample in self.info.samples)

    def labels(self) -> tuple[str, ...]:
        """Returns the names of the classes, by index. Raises ModelInvalid if there are none."""
        try:
            return _labels(self.folder)
        except (OSError, UnicodeDecodeError) as error:
            raise no_labels(self.info.name) from error

    def is_current(self) -> bool:
        """Whether the folder still holds this package, and no other has replaced it."""
        try:
            same = read_package(self.folder).info == self.info
            return same and (self.base is None or self.base.is_current())
        except ModelInvalid:
            return False

    def verify(self, *files: str) -> None:
        """Raises ModelInvalid unless the networks have the digests of `model.json`.

        files: the files to check; if none is named, all, and the network of its base.
        """
        digests = self.info.digests
        for file in files or digests:
            path = self.folder / file
            if not path.is_file() or sha256(path) != digests[file]:
                raise ModelInvalid(
                    f"Model {self.info.name} is damaged: {file} does not match its sha256 in "
                    f"{INFO}. It was not loaded; fetch or add it again."
                )
        if self.base and not files:
            self.base.verify(MODEL)


def no_labels(name: str) -> ModelInvalid:
    """The error of a package whose labels cannot be read."""
    return ModelInvalid(f"Model {name} has no readable {LABELS}; fetch or add it again.")


def check_info(text: bytes, name: str) -> ModelInfo:
    """Parses a `model.json`.

    Raises ModelInvalid if it is malformed, or belongs to another model.
    """
    try:
        info = msgspec.json.decode(text, type=ModelInfo)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unusable(name, error) from error
    if info.name != name:
        raise ModelInvalid(f"The package {name} calls itself {info.name!r}; add it again.")
    return info


def _unusable(name: str, error: Exception) -> ModelInvalid:
    return ModelInvalid(f"Model {name} has an unusable {INFO} ({error}); add it again.")


def read_package(folder: Path, name: str | None = None) -> ModelPackage:
    """Reads the package in `folder`, without verifying it.

    name: the package's; None for the folder's own.
    Raises ModelInvalid if `model.json` is missing, malformed or another model's.
    """
    name = name or folder.name
    try:
        text = (folder / INFO).read_bytes()
        older = msgspec.json.decode(text, type=_Older)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unusable(name, error) from error
    info = check_info(text, name)
    if older.preprocessing is None:
        info = msgspec.structs.replace(info, preprocessing=_assumed(folder, older.input_scaling))
    return ModelPackage(folder, info)


def folder_of(name: str, dirs: Sequence[Path]) -> Path | None:
    """Returns the first folder with a package of that name; None if there is none."""
    if not NAME.fullmatch(name):
        return None  # it may lead elsewhere, or be too long for a file
    folders = (parent / name for parent in dirs)
    return next((folder for folder in folders if _is_package(folder)), None)


def _is_package(folder: Path) -> bool:
    if not (folder / INFO).is_file():
        put_back(folder)
    return (folder / INFO).is_file()


def with_base(package: ModelPackage, dirs: Sequence[Path]) -> ModelPackage:
    """Returns a taught package with its base from these folders, not verified; others as they are.

    Raises ModelInvalid if the base is missing, or is another than it was taught on.
    """
    if not package.info.base:
        return package
    folder = folder_of(package.info.base, dirs)
    if folder is None:
        raise no_base(package.info)
    return package.on(read_package(folder))


def no_base(info: ModelInfo) -> ModelInvalid:
    """The error of a taught package whose base cannot be found."""
    return ModelInvalid(
        f"Model {info.name} was taught on {info.base}, which is not here. Fetch or add "
        f"{info.base}, too."
    )


def _assumed(folder: Path, scaling: _Scaling | None) -> Preprocessing:
    """The preprocessing of an older package: usual for its labels, and scaled as it says."""
    try:
        preprocessing = IMAGENET if is_imagenet(_labels(folder)) else WHOLE
    except (OSError, UnicodeDecodeError):  # whoever needs the labels gets the error
        preprocessing = WHOLE
    if scaling is None:
        return preprocessing
    return msgspec.structs.replace(preprocessing, mean=(scaling.mean,), std=(scaling.std,))


def _labels(folder: Path) -> tuple[str, ...]:
    return parse_labels((folder / LABELS).read_bytes())


def parse_labels(text: bytes) -> tuple[str, ...]:
    """Returns the lines of a `labels.txt`. Raises UnicodeDecodeError."""
    return tuple(line.strip() for line in text.decode().splitlines())
