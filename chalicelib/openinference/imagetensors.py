"""Read the images of a request: pixels, or image files in Base64 or in binary."""

import base64
import binascii
import itertools
import struct
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import BadRequest
from chalicelib.images.decode import decode
from chalicelib.inference.classifier import Classifier
from chalicelib.requests import Tensor

MAX_BATCH = 16
"""Images in one request, as in `POST /predict`."""


def images_of(
    tensor: Tensor, binary: bytes, classifier: Classifier, truncated: list[int]
) -> Iterator[NDArray[np.uint8]]:
    """Yields the tensor's images as arrays [height, width, 3]; decodes files one by one.

    truncated: gets the places of images that lacked their last bytes.
    """
    if not tensor.shape or not 1 <= tensor.shape[0] <= MAX_BATCH:
        refuse(f"the first dimension of the shape is the number of images, 1 to {MAX_BATCH}")
    size, how = classifier.input_size, classifier.info.preprocessing
    if tensor.datatype == "UINT8":
        return iter(_pixels(tensor, binary, size))
    if tensor.datatype != "BYTES":
        refuse(f"the datatype must be UINT8 or BYTES, not {tensor.datatype[:16]!r}")

    def decoded(place: int, data: bytes) -> NDArray[np.uint8]:
        image = decode(data, size, how)
        truncated.extend([place] * image.truncated)
        return image.pixels

    return itertools.starmap(decoded, enumerate(_encoded(tensor, binary)))


def _pixels(tensor: Tensor, binary: bytes, size: tuple[int, int]) -> NDArray[np.uint8]:
    width, height = size
    count = tensor.shape[0]
    if tensor.shape[1:] != [height, width, 3]:
        refuse(f"the shape must be [{count}, {height}, {width}, 3], not {tensor.shape[:8]}")
    if tensor.data is None:
        _check_binary(tensor, binary)
        flat = np.frombuffer(binary, np.uint8)
    else:
        flat = _numbers(tensor.data)
    if flat.size != count * height * width * 3:
        refuse(
            f"the data has {flat.size} numbers, but the shape needs {count * height * width * 3}"
        )
    return flat.reshape(count, height, width, 3)


def _numbers(data: list[Any]) -> NDArray[np.uint8]:
    try:
        # as objects: in NumPy's arrays of texts each takes the room of the longest
        flat = np.array(data, dtype=object).reshape(-1)
    except ValueError:
        refuse("the data must be a flat list, or lists nested as the shape says")
    if not set(map(type, flat)) <= {int}:
        refuse("the data of a UINT8 tensor must be whole numbers, nested as the shape says")
    try:
        return flat.astype(np.uint8)
    except OverflowError:
        refuse("the data of a UINT8 tensor must be whole numbers 0..255")


def _encoded(tensor: Tensor, binary: bytes) -> list[bytes]:
    """Returns the image files: base64 in JSON, or bytes after their length in binary."""
    if tensor.data is None:
        _check_binary(tensor, binary)
        files = list(_split(binary))
    else:
        files = [_base64(text) for text in _flat(tensor.data)]
    if int(np.prod(tensor.shape, dtype=object)) != len(files) or len(files) != tensor.shape[0]:
        refuse(f"the shape must be [{len(files)}] for {len(files)} images")
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
        refuse("the data of a BYTES tensor must be image files in base64")


def _split(binary: bytes) -> Iterator[bytes]:
    """Splits a binary BYTES tensor. Each element follows its length, a 4-byte little-endian."""
    position = 0
    while position < len(binary):
        start = position + 4
        if start > len(binary):
            refuse("the binary data ends within a length")
        (length,) = struct.unpack_from("<I", binary, position)
        position = start + length
        if position > len(binary):
            refuse("the binary data is shorter than the lengths in it say")
        yield binary[start:position]


def _check_binary(tensor: Tensor, binary: bytes) -> None:
    if tensor.parameters.get("binary_data_size") != len(binary):
        refuse("give the tensor's data, or its binary_data_size and that many bytes after the JSON")


def refuse(problem: str) -> NoReturn:
    """Raises BadRequest."""
    raise BadRequest(f"This Open Inference Protocol request cannot be answered: {problem}.")
