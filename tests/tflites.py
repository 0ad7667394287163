"""Small `.tflite` networks, written without TensorFlow."""

from collections.abc import Sequence

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

OPERATORS = schema.BuiltinOperator
SIDE = 8
CONSTANTS = {"ADD": 0.0, "DIV": 0.01, "MUL": 0.5}
"""The second operand of these."""


def opposed(units: int) -> np.ndarray:
    """Weights [units, 4] of red, green, blue and one, for logits of -4 to 4.

    Unit 0 looks for red, 1 for green, 2 for blue, 3 for light, and the next for the opposite.
    """
    rows = np.vstack([np.eye(3), np.full(3, 1 / 3)])
    kernel = np.vstack([rows, -rows])[:units] / 32
    return np.hstack([kernel, -kernel.sum(axis=1, keepdims=True) * 128])


class _Writer:
    """One graph, in the making."""

    def __init__(self) -> None:
        self.model, self.graph = schema.ModelT(), schema.SubGraphT()
        self.model.version, self.model.description = 3, "made by a test"
        self.model.buffers, self.model.operatorCodes = [schema.BufferT()], []
        self.model.subgraphs = [self.graph]
        self.graph.tensors, self.graph.operators = [], []

    def tensor(self, shape: Sequence[int], values: np.ndarray | None = None, kind: int = 0) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = list(shape), kind, 0
        tensor.name = f"tensor{len(self.graph.tensors)}"
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def floats(self, values: np.ndarray) -> int:
        return self.tensor(values.shape, values.astype(np.float32))

    def add(
        self, code: int, inputs: Sequence[int], shape: Sequence[int], options: object = None
    ) -> int:
        """The tensor that the operation gives. Its options are of the union, by their name."""
        operator, kind = schema.OperatorT(), schema.OperatorCodeT()
        kind.builtinCode, kind.deprecatedBuiltinCode, kind.version = code, min(code, 127), 1
        operator.opcodeIndex = len(self.model.operatorCodes)
        operator.inputs, operator.outputs = list(inputs), [self.tensor(shape)]
        if options is not None:
            name = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
            operator.builtinOptions = options
        self.model.operatorCodes.append(kind)
        self.graph.operators.append(operator)
        return operator.outputs[0]

    def packed(self, inputs: int, outputs: int) -> bytes:
        self.graph.inputs, self.graph.outputs = [inputs], [outputs]
        builder = flatbuffers.Builder()
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def network(
    *ending: str, weights: np.ndarray, fused: int = 0, takes: int = schema.TensorType.UINT8
) -> bytes:
    """Takes pixels [1, SIDE, SIDE, 3] and gives float32 [1, units]: a dense layer on means.

    weights: [units, 4], of red, green, blue and one. ending: what comes after that layer, by name,
    such as LOGISTIC. fused: the activation within it. takes: uint8, or float32.
    """
    write, units = _Writer(), len(weights)
    pixels = floats = write.tensor([1, SIDE, SIDE, 3], kind=takes)
    if takes != schema.TensorType.FLOAT32:
        cast = schema.CastOptionsT()
        cast.inDataType, cast.outDataType = takes, schema.TensorType.FLOAT32
        floats = write.add(OPERATORS.CAST, [pixels], [1, SIDE, SIDE, 3], cast)
    axes = write.tensor([2], np.array([1, 2], np.int32), schema.TensorType.INT32)
    means = write.add(OPERATORS.MEAN, [floats, axes], [1, 3], schema.ReducerOptionsT())
    dense = schema.FullyConnectedOptionsT()
    dense.fusedActivationFunction = fused
    constants = write.floats(weights[:, :3]), write.floats(weights[:, 3])
    sums = write.add(OPERATORS.FULLY_CONNECTED, [means, *constants], [1, units], dense)
    for name in ending:
        inputs, options = [sums], None
        if name == "SOFTMAX":
            options = schema.SoftmaxOptionsT()
            options.beta = 1.0
        elif name == "RESHAPE":
            options = schema.ReshapeOptionsT()
            options.newShape = [1, units]
        elif name == "GATHER":  # of units that there are none of: it fails once it runs
            options = schema.GatherOptionsT()
            options.axis = 1
            missing = np.full(units, 99, np.int32)
            inputs.append(write.tensor([units], missing, schema.TensorType.INT32))
        elif name in CONSTANTS:
            options = getattr(schema, f"{name.title()}OptionsT")()
            inputs.append(write.floats(np.full(1, CONSTANTS[name])))
        sums = write.add(getattr(OPERATORS, name), inputs, [1, units], options)
    return write.packed(pixels, sums)


def plain(*colour: int) -> np.ndarray:
    """A picture of one colour: uint8 [SIDE, SIDE, 3]."""
    return np.broadcast_to(np.array(colour, np.uint8), (SIDE, SIDE, 3)).copy()
