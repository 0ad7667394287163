"""A quantised network of tf2onnx in the form whose kernels are fast and exact on AVX2.

Activations uint8, weights int8. vpmaddubsw adds the products of two neighbours in 16 bits, which
saturate where both weights are large
(https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html): so each channel's
scale is the finest that keeps every pair of neighbours small enough, between 7 and 8 bits.
All ranges are the network's own, so it takes no sample images.
"""

import numpy as np
import onnx
from onnx import numpy_helper

LARGEST, PAIR = 127, 127
"""Of a weight, and of two neighbours of one sign: 255 * (127 + 1) < 2**15, the 1 for rounding."""


def narrow(model):
    """Change the model in place. model: QuantizeLinear/DequantizeLinear pairs around float ops."""
    constants = {each.name: each for each in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    for node in list(model.graph.node):
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            _unsigned(node, constants)
    for node in model.graph.node:
        if node.op_type in ("Conv", "MatMul", "Gemm") and node.input[1] in makers:
            _exact(node, constants, makers)
    del model.graph.initializer[:]
    used = {name for node in model.graph.node for name in node.input}
    model.graph.initializer.extend(each for name, each in constants.items() if name in used)
    for value in [*model.graph.output, *model.graph.input]:
        if value.type.tensor_type.elem_type == onnx.TensorProto.INT8:
            value.type.tensor_type.elem_type = onnx.TensorProto.UINT8
    del model.graph.value_info[:]
    return model


def _unsigned(node, constants):
    """Activations of int8 become uint8: the same steps, counted from 0."""
    if node.input[0] in constants or len(node.input) < 3:
        return
    zero = numpy_helper.to_array(constants[node.input[2]])
    if zero.dtype == np.int8:
        _put(node, 2, (zero.astype(np.int16) + 128).astype(np.uint8), constants)


def _exact(node, constants, makers):
    """Weights to int8, a scale an output channel; the bias to the scale of both."""
    source, weights = makers[node.input[0]], makers[node.input[1]]
    if weights.input[0] not in constants or source.op_type != "DequantizeLinear":
        return
    real, axis = _real(weights, constants), 0 if node.op_type == "Conv" else -1
    channels = np.moveaxis(real, axis, 0)
    scale = _finest(channels, node)
    bias = makers[node.input[2]] if len(node.input) > 2 and node.input[2] in makers else None
    if bias:  # a channel without weights still needs a scale that its bias fits
        step = numpy_helper.to_array(constants[source.input[1]]).astype(np.float64)
        added = _real(bias, constants)
        scale = np.maximum(scale, np.abs(added) / step / 2**30)
        _redo(
            bias,
            np.rint(added / step / scale.clip(1e-30)).astype(np.int32),
            scale * step,
            0,
            constants,
        )
    scale = scale.clip(1e-30)
    steps = np.moveaxis(np.rint(channels.T / scale).T, 0, axis).astype(np.int8)
    _redo(weights, steps, scale, axis % real.ndim, constants)


def _finest(channels, node):
    """The smallest scale of each channel. channels: real weights [channels, ...]."""
    flat = channels.reshape(len(channels), -1)
    largest = np.abs(flat).max(axis=1) / LARGEST
    if node.op_type == "Conv":
        if channels.shape[1] == 1:  # depthwise: another kernel, which does not saturate
            return largest
        flat = np.moveaxis(channels, 1, -1).reshape(len(channels), -1)  # as NHWC's kernels read it
    flat = np.pad(flat, ((0, 0), (0, flat.shape[1] % 2)))
    positive, negative = flat.clip(0), (-flat).clip(0)
    pairs = np.maximum(*(each[:, ::2] + each[:, 1::2] for each in (positive, negative)))
    return np.maximum(largest, pairs.max(axis=1) / PAIR)


def _real(node, constants):
    values = [numpy_helper.to_array(constants[name]) for name in node.input]
    steps, scale = values[0].astype(np.float64), values[1].astype(np.float64)
    zero = values[2].astype(np.float64) if len(values) > 2 else np.float64(0)
    axis = next((each.i for each in node.attribute if each.name == "axis"), 1) % steps.ndim
    shape = [-1 if i == axis else 1 for i in range(steps.ndim)]
    if scale.ndim and scale.size > 1:
        scale, zero = scale.reshape(shape), zero.reshape(shape) if zero.ndim else zero
    return (steps - zero) * scale


def _redo(node, steps, scale, axis, constants):
    del node.input[3:]
    node.input.extend([""] * (3 - len(node.input)))
    for place, value in enumerate(
        (steps, scale.astype(np.float32), np.zeros(scale.shape, steps.dtype))
    ):
        _put(node, place, value, constants)
    del node.attribute[:]
    node.attribute.append(onnx.helper.make_attribute("axis", axis))


def _put(node, place, value, constants):
    name = f"{node.name}/{place}"
    constants[name] = numpy_helper.from_array(value, name)
    node.input[place] = name
