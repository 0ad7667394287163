"""What heat maps and embeddings add to an answer, and features to a network.

    python -m benchmarks.explain

On an Inception v3 of random weights, which is as fast as a trained one. The ways run in turn in one
process, on one thread.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from benchmarks import findings
from benchmarks.findings import Figure, Record, Table, ratio
from benchmarks.inprocess import Service
from benchmarks.subject import RANDOM, model, photograph
from benchmarks.timing import fastest
from chalicelib.images.decode import decode
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.explainable import OCCLUSIONS
from chalicelib.inference.explaining import with_heat_maps
from chalicelib.inference.packages import LABELS, ModelPackage
from chalicelib.inference.packages import MODEL as NETWORK
from chalicelib.requests import PredictRequest
from chalicelib.wiring import services
from tools.featuremaps import original


@click.command(help=__doc__)
@click.option("--model", "name", default=RANDOM, show_default=True, help="Model to run.")
@click.option("--runs", default=100, show_default=True, help="Number of counted runs of each.")
@findings.options
def main(name: str, runs: int, as_json: bool, save: bool) -> None:
    """Measure, and print."""
    package, data = model(name), photograph()
    if not package.info.has_features:
        raise click.ClickException(f"{name} gives no features; fetch, add or export it again.")
    networks = _networks(package, data, runs)
    answers = _answers(package, data, runs)
    plain, heat = answers["labels alone"], networks["heat maps of 5 labels"]
    occlusion = networks["occlusion of 5 labels"]
    figures = [
        ratio(
            "exposed-over-original",
            "the network with its feature map among its outputs, over the network without",
            networks["network with features"] / networks["network"],
        ),
        ratio(
            "explain-over-plain",
            "an answer with heat maps of 5 labels, over labels alone",
            answers["with heat maps"] / plain,
        ),
        ratio(
            "embedding-over-plain",
            "an answer with an embedding, over labels alone",
            answers["with an embedding"] / plain,
        ),
        ratio(
            "occlusion-over-network",
            f"occlusion, of {OCCLUSIONS} inferences, over one inference",
            (occlusion + networks["network"]) / networks["network"],
        ),
        Figure("explain-ms", "heat maps of 5 labels", heat, f"{heat:.2f} ms"),
    ]
    tables = [
        Table("Within an answer", ("", "ms"), _rows(networks)),
        Table("The whole answer to a 720p photograph", ("", "ms"), _rows(answers)),
    ]
    notes = [f"Model {name}, 1 thread, the fastest of {runs} rounds in turn."]
    title = "Heat maps and embeddings"
    series = {"networks": networks, "answers": answers}
    findings.publish(Record("explain", title, figures, tables, notes, series), as_json, save)


def _rows(ms: dict[str, float]) -> list[tuple[str, str]]:
    return [(way, f"{time:.2f}") for way, time in ms.items()]


def _networks(package: ModelPackage, data: bytes, runs: int) -> dict[str, float]:
    """Times the network as it was, as it is, and what is made of its features."""
    with tempfile.TemporaryDirectory() as folder:
        before = _before(package, Path(folder))
        old, new = Classifier(before, 1), Classifier(package, 1)
        image = decode(data, new.input_size, new.info.preprocessing)
        scores, features = new.featured(image.pixels)
        labels = new.rank(scores, 5, min_confidence=0.0)
        explain = partial(with_heat_maps, new, image, new.info.preprocessing, scores)
        ways = {
            "network": lambda: old.scores(image.pixels),
            "network with features": lambda: new.scores(image.pixels),
            "network, features read": lambda: new.featured(image.pixels),
            "heat maps of 5 labels": lambda: explain(features, labels),
        }
        ms = fastest(ways, runs)
        slow = {"occlusion of 5 labels": lambda: explain(None, labels)}
        return ms | fastest(slow, max(1, runs // 10))


def _before(package: ModelPackage, folder: Path) -> ModelPackage:
    """The package as it was before its network gave features."""
    (folder / NETWORK).write_bytes(original(package))
    (folder / LABELS).write_bytes((package.folder / LABELS).read_bytes())
    info = msgspec.structs.replace(package.info, exposed=None, head_sha256=None)
    return ModelPackage(folder, info)


def _answers(package: ModelPackage, data: bytes, runs: int) -> dict[str, float]:
    """Times whole answers, from the file's bytes to JSON."""
    Service(package, data)
    predictor = services().predictor

    def answer(**options: Any) -> bytes:
        request = PredictRequest(max_labels=5, min_confidence=0.0, **options)
        return msgspec.json.encode(predictor.predict(request, data))

    ways: dict[str, Callable[[], bytes]] = {
        "labels alone": answer,
        "with an embedding": partial(answer, embedding=True),
        "with heat maps": partial(answer, explain=True),
    }
    return fastest(ways, runs)


if __name__ == "__main__":
    main()
