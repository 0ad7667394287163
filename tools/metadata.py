"""What a `.tflite` file says of itself, as TFLite's metadata writer and Model Maker have it.

https://ai.google.dev/edge/litert/conversion/tensorflow/metadata
"""

import struct
from collections.abc import Iterator
from pathlib import Path

from ai_edge_litert.schema_py_generated import Model
from flatbuffers import encode, packer
from flatbuffers.number_types import Uint8Flags
from flatbuffers.table import Table

NAME = b"TFLITE_METADATA"
SUBGRAPHS, INPUTS, PROCESSING = 3, 2, 4
"""Fields of ModelMetadata, SubGraphMetadata and TensorMetadata, by their place in the schema
(https://github.com/tensorflow/tflite-support/blob/master/tensorflow_lite_support/metadata/metadata_schema.fbs)."""
NORMALISATION = 1
"""Of the union ProcessUnitOptions."""


def normalisation(path: Path) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Mean and deviation that the network's pixels were scaled by; None where none are given."""
    try:
        data = _metadata(path.read_bytes())
        return _normalisation(data) if data else None
    except (struct.error, IndexError, ValueError, TypeError):  # damaged: as if it were not there
        return None


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
