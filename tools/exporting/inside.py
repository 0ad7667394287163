"""What a TensorFlow graph shows: which pixels it takes, and how it ends."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.inspecting.ending import Ending, judged
from tools.inspecting.scaling import PROBES, Order, order_of_pixels, probe

PASSING = frozenset({
    "Add", "AddV2", "BiasAdd", "Cast", "ClipByValue", "ConcatV2", "Div", "DivNoNan", "EnsureShape",
    "ExpandDims", "GatherV2", "Identity", "Maximum", "Minimum", "Mul", "Neg", "Pack",
    "PlaceholderWithDefault", "RealDiv", "Reshape", "ResizeBicubic", "ResizeBilinear",
    "ResizeNearestNeighbor", "ReverseV2", "Slice", "Split", "SplitV", "Squeeze", "StopGradient",
    "StridedSlice", "Sub", "Transpose", "Unpack",
})  # fmt: skip
"""Operations that arrange or scale pixels; any other belongs to the trained part."""
ASKING = frozenset({"Shape", "ShapeN", "Size", "Rank"})
"""Operations that only read a tensor's shape."""


def scales_itself(tf: Any, call: Callable[[Any], Any], shape: tuple[int, ...]) -> Order | None:
    """The order of pixels 0..255 that a network surely takes, by what precedes its first layer.

    It is traced as for prediction, so nested layers count, and layers for training do not.
    call: a float32 tensor of that shape to scores.
    """
    constant = _constant(tf, call, shape)
    return None if constant is None else graph_scales_itself(tf, constant.inputs[0], shape)


def ending(tf: Any, call: Callable[[Any], Any], shape: tuple[int, ...]) -> Ending:
    """How a network ends. call, shape: see `scales_itself`."""
    constant = _constant(tf, call, shape)
    return judged(_operations(constant.outputs[0]) if constant is not None else ())


def _operations(tensor: Any) -> Iterator[str]:
    """Types of the operations that lead to a tensor, last first."""
    while tensor is not None:
        yield tensor.op.type
        tensor = next((source for source in tensor.op.inputs if not _is_kept(source)), None)


def _is_kept(tensor: Any) -> bool:
    """Whether a tensor is a constant of the graph."""
    while tensor.op.type == "Identity":
        tensor = tensor.op.inputs[0]
    return bool(tensor.op.type == "Const")


def _constant(tf: Any, call: Callable[[Any], Any], shape: tuple[int, ...]) -> Any:
    """The traced network with its variables as constants; None if TensorFlow cannot do that."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    traced = tf.function(call).get_concrete_function(tf.TensorSpec(shape, tf.float32))
    try:
        return convert_variables_to_constants_v2(traced)
    except (ValueError, tf.errors.OpError):
        return None


def graph_scales_itself(tf: Any, pixels: Any, shape: tuple[int, ...]) -> Order | None:
    """`scales_itself` for a graph without variables. pixels: the tensor that takes them."""
    reached = _reached(pixels)
    if not reached:
        return None
    with tf.compat.v1.Session(graph=pixels.graph) as session:
        return order_of_pixels([
            _values(session, reached, pixels, shape, colour) for colour in PROBES
        ])  # fmt: skip


def _values(
    session: Any, reached: list[Any], pixels: Any, shape: tuple[int, ...], colour: Sequence[int]
) -> NDArray[np.float32]:
    """What the tensors hold for a picture of one colour, in one array."""
    picture = probe(shape, colour, pixels.dtype.as_numpy_dtype)
    results = session.run(reached, {pixels.name: picture})
    return np.concatenate([np.ravel(values) for values in results]).astype(np.float32)


def _reached(pixels: Any) -> list[Any]:
    """The inputs of the first trained operations."""
    waiting, seen, reached = [pixels], {pixels.name}, {}
    while waiting:
        tensor = waiting.pop()
        for operation in tensor.consumers():
            if operation.type not in PASSING | ASKING:
                reached[tensor.name] = tensor
            elif operation.type in PASSING:
                new = [output for output in operation.outputs if output.name not in seen]
                seen |= {output.name for output in new}
                waiting += new
    return [reached[name] for name in sorted(reached)]
