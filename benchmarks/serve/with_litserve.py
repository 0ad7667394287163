"""LitServe's way: an API of four methods, run in `workers_per_device` processes.

python -m benchmarks.serve.with_litserve PORT WORKERS
"""

import sys
from typing import Annotated, Any

import litserve
from fastapi import Body

from benchmarks.serve.handling import load


class InceptionAPI(litserve.LitAPI):
    """Classifies the image that is the body."""

    def setup(self, device: str) -> None:
        self.classify = load()

    def decode_request(self, request: Annotated[bytes, Body()]) -> bytes:
        return request

    def predict(self, x: bytes) -> list[dict[str, Any]]:
        return self.classify(x)

    def encode_response(self, output: list[dict[str, Any]]) -> dict[str, Any]:
        return {"labels": output}


if __name__ == "__main__":
    port, workers = map(int, sys.argv[1:])
    api = InceptionAPI(api_path="/predict")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=workers)
    server.run(host="127.0.0.1", port=port, generate_client_file=False)
