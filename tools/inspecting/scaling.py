"""Does a network scale pixels itself? Can it take scaled ones?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid
from chalicelib.images.preprocessing import Channels, Preprocessing
from chalicelib.inference.tensors import Tensor, check_fits

Order = Literal["rgb", "bgr"]

SMALL = 10.0
"""Trained layers take about -3 to 3. A network that gets there from 0..255 scales pixels."""
SHIFT = 16.0
"""The least mean that networks subtract from 0..255 without scaling."""
PROBES = ((0, 0, 0), (127, 127, 127), (254, 254, 254), (254, 0, 0), (0, 0, 254))
"""Pictures of one colour that show it, by channel: three evenly spaced, then the outer channels."""
BLUE, RED = 103.939, 123.68
"""Means that networks of Caffe's kind subtract, which take blue first."""
BRIGHTEST = 200
"""A quantised network for 0..255 saw pixels near 255, or near 151 if a mean was subtracted."""
USUAL = ((0.0, 1.0), (-1.0, 1.0), (-0.5, 0.5), (0.0, 255.0), (-128.0, 127.0))
"""Ranges of scaled pixels, in which 8-bit values are pixels."""
NEAR = 0.05
"""How far from such a range a network's may be, as a part of it: calibration sees few pictures."""
PASSING = frozenset({
    "ADD", "CAST", "CONCATENATION", "DEQUANTIZE", "DIV", "EXPAND_DIMS", "GATHER", "MAXIMUM",
    "MINIMUM", "MUL", "NEG", "PACK", "QUANTIZE", "RESHAPE", "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2", "SLICE", "SPLIT", "SPLIT_V", "SQUEEZE",
    "STRIDED_SLICE", "SUB", "TRANSPOSE", "UNPACK",
})  # fmt: skip
"""Operations that arrange or scale pixels; any other belongs to the trained part."""


def check_scaling(name: str, how: Preprocessing, pixels: Tensor) -> None:
    """Raise ModelInvalid if the network cannot take pixels prepared like that."""
    check_fits(name, how, pixels)
    if how.mean is not None and pixels.dtype == np.uint8 and not pixels.scale:
        raise ModelInvalid(
            f"{name} takes pixels 0..255 and scales them itself; leave --mean and --std out, or "
            "export it again with them."
        )


def holds_pixels(tensor: Tensor) -> bool:
    """Whether the 8-bit values of an input are surely pixels."""
    if not tensor.scale:
        return True
    low, high = _range(tensor.dtype, tensor.scale, tensor.zero_point)
    return any(
        max(abs(low - least), abs(high - most)) <= NEAR * (most - least) for least, most in USUAL
    )


def probe(shape: Sequence[int], colour: Sequence[int], dtype: Any) -> NDArray[np.generic]:
    """A picture of that shape, batch dimension included, and of one colour."""
    if shape[-1] == 3:
        return np.full(shape, colour, dtype)
    channels = np.array(colour, dtype).reshape(3, 1, 1) if shape[1] == 3 else colour[1]
    return np.full(shape, channels, dtype)


def order_of_pixels(seen: Sequence[NDArray[np.float32]]) -> Order | None:
    """The order of channels in which a network surely expects pixels 0..255; None if unclear.

    seen: what reaches its first trained layer from each of PROBES.
    """
    black, grey, white, first, last = seen
    if not _takes_pixels(black, grey, white):
        return None
    means = zip((first, last), (BLUE, RED), strict=True)
    is_blue_first = all(_subtracts(mean, black, values) for values, mean in means)
    return "bgr" if is_blue_first else "rgb"


def _subtracts(mean: float, black: NDArray[np.float32], values: NDArray[np.float32]) -> bool:
    """Whether that mean is subtracted from the channel that makes these values of black ones."""
    changed = -black[np.abs(values - black) > 1]
    return bool(changed.size and np.abs(changed - mean).max() < 1)


def in_order(
    how: Preprocessing, order: Order, channels: Channels | None
) -> tuple[Preprocessing, str]:
    """The preprocessing for a network that scales pixels in that order itself, and why.

    channels: the option of this name.
    """
    if order == "bgr" and channels is None:
        why = "because it subtracts Caffe's means itself, that of blue first"
        return msgspec.structs.replace(how, channels=order), why
    return how, "because it scales them itself"


def _takes_pixels(
    black: NDArray[np.float32], grey: NDArray[np.float32], white: NDArray[np.float32]
) -> bool:
    """Whether pixels 0..255 are surely expected.

    False if the values are unchanged, scaled as if pixels had been smaller, or cut off before 255.
    """
    low, high = np.minimum(black, white), np.maximum(black, white)
    span = float((high - low).max())
    if not span or np.abs(grey - (black + white) / 2).max() > 0.02 * span:
        return False
    if max(-low.min(), high.max()) <= SMALL:
        return True
    same_scale = np.allclose(high - low, max(PROBES[2]), rtol=0.01)
    return bool(same_scale and low.max() <= -SHIFT)


def scales_itself(path: Path) -> Order | None:
    """The order in which the network in a `.tflite` file surely takes pixels 0..255, or None."""
    interpreter = Interpreter(
        model_path=str(path),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()[0]
    reached = _reached(interpreter, int(details["index"]))
    if not reached:
        return None
    if _is_quantised_for_pixels(interpreter, int(details["index"])):
        return "rgb"
    seen = []
    for colour in PROBES:
        picture = probe(details["shape"], colour, details["dtype"])
        interpreter.set_tensor(details["index"], picture)
        interpreter.invoke()
        seen.append(np.concatenate([_values(interpreter, index) for index in reached]))
    return order_of_pixels(seen)


def _values(interpreter: Interpreter, index: int) -> NDArray[np.float32]:
    """The real values of a tensor, in one row."""
    scale, zero_point = interpreter._get_tensor_details(index, 0)["quantization"]
    values = np.ravel(interpreter.get_tensor(index)).astype(np.float32)
    return (values - zero_point) * np.float32(scale) if scale else values


def _is_quantised_for_pixels(interpreter: Interpreter, start: int) -> bool:
    """Whether floats become 8-bit values at once, of a range that only pixels 0..255 need."""
    for operation in interpreter._get_ops_details():
        if operation["op_name"] == "QUANTIZE" and start in operation["inputs"]:
            tensor = interpreter._get_tensor_details(int(operation["outputs"][0]), 0)
            low, high = _range(tensor["dtype"], *tensor["quantization"])
            return low > -SHIFT and high >= BRIGHTEST
    return False


def _range(dtype: Any, scale: float, zero_point: int) -> tuple[float, float]:
    """The least and the largest real value of a quantised tensor."""
    limits = np.iinfo(dtype)
    return (limits.min - zero_point) * scale, (limits.max - zero_point) * scale


def _reached(interpreter: Interpreter, start: int) -> list[int]:
    """The inputs of the first trained operations."""
    passed, reached = {start}, set()
    for operation in interpreter._get_ops_details():
        taken = passed & {int(index) for index in operation["inputs"]}
        if not taken or operation["op_name"] in ("SHAPE", "DELEGATE"):
            continue
        if operation["op_name"] in PASSING:
            passed |= {int(index) for index in operation["outputs"]}
        else:
            reached |= taken
    return sorted(reached)
