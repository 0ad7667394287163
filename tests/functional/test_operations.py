"""A network with an operation that LiteRT does not have, or has in an older version."""

from collections.abc import Callable
from pathlib import Path

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema
from click.testing import CliRunner

from chalicelib.errors import ModelInvalid
from chalicelib.files import sha256
from chalicelib.inference.finder import Models
from chalicelib.inference.litert import LiteRT, inspect
from chalicelib.inference.packages import INFO
from chalicelib.inference.pool import Classifiers
from chalicelib.settings import ROOT
from tests.fakes import MemoryStore
from tests.tflites import network, opposed, plain
from tools.model import cli

DOODLE = ROOT / "vendor" / "models" / "doodle"
CUSTOM = schema.BuiltinOperator.CUSTOM
Change = Callable[[schema.OperatorCodeT], None]


def custom(name: str) -> Change:
    def change(code: schema.OperatorCodeT) -> None:
        code.builtinCode = code.deprecatedBuiltinCode = CUSTOM
        code.customCode = name

    return change


def newer(code: schema.OperatorCodeT) -> None:
    code.version = 99


def unheard_of(code: schema.OperatorCodeT) -> None:
    code.builtinCode, code.deprecatedBuiltinCode = 9999, 127


LACKING: dict[str, tuple[Change, str]] = {
    "FlexErf": (custom("FlexErf"), "without SELECT_TF_OPS"),
    "edgetpu-custom-op": (custom("edgetpu-custom-op"), "compiled for other hardware"),
    "SOFTMAX version 99": (newer, "newer than this LiteRT"),
    "operation 9999": (unheard_of, "newer than this LiteRT"),
}
"""The operation as it is named, how doodle's softmax becomes it, and what else is said."""


def changed(change: Change) -> bytes:
    """Doodle, whose last operation is another one."""
    network = schema.ModelT.InitFromPackedBuf((DOODLE / "model.tflite").read_bytes())
    used = {network.operatorCodes[operator.opcodeIndex].builtinCode: network.operatorCodes[
        operator.opcodeIndex] for operator in network.subgraphs[0].operators}  # fmt: skip
    change(used[schema.BuiltinOperator.SOFTMAX])
    builder = flatbuffers.Builder()
    builder.Finish(network.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.fixture(params=LACKING)
def lacking(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str, str]:
    """Such a file, its operation, and what else is said."""
    change, said = LACKING[request.param]
    (tmp_path / "net.tflite").write_bytes(changed(change))
    return tmp_path / "net.tflite", request.param, said


def test_it_is_not_added(lacking: tuple[Path, str, str], tmp_path: Path) -> None:
    file, operation, said = lacking
    result = CliRunner().invoke(
        cli,
        ["add", "mine", str(file), "--labels", str(DOODLE / "labels.txt")],
        env={"MODEL_DIR": str(tmp_path / "cache")},
    )
    assert isinstance(result.exception, SystemExit), result.output
    (line,) = [line for line in result.output.splitlines() if line.startswith("Error")]
    assert f"needs {operation}" in line.replace("the custom operation ", "") and said in line
    assert not (tmp_path / "cache").exists()


def test_it_is_not_loaded(lacking: tuple[Path, str, str], tmp_path: Path) -> None:
    """As a package that was put together by hand; the API then answers 503 with that line."""
    file, operation, _ = lacking
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "labels.txt").write_bytes((DOODLE / "labels.txt").read_bytes())
    file = file.rename(folder / "model.tflite")
    (folder / INFO).write_text(f'{{"name": "mine", "version": "1", "sha256": "{sha256(file)}"}}')
    models = Models([tmp_path / "models"], "", MemoryStore())
    for _ in range(2):
        with pytest.raises(ModelInvalid, match=operation):
            Classifiers(models, 1, "mine", "").get()


def test_what_fails_while_it_runs_is_the_models_fault(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(network("GATHER", weights=opposed(4)))
    broken = LiteRT(tmp_path / "net.tflite", 1)
    with pytest.raises(
        ModelInvalid, match=r"net.tflite of .* LiteRT: .*\(GATHER\) failed to invoke"
    ):
        broken.run(plain(1, 2, 3)[None])


def test_names_that_are_not_text_are_the_models_fault(tmp_path: Path) -> None:
    """Of tensors within: no answer needs them, but LiteRT cannot tell them."""
    net = network("SOFTMAX", weights=opposed(4)).replace(b"tensor3", b"tenso\xff3")
    (tmp_path / "net.tflite").write_bytes(net)
    with pytest.raises(ModelInvalid, match="names are not UTF-8"):
        inspect(tmp_path / "net.tflite")
