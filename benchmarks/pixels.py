"""How fast and how right the ways are to fit a picture to a network's input.

    python -m benchmarks.pixels --model mobilenet-v2 PHOTOS

Times the decoding of a 720p JPEG to 299x299, in turn: as before packages had a preprocessing (the
whole picture, from at least twice the input's size), as now, and as ImageNet's crop. PHOTOS are
labelled photographs of ImageNet, as for `tools.model evaluate`; each is classified in each way.
"""

import io
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import click
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from benchmarks import findings
from benchmarks.findings import Figure, Record, Table, ratio
from benchmarks.subject import photograph
from benchmarks.timing import medians
from chalicelib.images.decode import decode
from chalicelib.images.formats import inspect
from chalicelib.images.preprocessing import IMAGENET, WHOLE, Preprocessing
from chalicelib.settings import Settings
from chalicelib.significance import wilson_interval
from chalicelib.wording import interval
from tools.evaluating.asking import Contestant, contestant, loader, rightness
from tools.evaluating.labelled import Labelled, find
from tools.evaluating.truth import Truths

SIZE = (299, 299)
GREY = (124, 116, 104)
"""ImageNet's mean colour."""

TIMED = {
    "before": "the whole, from twice the size or more, as before",
    "squash": "the whole, from the size or more",
    "crop": "the middle 87.5%",
}
WAYS: dict[str, tuple[str, Preprocessing]] = {
    "squash": ("the whole picture, squashed", WHOLE),
    "crop": ("the middle 87.5%", IMAGENET),
    "letterbox": ("the whole picture, with bars", Preprocessing("letterbox", colour=GREY)),
    "bicubic": ("the middle 87.5%, bicubic", Preprocessing("crop", filter="bicubic")),
    "nearest": ("the middle 87.5%, nearest", Preprocessing("crop", filter="nearest")),
}


def before(data: bytes) -> bytes:
    """Decodes an upright JPEG as `chalicelib.images.decode.decode` once did."""
    image = JpegImageFile(io.BytesIO(inspect(data).data))
    image.draft("RGB", (2 * SIZE[0], 2 * SIZE[1]))
    return image.resize(SIZE, Image.Resampling.BILINEAR, reducing_gap=3.0).tobytes()


def milliseconds(data: bytes, runs: int) -> dict[str, float]:
    """Returns the median CPU milliseconds of each way in `TIMED`."""
    works: dict[str, Callable[[], object]] = {
        "before": lambda: before(data),
        "squash": lambda: decode(data, SIZE, WHOLE),
        "crop": lambda: decode(data, SIZE, IMAGENET),
    }
    return medians(works, runs, label="decode", clock=time.thread_time)


def in_full(data: bytes) -> bytes:
    """Saves the pixels in a format that is always decoded in full."""
    file = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").save(file, "BMP")
    return file.getvalue()


def accuracy(asked: Contestant, labelled: Labelled) -> dict[str, int]:
    """Returns how many answers are right in each way, and if each JPEG is decoded in full."""
    classes, load = [truth for (truth,) in labelled.classes], loader(labelled.photos)
    right = rightness(asked, labelled.photos, classes, load)
    ways = right([how for _, how in WAYS.values()], "ways")
    whole = rightness(asked, labelled.photos, classes, lambda photo: in_full(load(photo)))
    counts = dict(zip(WAYS, map(sum, ways), strict=True))
    return counts | {"full": sum(whole([IMAGENET], "full")[0])}


def figures(ms: dict[str, float], counts: dict[str, int], photos: int) -> list[Figure]:
    """Returns ratios of times, and shares of right answers."""
    says = {name: text for name, (text, _) in WAYS.items()}
    says["full"] = f"{says['crop']}, every JPEG decoded in full"
    return [
        ratio("before-over-crop", "720p JPEG, as before over the crop", ms["before"] / ms["crop"]),
        *(Figure(f"ms-{name}", f"720p JPEG to 299: {TIMED[name]}", median, f"{median:.1f} ms")
          for name, median in ms.items()),
        *shares(says, counts, photos),
    ]  # fmt: skip


def shares(says: Mapping[str, str], counts: dict[str, int], photos: int) -> list[Figure]:
    """Returns the share of right answers of each way. says: the ways in words."""
    return [
        Figure(name, f"top-1, {says[name]}", count / photos, f"{count / photos:.1%}")
        for name, count in counts.items()
    ]


def asked_on(name: str, photos: Path) -> tuple[Contestant, Labelled]:
    """Loads a package, and finds the labelled photographs."""
    asked = contestant(name, Settings.from_environment().model_dirs, "litert", 1)
    truths = Truths(asked.classifier.labels, asked.package.info.background_class)
    return asked, find(photos, [truths])


def table(counts: dict[str, int], photos: int, column: str = "way") -> Table:
    """Returns the counts with their intervals. column: the head of the names."""
    rows = []
    for name, count in counts.items():
        rows.append((name, str(count), interval(wilson_interval(count, photos))))
    return Table(f"Right of {photos} photographs", (column, "right", "95% interval"), rows)


@click.command(help=__doc__)
@click.argument("photos", type=click.Path(exists=True, path_type=Path))
@click.option("--model", "name", required=True, help="Package to run, one of ImageNet.")
@click.option("--runs", default=100, show_default=True, help="Counted runs.")
@findings.options
def main(photos: Path, name: str, runs: int, as_json: bool, save: bool) -> None:
    """Measure, and print."""
    ms = milliseconds(photograph(), runs)
    asked, labelled = asked_on(name, photos)
    counts = accuracy(asked, labelled)
    findings.publish(
        Record(
            "pixels",
            "What part of a picture a network is given",
            figures(ms, counts, len(labelled.photos)),
            [table(counts, len(labelled.photos))],
            [
                f"Model {name}; medians of {runs} rounds in turn, of CPU time, one thread. The "
                "model may have been trained on the photographs: compare the ways, and ignore "
                "the level."
            ],
            {"ms": ms, "right": counts},
        ),
        as_json,
        save,
    )


if __name__ == "__main__":
    main()
