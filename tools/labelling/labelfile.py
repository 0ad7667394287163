"""A label file, or the labels inside a `.tflite` file -> the names of the classes."""

import json
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from chalicelib.errors import ModelInvalid
from chalicelib.inference.labels import fold, is_background, is_imagenet
from tools.inspecting import metadata
from tools.labelling.entries import ordered
from tools.labelling.rows import DELIMITERS, Rows, from_text
from tools.labelling.structured import from_json, from_pbtxt, is_pbtxt

MAX_BYTES = 16 * 2**20
"""A hundred times ImageNet's longest label file."""


@dataclass(frozen=True)
class LabelFile:
    """The labels of a file, by class index.

    file: its name. header: a first line that is either a header or the first label.
    without: what was left out of each line, in words.
    """

    names: list[str]
    file: str
    header: str = ""
    without: str = ""

    def fitted(self, classes: int) -> "LabelFile":
        """The labels adapted to that many outputs, if it is certain how.

        The caller must refuse a number that still does not fit.
        """
        names = self.names
        if self.header and len(names) == classes - 1:
            return replace(self, names=[self.header, *names])
        if len(names) == 1 != classes:
            for delimiter in DELIMITERS:
                cells = [" ".join(cell.split()) for cell in names[0].split(delimiter)]
                if len(cells) == classes and all(cells):
                    return replace(self, names=cells, without="line breaks")
        if is_imagenet(names) and {len(names), classes} == {1000, 1001}:
            if classes == 1001:
                return replace(self, names=["background", *names])
            if is_background(names[0]):
                return replace(self, names=names[1:], without="the background class, 0")
        return self

    def told(self) -> str:
        """A line with the number of labels, the first and the last."""
        without = f", without {self.without}" if self.without else ""
        names = self.names
        shown = f"“{names[0]}”" if len(names) == 1 else f"first “{names[0]}”, last “{names[-1]}”"
        return f"Labels: {len(names):,}, {shown}, of {self.file}{without}.{self._twice()}"

    def _twice(self) -> str:
        many = [name for name, count in Counter(map(fold, self.names)).items() if count > 1]
        if not many:
            return ""
        more = f" and {len(many) - 3} more" if len(many) > 3 else ""
        return f" Several classes share a name: {', '.join(many[:3])}{more}."


def of_network(
    network: Path, file: Path | None, classes: int, say: Callable[[str], None]
) -> list[str]:
    """The labels for a `.tflite` network: from `file`, else from inside the network.

    say: told which labels were read. Raises ModelInvalid if none can be.
    """
    own = None
    try:
        own = inside(network)
    except ModelInvalid:
        if file is None:
            raise
    labels = read(file) if file else own
    if labels is None:
        raise ModelInvalid(
            f"{network} has no labels inside; give --labels, a file with one class a line, in "
            "order."
        )
    labels = labels.fitted(classes)
    say(labels.told())
    if file and own and [*map(fold, own.names)] != [*map(fold, labels.names)]:
        say(f"The labels inside {network.name} differ, first “{own.names[0]}”; --labels is used.")
    return labels.names


def read(path: Path) -> LabelFile:
    """The labels of a file. Raises ModelInvalid if they are unclear."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ModelInvalid(f"{path} cannot be read: {error.strerror}.") from error
    return parsed(data, str(path))


def inside(network: Path) -> LabelFile | None:
    """The labels in the zip at the end of a `.tflite` file; None if it has none.

    https://ai.google.dev/edge/litert/conversion/tensorflow/metadata#model_with_metadata_format
    Raises ModelInvalid if they are unreadable, or if several files could be the labels.
    """
    if not zipfile.is_zipfile(network):
        return None
    try:
        with zipfile.ZipFile(network) as files:
            name = _chosen(metadata.label_files(network), files.namelist(), network)
            if name is None:
                return None
            with files.open(name) as file:
                data = file.read(MAX_BYTES + 1)
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, ValueError) as error:
        raise ModelInvalid(
            f"The files inside {network} are damaged ({error}); give --labels."
        ) from error
    return parsed(data, f"{name} inside {network.name}")


def _chosen(named: list[str], files: list[str], network: Path) -> str | None:
    """The file with the labels: the one that the metadata names, else the only text."""
    texts = [name for name in files if name.lower().endswith((".txt", ".csv", ".pbtxt", ".json"))]
    candidates = [name for name in named if name in files] or texts
    if len(candidates) > 1:
        raise ModelInvalid(
            f"Inside {network} are {', '.join(candidates[:5])}, and it is not clear which has the "
            f"labels. Take it out with `unzip {network.name}` and give it as --labels."
        )
    return candidates[0] if candidates else None


def parsed(data: bytes, file: str) -> LabelFile:
    """The labels in these bytes. file: its name, whose ending marks JSON.

    Raises ModelInvalid if they are unclear.
    """
    if len(data) > MAX_BYTES:
        raise ModelInvalid(f"{file} is over {MAX_BYTES >> 20} MB, so it is no label file.")
    text = _text(data, file)
    try:
        rows = _rows(text, file)
        names = [" ".join(name.split()) for name in ordered(rows.entries)]
    except ModelInvalid as error:
        raise ModelInvalid(f"{file} cannot be read as labels: {error}.") from error
    if not names:
        raise ModelInvalid(f"{file} has no labels; write one a line, in the order of the classes.")
    if not all(map(_is_unicode, names)):
        raise ModelInvalid(f"{file} has a name with half of a sign (\\ud800 to \\udfff in JSON).")
    if "" in names:
        raise ModelInvalid(
            f"{file} has no name for class {names.index('')}; give every class a name."
        )
    return LabelFile(names, file, " ".join(rows.header.split()), rows.without)


def _is_unicode(name: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in name)


def _rows(text: str, file: str) -> Rows:
    if is_pbtxt(text):
        return Rows(from_pbtxt(text))
    is_json = file.lower().endswith((".json", ".jsonl"))
    if is_json or text.lstrip()[:1] in ("{", "["):
        entries = from_json(text, is_json)
        if entries is not None:
            return Rows(entries)
    return from_text(text)


def _text(data: bytes, file: str) -> str:
    encoding = json.detect_encoding(data[:4]) if data else "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ModelInvalid(
            f"{file} is no text in UTF-8 or UTF-16 (see its line {line}); save it in UTF-8."
        ) from error
    if any(unicodedata.category(sign) == "Cc" and not sign.isspace() for sign in set(text)):
        raise ModelInvalid(f"{file} is no text; give a file with a label a line, or JSON.")
    return text.replace("\ufeff", "")
