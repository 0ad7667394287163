"""What AVIF costs, and how often the answer about a truncated JPEG is right.

    python -m benchmarks.pictures --model mobilenet-v2 PHOTOS

Times the decoding of a 720p picture to 299x299 in three formats, in turn, and the import of AVIF's
decoder in new processes. PHOTOS are labelled photographs of ImageNet, as `tools.model evaluate`
takes them. They are classified with their last rows grey, and as progressive JPEGs without their
last scans.
"""

import io
import re
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from functools import partial
from importlib.metadata import distribution
from pathlib import Path

import click
from PIL import Image

from benchmarks import findings
from benchmarks.findings import Figure, Record, ratio
from benchmarks.pixels import asked_on, shares, table
from benchmarks.subject import photograph
from benchmarks.timing import medians
from chalicelib.images.decode import decode
from chalicelib.images.preprocessing import IMAGENET
from tools.evaluating.asking import Contestant, loader, rightness
from tools.evaluating.labelled import Labelled

SIZE = (299, 299)
FORMATS = {"JPEG": {"quality": 80}, "WEBP": {"quality": 80}, "AVIF": {"quality": 65}}
LIBRARIES = re.compile(r"pillow\.libs/libavif|PIL/_avif\.")
IMPORT = """
import time
from chalicelib.images import decode
start = time.thread_time()
from PIL import AvifImagePlugin
import chalicelib.images.avif
print(1000 * (time.thread_time() - start))
"""
KEPT = (0.9, 0.8, 0.7, 0.5)
"""Shares of the rows that are kept."""

SCANS = {1: "coarse", 5: "two-bits", 6: "one-bit", 10: "all"}
"""Names for so many of the ten scans that Pillow writes: after five only two bits of the luma are
missing, after six only one bit."""


def saved(image: Image.Image, format_: str, **options: object) -> bytes:
    """Returns an image as a file."""
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def milliseconds(runs: int) -> dict[str, float]:
    """Returns the median CPU milliseconds of each format."""
    picture = Image.open(io.BytesIO(photograph()))
    files = {name: saved(picture, name, **options) for name, options in FORMATS.items()}
    works: dict[str, Callable[[], object]] = {
        name: lambda data=data: decode(data, SIZE, IMAGENET)  # type: ignore[misc]
        for name, data in files.items()
    }
    return medians(works, runs, label="decode", clock=time.thread_time)


def importing(runs: int) -> float:
    """Returns the median CPU milliseconds of the import that a process's first AVIF needs."""
    command = [sys.executable, "-c", IMPORT]
    times = [
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for _ in range(runs)
    ]
    return statistics.median(times)


def megabytes() -> tuple[float, float]:
    """Returns the megabytes of AVIF's libraries, zipped and unpacked."""
    files = [file for file in distribution("pillow").files or () if LIBRARIES.search(str(file))]
    contents = [Path(str(file.locate())).read_bytes() for file in files]
    zipped = sum(len(zlib.compress(content)) for content in contents)
    return zipped / 1e6, sum(map(len, contents)) / 1e6


def with_rows(data: bytes, part: float) -> bytes:
    """Makes the last rows grey, as libjpeg does if they are missing."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    image.paste((128, 128, 128), (0, round(part * image.height), *image.size))
    return saved(image, "BMP")


def with_scans(data: bytes, count: int) -> bytes:
    """Makes a progressive JPEG, and decodes its first scans alone."""
    whole = saved(Image.open(io.BytesIO(data)).convert("RGB"), "JPEG", quality=90, progressive=True)
    starts = [marker.start() for marker in re.finditer(b"\xff\xda", whole)]
    if count < len(starts):
        whole = whole[: starts[count]]
        tables = whole.find(b"\xff\xc4", starts[count - 1])
        whole = (whole[:tables] if tables > 0 else whole) + b"\xff\xd9"
    return saved(Image.open(io.BytesIO(whole)), "BMP")


def accuracy(asked: Contestant, labelled: Labelled) -> dict[str, int]:
    """Returns how many answers are right with a share of the rows, and of the scans."""
    classes, load = [truth for (truth,) in labelled.classes], loader(labelled.photos)

    def right(label: str, cut: Callable[[bytes], bytes]) -> int:
        ask = rightness(asked, labelled.photos, classes, lambda photo: cut(load(photo)))
        return sum(ask([IMAGENET], label)[0])

    rows = {
        f"rows-{part * 100:.0f}": right(f"{part:.0%}", partial(with_rows, part=part))
        for part in (1.0, *KEPT)
    }
    scans = {
        f"scans-{name}": right(name, lambda data, count=count: with_scans(data, count))  # type: ignore[misc]
        for count, name in SCANS.items()
    }
    return rows | scans


def figures(
    ms: dict[str, float], first: float, size: tuple[float, float], counts: dict[str, int], n: int
) -> list[Figure]:
    """Returns times, sizes, and shares of right answers."""
    return [
        ratio("avif-over-jpeg", "720p AVIF over JPEG, to 299", ms["AVIF"] / ms["JPEG"]),
        *(Figure(f"ms-{name.lower()}", f"720p {name} to 299", median, f"{median:.1f} ms")
          for name, median in ms.items()),
        Figure("ms-import", "import of AVIF's decoder", first, f"{first:.1f} ms"),
        Figure("mb-zipped", "AVIF's libraries, zipped", size[0], f"{size[0]:.1f} MB"),
        Figure("mb", "AVIF's libraries, unpacked", size[1], f"{size[1]:.1f} MB"),
        *shares({name: name.replace("-", " ") for name in counts}, counts, n),
    ]  # fmt: skip


@click.command(help=__doc__)
@click.argument("photos", type=click.Path(exists=True, path_type=Path))
@click.option("--model", "name", required=True, help="Package to run, one of ImageNet.")
@click.option("--runs", default=50, show_default=True, help="Counted runs.")
@findings.options
def main(photos: Path, name: str, runs: int, as_json: bool, save: bool) -> None:
    """Measure, and print."""
    ms, first, size = milliseconds(runs), importing(max(1, runs // 5)), megabytes()
    asked, labelled = asked_on(name, photos)
    counts = accuracy(asked, labelled)
    findings.publish(
        Record(
            "pictures",
            "AVIF, and JPEGs that are cut off",
            figures(ms, first, size, counts, len(labelled.photos)),
            [table(counts, len(labelled.photos), "what is there")],
            [
                f"Model {name}; medians of {runs} rounds in turn, of CPU time, one thread. Rows: "
                "the first rows are there, the others are grey. Scans of a progressive JPEG of "
                "quality 90: the first scan (coarse), all except two bits or one bit, all. The "
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
