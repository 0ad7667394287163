"""The Open Inference Protocol, spoken by the client that the field uses."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import urllib3
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from chalicelib.images.decode import decode
from chalicelib.urlevents import NO_PATH
from tests.conftest import DOODLES

SAMPLES = sorted(DOODLES.glob("*.jpg"))


@pytest.fixture(scope="module")
def client(front: str) -> Iterator[Any]:
    with InferenceServerClient(front.removeprefix("http://")) as client:
        yield client


@pytest.fixture(scope="module")
def size(client: Any) -> tuple[int, int]:
    (tensor,) = client.get_model_metadata("doodle")["inputs"]
    _, height, width, channels = tensor["shape"]
    assert (tensor["datatype"], channels) == ("UINT8", 3)
    return width, height


def as_bytes() -> dict[str, str]:
    """What API Gateway wants to be told, or it takes bytes for text; the client writes into it."""
    return {"Content-Type": "application/octet-stream"}


def expected(path: Any) -> str:
    return str(path.stem.replace("-", " "))


def test_the_server_and_its_model_are_ready(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("doodle")
    assert not client.is_model_ready("none")
    assert client.get_server_metadata()["name"] == "serverless-inception"


@pytest.mark.parametrize("binary", [True, False])
def test_pixels(client: Any, size: tuple[int, int], binary: bool) -> None:
    pixels = np.stack([decode(path.read_bytes(), size).pixels for path in SAMPLES])
    tensor = InferInput("image", list(pixels.shape), "UINT8")
    tensor.set_data_from_numpy(pixels, binary_data=binary)
    answer = client.infer("doodle", [tensor], request_id="7", headers=as_bytes())
    assert answer.get_response()["id"] == "7"
    assert answer.as_numpy("label").tolist() == [expected(path) for path in SAMPLES]
    scores = answer.as_numpy("scores")
    assert scores.dtype == np.float32 and scores.shape[0] == len(SAMPLES)
    assert (scores.sum(axis=1) <= 1.0001).all() and (scores.max(axis=1) > 0.5).all()


def test_image_files(client: Any) -> None:
    files = np.array([path.read_bytes() for path in SAMPLES], dtype=object)
    tensor = InferInput("image", [len(files)], "BYTES")
    tensor.set_data_from_numpy(files)
    outputs = [InferRequestedOutput("scores", class_count=2), InferRequestedOutput("label")]
    answer = client.infer("doodle", [tensor], outputs=outputs, headers=as_bytes())
    assert answer.as_numpy("label").tolist() == [expected(path) for path in SAMPLES]
    best = [row[0].split(":")[2] for row in answer.as_numpy("scores")]
    assert best == [expected(path) for path in SAMPLES]


def test_a_refusal_reaches_the_client_in_words(client: Any) -> None:
    tensor = InferInput("image", [1, 2, 2, 3], "UINT8")
    tensor.set_data_from_numpy(np.zeros((1, 2, 2, 3), np.uint8))
    with pytest.raises(InferenceServerException, match="the shape must be"):
        client.infer("doodle", [tensor], headers=as_bytes())
    with pytest.raises(InferenceServerException, match="no model 'none'"):
        client.infer("none", [tensor], headers=as_bytes())


def test_a_version_may_be_named_where_it_is_the_one(client: Any) -> None:
    tensor = InferInput("image", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([SAMPLES[0].read_bytes()], dtype=object))
    (version,) = client.get_model_metadata("doodle")["versions"]
    assert client.get_model_metadata("doodle", version)["versions"] == [version]
    assert client.is_model_ready("doodle", version)
    assert not client.is_model_ready("doodle", "99")
    answer = client.infer("doodle", [tensor], version, headers=as_bytes())
    assert answer.as_numpy("label").tolist() == [expected(SAMPLES[0])]
    with pytest.raises(InferenceServerException, match=f"Only version {version}"):
        client.infer("doodle", [tensor], "99", headers=as_bytes())


def test_compressed_requests(client: Any) -> None:
    tensor = InferInput("image", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([SAMPLES[0].read_bytes()], dtype=object))
    for way in ("gzip", "deflate"):
        answer = client.infer(
            "doodle", [tensor], request_compression_algorithm=way, headers=as_bytes()
        )
        assert answer.as_numpy("label").tolist() == [expected(SAMPLES[0])]


def test_whoever_does_not_say_that_bytes_are_bytes_is_told(server: str) -> None:
    """Behind API Gateway; a picture's bytes are no text, and would arrive as other ones."""
    with InferenceServerClient(server.removeprefix("http://")) as client:
        tensor = InferInput("image", [1], "BYTES")
        tensor.set_data_from_numpy(np.array([SAMPLES[0].read_bytes()], dtype=object))
        told = "send the header Content-Type: application/octet-stream"
        for way in (None, "gzip"):
            with pytest.raises(InferenceServerException, match=told):
                client.infer("doodle", [tensor], request_compression_algorithm=way)


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.get_model_config("doodle"),
        lambda client: client.get_inference_statistics("doodle", "1.0"),
        lambda client: client.get_model_repository_index(),
        lambda client: client.unload_model("doodle"),
        lambda client: client.get_log_settings(),
        lambda client: client.get_cuda_shared_memory_status("region"),
    ],
)
def test_what_is_not_supported_is_an_exception_that_can_be_read(
    client: Any, ask: Callable[[Any], Any]
) -> None:
    with pytest.raises(InferenceServerException) as caught:
        ask(client)
    assert str(caught.value) == f"[404] {NO_PATH}"


@pytest.mark.parametrize(
    "path", ["none", "health", "health/none", "models", "models/a/versions", "models/a/b/c"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_path_of_no_route_is_a_sentence(front: str, method: str, path: str) -> None:
    answer = urllib3.request(method, f"{front}/v2/{path}")
    assert (answer.status, answer.json()["error"]) == (404, NO_PATH)
