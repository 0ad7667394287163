"""The finest 8-bit weights that ONNX Runtime multiplies exactly with AVX2 but no VNNI."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST, PAIR = 127, 127
"""Of a weight, and of two neighbours of one sign. vpmaddubsw adds the products of two neighbours in
16 bits: 255 * (127 + 1) < 2**15, the 1 for rounding
(https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html)."""


def scales(graph: Any) -> dict[str, list[dict[str, Any]]]:
    """The range of each output channel, for the weights of every convolution and dense layer.

    graph: ONNX, in floats. The result is `TensorQuantOverrides` of `quantize_static`.
    """
    from onnx import numpy_helper
    from onnxruntime.quantization import QuantType

    constants = {constant.name: constant for constant in graph.initializer}
    by_weight = {}
    for node in graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul") or node.input[1] not in constants:
            continue
        weights = numpy_helper.to_array(constants[node.input[1]])
        axis = 0 if node.op_type == "Conv" or _transposed(node) else weights.ndim - 1
        common = {"quant_type": QuantType.QInt8, "symmetric": True, "reduce_range": False}
        by_weight[node.input[1]] = [
            common | {"axis": axis, "rmin": np.float32(-value), "rmax": np.float32(value)}
            for value in ranges(np.moveaxis(weights, axis, 0))
        ]
    return by_weight


def ranges(channels: NDArray[np.float32]) -> NDArray[np.float64]:
    """The value of 127 steps in each channel: the least that keeps pairs of neighbours exact.

    channels: weights [outputs, inputs] or, of a convolution, [outputs, inputs, height, width].
        Depthwise convolutions (one input) use another kernel, which has no such limit.
    """
    rows = np.moveaxis(channels.astype(np.float64), 1, -1).reshape(len(channels), -1)
    least = np.abs(rows).max(axis=1)
    if channels.ndim < 4 or channels.shape[1] > 1:
        rows = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2)))
        for signed in (rows.clip(0), (-rows).clip(0)):
            pairs = signed[:, ::2] + signed[:, 1::2]
            least = np.maximum(least, pairs.max(axis=1) * LARGEST / PAIR)
    smallest = max(float(least.max()) * 1e-4, 1e-9)  # of a channel of zeros, which has a bias
    steps: NDArray[np.float64] = least.clip(smallest)
    return steps


def _transposed(node: Any) -> bool:
    return any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
