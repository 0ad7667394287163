"""Imports point down, and each foreign library has one home."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIB = ROOT / "chalicelib"
MODULES = {
    ".".join(path.relative_to(LIB).with_suffix("").parts): path for path in LIB.rglob("*.py")
} | {"app": ROOT / "app.py"}
HOMES = {
    "chalice": {"app", "command"},
    "boto3": {"wiring", "storage", "s3answers"},
    "botocore": {"command", "stops", "wiring", "s3answers", "queue", "executions", "tokens"},
    "ai_edge_litert": {"litert"},
    "onnxruntime": {"onnx"},
    "PIL": {"images", "imagecosts", "colours"},
    "urllib3": {"addresses", "fetch", "connection"},
    "aws_lambda_powertools": {"app"},
    "multipart": {"http"},
}
LAYERS = [
    {"command", "errors", "patience", "settings", "stopwatch", "times", "blocks", "files",
     "preprocessing", "__init__"},
    {"s3answers", "stops"},
    {"storage", "queue", "executions", "tokens", "images", "colours", "imagecosts", "imagefiles",
     "avif", "av1", "jpegfiles", "tiffdirectory", "hostnames", "site", "addresses", "resolver",
     "connection", "fetch", "sources", "labels",
     "models", "classifiers", "classifier", "engines", "litert", "onnx", "kernels",
     "processors", "tensors", "significance", "trial", "turns"},
    {"documents"},
    {"experiment.arms", "experiment.ids", "experiment.votes", "experiment.__init__"},
    {"experiment.weights", "experiment.verdict"},
    {"experiment.service"},
    {"predict", "openinference"},
    {"batch.lines", "batch.parsers", "batch.s3events"},
    {"batch.manifests"},
    {"batch.chunks", "batch.copies", "batch.instances", "batch.records"},
    {"batch.ledger"},
    {"batch.losses"},
    {"batch.fanout", "batch.finish"},
    {"batch.stop"},
    {"batch.worker", "batch.repair", "batch.view"},
    {"batch.service", "batch.__init__"},
    {"batch.events"},
    {"workflow.causes", "workflow.words", "workflow.confusion", "workflow.request",
     "workflow.vocabulary"},
    {"workflow.judgement"},
    {"workflow.verdict", "workflow.svg", "workflow.markup"},
    {"workflow.judge", "workflow.chart", "workflow.heatmap"},
    {"workflow.run", "workflow.picture"},
    {"workflow.report"},
    {"workflow.publish"},
    {"workflow.tasks"},
    {"workflow.service", "workflow.__init__"},
    {"http", "wiring"},
    {"app"},
]  # fmt: skip


def imported(path: Path) -> set[str]:
    """Full names of all that a module imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return names


IMPORTED = {module: imported(path) for module, path in MODULES.items()}


def layer(module: str) -> int:
    return next(level for level, modules in enumerate(LAYERS) if module in modules)


def test_a_foreign_library_has_one_home() -> None:
    strangers = {
        (module, name.partition(".")[0]) for module, names in IMPORTED.items() for name in names
    }
    assert not {
        (module, root) for module, root in strangers if module not in HOMES.get(root, MODULES)
    }


def test_imports_point_down() -> None:
    assert not {
        (module, name)
        for module, names in IMPORTED.items()
        for name in {name.removeprefix("chalicelib.") for name in names} & MODULES.keys()
        if layer(name) > layer(module)
    }


def test_every_module_has_a_layer() -> None:
    assert {name for names in LAYERS for name in names} == set(MODULES)


def test_what_is_deployed_imports_no_tool() -> None:
    for names in IMPORTED.values():
        assert not any(name.startswith(("tools", "localcloud")) for name in names)


@pytest.mark.parametrize(
    ("handler", "classifies"),
    [("app.app", True), ("app.authorize", False), ("app.on_tick", False), ("app.on_work", True)],
)
def test_a_function_imports_what_it_needs(handler: str, classifies: bool) -> None:
    show = "import sys, app; print(*sys.modules)"
    environment = os.environ | {"_HANDLER": handler}
    command = [sys.executable, "-c", show]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    modules = set(done.stdout.split())
    heavy = {"numpy", "PIL", "ai_edge_litert"}
    assert heavy & modules == (heavy if classifies else set())
    assert "onnxruntime" not in {name.partition(".")[0] for name in modules}
    others = {"boto3", "chalicelib.batch", "chalicelib.experiment", "chalicelib.workflow"}
    assert not others & modules
