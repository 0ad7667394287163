"""Which kernels LiteRT runs a network on: XNNPACK's, or its own, which are several times slower."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

XNNPACK, BUILTIN, ONNXRUNTIME_KERNELS = "xnnpack", "builtin", "onnxruntime"

HEAVY = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})
"""The operators that a classifier spends its time in."""

KNOWN = frozenset({np.float32, np.int8, np.uint8})
"""What XNNPACK lets them read; networks of 16-bit integers are left to LiteRT."""


class Kernels(NamedTuple):
    """What computes a network. slow: whether XNNPACK should have taken it and has not."""

    name: str
    slow: bool


def kernels(operators: Iterable[Mapping[str, Any]]) -> Kernels:
    """The kernels of a network.

    operators: as the interpreter tells them once its tensors are allocated. For each part of the
    network that XNNPACK took there is then one called DELEGATE, after those of the network itself.
    XNNPACK takes a part at least of every network of floats or 8-bit integers: where it took none
    the host is to blame.
    """
    known = False
    for operator in operators:
        if operator["op_name"] == "DELEGATE":
            return Kernels(XNNPACK, slow=False)
        known |= operator["op_name"] in HEAVY and operator["operand_types"][0] in KNOWN
    return Kernels(BUILTIN, slow=known)
