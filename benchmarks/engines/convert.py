"""One Keras network for every engine: convert.py NETWORK.keras|InceptionV3 SAMPLES.npy FOLDER.

Run by the Python of the environment `convert`. All files take uint8 pixels [1, size, size, 3].
"""

import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import nncf
import numpy as np
import onnx
import onnxruntime
import openvino
import tensorflow as tf
import tf2onnx
from narrow import narrow
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


class Samples(CalibrationDataReader):
    """The pictures, one by one, as ONNX Runtime's quantiser asks for them."""

    def __init__(self, images, name):
        self._feeds = iter([{name: image[None]} for image in images])

    def get_next(self):
        return next(self._feeds, None)


def network(source):
    """What maps float pixels 0..255 to scores."""
    if source == "InceptionV3":
        keras.utils.set_random_seed(0)
        model = keras.applications.InceptionV3(weights=None)
        return model, lambda pixels: model(pixels / 127.5 - 1, training=False)
    model = keras.models.load_model(source, compile=False)
    return model, lambda pixels: model(pixels / 255.0, training=False)


def tflite(call, shape, images, kind):
    """kind: "float", "dynamic" or "static"."""
    given = tf.float32 if kind == "static" else tf.uint8  # its range is what the samples show
    signature = [tf.TensorSpec(shape, given, name="pixels")]
    traced = tf.function(lambda pixels: call(tf.cast(pixels, tf.float32)), signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced.get_concrete_function()])
    if kind != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "static":
        converter.representative_dataset = lambda: ([i[None].astype("float32")] for i in images)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.uint8
    return converter.convert()


def for_onnxruntime(call, shape, images, folder):
    """Float; 8-bit weights; 7-bit weights; from the static .tflite; the last two as .ort, too."""
    signature = [tf.TensorSpec(shape, tf.uint8, name="pixels")]
    traced = tf.function(lambda pixels: call(tf.cast(pixels, tf.float32)), signature)
    raw, ready = str(folder / "raw.onnx"), str(folder / "float.onnx")
    tf2onnx.convert.from_function(traced, signature, opset=17, output_path=raw)
    quant_pre_process(raw, ready)
    graph = onnx.load(ready).graph
    name = graph.input[0].name
    for kind, reduce_range in (("full", False), ("reduced", True)):
        quantize_static(
            ready, str(folder / f"{kind}.onnx"), Samples(images, name), per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            reduce_range=reduce_range,
            nodes_to_exclude=[node.name for node in graph.node if node.op_type == "Softmax"],
        )  # fmt: skip
    lite = str(folder / "static.tflite")
    tf2onnx.convert.from_tflite(lite, opset=17, output_path=str(folder / "lite.onnx"))
    onnx.save(narrow(onnx.load(folder / "lite.onnx")), folder / "narrow.onnx")
    for kind in ("reduced", "narrow"):
        bake(folder / f"{kind}.onnx", folder / f"{kind}.ort")


def bake(source, target):
    """The .ort file, optimised as far as any processor may use it."""
    options = onnxruntime.SessionOptions()
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def for_openvino(images, folder):
    """NNCF's 8 bits."""
    model = openvino.Core().read_model(folder / "float.onnx")
    name = model.inputs[0].any_name
    samples = nncf.Dataset(list(images), lambda image: {name: image[None]})
    found = nncf.quantize(model, samples, subset_size=len(images))
    openvino.save_model(found, folder / "nncf.xml", compress_to_fp16=False)


def main(source, samples, folder):
    """Write all files into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    images = np.load(samples)
    model, call = network(source)
    shape = [1, *model.input_shape[1:]]
    for kind in ("float", "dynamic", "static"):
        (folder / f"{kind}.tflite").write_bytes(tflite(call, shape, images, kind))
    for_onnxruntime(call, shape, images, folder)
    for_openvino(images, folder)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
