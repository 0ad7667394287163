"""Tell which kernels run a network: XNNPACK's, or LiteRT's own, several times slower."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

XNNPACK, BUILTIN, ONNXRUNTIME_KERNELS = "xnnpack", "builtin", "onnxruntime"

HEAVY = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})
"""The operators in which a classifier spends its time."""

KNOWN = frozenset({np.float32, np.int8, np.uint8})
"""The types that XNNPACK computes; it leaves networks of 16-bit integers to LiteRT."""


class Kernels(NamedTuple):
    """The kernels of a network. slow: whether XNNPACK should have taken it and did not."""

    name: str
    slow: bool


def kernels(operators: Iterable[Mapping[str, Any]]) -> Kernels:
    """Tells which kernels a network runs on.

    operators: the interpreter's list, once its tensors are allocated. After the network's own
    operators it has one called DELEGATE for each part that XNNPACK took. XNNPACK takes at least a
    part of every network of floats or 8-bit integers. If it took none, the host is to blame.
    """
    known = False
    for operator in operators:
        if operator["op_name"] == "DELEGATE":
            return Kernels(XNNPACK, slow=False)
        known |= operator["op_name"] in HEAVY and operator["operand_types"][0] in KNOWN
    return Kernels(BUILTIN, slow=known)
