"""A network's last operations, which show what its scores are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ai_edge_litert import schema_py_generated as schema

PASSING = frozenset({
    "CAST", "DEQUANTIZE", "EXPAND_DIMS", "QUANTIZE", "RESHAPE", "SQUEEZE",
    "Cast", "EnsureShape", "ExpandDims", "Identity", "Reshape", "Squeeze", "StopGradient",
})  # fmt: skip
"""Operations that leave every value as it is; of LiteRT, then of TensorFlow."""
SHIFTING = frozenset({
    "ADD", "AVERAGE_POOL_2D", "DIV", "MEAN", "MUL", "SUB",
    "Add", "AddV2", "AvgPool", "BiasAdd", "Div", "Mean", "Mul", "RealDiv", "Sub",
})  # fmt: skip
"""Operations after which logits are still logits, but probabilities are none."""
NEGATING = frozenset({"NEG", "Neg"})
"""Operations after which the best class has the lowest score."""
TRAINED = frozenset({
    "BATCH_MATMUL", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED",
    "BatchMatMulV2", "Conv2D", "DepthwiseConv2dNative", "Einsum", "MatMul",
})  # fmt: skip
Kind = Literal["softmax", "sigmoid", "linear", "changed", "other"]
KINDS: dict[str, Kind] = {
    "SOFTMAX": "softmax", "LOGISTIC": "sigmoid", "Softmax": "softmax", "Sigmoid": "sigmoid",
    "LOG_SOFTMAX": "linear", "LogSoftmax": "linear",  # softmax(log_softmax(x)) is softmax(x)
}  # fmt: skip
FUSING = (
    "AddOptions", "Conv2DOptions", "DepthwiseConv2DOptions", "DivOptions", "FullyConnectedOptions",
    "MulOptions", "Pool2DOptions", "SubOptions",
)  # fmt: skip
"""Options of operations that may include an activation."""


@dataclass(frozen=True)
class Ending:
    """The operation that makes a network's scores.

    kind: "linear" for a trained layer without activation; "changed" if probabilities were shifted
        or scaled, or any scores negated. operation: its name, or "".
    """

    kind: Kind
    operation: str = ""


def judged(operations: Iterable[str]) -> Ending:
    """The ending that these operations show, last first."""
    shifted = ""
    for name in operations:
        if name in NEGATING:
            return Ending("changed", name)
        if name in SHIFTING:
            shifted = shifted or name
        elif name not in PASSING:
            kind = "linear" if name in TRAINED else KINDS.get(name, "other")
            if kind == "linear" or not shifted:
                return Ending(kind, name)
            return Ending("changed" if kind in ("softmax", "sigmoid") else "other", shifted)
    return Ending("other", shifted)


def of_tflite(path: Path) -> Ending:
    """The ending of the network in a `.tflite` file that LiteRT can read."""
    return judged(_operations(schema.Model.GetRootAs(path.read_bytes())))


def _operations(model: Any) -> Iterator[str]:
    """Names of the operations that lead to the output, last first."""
    graph = model.Subgraphs(0)
    makers: dict[int, Any] = {}
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        makers |= {operator.Outputs(place): operator for place in range(operator.OutputsLength())}
    tensor = graph.Outputs(0)
    while tensor in makers:
        operator = makers.pop(tensor)  # a damaged file may lead in a circle
        yield operation_name(model, operator)
        inputs = [operator.Inputs(place) for place in range(operator.InputsLength())]
        tensor = next(
            (number for number in inputs if number >= 0 and not _kept(model, graph, number)), -1
        )


def _kept(model: Any, graph: Any, tensor: int) -> bool:
    """Whether a tensor is a constant of the file."""
    return bool(model.Buffers(graph.Tensors(tensor).Buffer()).DataLength())


def operation_name(model: Any, operator: Any) -> str:
    """An operation's name, with its activation's."""
    code = model.OperatorCodes(operator.OpcodeIndex())
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    name = _named(schema.BuiltinOperator, number)
    options = _named(schema.BuiltinOptions, operator.BuiltinOptionsType())
    if options not in FUSING:
        return name
    table, fusing = operator.BuiltinOptions(), getattr(schema, options)()
    fusing.Init(table.Bytes, table.Pos)
    activation = _named(schema.ActivationFunctionType, fusing.FusedActivationFunction())
    return name if activation == "NONE" else f"{name} with {activation}"


def _named(numbers: type, number: int) -> str:
    """The enumeration's name for a number; empty if it is newer than this LiteRT."""
    return next((name for name, value in vars(numbers).items() if value == number), "")
