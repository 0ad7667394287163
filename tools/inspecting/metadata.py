"""Metadata in a `.tflite` file, by TFLite's metadata writer or Model Maker.

https://ai.google.dev/edge/litert/conversion/tensorflow/metadata
"""

import struct
from collections.abc import Iterator
from pathlib import Path

from ai_edge_litert.schema_py_generated import Model
from flatbuffers import encode, packer
from flatbuffers.number_types import Int8Flags, Uint8Flags
from flatbuffers.table import Table

NAME = b"TFLITE_METADATA"
SUBGRAPHS, INPUTS, OUTPUTS, PROCESSING, FILES = 3, 2, 3, 4, 6
"""Fields of ModelMetadata, SubGraphMetadata and TensorMetadata, by their place in the schema
(https://github.com/tensorflow/tflite-support/blob/master/tensorflow_lite_support/metadata/metadata_schema.fbs)."""
NORMALISATION = 1
"""Of the union ProcessUnitOptions."""
LABEL_TYPES = (2, 3)
"""Of AssociatedFileType: labels of a tensor's axis, and of its values."""


def normalisation(path: Path) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """The mean and deviation of the pixel scaling; None if there are none."""
    try:
        data = _metadata(path.read_bytes())
        return _normalisation(data) if data else None
    except (struct.error, IndexError, ValueError, TypeError):  # damaged counts as absent
        return None


def label_files(path: Path) -> list[str]:
    """Label files of the first output: those without a language, else all."""
    try:
        data = _metadata(path.read_bytes())
        files = _label_files(data) if data else []
    except (struct.error, IndexError, ValueError, TypeError):  # damaged counts as absent
        return []
    return [name for name, locale in files if not locale] or [name for name, _ in files]


def _label_files(data: bytes) -> list[tuple[str, str]]:
    """Name and language of each."""
    root = Table(data, encode.Get(packer.uoffset, data, 0))
    for graph in _tables(root, SUBGRAPHS):
        for scores in _tables(graph, OUTPUTS):
            return [
                (_text(file, 0), _text(file, 3))
                for file in _tables(scores, FILES)
                if file.GetSlot(4 + 2 * 2, 0, Int8Flags) in LABEL_TYPES
            ]
    return []


def _text(table: Table, field: int) -> str:
    offset = table.Offset(4 + 2 * field)
    return bytes(table.String(offset + table.Pos)).decode() if offset else ""


def _metadata(network: bytes) -> bytes | None:
    model = Model.GetRootAs(network)
    for number in range(model.MetadataLength()):
        entry = model.Metadata(number)
        if entry.Name() == NAME:
            return bytes(model.Buffers(entry.Buffer()).DataAsNumpy())
    return None


def _normalisation(data: bytes) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    root = Table(data, encode.Get(packer.uoffset, data, 0))
    for graph in _tables(root, SUBGRAPHS):
        for image in _tables(graph, INPUTS):
            for unit in _tables(image, PROCESSING):
                if unit.GetSlot(4, 0, Uint8Flags) == NORMALISATION:
                    options = Table(data, 0)
                    unit.Union(options, unit.Offset(6))
                    mean, std = _floats(options, 0), _floats(options, 1)
                    return (mean, std) if mean and std else None
    return None


def _tables(table: Table, field: int) -> Iterator[Table]:
    """The tables in a vector of tables."""
    offset = table.Offset(4 + 2 * field)
    if offset:
        start = table.Vector(offset)
        for number in range(table.VectorLen(offset)):
            yield Table(table.Bytes, table.Indirect(start + 4 * number))


def _floats(table: Table, field: int) -> tuple[float, ...]:
    offset = table.Offset(4 + 2 * field)
    if not offset:
        return ()
    return struct.unpack_from(f"<{table.VectorLen(offset)}f", table.Bytes, table.Vector(offset))
