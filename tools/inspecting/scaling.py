"""Does a network scale pixels itself? Can it take scaled ones?"""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid
from chalicelib.images.preprocessing import Preprocessing
from chalicelib.inference.tensors import Tensor, check_fits

SMALL = 10.0
"""Trained layers take about -3 to 3. A network that gets there from 0..255 scales pixels."""
SHIFT = 16.0
"""The least mean that networks subtract from 0..255 without scaling."""
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


def takes_pixels(black: NDArray[np.float32], white: NDArray[np.float32]) -> bool:
    """Whether a network surely expects pixels 0..255.

    black, white: what reaches its first trained layer from pictures of all 0 and all 255. False if
    unclear: the values are unchanged, or scaled as if pixels had been smaller.
    """
    low, high = np.minimum(black, white), np.maximum(black, white)
    if max(-low.min(), high.max()) <= SMALL:
        return True
    same_scale = np.allclose(high - low, 255.0, rtol=0.01)
    return bool(same_scale and low.max() <= -SHIFT)


def scales_itself(path: Path) -> bool:
    """Whether the network in a `.tflite` file surely takes pixels 0..255."""
    interpreter = Interpreter(
        model_path=str(path),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()[0]
    reached = _reached(interpreter, int(details["index"]))
    if not reached:
        return False
    seen = []
    for value in (0, 255):
        interpreter.set_tensor(details["index"], np.full(details["shape"], value, details["dtype"]))
        interpreter.invoke()
        tensors = [np.ravel(interpreter.get_tensor(index)) for index in reached]
        seen.append(np.concatenate(tensors).astype(np.float32))
    return takes_pixels(*seen)


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
