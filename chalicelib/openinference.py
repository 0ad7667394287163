"""Serve the Open Inference Protocol (KServe v2, REST): tensors to images, scores to tensors.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol, with Triton's
extensions for binary tensors in requests and for classification, so that its client works as it is:
https://github.com/triton-inference-server/server/tree/main/docs/protocol
"""

import base64
import binascii
import itertools
import struct
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from chalicelib.answers.protocol import (
    InferAnswer,
    InferParameters,
    ModelMetadata,
    OutputTensor,
    TensorMetadata,
)
from chalicelib.errors import BadRequest
from chalicelib.images.decode import decode
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.tensors import top
from chalicelib.requests import InferRequest, Output, Tensor

INPUT, SCORES, LABEL = "image", "scores", "label"
"""Names of the tensors: images in; scores by class index and the best label out."""

MAX_BATCH = 16
"""Images in one request, as in `POST /predict`."""


def metadata(classifier: Classifier) -> ModelMetadata:
    """Describes a model: its tensors, its preprocessing and its scores."""
    info, (width, height) = classifier.info, classifier.input_size
    return ModelMetadata(
        name=info.name,
        versions=[info.version],
        platform="litert",
        inputs=[TensorMetadata(INPUT, "UINT8", [-1, height, width, 3])],
        outputs=[
            TensorMetadata(SCORES, "FP32", [-1, len(classifier.labels)]),
            TensorMetadata(LABEL, "BYTES", [-1]),
        ],
        preprocessing=info.preprocessing,
        scores=info.scores,
        multi_label=info.multi_label,
    )


def infer(classifier: Classifier, request: InferRequest, binary: bytes) -> InferAnswer:
    """Classifies the request's images.

    binary: what followed the JSON part of the body, under the binary tensor extension.
    Raises BadRequest if the tensor does not hold images, and ImageUnreadable if an image cannot be
    read.
    """
    (tensor,) = request.inputs
    if tensor.name != INPUT:
        _refuse(f"the input must be named {INPUT!r}, not {tensor.name[:64]!r}")
    wanted = request.outputs if request.outputs is not None else [Output(SCORES), Output(LABEL)]
    unknown = [output.name for output in wanted if output.name not in (SCORES, LABEL)]
    if unknown:
        _refuse(f"the outputs are {SCORES!r} and {LABEL!r}, not {unknown[0][:64]!r}")
    truncated: list[int] = []
    images = _images(tensor, binary, classifier, truncated)
    scores = [classifier.scores(image) for image in images]
    places = ",".join(map(str, truncated))
    return InferAnswer(
        model_name=classifier.info.name,
        model_version=classifier.info.version,
        outputs=[_output(output, scores, classifier) for output in wanted],
        parameters=InferParameters(places) if places else None,
        id=request.id,
    )


def _images(
    tensor: Tensor, binary: bytes, classifier: Classifier, truncated: list[int]
) -> Iterator[NDArray[np.uint8]]:
    """Yields the tensor's images as arrays [height, width, 3]; decodes files one by one.

    truncated: gets the places of images that lacked their last bytes.
    """
    if not tensor.shape or not 1 <= tensor.shape[0] <= MAX_BATCH:
        _refuse(f"the first dimension of the shape is the number of images, 1 to {MAX_BATCH}")
    size, how = classifier.input_size, classifier.info.preprocessing
    if tensor.datatype == "UINT8":
        return iter(_pixels(tensor, binary, size))
    if tensor.datatype != "BYTES":
        _refuse(f"the datatype must be UINT8 or BYTES, not {tensor.datatype[:16]!r}")

    def decoded(place: int, data: bytes) -> NDArray[np.uint8]:
        image = decode(data, size, how)
        truncated.extend([place] * image.truncated)
        return image.pixels

    return itertools.starmap(decoded, enumerate(_encoded(tensor, binary)))


def _pixels(tensor: Tensor, binary: bytes, size: tuple[int, int]) -> NDArray[np.uint8]:
    width, height = size
    count = tensor.shape[0]
    if tensor.shape[1:] != [height, width, 3]:
        _refuse(f"the shape must be [{count}, {height}, {width}, 3], not {tensor.shape[:8]}")
    if tensor.data is None:
        _check_binary(tensor, binary)
        flat = np.frombuffer(binary, np.uint8)
    else:
        flat = _numbers(tensor.data)
    if flat.size != count * height * width * 3:
        _refuse(
            f"the data has {flat.size} numbers, but the shape needs {count * height * width * 3}"
        )
    return flat.reshape(count, height, width, 3)


def _numbers(data: list[Any]) -> NDArray[np.uint8]:
    try:
        # as objects: in NumPy's arrays of texts each takes the room of the longest
        flat = np.array(data, dtype=object).reshape(-1)
    except ValueError:
        _refuse("the data must be a flat list, or lists nested as the shape says")
    if not set(map(type, flat)) <= {int}:
        _refuse("the data of a UINT8 tensor must be whole numbers, nested as the shape says")
    try:
        return flat.astype(np.uint8)
    except OverflowError:
        _refuse("the data of a UINT8 tensor must be whole numbers 0..255")


def _encoded(tensor: Tensor, binary: bytes) -> list[bytes]:
    """Returns the image files: base64 in JSON, or bytes after their length in binary."""
    if tensor.data is None:
        _check_binary(tensor, binary)
        files = list(_split(binary))
    else:
        files = [_base64(text) for text in _flat(tensor.data)]
    if int(np.prod(tensor.shape, dtype=object)) != len(files) or len(files) != tensor.shape[0]:
        _refuse(f"the shape must be [{len(files)}] for {len(files)} images")
    return files


def _flat(data: list[Any]) -> Iterator[Any]:
    for value in data:
        if isinstance(value, list):
            yield from value
        else:
            yield value


def _base64(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        _refuse("the data of a BYTES tensor must be image files in base64")


def _split(binary: bytes) -> Iterator[bytes]:
    """Splits a binary BYTES tensor. Each element follows its length, a 4-byte little-endian."""
    position = 0
    while position < len(binary):
        start = position + 4
        if start > len(binary):
            _refuse("the binary data ends within a length")
        (length,) = struct.unpack_from("<I", binary, position)
        position = start + length
        if position > len(binary):
            _refuse("the binary data is shorter than the lengths in it say")
        yield binary[start:position]


def _check_binary(tensor: Tensor, binary: bytes) -> None:
    if tensor.parameters.get("binary_data_size") != len(binary):
        _refuse(
            "give the tensor's data, or its binary_data_size and that many bytes after the JSON"
        )


def _output(
    output: Output, scores: list[NDArray[np.float32]], classifier: Classifier
) -> OutputTensor:
    count = output.parameters.get("classification", 0)
    if output.name == LABEL:
        data = [classifier.labels[int(each.argmax())] for each in scores]
        return OutputTensor(LABEL, "BYTES", [len(scores)], data)
    if not count:
        flat = [float(score) for each in scores for score in each]
        shape = [len(scores), len(classifier.labels)]
        return OutputTensor(SCORES, "FP32", shape, flat)
    if not isinstance(count, int) or not 1 <= count <= len(classifier.labels):
        _refuse(f"classification must be a number of labels, 1 to {len(classifier.labels)}")
    data = [
        f"{each[i]:f}:{i}:{classifier.labels[i]}" for each in scores for i in top(each, count, None)
    ]
    return OutputTensor(SCORES, "BYTES", [len(scores), count], data)


def _refuse(problem: str) -> NoReturn:
    raise BadRequest(f"This Open Inference Protocol request cannot be answered: {problem}.")
