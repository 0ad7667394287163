"""Lets a `.tflite` network also give its last feature map and that map's average.

A network that ends in a global average pool and one linear layer explains itself: each score is a
weighted sum of the map's channels (class activation maps, Zhou et al. 2016,
https://arxiv.org/abs/1512.04150), and the average is an embedding of the picture. Both are tensors
of the graph already. Only the list of its outputs grows: a longer list is put behind the file, and
the 4 bytes that point to the list point there. No weight moves, and the original can be had back.
"""

import hashlib
import struct
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid
from chalicelib.images.preprocessing import WHOLE
from chalicelib.inference.head import Head, read_head, save
from chalicelib.inference.litert import LiteRT
from chalicelib.inference.packages import INFO, MODEL, Exposed, ModelInfo, ModelPackage
from chalicelib.inference.tensors import dequantised, to_input, to_probabilities
from tools.inspecting.ending import PASSING, Ending, of_tflite, operation_name
from tools.newpackage import as_json, sample_images

OUTPUTS = 8
"""Where a SubGraph's vtable has its outputs
(https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs)."""
SCORING = PASSING | {"SOFTMAX", "LOGISTIC"}
TYPES: dict[int, type[np.generic]] = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.FLOAT16: np.float16,
    schema.TensorType.UINT8: np.uint8,
    schema.TensorType.INT8: np.int8,
    schema.TensorType.INT32: np.int32,
}
AGREEMENT = 0.1
"""How far the layer's own scores may be from the network's, which are rounded to 8 bits on the way.
Of MobileNet v2 they differ by 0.013 at most."""
MAPS = (schema.TensorType.FLOAT32, schema.TensorType.UINT8, schema.TensorType.INT8)


class NoFeatureMap(Exception):
    """The network does not end in a global average pool and one linear layer."""


@dataclass(frozen=True)
class End:
    """The last layers. map, pooled: numbers of the tensors. head: the linear layer, in floats."""

    map: int
    pooled: int
    head: Head


def expose(package: ModelPackage) -> ModelInfo:
    """Adds the two outputs to a package's network, and writes the linear layer beside it.

    Returns the info that says so, with the digests of both files. Raises NoFeatureMap, and leaves
    the package alone, if the network has no such end, or not the same answers with it.
    """
    data = package.model_path.read_bytes()
    end = last_layers(data)
    before = LiteRT(package.model_path, 1)
    extended, exposed = with_outputs(data, end.map, end.pooled)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MODEL
        path.write_bytes(extended)
        _check(before, LiteRT(path, 1), end.head, of_tflite(package.model_path))
    package.model_path.write_bytes(extended)
    return msgspec.structs.replace(
        package.info,
        sha256=hashlib.sha256(extended).hexdigest(),
        exposed=exposed,
        head_sha256=save(package.folder, end.head),
    )


def _check(before: LiteRT, after: LiteRT, head: Head, end: Ending) -> None:
    """Raises NoFeatureMap unless both give the same scores, and the layer gives them too."""
    for pixels in sample_images(before.input.size, 3):
        image = to_input(pixels, before.input, WHOLE)[np.newaxis]
        raw = before.run(image)
        if not np.array_equal(raw, after.run(image)):
            raise NoFeatureMap("its answers change with further outputs")
        pooled, answer = after.pooled(), dequantised(raw, before.output)
        logits = pooled @ head.weights + head.bias
        expected = to_probabilities(logits, end.kind == "sigmoid")
        if end.kind == "linear":
            answer = to_probabilities(answer, False)
        if np.abs(after.map().mean(axis=(1, 2)) - pooled).max() > 0.05 * np.ptp(pooled):
            raise NoFeatureMap("its average is not that of its feature map")
        if np.abs(expected - answer.reshape(1, -1)).max() > AGREEMENT:
            raise NoFeatureMap("its scores are not those of its last layer")


def exposed_if_possible(package: ModelPackage, say: Callable[[str], None]) -> ModelPackage:
    """`expose`, and write `model.json`, if the network has such an end.

    say: told how many features it gives, or why none.
    """
    try:
        info = expose(package)
    except (NoFeatureMap, ModelInvalid) as error:
        say(f"Features: none, because {error}.")
        return package
    (package.folder / INFO).write_bytes(as_json(info))
    package = ModelPackage(package.folder, info)
    say(f"Features: {len(read_head(package).weights)}, for explanations and embeddings.")
    return package


def with_outputs(data: bytes, *tensors: int) -> tuple[bytes, Exposed]:
    """The file with two more outputs, the tensors of map and average; and how to undo that."""
    graph = schema.Model.GetRootAs(data).Subgraphs(0)
    place = graph._tab.Pos + graph._tab.Offset(OUTPUTS)
    outputs = [*graph.OutputsAsNumpy().tolist(), *tensors]
    extended = bytearray(data + bytes(-len(data) % 4))
    was = int.from_bytes(data[place : place + 4], "little")
    struct.pack_into("<I", extended, place, len(extended) - place)
    extended += struct.pack(f"<I{len(outputs)}i", len(outputs), *outputs)
    sha256 = hashlib.sha256(data).hexdigest()
    return bytes(extended), Exposed(1, 2, sha256, len(data), place, was)


def original(package: ModelPackage) -> bytes:
    """The network's file as it was before `expose`.

    Raises ModelInvalid if it does not have the digest that `model.json` tells.
    """
    data, exposed = package.model_path.read_bytes(), package.info.exposed
    if exposed is None:
        return data
    before = bytearray(data[: exposed.original_size])
    struct.pack_into("<I", before, exposed.pointer_at, exposed.pointer_was)
    if hashlib.sha256(before).hexdigest() != exposed.original_sha256:
        raise ModelInvalid(
            f"{MODEL} of {package.info.name} is not its original with two more outputs; fetch or "
            "add it again."
        )
    return bytes(before)


def last_layers(data: bytes) -> End:
    """Finds the last layers of a `.tflite` file.

    Raises NoFeatureMap unless the scores are those of one linear layer, perhaps through a softmax
    or sigmoids, on the average of a whole feature map.
    """
    try:
        graph = _Graph(data)
        return graph.end()
    except (struct.error, IndexError, ValueError, TypeError, AttributeError) as error:
        raise NoFeatureMap("the file cannot be read") from error


class _Graph:
    """The first graph of a file, walked from its output to its input."""

    def __init__(self, data: bytes) -> None:
        self._model = schema.Model.GetRootAs(data)
        self._graph = self._model.Subgraphs(0)
        if self._model.SubgraphsLength() != 1 or self._graph.OutputsLength() != 1:
            raise NoFeatureMap("it has several graphs or outputs")
        operators = (self._graph.Operators(n) for n in range(self._graph.OperatorsLength()))
        self._makers = {output: op for op in operators for output in op.OutputsAsNumpy().tolist()}

    def end(self) -> End:
        linear, name = self._before(self._graph.Outputs(0), SCORING)
        head = self._head(linear, name)
        pool, name = self._before(linear.Inputs(0), PASSING)
        tensor = pool.Inputs(0)
        shape = self._shape(tensor)
        if len(shape) != 4 or shape[0] != 1 or not self._averages(pool, name, shape):
            raise NoFeatureMap("its last layer is not computed from the average of a feature map")
        plain = [self._tensor(t).Type() in MAPS for t in (tensor, pool.Outputs(0))]
        if not all(plain) or shape[3] != len(head.weights) or shape[1] * shape[2] < 2:
            raise NoFeatureMap("its last feature map does not fit its last layer")
        return End(tensor, pool.Outputs(0), head)

    def _before(self, tensor: int, passing: frozenset[str]) -> tuple[Any, str]:
        """The operation that made the tensor, behind those that are passed through, by name."""
        for operator in self._back(tensor):
            name = operation_name(self._model, operator)
            if name not in passing:
                return operator, name
        raise NoFeatureMap("it has no last layer")

    def _back(self, tensor: int) -> Iterator[Any]:
        makers = {**self._makers}
        while tensor in makers:
            operator = makers.pop(tensor)  # a damaged file may lead in a circle
            yield operator
            tensor = operator.Inputs(0)

    def _averages(self, pool: Any, name: str, shape: list[int]) -> bool:
        if name == "MEAN":
            axes = {int(axis) % 4 for axis in self._constant(pool.Inputs(1)).ravel()}
            return axes == {1, 2}
        if name != "AVERAGE_POOL_2D":
            return False
        options = _options(pool, schema.Pool2DOptions)
        window = [options.FilterHeight(), options.FilterWidth()]
        return window == shape[1:3] and options.Padding() == schema.Padding.VALID

    def _head(self, linear: Any, name: str) -> Head:
        if name not in ("FULLY_CONNECTED", "CONV_2D"):
            raise NoFeatureMap(f"its scores come from {name or 'an unknown operation'}")
        kernel = self._real(linear.Inputs(1))
        if name == "CONV_2D" and kernel.shape[1:3] != (1, 1):
            raise NoFeatureMap("its last convolution is wider than one point")
        weights = kernel.reshape(len(kernel), -1).T
        bias = np.zeros(weights.shape[1], np.float32)
        if linear.InputsLength() > 2 and linear.Inputs(2) >= 0:
            bias = self._real(linear.Inputs(2)).ravel()
        return Head(np.ascontiguousarray(weights), bias)

    def _real(self, number: int) -> NDArray[np.float32]:
        """A constant's values, dequantised: float32."""
        made = self._makers.get(number)
        if made is not None and operation_name(self._model, made) == "DEQUANTIZE":
            number = made.Inputs(0)
        values, how = self._constant(number), self._tensor(number).Quantization()
        if values.dtype.kind == "f":
            return values.astype(np.float32)
        if how is None or not how.ScaleLength():
            raise NoFeatureMap("its last layer has integers of unknown scale")
        sides = [1] * values.ndim
        sides[how.QuantizedDimension()] = how.ScaleLength()
        zero = how.ZeroPointAsNumpy() if how.ZeroPointLength() else np.zeros(how.ScaleLength())
        steps = values.astype(np.float32) - zero.astype(np.float32).reshape(sides)
        real: NDArray[np.float32] = steps * how.ScaleAsNumpy().reshape(sides)
        return real

    def _constant(self, number: int) -> NDArray[Any]:
        """A constant's values as the file has them."""
        tensor = self._tensor(number)
        data = self._model.Buffers(tensor.Buffer()).DataAsNumpy()
        if tensor.Type() not in TYPES or isinstance(data, int):
            raise NoFeatureMap("its last layer's weights are not plain constants")
        return np.frombuffer(data.tobytes(), TYPES[tensor.Type()]).reshape(self._shape(number))

    def _tensor(self, number: int) -> Any:
        return self._graph.Tensors(number)

    def _shape(self, number: int) -> list[int]:
        shape = self._tensor(number).ShapeAsNumpy()
        return [] if isinstance(shape, int) else [int(side) for side in shape]


def _options(operator: Any, kind: type) -> Any:
    """An operator's options, of that kind."""
    options, table = kind(), operator.BuiltinOptions()
    options.Init(table.Bytes, table.Pos)
    return options
