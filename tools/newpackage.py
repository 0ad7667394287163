"""A network and its labels -> a model package in the cache."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile

import msgspec
import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid
from chalicelib.files import put_back, sha256, staged
from chalicelib.inference.labels import is_background, is_imagenet
from chalicelib.inference.packages import (
    INFO,
    LABELS,
    MODEL,
    NAME,
    ORT,
    ModelInfo,
    ModelPackage,
    folder_of,
    read_package,
    with_base,
)


def check_name(name: str, dirs: Sequence[Path], force: bool) -> None:
    """Raise ModelInvalid if the last of `dirs` cannot take a package of that name."""
    if not NAME.fullmatch(name):
        raise ModelInvalid(
            f"{name[:64]!r} is not a valid name for a model; use up to 64 of a-z, 0-9, '.', '_' "
            "and '-', starting with a letter or digit."
        )
    for parent in dirs[:-1]:
        if (parent / name / INFO).is_file():
            raise ModelInvalid(
                f"{parent / name} would be found before this {name}; choose another name."
            )
    put_back(dirs[-1] / name)
    if (dirs[-1] / name).exists() and not force:
        raise ModelInvalid(f"{dirs[-1] / name} exists; replace it with --force.")


def existing(name: str, dirs: Sequence[Path]) -> ModelPackage:
    """The package of that name, with its base, not verified. Raises ModelInvalid without them."""
    folder = folder_of(name, dirs)
    if folder is None:
        raise ModelInvalid(
            f"There is no package {name[:64]!r}; `.venv/bin/python -m tools.model list` shows "
            "the packages, and those that `make model NAME=…` fetches."
        )
    return with_base(read_package(folder), dirs)


def check_labels(labels: Sequence[str], classes: int) -> None:
    """Raise ModelInvalid unless there is a label for each class."""
    if len(labels) == classes:
        return
    advice = "give a file with a label for each class, in their order."
    if len(labels) == classes - 1 and labels and not is_background(labels[0]):
        advice = "if its class 0 is the background, put a first line `background` into the file."
    elif len(labels) == classes + 1 and is_background(labels[0]):
        advice = f"if it has no background class, take `{labels[0]}` out of the file."
    elif len(labels) == 1:
        advice = "give them one a line, as JSON or as a CSV with a header."
    raise ModelInvalid(
        f"The network has {classes} classes and there are {len(labels)} labels: " + advice
    )


def fitted(
    labels: Sequence[str], units: int, multi_label: bool | None, say: Callable[[str], None]
) -> list[str]:
    """The labels for that many units: one each, but two for a single unit.

    say: told what a single unit stands for. Raises ModelInvalid if they do not fit.
    """
    if units > 1 or multi_label:
        check_labels(labels, units)
        return list(labels)
    if len(labels) not in (1, 2):
        raise ModelInvalid(
            f"The network has one unit, and there are {len(labels)} labels. Give two labels, of "
            "which the second is what the unit stands for, or only that one."
        )
    other, own = labels if len(labels) == 2 else (f"not {labels[0]}", labels[0])
    say(
        f"Labels: its one unit gives the probability of {own!r}, and {other!r} gets the rest. If "
        f"it is the other way round, put {own!r} on the first line and {other!r} on the second."
    )
    return [other, own]


def background_class(option: str, labels: Sequence[str], say: Callable[[str], None]) -> int | None:
    """The class to hide: "auto" takes class 0 of ImageNet's 1,001, "none" hides none.

    say: told which class is hidden, or looks like a background class and is not hidden.
    Raises ModelInvalid if `option` is none of these and no class index.
    """
    named = [index for index, label in enumerate(labels) if is_background(label)]
    hidden, why = None, "as you said"
    if option == "auto":
        if named and named[0] == 0 and len(labels) == 1001 and is_imagenet(labels):
            hidden, why = 0, "as ImageNet's class 0 of 1,001 stands for nothing"
    elif option != "none":
        if not option.isdecimal() or int(option) >= len(labels):
            raise ModelInvalid(
                f"--background-class must be none, auto or 0 to {len(labels) - 1}, not {option!r}."
            )
        hidden = int(option)
    if hidden is not None:
        say(f"Class {hidden} ({labels[hidden]}) is hidden, {why}.")
    elif named and option == "auto":
        say(
            f"Class {named[0]} ({labels[named[0]]}) is shown like any other; "
            f"--background-class {named[0]} hides it."
        )
    return hidden


@contextmanager
def candidate(
    info: ModelInfo, network: Path | bytes, labels: Sequence[str], ort: bytes | None = None
) -> Iterator[ModelPackage]:
    """A package in a temporary folder, to check before installing.

    ort: the same network for ONNX Runtime. Fills in the digests of `info`.
    """
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / info.name
        folder.mkdir()
        if isinstance(network, bytes):
            (folder / MODEL).write_bytes(network)
        else:
            copyfile(network, folder / MODEL)
        if ort:
            (folder / ORT).write_bytes(ort)
        write_labels(folder, labels)
        yield described(ModelPackage(folder, info))


def write_labels(folder: Path, labels: Sequence[str]) -> None:
    """The labels of the package in `folder`, one a line."""
    (folder / LABELS).write_text("\n".join(labels) + "\n", "utf-8")


def described(package: ModelPackage) -> ModelPackage:
    """Write the info into `model.json`, with the sha256 of the networks."""
    ort = package.folder / ORT
    info = msgspec.structs.replace(
        package.info,
        sha256=sha256(package.model_path),
        ort_sha256=sha256(ort) if ort.exists() else None,
    )
    (package.folder / INFO).write_bytes(as_json(info))
    return ModelPackage(package.folder, info)


def as_json(info: ModelInfo) -> bytes:
    """The contents of `model.json`."""
    return msgspec.json.format(msgspec.json.encode(info)) + b"\n"


def install(package: ModelPackage, cache: Path) -> ModelPackage:
    """Copy a checked package into `cache`, whole or not at all."""
    target = cache / package.info.name
    with staged(target) as folder:
        for file in package.files:
            (folder / file).parent.mkdir(exist_ok=True)
            copyfile(package.folder / file, folder / file)
    return read_package(target)


def sample_images(size: tuple[int, int], count: int) -> list[NDArray[np.uint8]]:
    """Generated test images, always the same: gradients, blocks and noise of every strength.

    size: width and height in pixels. Each is uint8 [height, width, 3].
    """
    width, height = size
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    images = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        slope = rng.uniform(-200, 200, (2, 3))
        image = rng.uniform(0, 255, 3) + x[..., None] * slope[0] + y[..., None] * slope[1]
        for _ in range(seed % 6):
            left, top = rng.integers(0, width), rng.integers(0, height)
            block = np.s_[top : top + height // 3 + 1, left : left + width // 3 + 1]
            image[block] = rng.uniform(0, 255, 3)
        image += rng.normal(0, 12 * (seed % 5), image.shape)
        images.append(image.clip(0, 255).astype(np.uint8))
    return images
