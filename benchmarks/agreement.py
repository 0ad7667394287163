"""How often the 8-bit networks give the float network's answer.

    python -m benchmarks.agreement

Runs the trained Inception v3 on four crops of each photograph that did not calibrate ONNX Runtime's
network. Needs TensorFlow, and the test material beside the project (see `benchmarks.subject`).
"""

import sys
from collections.abc import Callable, Iterator

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks import findings, subject
from benchmarks.findings import Figure, Record, Table
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.engines import LITERT, ONNXRUNTIME, Engine
from tools.exporting import tfjs
from tools.exporting.photographs import held_back

CROP = 0.75
"""Of a photograph's width and height, in each of its corners."""

Pixels = NDArray[np.uint8]
Scores = NDArray[np.float32]
Answer = Callable[[Pixels], Scores]
ENGINES: dict[str, tuple[str, Engine]] = {
    "litert": ("LiteRT", LITERT),
    "onnxruntime": ("ONNX Runtime", ONNXRUNTIME),
}


def photographs() -> list[Pixels]:
    """Returns the photographs that `export` did not calibrate with."""
    folder = subject.NETWORK.parent / "imagenet-sample"
    files = sorted(path for path in folder.rglob("*") if path.suffix == ".JPEG")
    return held_back([np.asarray(Image.open(path).convert("RGB")) for path in files])[1]


def corners(image: Pixels, size: tuple[int, int]) -> Iterator[Pixels]:
    """Yields four crops of an image, resized to (width, height)."""
    whole = Image.fromarray(image)
    width, height = whole.width * CROP, whole.height * CROP
    for left in (0, whole.width - width):
        for top in (0, whole.height - height):
            box = (left, top, left + width, top + height)
            yield np.asarray(whole.resize(size, Image.Resampling.BILINEAR, box=box))


def original() -> Answer:
    """Loads the float network into TensorFlow."""
    network = tfjs.load(subject.NETWORK / "model.json")
    return lambda image: network(image[np.newaxis].astype(np.float32) / 255).numpy()[0]


@click.command(help=__doc__)
@findings.options
def main(as_json: bool, save: bool) -> None:
    """Measure, and print."""
    if subject.MODEL != subject.TRAINED:
        raise click.ClickException(f"There is no trained network in {subject.NETWORK}.")
    package = subject.model()
    classifiers = {
        key: Classifier(package, threads=1, load=engine.load)
        for key, (_, engine) in ENGINES.items()
    }
    networks: dict[str, Answer] = {key: network.output for key, network in classifiers.items()}
    float_network = original()
    size = classifiers["litert"].input_size
    crops = [crop for photograph in photographs() for crop in corners(photograph, size)]
    rows: dict[str, list[Scores]] = {key: [] for key in ("float", *networks)}
    with click.progressbar(crops, label="Crops", file=sys.stderr) as bar:
        for crop in bar:
            rows["float"].append(float_network(crop))
            for key, answer in networks.items():
                rows[key].append(answer(crop))
    scores = {key: np.stack(row) for key, row in rows.items()}
    figures, table = [], []
    for key, (title, _) in ENGINES.items():
        same = scores[key].argmax(axis=1) == scores["float"].argmax(axis=1)
        largest = float(np.abs(scores[key] - scores["float"]).max())
        says = f"{title}: crops with the float network's best class, of {len(crops)}"
        figures += [
            Figure(f"{key}-same", says, float(same.mean()), f"{same.mean():.2%}"),
            Figure(
                f"{key}-largest",
                f"{title}: largest difference of a probability",
                largest,
                f"{largest:.2f}",
            ),
        ]
        table.append([title, str(same.sum()), str(len(crops)), f"{largest:.2f}"])
    columns = ["engine", "same best class", "crops", "largest difference"]
    title = "8-bit networks beside the float network, real weights"
    tables = [Table(title, columns, table)]
    findings.publish(Record("agreement", title, figures, tables), as_json, save)


if __name__ == "__main__":
    main()
