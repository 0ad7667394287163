"""Classify one random picture some times, and print how: LiteRT by itself, or this service.

guest.py litert|service|unhelped NAME RUNS, with MODEL_DIR in the environment.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

import numpy as np


def litert(name: str, runs: int) -> tuple[str, bytes]:
    """The kernels and the scores of LiteRT as it comes."""
    from ai_edge_litert.interpreter import Interpreter

    path = Path(os.environ["MODEL_DIR"], name, "model.tflite")
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    pixels, scores = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    picture = np.random.default_rng(1).integers(0, 256, pixels["shape"][1:], np.uint8)
    interpreter.set_tensor(pixels["index"], picture[np.newaxis])
    for _ in range(runs):
        interpreter.invoke()
    names = {each["op_name"] for each in interpreter._get_ops_details()}
    kernels = "xnnpack" if "DELEGATE" in names else "builtin"
    scale, zero_point = scores["quantization"]
    real = interpreter.get_tensor(scores["index"]).astype(np.float32)
    return kernels, ((real - zero_point) * np.float32(scale) if scale else real).tobytes()


def service(name: str, runs: int) -> tuple[str, bytes]:
    """What /health says, and the scores."""
    from chalice.test import Client

    from app import app
    from chalicelib.wiring import services

    health = Client(app).http.get("/health")
    classifier = services().classifiers.get(name)
    width, height = classifier.input_size
    picture = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    for _ in range(runs):
        scores = classifier.output(picture)
    answer = health.json_body
    told = answer.get("kernels") or answer["Code"]
    return f"/health {health.status_code} {told}", scores.tobytes()


def unhelped(name: str, runs: int) -> tuple[str, bytes]:
    """The service on a host that it cannot help."""
    from chalicelib.inference import processors

    processors.LISTS = ()
    return service(name, runs)


if __name__ == "__main__":
    program = {"litert": litert, "service": service, "unhelped": unhelped}[sys.argv[1]]
    kernels, scores = program(sys.argv[2], int(sys.argv[3]))
    print(json.dumps({"kernels": kernels, "scores": hashlib.sha256(scores).hexdigest()[:12]}))
