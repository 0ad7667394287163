from typing import Any

import numpy as np
import pytest

from chalicelib.inference.kernels import BUILTIN, XNNPACK, kernels


def operator(name: str, *reads: type) -> dict[str, Any]:
    return {"op_name": name, "operand_types": list(reads)}


FLOAT = operator("CONV_2D", np.float32, np.int8, np.float32)
EIGHT_BIT = operator("FULLY_CONNECTED", np.uint8, np.uint8, np.int32)
SIXTEEN_BIT = operator("CONV_2D", np.int16, np.int8, np.int64)
DELEGATE = operator("DELEGATE", np.float32, np.int8)


@pytest.mark.parametrize("network", [[FLOAT], [EIGHT_BIT], [SIXTEEN_BIT, FLOAT]])
def test_a_network_that_xnnpack_left_is_slow(network: list[dict[str, Any]]) -> None:
    assert kernels(network) == (BUILTIN, True)
    assert kernels([*network, DELEGATE]) == (XNNPACK, False)


@pytest.mark.parametrize(
    "network",
    [
        [SIXTEEN_BIT],
        [operator("QUANTIZE", np.float32), SIXTEEN_BIT, operator("DEQUANTIZE", np.int16)],
        [operator("MEAN", np.float32), operator("SOFTMAX", np.float32)],
        [operator("SOME_CUSTOM_OPERATOR")],
        [],
    ],
)
def test_a_network_that_xnnpack_does_not_know_is_no_alarm(network: list[dict[str, Any]]) -> None:
    assert kernels(network) == (BUILTIN, False)
