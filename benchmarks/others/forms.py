"""Make the network for TensorFlow's ways, once, under build/bench.

    python -m benchmarks.others.forms InceptionV3 1000

`made` runs this as a process, so that no benchmark imports TensorFlow. The weights are random; the
speed does not depend on them.
"""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from benchmarks.others.respond import FEED, FETCH, FROZEN, KERAS, SAVED, preprocessing
from chalicelib.settings import ROOT
from tools.console.quiet import quiet

WORK = ROOT / "build" / "bench" / "networks"


def made(application: str, classes: int) -> Path:
    """Returns the folder with FROZEN, SAVED and KERAS of a network of keras.applications.

    Makes it if it does not exist. Raises ClickException without TensorFlow.
    """
    folder = _folder(application, classes)
    if not folder.exists():
        if not importlib.util.find_spec("tensorflow"):
            raise click.ClickException("TensorFlow is not installed: make tensorflow.")
        click.echo(f"Making {application} for TensorFlow's ways, once …", err=True)
        command = [sys.executable, "-m", "benchmarks.others.forms", application, str(classes)]
        subprocess.run(command, cwd=ROOT, check=True)
    return folder


def make(application: str, classes: int, folder: Path) -> None:
    """Writes the three forms into the folder."""
    import tensorflow as tf

    network = getattr(tf.keras.applications, application)(weights=None, classes=classes)
    network.save(folder / KERAS)
    network.export(str(folder / SAVED), format="tf_saved_model", verbose=False)
    graph_def = frozen(tf, network, preprocessing(tf, application))
    (folder / FROZEN).write_bytes(graph_def.SerializeToString())


def frozen(tf: Any, network: Any, preprocess: Any) -> Any:
    """Makes a GraphDef with constant weights, from a JPEG at FEED to scores at FETCH.

    It squashes the whole image, bilinear, as the graph of 2015 does.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    _, height, width, _ = network.inputs[0].shape
    spec = tf.TensorSpec([1, height, width, 3], tf.float32, name="pixels")
    traced = tf.function(lambda pixels: network(pixels, training=False)).get_concrete_function(spec)
    constant = convert_variables_to_constants_v2(traced)
    with tf.Graph().as_default() as graph:
        jpeg = tf.compat.v1.placeholder(tf.string, [], name=FEED.partition(":")[0])
        image = tf.cast(tf.io.decode_jpeg(jpeg, channels=3, name="DecodeJpeg"), tf.float32)
        pixels = tf.compat.v1.image.resize_bilinear(image[None], [height, width])
        (scores,) = tf.import_graph_def(
            constant.graph.as_graph_def(),
            input_map={constant.inputs[0].name: preprocess(pixels)},
            return_elements=[constant.outputs[0].name],
            name="network",
        )
        tf.identity(scores, name=FETCH.partition(":")[0])
    return graph.as_graph_def()


def _folder(application: str, classes: int) -> Path:
    return WORK / f"{application}-{classes}"


@click.command(help=__doc__)
@click.argument("application")
@click.argument("classes", type=int)
def main(application: str, classes: int) -> None:
    """Makes the folder, whole or not at all."""
    folder = _folder(application, classes)
    unfinished = folder.with_name(f".{folder.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    with quiet():
        make(application, classes, unfinished)
    unfinished.rename(folder)


if __name__ == "__main__":
    main()
