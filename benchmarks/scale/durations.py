"""How long things take: measured here if possible, otherwise assumed and named."""

import http.server
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import boto3
import click
import numpy as np

from benchmarks.subject import model, photograph
from chalicelib.images.decode import decode
from chalicelib.inference.classifier import Classifier

SMALL = b'{"id": "0000001.jpg", "s3_uri": "s3://images/batches/name/0000001.jpg"}\n' * 25


@dataclass(frozen=True)
class Times:
    """Times, in seconds.

    image: decoding and network on one CPU; each image draws one. call: CPU of a request to S3 or
    SQS. store, queue: until S3 and SQS answer. cold: median of a cold start, both billed and waited
    for. cold_spread: standard deviation of its logarithm. line: to read and cut a line of a
    manifest. row: to judge a row of results.
    """

    image: Sequence[float]
    call: float
    store: float = 0.03
    queue: float = 0.015
    cold: float = 1.0
    cold_spread: float = 0.25
    line: float = 8e-6
    row: float = 15e-6


def measured_image(runs: int = 40) -> list[float]:
    """Measures the CPU seconds of 720p photographs with the full-size network, on one thread."""
    classifier = Classifier(model(), 1)
    size, how = classifier.input_size, classifier.info.preprocessing
    times = []
    with click.progressbar(range(runs + 2), label="images", file=sys.stderr) as numbers:
        for number in numbers:
            data = photograph(number)
            start = time.thread_time()
            classifier.scores(decode(data, size, how).pixels)
            times.append(time.thread_time() - start)
    return times[2:]


class _Object(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(SMALL)))
        self.end_headers()
        self.wfile.write(SMALL)


def serve() -> None:
    """Prints a port, and answers every GET there with a small object until standard input ends."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Object) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_port, flush=True)
        sys.stdin.read()


def measured_call(calls: int = 1000) -> float:
    """Measures the CPU seconds of a boto3 GET of a small object, eight side by side."""
    command = [sys.executable, "-c", "from benchmarks.scale.durations import serve; serve()"]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as server:
        assert server.stdin and server.stdout
        client = boto3.client(
            "s3", endpoint_url=f"http://127.0.0.1:{int(server.stdout.readline())}",
            region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any",
        )  # fmt: skip

        def get(number: int) -> None:
            client.get_object(Bucket="b", Key=f"{number}")["Body"].read()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(get, range(50)))
            start = time.process_time()
            list(pool.map(get, range(calls)))
            seconds = time.process_time() - start
        client.close()
        server.stdin.close()
    return seconds / calls


def spread(times: Times, rng: np.random.Generator, count: int, images: int) -> np.ndarray:
    """Draws the CPU seconds of each of `count` chunks of so many images."""
    drawn = rng.choice(np.asarray(times.image), (count, images))
    return np.asarray(drawn.sum(axis=1))
