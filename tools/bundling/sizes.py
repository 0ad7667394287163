"""Sizes of the zips, by package, and their distance from Lambda's limits."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import source_from_cache
from pathlib import Path
from zipfile import ZipFile, ZipInfo

ZIPPED_LIMIT = 50 * 2**20
"""Bytes of a zip uploaded directly to create a function or a layer."""

UNPACKED_LIMIT = 250 * 2**20
"""Bytes of a function and all its layers together. Lambda's own message says "262144000"
(both: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

BY_BUCKET = ("model layer", "engine layer")
"""Zips that Lambda reads from a bucket, where the upload limit does not apply."""

RECORD = re.compile(r"(?P<site>.*?)(?P<name>[^/]+)-(?P<version>[^/-]+)\.dist-info/RECORD")


@dataclass(frozen=True)
class Size:
    """Bytes in a zip, and unpacked."""

    zipped: int = 0
    unpacked: int = 0

    def __add__(self, other: "Size") -> "Size":
        return Size(self.zipped + other.zipped, self.unpacked + other.unpacked)


@dataclass(frozen=True)
class Measured:
    """Zips that make up one function.

    zips: each zip's size by its name; `zipped` is the file's. packages: their contents by package,
    largest first.
    """

    zips: dict[str, Size]
    packages: dict[str, dict[str, Size]]

    @property
    def unpacked(self) -> int:
        """Bytes that count against UNPACKED_LIMIT."""
        return sum(size.unpacked for size in self.zips.values())

    @property
    def largest(self) -> int:
        """Bytes of the largest zip uploaded directly."""
        return max(size.zipped for name, size in self.zips.items() if name not in BY_BUCKET)

    @property
    def margin(self) -> Size:
        """Bytes left below the limits; negative if too large."""
        return Size(ZIPPED_LIMIT - self.largest, UNPACKED_LIMIT - self.unpacked)

    def excess(self) -> str | None:
        """A sentence on what is too large; None if all fits."""
        over = [
            name
            for name, size in self.zips.items()
            if size.zipped > ZIPPED_LIMIT and name not in BY_BUCKET
        ]
        if over:
            return (
                f"The zip of the {over[0]} has {megabytes(self.zips[over[0]].zipped)} MB, but "
                f"Lambda takes {megabytes(ZIPPED_LIMIT)}. Leave a package out of requirements.txt."
            )
        if self.unpacked > UNPACKED_LIMIT:
            return (
                f"Unpacked, the zips have {megabytes(self.unpacked)} MB, but Lambda takes "
                f"{megabytes(UNPACKED_LIMIT)}. Deploy a smaller model, or leave a package out."
            )
        return None


def measure(zips: Mapping[str, Path]) -> Measured:
    """Measure the zips of one function with its layers. zips: by name."""
    sizes, packages = {}, {}
    for name, path in zips.items():
        parts = _packages(path)
        unpacked = sum(size.unpacked for size in parts.values())
        sizes[name] = Size(path.stat().st_size, unpacked)
        packages[name] = parts
    return Measured(sizes, packages)


def megabytes(count: int) -> str:
    """Bytes in millions."""
    return f"{count / 1e6:.1f}"


def _packages(path: Path) -> dict[str, Size]:
    with ZipFile(path) as zipped:
        owners = dict(_owners(zipped))
        sizes: dict[str, Size] = {}
        for info in zipped.infolist():
            source = _source(info)
            name = owners.get(source) or _top(source)
            sizes[name] = sizes.get(name, Size()) + Size(info.compress_size, info.file_size)
    largest = Counter({name: size.unpacked for name, size in sizes.items()})
    return {name: sizes[name] for name, _ in largest.most_common()}


def _owners(zipped: ZipFile) -> Iterator[tuple[str, str]]:
    """Files, each with the distribution whose RECORD lists it
    (https://packaging.python.org/en/latest/specifications/recording-installed-packages/).
    """
    for path in zipped.namelist():
        if record := RECORD.fullmatch(path):
            name = f"{record['name'].replace('_', '-')} {record['version']}"
            for row in csv.reader(io.StringIO(zipped.read(path).decode())):
                yield record["site"] + row[0], name


def _source(info: ZipInfo) -> str:
    """The file itself; for bytecode, its source."""
    name = info.filename
    return source_from_cache(name) if name.endswith(".pyc") else name


def _top(name: str) -> str:
    """The first folder below the common ones."""
    return re.sub(r"^python/(lib/[^/]+/site-packages/)?", "", name).split("/")[0]
