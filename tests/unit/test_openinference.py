import base64
import struct
import tracemalloc
from typing import Any

import msgspec
import numpy as np
import pytest

from chalicelib.answers.protocol import TensorMetadata
from chalicelib.errors import BadRequest, ImageUnreadable
from chalicelib.images.preprocessing import WHOLE
from chalicelib.openinference.inferring import infer, metadata
from chalicelib.requests import InferRequest, Output, Tensor
from tests.fakes import ColourClassifier
from tests.unit.test_predict import BLUE, CUT, MIDDLE, RED, RED_IN_BLUE

RED_PIXELS = np.full((6, 8, 3), (255, 0, 0), np.uint8)
BLUE_PIXELS = np.full((6, 8, 3), (0, 0, 255), np.uint8)


def ask(tensor: Tensor, binary: bytes = b"", **options: Any) -> dict[str, Any]:
    request = InferRequest([tensor], **options)
    answer: dict[str, Any] = msgspec.to_builtins(infer(ColourClassifier(), request, binary))  # type: ignore[arg-type]
    return answer


def outputs(answer: dict[str, Any]) -> dict[str, Any]:
    return {output["name"]: output for output in answer["outputs"]}


def test_the_model_describes_its_tensors() -> None:
    described = metadata(ColourClassifier())  # type: ignore[arg-type]
    assert described.inputs == [TensorMetadata("image", "UINT8", [-1, 6, 8, 3])]
    assert described.outputs[0].shape == [-1, 4]


@pytest.mark.parametrize("nested", [False, True])
def test_pixels_in_json(nested: bool) -> None:
    pixels = np.stack([RED_PIXELS, BLUE_PIXELS])
    data = pixels.tolist() if nested else pixels.reshape(-1).tolist()
    answer = ask(Tensor("image", [2, 6, 8, 3], "UINT8", data=data), id="42")
    assert answer["id"] == "42"
    assert outputs(answer)["label"]["data"] == ["red", "blue"]
    assert outputs(answer)["scores"]["shape"] == [2, 4]
    assert outputs(answer)["scores"]["data"] == [0, 1, 0, 0, 0, 0, 0, 1]


def test_pixels_in_binary() -> None:
    raw = RED_PIXELS.tobytes()
    answer = ask(Tensor("image", [1, 6, 8, 3], "UINT8", {"binary_data_size": len(raw)}), raw)
    assert outputs(answer)["label"]["data"] == ["red"]
    assert "id" not in answer


def test_image_files_in_json() -> None:
    data = [base64.b64encode(file).decode() for file in (BLUE, RED)]
    answer = ask(Tensor("image", [2], "BYTES", data=data))
    assert outputs(answer)["label"]["data"] == ["blue", "red"]


def test_an_image_file_is_cropped_as_the_model_wants_it() -> None:
    tensor = Tensor("image", [1], "BYTES", data=[base64.b64encode(RED_IN_BLUE).decode()])
    request = InferRequest([tensor])
    for how, label in ((WHOLE, "blue"), (MIDDLE, "red")):
        classifier = ColourClassifier(how=how)
        assert infer(classifier, request, b"").outputs[1].data == [label]  # type: ignore[arg-type]
        assert metadata(classifier).preprocessing.resize == how.resize  # type: ignore[arg-type]


def test_images_that_lack_their_last_bytes_are_told() -> None:
    data = [base64.b64encode(file).decode() for file in (RED, CUT, RED, CUT)]
    answer = ask(Tensor("image", [4], "BYTES", data=data))
    assert answer["parameters"] == {"truncated": "1,3"}
    assert "parameters" not in ask(Tensor("image", [1], "BYTES", data=data[:1]))


def test_image_files_in_binary() -> None:
    raw = b"".join(struct.pack("<I", len(file)) + file for file in (BLUE, RED))
    answer = ask(Tensor("image", [2], "BYTES", {"binary_data_size": len(raw)}), raw)
    assert outputs(answer)["label"]["data"] == ["blue", "red"]


def test_only_the_outputs_that_are_asked_for() -> None:
    tensor = Tensor("image", [1, 6, 8, 3], "UINT8", data=RED_PIXELS.tolist())
    assert [o["name"] for o in ask(tensor, outputs=[Output("label")])["outputs"]] == ["label"]
    assert ask(tensor, outputs=[])["outputs"] == []


def test_scores_as_a_ranking() -> None:
    tensor = Tensor("image", [1, 6, 8, 3], "UINT8", data=[RED_PIXELS.tolist()])
    answer = ask(tensor, outputs=[Output("scores", {"classification": 2})])
    assert outputs(answer)["scores"] == {
        "name": "scores",
        "datatype": "BYTES",
        "shape": [1, 2],
        "data": ["1.000000:1:red", "0.000000:0:background"],
    }


FLAT = RED_PIXELS.reshape(-1).tolist()


@pytest.mark.parametrize(
    ("tensor", "binary"),
    [
        (Tensor("pixels", [1, 6, 8, 3], "UINT8", data=FLAT), b""),
        (Tensor("image", [1, 6, 8, 3], "FP32", data=FLAT), b""),
        (Tensor("image", [], "UINT8", data=FLAT), b""),
        (Tensor("image", [0, 6, 8, 3], "UINT8", data=[]), b""),
        (Tensor("image", [17, 6, 8, 3], "UINT8", data=FLAT * 17), b""),
        (Tensor("image", [1, 8, 6, 3], "UINT8", data=FLAT), b""),
        (Tensor("image", [1, 6, 8, 3], "UINT8", data=FLAT[1:]), b""),
        (Tensor("image", [1, 6, 8, 3], "UINT8", data=[256, *FLAT[1:]]), b""),
        (Tensor("image", [1, 6, 8, 3], "UINT8", data=[-1, *FLAT[1:]]), b""),
        (Tensor("image", [1, 6, 8, 3], "UINT8", data=[0.5, *FLAT[1:]]), b""),
        (Tensor("image", [1, 6, 8, 3], "UINT8", data=[True, *FLAT[1:]]), b""),
        (Tensor("image", [1, 6, 8, 3], "UINT8", data=[10**30, *FLAT[1:]]), b""),
        (Tensor("image", [1, 6, 8, 3], "UINT8", data=[{}, *FLAT[1:]]), b""),
        (Tensor("image", [1, 6, 8, 3], "UINT8", data=["0", *FLAT[1:]]), b""),
        (Tensor("image", [1, 6, 8, 3], "UINT8", data=[[1, 2], [3]]), b""),
        (Tensor("image", [1, 6, 8, 3], "UINT8", data=[2**80]), b""),
        (Tensor("image", [1, 6, 8, 3], "UINT8"), b""),
        (Tensor("image", [1, 6, 8, 3], "UINT8", {"binary_data_size": 3}), b"four"),
        (Tensor("image", [1, 6, 8, 3], "UINT8", {"binary_data_size": "x"}), b""),
        (Tensor("image", [1], "BYTES", data=["not base64!"]), b""),
        (Tensor("image", [1], "BYTES", data=[1]), b""),
        (Tensor("image", [1], "BYTES", data=["é"]), b""),
        (Tensor("image", [2], "BYTES", data=["QUJD"]), b""),
        (Tensor("image", [1, 2], "BYTES", data=[["QUJD", "QUJD"]]), b""),
        (Tensor("image", [2**31, 2**31], "BYTES", data=["QUJD"]), b""),
        (Tensor("image", [1], "BYTES", {"binary_data_size": 3}), b"\x01\x00\x00"),
        (Tensor("image", [1], "BYTES", {"binary_data_size": 5}), b"\xff\xff\xff\xffA"),
    ],
)
def test_a_tensor_that_is_not_one_of_images(tensor: Tensor, binary: bytes) -> None:
    with pytest.raises(BadRequest, match="Open Inference Protocol"):
        ask(tensor, binary)


@pytest.mark.parametrize(
    "output",
    [
        Output("probabilities"),
        Output("scores", {"classification": 5}),
        Output("scores", {"classification": -1}),
        Output("scores", {"classification": "3"}),
    ],
)
def test_an_output_that_there_is_not(output: Output) -> None:
    with pytest.raises(BadRequest):
        ask(Tensor("image", [1, 6, 8, 3], "UINT8", data=FLAT), outputs=[output])


def test_a_file_that_is_no_image() -> None:
    with pytest.raises(ImageUnreadable):
        ask(Tensor("image", [1], "BYTES", data=["QUJD"]))


def test_texts_in_place_of_pixels_take_no_more_room_than_they_have() -> None:
    data = ["x" * 100_000, *["y"] * 5000]  # 2 GB as an array of texts of one length
    tracemalloc.start()
    try:
        with pytest.raises(BadRequest, match="whole numbers"):
            ask(Tensor("image", [1, 6, 8, 3], "UINT8", data=data))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * 10**6
