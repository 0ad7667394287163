"""Classify a JPEG in one of TensorFlow's ways, once for each line of standard input.

    python -m benchmarks.others.respond WAY APPLICATION FOLDER LABELS IMAGE THREADS

Imports only what the way needs, because the start is measured too. With THREADS 0, TensorFlow
decides.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

FROZEN, SAVED, KERAS = "frozen.pb", "saved", "network.keras"
FEED, FETCH = "DecodeJpeg/contents:0", "softmax:0"
"""The tensors in the baseline's code: those of the Inception graph of 2015."""
TOP = 5

Scores = Callable[[bytes], Any]


def session(folder: Path, application: str, threads: int) -> Scores:
    """The baseline: a frozen graph in a session that stays open."""
    open_session = _sessions(folder, threads)
    kept = open_session()
    return lambda jpeg: kept.run(FETCH, {FEED: jpeg})[0]


def new_session(folder: Path, application: str, threads: int) -> Scores:
    """The baseline's graph, with a session for each image."""
    open_session = _sessions(folder, threads)

    def scores(jpeg: bytes) -> Any:
        with open_session() as opened:
            return opened.run(FETCH, {FEED: jpeg})[0]

    return scores


def keras(folder: Path, application: str, threads: int) -> Scores:
    """`model.predict` on an image that Keras loaded."""
    import io

    tf = _tensorflow(threads)
    network = tf.keras.models.load_model(folder / KERAS, compile=False)
    preprocess = preprocessing(tf, application)
    _, height, width, _ = network.inputs[0].shape

    def scores(jpeg: bytes) -> Any:
        image = tf.keras.utils.load_img(io.BytesIO(jpeg), target_size=(height, width))
        pixels = preprocess(tf.keras.utils.img_to_array(image)[None])
        return network.predict(pixels, verbose=0)[0]

    return scores


def saved_model(folder: Path, application: str, threads: int) -> Scores:
    """A SavedModel's signature on an image that TensorFlow decoded."""
    tf = _tensorflow(threads)
    loaded = tf.saved_model.load(str(folder / SAVED))
    signature = loaded.signatures["serving_default"]
    preprocess = preprocessing(tf, application)
    ((name, spec),) = signature.structured_input_signature[1].items()

    def scores(jpeg: bytes) -> Any:
        image = tf.io.decode_jpeg(jpeg, channels=3)
        pixels = preprocess(tf.image.resize(image, spec.shape[1:3])[None])
        loaded.signatures  # noqa: B018 - keeps the variables alive for as long as the function
        (output,) = signature(**{name: pixels}).values()
        return output.numpy()[0]

    return scores


WAYS = {
    "baseline": session,
    "baseline_new_session": new_session,
    "keras": keras,
    "saved": saved_model,
}


def preprocessing(tf: Any, application: str) -> Any:
    """Returns the network's own preprocessing, from pixels 0..255 to its input."""
    build = getattr(tf.keras.applications, application)
    return sys.modules[build.__module__].preprocess_input


def _sessions(folder: Path, threads: int) -> Callable[[], Any]:
    import tensorflow as tf

    graph_def = tf.compat.v1.GraphDef()
    graph_def.ParseFromString((folder / FROZEN).read_bytes())
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
    config = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads
    )
    return lambda: tf.compat.v1.Session(graph=graph, config=config)


def _tensorflow(threads: int) -> Any:
    import tensorflow as tf

    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    return tf


def main() -> None:
    """Prints the best labels and their scores as a line of JSON, for each line read."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    way, application, folder, labels, image, threads = sys.argv[1:]
    answers, sys.stdout = sys.stdout, sys.stderr  # libraries may print there
    scores = WAYS[way](Path(folder), application, int(threads))
    names = Path(labels).read_text().splitlines()
    jpeg = Path(image).read_bytes()
    for _ in sys.stdin:
        answer = scores(jpeg)
        best = answer.argsort()[::-1][:TOP]
        print(
            json.dumps([{"name": names[i], "score": round(float(answer[i]), 6)} for i in best]),
            file=answers,
            flush=True,
        )


if __name__ == "__main__":
    main()
