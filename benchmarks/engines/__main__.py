"""ONNX Runtime and OpenVINO against LiteRT: the same network, one thread, one core.

    python -m benchmarks.engines

Makes an environment for each engine and converts the networks first, once; that takes minutes and
gigabytes. Speed and starts are a full-size Inception v3's, of random weights; agreement with the
float network is doodle's, on drawings it never saw.
"""

from pathlib import Path

import click

from benchmarks import findings
from benchmarks.engines import prepare
from benchmarks.engines.processes import Case, classes, cold, warm
from benchmarks.engines.sizes import trimmed
from benchmarks.findings import Figure, Record, Table
from tools.bundling.sizes import megabytes

BASE = "LiteRT dynamic range"
MAPPED = {"config": {"session.use_memory_mapped_ort_model": "1"}}
CASES = {
    BASE: Case("litert", "dynamic.tflite"),
    "LiteRT static": Case("litert", "static.tflite"),
    "LiteRT float": Case("litert", "float.tflite"),
    "ONNX Runtime, 8-bit weights": Case("onnxruntime", "full.onnx"),
    "ONNX Runtime, its wrapper imported": Case("onnxruntime", "reduced.onnx", {"wrapper": True}),
    "ONNX Runtime, 7-bit weights, .ort": Case("onnxruntime", "reduced.ort", MAPPED),
    "ONNX Runtime, .tflite by tf2onnx": Case("onnxruntime", "lite.onnx"),
    "ONNX Runtime, .tflite made exact, .ort": Case("onnxruntime", "narrow.ort", MAPPED),
    "OpenVINO, NNCF": Case("openvino", "nncf.xml"),
    "OpenVINO, static .tflite": Case("openvino", "static.tflite"),
}
QUOTED = {
    "litert-static": "LiteRT static",
    "onnxruntime": "ONNX Runtime, 7-bit weights, .ort",
    "onnxruntime-from-tflite": "ONNX Runtime, .tflite made exact, .ort",
    "openvino": "OpenVINO, NNCF",
}


@click.command(help=__doc__)
@click.option("--runs", default=21, show_default=True, help="Counted answers of each.")
@click.option("--starts", default=9, show_default=True, help="Counted cold starts of each.")
@click.option(
    "--weights",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Float doodle, a .keras file of tools.train_doodle; trained here if not given.",
)
@findings.options
def main(runs: int, starts: int, weights: Path | None, as_json: bool, save: bool) -> None:
    """Measure, and print."""
    folders = prepare.models(weights)
    pythons = {engine: prepare.python(engine) for engine in ("litert", "onnxruntime", "openvino")}
    unseen = prepare.unseen()
    commands = {
        network: {name: case.command(pythons[case.engine], folder) for name, case in CASES.items()}
        for network, folder in folders.items()
    }
    times = warm(commands["inception"], runs)
    begun = cold(commands["inception"], starts)
    reference = classes(commands["doodle"]["LiteRT float"], unseen)
    agreed = {
        name: _share(reference, classes(command, unseen))
        for name, command in commands["doodle"].items()
    }
    sizes = {
        name: trimmed(pythons[engine], engine, whole)
        for engine in pythons
        for name, whole in ((engine, False), (f"{engine}, as published", True))
    }
    figures = [
        *(_ratio(f"{key}-warm", f"{name}: times as fast as {BASE}", times[BASE] / times[name])
          for key, name in QUOTED.items()),
        *(_ratio(f"{key}-cold", f"{name}: cold start over {BASE}", begun[name][0] / begun[BASE][0])
          for key, name in QUOTED.items()),
        *(Figure(f"{key}-agreement", f"{name}: same best class as float", agreed[name],
                 f"{agreed[name]:.2%}") for key, name in QUOTED.items()),
    ]  # fmt: skip
    rows = [
        [name, f"{times[BASE] / times[name]:.2f}×", f"{times[name]:.1f}", f"{agreed[name]:.2%}",
         f"{begun[name][0]:.2f}", f"{begun[name][1]:.0f}"]
        for name in CASES
    ]  # fmt: skip
    columns = ["engine", "times as fast", "ms warm", "agreement with float", "cold s", "peak MB"]
    packages = [
        [name, megabytes(size.zipped), megabytes(size.unpacked)] for name, size in sizes.items()
    ]
    tables = [
        Table("Engines, one thread", columns, rows),
        Table("Packages with NumPy and Pillow", ["engine", "MB zipped", "MB unpacked"], packages),
    ]
    notes = [
        f"Agreement is of {len(reference)} drawings by doodle; all else Inception v3's.",
        "A cold start is a process from its start to its first answer, Pillow imported.",
    ]
    found = Record("engines", "Engines beside LiteRT", figures, tables, notes)
    findings.publish(found, as_json, save)


def _ratio(key: str, says: str, value: float) -> Figure:
    return findings.ratio(key, says, value)


def _share(these: list[int], those: list[int]) -> float:
    return sum(a == b for a, b in zip(these, those, strict=True)) / len(these)


if __name__ == "__main__":
    main()
