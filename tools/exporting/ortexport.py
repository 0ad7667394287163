"""TensorFlow -> `model.ort`, in the 8-bit form that is fastest with AVX2 (see docs/engines.md)."""

import logging
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid
from tools.exporting import quantised
from tools.exporting.reasons import last_line

OPSET = 17
PACKAGES = ("tf2onnx", "onnx", "onnxruntime", "sympy")
Pixels = NDArray[np.uint8]


def check_machine(machine: str = "") -> None:
    """Raise ModelInvalid unless this is an x86-64 machine, as `model.ort` needs.

    machine: None for what `platform.machine` says.
    """
    machine = machine or platform.machine()
    if machine.lower() not in ("x86_64", "amd64"):
        raise ModelInvalid(
            "--onnxruntime makes a file for x86_64 and has to try it, but this machine is "
            f"{machine}. Export on x86_64, or without --onnxruntime: LiteRT is faster here."
        )


def check_packages(find: Callable[[str], object] = find_spec) -> None:
    """Raise ModelInvalid if the packages that convert are not installed.

    find: a module's spec by its name, or None.
    """
    missing = [name for name in PACKAGES if find(name) is None]
    if missing:
        raise ModelInvalid(
            f"--onnxruntime needs {' and '.join(missing)} as well; run `make tensorflow` once."
        )


def convert(
    classify: Callable[[Any], Any],
    pixels: Any,
    pictures: Sequence[Pixels],
    others: Sequence[Pixels] = (),
) -> bytes:
    """The contents of `model.ort`: uint8 pixels [1, height, width, 3] -> float32 [1, classes].

    Static quantisation. Activations have unsigned 8 bits; their ranges come from the pictures: the
    extremes of all, or the average of each one's, whichever stays nearer to the float scores.
    Weights follow `quantised.scales`, so that no sum of two products leaves 16 bits. Softmax and a
    final sigmoid stay float; else every probability would be a multiple of 1/256.

    classify: a TensorFlow tensor to scores; to be traced. pixels: that tensor's TensorSpec, uint8.
    pictures: uint8 [height, width, 3], such as the network will see. others: more of them, for the
        choice of ranges; `pictures` themselves would flatter both.
    Raises ModelInvalid if conversion fails.
    """
    import onnx
    import tensorflow as tf
    import tf2onnx.convert
    from onnxruntime.quantization import QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        raw, ready, small, baked = (
            str(Path(folder) / f"{name}.onnx") for name in ("raw", "ready", "small", "baked")
        )
        try:
            traced = tf.function(classify, input_signature=[pixels])
            tf2onnx.convert.from_function(traced, [pixels], opset=OPSET, output_path=raw)
            quant_pre_process(raw, ready)
            graph = onnx.load(ready).graph
            name, kept, fine = graph.input[0].name, _probabilities(graph), quantised.scales(graph)
            tried = others or pictures
            expected, losses = _scores(ready, name, tried), {}
            for averaged in (False, True):
                label = f"    Sample images, {'averaged' if averaged else 'extremes'}"
                with click.progressbar(pictures, label=label) as bar:
                    quantize_static(
                        ready, small + str(averaged), _reader(name, bar), per_channel=True,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                        reduce_range=True, nodes_to_exclude=kept,
                        extra_options={
                            "CalibMovingAverage": averaged, "TensorQuantOverrides": fine,
                        },
                    )  # fmt: skip
                scores = _scores(small + str(averaged), name, tried)
                losses[averaged] = float(np.square(scores - expected).mean())
            _bake(small + str(min(losses, key=losses.__getitem__)), baked)
        except Exception as error:  # of four packages' own kinds
            raise ModelInvalid(
                f"The network could not be converted for ONNX Runtime: {last_line(error)}. "
                "Leave --onnxruntime out; LiteRT runs it alone."
            ) from error
        return Path(baked).read_bytes()


def _probabilities(graph: Any) -> list[str]:
    """Names of the nodes that make probabilities: every softmax, and a final sigmoid."""
    makers = {output: node for node in graph.node for output in node.output}
    last = makers.get(graph.output[0].name)
    while last and last.op_type in ("Reshape", "Identity", "Squeeze", "Cast"):
        last = makers.get(last.input[0])
    sigmoid = {last.name} if last and last.op_type == "Sigmoid" else set()
    return [n.name for n in graph.node if n.op_type == "Softmax" or n.name in sigmoid]


def _reader(name: str, pictures: Iterator[Pixels]) -> Any:
    """The pictures in the form that ONNX Runtime's quantiser reads."""
    from onnxruntime.quantization import CalibrationDataReader

    class Samples(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, Pixels] | None:
            image = next(pictures, None)
            return None if image is None else {name: image[np.newaxis]}

    return Samples()


def _scores(path: str, name: str, pictures: Sequence[Pixels]) -> NDArray[np.float32]:
    """A `.onnx` file's scores for images: [images, classes]. name: of its input."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {name: image[np.newaxis]})[0] for image in pictures])


def _bake(source: str, target: str) -> None:
    """Optimise it for any processor, in the format that loads fastest."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = target
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
