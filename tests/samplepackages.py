"""Model packages as tests need them."""

import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from chalicelib.files import sha256
from chalicelib.inference.head import Familiar, Head, read_head, save
from chalicelib.inference.packages import INFO, ORT, ModelInfo, ModelPackage, read_package
from tests.conftest import ROOT
from tools.doodle.drawings import SIZE
from tools.inspecting.metadata import NAME
from tools.newpackage import as_json, write_labels


def with_second_engine(folder: Path, network: bytes = b"for ONNX Runtime") -> ModelPackage:
    """Put a network for ONNX Runtime into the package of a folder, beside what it has."""
    (folder / ORT).write_bytes(network)
    info = json.loads((folder / INFO).read_text()) | {"ort_sha256": sha256(folder / ORT)}
    (folder / INFO).write_text(json.dumps(info))
    return read_package(folder)


def doodle_for_both(parent: Path, name: str = "both") -> ModelPackage:
    """Doodle under another name, which ONNX Runtime can run, too, for the time it takes."""
    shutil.copytree(ROOT / "vendor" / "models" / "doodle", parent / name)
    info = json.loads((parent / name / INFO).read_text()) | {"name": name}
    (parent / name / INFO).write_text(json.dumps(info))
    classes = len(read_package(parent / name).labels())
    return with_second_engine(parent / name, always(7, classes, SIZE))


def without_second_engine(folder: Path) -> ModelPackage:
    """Leave LiteRT's network alone in the package of a folder."""
    (folder / ORT).unlink(missing_ok=True)
    info = json.loads((folder / INFO).read_text()) | {"ort_sha256": None}
    (folder / INFO).write_text(json.dumps(info))
    return read_package(folder)


def always(answer: int, classes: int, size: int) -> bytes:
    """A network for ONNX Runtime that finds one class in whatever it is shown.

    It takes uint8 [1, size, size, 3] and gives float32 [1, classes], probabilities.
    """
    import onnxruntime
    from onnx import TensorProto, helper

    scores = np.where(np.arange(classes) == answer, 20, 0)
    weights = {"none": np.zeros((3, classes)), "scores": scores[None]}
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("Gemm", ["means", *weights], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.UINT8, [1, size, size, 3])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, classes])
    constants = [
        helper.make_tensor(name, TensorProto.FLOAT, values.shape, values.ravel())
        for name, values in weights.items()
    ]
    graph = helper.make_graph(nodes, "always", [pixels], [probabilities], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.add_session_config_entry("session.save_model_format", "ORT")
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / ORT)
        source = model.SerializeToString()
        onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        return (Path(folder) / ORT).read_bytes()


def with_metadata(network: bytes, metadata: bytes) -> bytes:
    """The same `.tflite` network with that flatbuffer, a ModelMetadata, as its metadata."""
    model = schema.ModelT.InitFromPackedBuf(network)
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data, entry.name, entry.buffer = metadata, NAME, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    return packed(model)


def naming_label_files(network: bytes, *files: tuple[str, str]) -> bytes:
    """The same network, whose metadata names those files as its output's labels: name, language."""
    builder = flatbuffers.Builder()

    def vector(tables: list[int]) -> int:
        builder.StartVector(4, len(tables), 4)
        for table in reversed(tables):
            builder.PrependUOffsetTRelative(table)
        return int(builder.EndVector())

    def table(fields: dict[int, int], kind: int = 0) -> int:
        builder.StartObject(8)
        for slot, offset in fields.items():
            builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
        builder.PrependInt8Slot(2, kind, 0)
        return int(builder.EndObject())

    texts = [[builder.CreateString(text) for text in file] for file in files]
    named = [table({0: name, 3: language}, kind=2) for name, language in texts]
    scores = table({6: vector([*named, table({}, kind=1)])})
    builder.Finish(table({3: vector([table({3: vector([scores])})])}))
    return with_metadata(network, bytes(builder.Output()))


def with_files(network: bytes, files: dict[str, bytes]) -> bytes:
    """The same network with a zip of those files behind it."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        for name, data in files.items():
            out.writestr(name, data)
    return network + archive.getvalue()


def packed(model: schema.ModelT) -> bytes:
    """The file of a network."""
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def by_colour(size: int = 8) -> bytes:
    """A `.tflite` network that says which channel of a picture is the brightest: 0, 1 or 2.

    It takes float32 [1, size, size, 3], of any scale, and gives float32 [1, 3], probabilities.
    """
    shapes = {"pixels": [1, size, size, 3], "axes": [2], "means": [1, 3], "probabilities": [1, 3]}
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT(), axes()]
    graph.tensors = []
    for name, shape in shapes.items():
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name.encode(), shape, int(name == "axes")
        tensor.type = schema.TensorType.INT32 if name == "axes" else schema.TensorType.FLOAT32
        graph.tensors.append(tensor)
    graph.inputs, graph.outputs = [0], [3]
    mean, softmax = schema.ReducerOptionsT(), schema.SoftmaxOptionsT()
    softmax.beta = 0.02
    model.operatorCodes, graph.operators = [], []
    for code, kind, options, inputs, output in (
        (schema.BuiltinOperator.MEAN, schema.BuiltinOptions.ReducerOptions, mean, [0, 1], 2),
        (schema.BuiltinOperator.SOFTMAX, schema.BuiltinOptions.SoftmaxOptions, softmax, [2], 3),
    ):
        operation, named = schema.OperatorT(), schema.OperatorCodeT()
        named.builtinCode = named.deprecatedBuiltinCode = code
        named.version = 1
        operation.opcodeIndex = len(graph.operators)
        operation.inputs, operation.outputs = inputs, [output]
        operation.builtinOptionsType, operation.builtinOptions = kind, options
        model.operatorCodes.append(named)
        graph.operators.append(operation)
    return packed(model)


def axes() -> schema.BufferT:
    """Those of height and width."""
    buffer = schema.BufferT()
    buffer.data = np.array([1, 2], np.int32).view(np.uint8)
    return buffer


def taught_on(
    base: ModelPackage, folder: Path, labels: Sequence[str], seed: int = 0, refuses: bool = False
) -> ModelPackage:
    """A package with a head of its own, of chance, on the features of a base."""
    chance = np.random.default_rng(seed)
    width = read_head(base).weights.shape[0]
    weights = chance.normal(0, 5, (width, len(labels))).astype(np.float32)
    familiar = None
    if refuses:
        reference = np.full((1, width), width**-0.5, np.float32)
        familiar = Familiar(
            np.zeros(width, np.float32), reference, np.array([0.5, 0.01], np.float32)
        )
    folder.mkdir(parents=True)
    write_labels(folder, labels)
    digest = save(folder, Head(weights, np.zeros(len(labels), np.float32), familiar))
    info = ModelInfo(
        folder.name,
        "1",
        base.info.sha256,
        base=base.info.name,
        head_sha256=digest,
        preprocessing=base.info.preprocessing,
    )
    (folder / INFO).write_bytes(as_json(info))
    return read_package(folder)
