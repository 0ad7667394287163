"""Model packages: what one is, where it is found, how it is verified."""

import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from chalicelib.answers.predictions import Scores
from chalicelib.aws.s3 import MAX_OBJECT, ObjectStore
from chalicelib.errors import ModelInvalid, ModelNotFound, ServiceUnavailable
from chalicelib.files import sha256, staged
from chalicelib.images.preprocessing import IMAGENET, WHOLE, Preprocessing
from chalicelib.inference.labels import is_imagenet

MODEL, ORT, LABELS, INFO = "model.tflite", "model.ort", "labels.txt", "model.json"
"""The files of a package. ORT, the same network for ONNX Runtime, is not in all of them."""

DIGEST = msgspec.Meta(pattern="^[0-9a-f]{64}$")

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""What a package may be called: nothing that could lead out of a folder or a bucket's prefix."""


class ModelInfo(msgspec.Struct, frozen=True):
    """The contents of `model.json`.

    sha256: hexadecimal digest of `model.tflite`.
    ort_sha256: that of `model.ort`, the same network for ONNX Runtime, which takes pixels as they
        are and gives the same scores, or None.
    background_class: index of a class that is never shown, or None.
    preprocessing: how a picture becomes the network's input.
    scores, multi_label: what the network gives, and whether each class is judged by itself, so that
        several may be right, or none; see `chalicelib.inference.tensors.to_scores`.
    """

    name: str
    version: str
    sha256: Annotated[str, DIGEST]
    ort_sha256: Annotated[str, DIGEST] | None = None
    title: str = ""
    description: str = ""
    source: str = ""
    licence: str = ""
    background_class: int | None = None
    preprocessing: Preprocessing = WHOLE
    scores: Scores = "probabilities"
    multi_label: bool = False

    @property
    def digests(self) -> dict[str, str]:
        """The digest of each file that has a network in it."""
        return {MODEL: self.sha256} | ({ORT: self.ort_sha256} if self.ort_sha256 else {})


class _Scaling(msgspec.Struct, frozen=True):
    mean: float
    std: float


class _Older(msgspec.Struct, frozen=True):
    """What a `model.json` said before there was `preprocessing`."""

    preprocessing: Preprocessing | None = None
    input_scaling: _Scaling | None = None


@dataclass(frozen=True)
class ModelPackage:
    """A folder that holds a classifier: the network, its labels and what is known of it."""

    folder: Path
    info: ModelInfo

    @property
    def model_path(self) -> Path:
        """The `.tflite` file."""
        return self.folder / MODEL

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files that it is made of."""
        return INFO, LABELS, *self.info.digests

    def labels(self) -> tuple[str, ...]:
        """The names of the classes, by class index. Raises ModelInvalid where there are none."""
        try:
            return _labels(self.folder)
        except (OSError, UnicodeDecodeError) as error:
            problem = f"Model {self.info.name} has no readable {LABELS}; fetch or add it again."
            raise ModelInvalid(problem) from error

    def is_current(self) -> bool:
        """Whether the folder still holds this package, and not one that has taken its place."""
        try:
            return read_package(self.folder).info == self.info
        except ModelInvalid:
            return False

    def verify(self, *files: str) -> None:
        """Raise ModelInvalid unless its networks have the digests that `model.json` gives.

        files: those to look at; all where none is named.
        """
        digests = self.info.digests
        for file in files or digests:
            path = self.folder / file
            if not path.is_file() or sha256(path) != digests[file]:
                raise ModelInvalid(
                    f"Model {self.info.name} is damaged: {file} does not match its sha256 in "
                    f"{INFO}. It was not loaded; fetch or add it again."
                )


class Models:
    """The packages there are: in the folders first, then in the bucket.

    dirs: folders of packages, looked in in this order; the last is the cache, where a package from
        the bucket is put and a damaged one is removed from.
    reads: names the file to be loaded; only that one is hashed, to keep cold starts short.
    """

    def __init__(
        self,
        dirs: Sequence[Path],
        bucket: str,
        store: ObjectStore,
        reads: Callable[[ModelInfo], str] | None = None,
        is_sealed: Callable[[Path], bool] = lambda folder: False,
    ) -> None:
        self._dirs = tuple(dirs)
        self._cache = self._dirs[-1]
        self._bucket = bucket
        self._store = store
        self._reads = reads
        self._is_sealed = is_sealed

    def find(self, name: str) -> ModelPackage:
        """The verified package of that name.

        Raises ModelNotFound where there is none, ModelInvalid where it must not be loaded, and
        ServiceUnavailable where the bucket does not answer, or refuses what may be there.
        """
        if NAME.fullmatch(name):
            if folder := self._folder(name):
                return self._verified(folder)
            if self._bucket:
                return self._download(name)
        raise _unknown(name)

    def here(self, name: str) -> ModelInfo | None:
        """What the folders say of that name; None where they hold no such package."""
        with suppress(ModelInvalid):
            if folder := self._folder(name):
                return read_package(folder).info
        return None

    def list(self) -> list[ModelPackage]:
        """The packages in the folders, by name; unreadable ones are left out."""
        found: dict[str, ModelPackage] = {}
        for path in (path for parent in self._dirs for path in sorted(parent.glob(f"*/{INFO}"))):
            with suppress(ModelInvalid):
                package = read_package(path.parent)
                found.setdefault(package.info.name, package)
        return [found[name] for name in sorted(found)]

    def _folder(self, name: str) -> Path | None:
        folders = (parent / name for parent in self._dirs)
        return next((folder for folder in folders if (folder / INFO).is_file()), None)

    def _verified(self, folder: Path) -> ModelPackage:
        """The package; in place of a damaged copy, which is removed, the bucket's if it has one."""
        try:
            package = read_package(folder)
            if not self._is_sealed(folder):
                self._verify(package)
        except ModelInvalid:
            if folder.parent == self._cache:
                shutil.rmtree(folder, ignore_errors=True)
                if self._bucket:
                    with suppress(ModelNotFound):
                        return self._download(folder.name)
            raise
        return package

    def _download(self, name: str) -> ModelPackage:
        with staged(self._cache / name) as folder:
            try:
                found = self._store.find(self._bucket, f"{name}/{INFO}", MAX_OBJECT)
                if found is None:
                    raise _unknown(name, " here or in the models bucket")
                (folder / INFO).write_bytes(found.data)
                for file in read_package(folder, name).files[1:]:
                    self._store.download(self._bucket, f"{name}/{file}", folder / file)
            except ServiceUnavailable as error:
                raise type(error)(
                    f"The model {name!r} cannot be fetched at the moment; try again later.",
                    error.detail,
                ) from error
            self._verify(read_package(folder, name))
        return read_package(self._cache / name)

    def _verify(self, package: ModelPackage) -> None:
        package.verify(*(self._reads(package.info),) if self._reads else ())


def _unknown(name: str, where: str = "") -> ModelNotFound:
    return ModelNotFound(f"There is no model {name[:64]!r}{where}; GET /models lists the models.")


def read_package(folder: Path, name: str | None = None) -> ModelPackage:
    """The package in `folder`, whose name is the folder's own unless given; nothing is verified.

    Raises ModelInvalid where `model.json` is missing, malformed or another model's.
    """
    name = name or folder.name
    try:
        text = (folder / INFO).read_bytes()
        info = msgspec.json.decode(text, type=ModelInfo)
        older = msgspec.json.decode(text, type=_Older)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        problem = f"Model {name} has an unusable {INFO} ({error}); add it again."
        raise ModelInvalid(problem) from error
    if info.name != name:
        raise ModelInvalid(f"The package {name} calls itself {info.name!r}; add it again.")
    if older.preprocessing is None:
        info = msgspec.structs.replace(info, preprocessing=_assumed(folder, older.input_scaling))
    return ModelPackage(folder, info)


def _assumed(folder: Path, scaling: _Scaling | None) -> Preprocessing:
    """What a package of before gets: as its labels are usually given, scaled as it says."""
    try:
        found = IMAGENET if is_imagenet(_labels(folder)) else WHOLE
    except (OSError, UnicodeDecodeError):  # which whoever needs them is told
        found = WHOLE
    if scaling is None:
        return found
    return msgspec.structs.replace(found, mean=(scaling.mean,), std=(scaling.std,))


def _labels(folder: Path) -> tuple[str, ...]:
    text = (folder / LABELS).read_text("utf-8")
    return tuple(line.strip() for line in text.splitlines())
