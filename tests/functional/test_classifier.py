"""The classifier on a real network, the bundled one, by each engine."""

import json
import logging
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from logging.handlers import BufferingHandler
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import OpResolverType

from chalicelib.errors import ModelInvalid, ModelNotFound, SlowKernels
from chalicelib.files import sha256, staged
from chalicelib.images.decode import decode
from chalicelib.inference import engines, onnx
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.engines import chosen
from chalicelib.inference.finder import Models
from chalicelib.inference.kernels import BUILTIN, ONNXRUNTIME_KERNELS, XNNPACK
from chalicelib.inference.litert import LiteRT, input_size
from chalicelib.inference.packages import ModelPackage, read_package
from chalicelib.inference.pool import LOADED_AT_ONCE, Classifiers, logger
from chalicelib.settings import ROOT, EngineName
from tests.conftest import DOODLES
from tests.fakes import MemoryStore

BUNDLED = ROOT / "vendor" / "models"
DOODLE = BUNDLED / "doodle"
SAMPLES = sorted(DOODLES.glob("*.jpg"))
FILES: dict[EngineName, str] = {"litert": "model.tflite", "onnxruntime": "model.ort"}
INSTALLED = pytest.mark.skipif(not onnx.installed(), reason="ONNX Runtime is not installed")
ENGINES = ["litert", pytest.param("onnxruntime", marks=INSTALLED)]


def without_xnnpack(package: ModelPackage, threads: int) -> LiteRT:
    return LiteRT(package.model_path, threads, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)


SLOW = partial(Classifier, load=without_xnnpack)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> EngineName:
    return request.param


@pytest.fixture(scope="module")
def doodle(engine: EngineName) -> Classifier:
    return Classifier(read_package(DOODLE), threads=2, load=chosen(None, engine).load)


def copy(target: Path, changes: dict[str, str | bytes] | None = None) -> Path:
    """A package like doodle under another name, with some of its files changed."""
    with staged(target) as folder:
        shutil.copytree(DOODLE, folder, dirs_exist_ok=True)
        info = (folder / "model.json").read_text().replace('"doodle"', f'"{target.name}"')
        (folder / "model.json").write_text(info)
        for name, data in (changes or {}).items():
            (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    return target


def of_samples(classifier: Classifier) -> list[np.ndarray]:
    pictures = (decode(path.read_bytes(), classifier.input_size).pixels for path in SAMPLES)
    return [classifier.scores(picture) for picture in pictures]


def models(cache: Path, *dirs: Path) -> Models:
    return Models([*dirs, cache], "", MemoryStore())


def test_samples_are_what_they_are_called(doodle: Classifier) -> None:
    assert SAMPLES
    for path in SAMPLES:
        scores = doodle.scores(decode(path.read_bytes(), doodle.input_size).pixels)
        assert scores.dtype == np.float32 and scores.shape == (len(doodle.labels),)
        best = doodle.rank(scores, 3, 0.0)
        assert best[0].name == path.stem.replace("-", " ")
        assert [label.score for label in best] == sorted((b.score for b in best), reverse=True)
        assert sum(label.score for label in doodle.rank(scores, 1000, 0.0)) <= 1 + 1e-4


def test_threads_take_turns(doodle: Classifier) -> None:
    pixels = [decode(path.read_bytes(), doodle.input_size).pixels for path in SAMPLES]
    alone = [doodle.scores(image) for image in pixels]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(doodle.scores, pixels * 20))
    for position, scores in enumerate(together):
        np.testing.assert_array_equal(scores, alone[position % len(alone)])


def test_the_size_is_read_from_the_file(doodle: Classifier) -> None:
    assert input_size(DOODLE / "model.tflite") == doodle.input_size == (64, 64)


@pytest.mark.parametrize(("threads", "copies"), [(1, 1), (4, 1), (1, 3), (4, 2), (3, 3)])
def test_threads_and_copies_change_no_score(
    engine: EngineName, doodle: Classifier, threads: int, copies: int
) -> None:
    other = Classifier(read_package(DOODLE), threads, copies, chosen(None, engine).load)
    expected = of_samples(doodle)
    for of_other, wanted in zip(of_samples(other), expected, strict=True):
        np.testing.assert_allclose(of_other, wanted, atol=0.01)
    pixels = [decode(path.read_bytes(), other.input_size).pixels for path in SAMPLES] * 10
    with ThreadPoolExecutor(2 * copies) as pool:
        together = list(pool.map(other.scores, pixels))
    for position, scores in enumerate(together):
        np.testing.assert_allclose(scores, expected[position % len(SAMPLES)], atol=0.01)


@pytest.mark.parametrize(
    ("threads", "copies", "loads"), [(1, 1, [1]), (4, 1, [4]), (1, 2, [1, 1]), (4, 2, [2, 2, 4])]
)
def test_a_copy_on_all_threads_is_loaded_only_beside_copies_that_share_them(
    threads: int, copies: int, loads: list[int]
) -> None:
    loaded: list[int] = []

    def load(package: ModelPackage, threads: int) -> engines.Network:
        loaded.append(threads)
        return engines.LITERT.load(package, threads)

    Classifier(read_package(DOODLE), threads, copies, load)
    assert loaded == loads


def test_any_pixels_give_probabilities(doodle: Classifier) -> None:
    width, height = doodle.input_size
    noise = np.random.default_rng(0).integers(0, 256, (20, height, width, 3), np.uint8)
    for pixels in (*noise, np.zeros_like(noise[0]), np.full_like(noise[0], 255), noise[0, :, ::-1]):
        scores = doodle.scores(pixels)
        assert scores.dtype == np.float32 and scores.shape == (len(doodle.labels),)
        assert scores.min() >= 0 and 0.9 < scores.sum() <= 1 + 1e-5
        output = doodle.output(pixels)
        assert output.dtype == np.float32 and output.argmax() == scores.argmax()


def test_another_number_of_labels_is_told_so(tmp_path: Path, engine: EngineName) -> None:
    package = read_package(copy(tmp_path / "short", {"labels.txt": "one\ntwo\n"}))
    with pytest.raises(ModelInvalid, match="2 labels"):
        Classifier(package, 1, load=chosen(None, engine).load)


DAMAGES = {
    "text": lambda data: b"not a network",
    "nothing": lambda data: b"",
    "its first half": lambda data: data[: len(data) // 2],
    "its beginning": lambda data: data[:100],
    "zeros": lambda data: bytes(len(data)),
    "another beginning": lambda data: b"\xff" * 64 + data[64:],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_is_no_network(tmp_path: Path, engine: EngineName, damage: str) -> None:
    """Even where nobody looked at its digest."""
    data = DAMAGES[damage]((DOODLE / FILES[engine]).read_bytes())
    package = read_package(copy(tmp_path / "damaged", {FILES[engine]: data}))
    with pytest.raises(ModelInvalid, match="LiteRT" if engine == "litert" else "ONNX Runtime"):
        Classifier(package, 1, load=chosen(None, engine).load)


def test_a_network_is_not_loaded_where_its_digest_is_another(
    tmp_path: Path, engine: EngineName
) -> None:
    data = bytearray((DOODLE / FILES[engine]).read_bytes())
    data[len(data) // 2] ^= 1
    copy(tmp_path / "mine", {FILES[engine]: bytes(data)})
    models = Models([tmp_path, tmp_path / "cache"], "", MemoryStore(), chosen(None, engine).file)
    classifiers = Classifiers(models, 1, "mine", "", engine=engine)
    with pytest.raises(ModelInvalid, match=f"{FILES[engine]} does not match its sha256"):
        classifiers.get()


def test_the_default_and_what_answers_instead(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    classifiers = Classifiers(models(tmp_path, BUNDLED), 1, model="mine", fallback="doodle")
    for _ in range(2):
        assert classifiers.get().info.name == "doodle"
    told = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert told == ["There is no model 'mine' here: doodle answers in its place."]
    copy(tmp_path / "mine")
    assert classifiers.get().info.name == "mine"
    assert classifiers.get("doodle").info.name == "doodle"
    with pytest.raises(ModelNotFound):
        classifiers.get("none")


def test_a_deployed_stage_never_falls_back(tmp_path: Path) -> None:
    classifiers = Classifiers(models(tmp_path, BUNDLED), 1, model="mine", fallback="")
    with pytest.raises(ModelInvalid, match="'mine'"):
        classifiers.get()


def test_a_damaged_default_is_no_reason_to_fall_back(tmp_path: Path) -> None:
    copy(tmp_path / "mine", {"model.tflite": "damaged"})
    classifiers = Classifiers(models(tmp_path, BUNDLED), 1, model="mine", fallback="doodle")
    with pytest.raises(ModelInvalid, match="sha256"):
        classifiers.get()


def test_a_model_is_loaded_once_however_many_ask(tmp_path: Path) -> None:
    classifiers = Classifiers(models(tmp_path, BUNDLED), 1, model="doodle", fallback="")
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(lambda _: classifiers.get(), range(32)))
    assert len({id(classifier) for classifier in loaded}) == 1


def test_only_so_many_are_kept(tmp_path: Path) -> None:
    names = [f"m{number}" for number in range(LOADED_AT_ONCE + 1)]
    for name in names:
        copy(tmp_path / name)
    classifiers = Classifiers(models(tmp_path), 1, model=names[0], fallback="")
    first = classifiers.get(names[0])
    assert classifiers.get(names[0]) is first
    for name in names[1:]:
        classifiers.get(name)
    assert classifiers.get(names[0]) is not first


def test_the_digest_is_the_files() -> None:
    info = read_package(DOODLE).info
    assert sha256(DOODLE / "model.tflite") == info.sha256
    assert sha256(DOODLE / "model.ort") == info.ort_sha256


@pytest.mark.parametrize("name", ["doodle", "doodle-small"])
@pytest.mark.parametrize("copies", [1, 2])
def test_the_bundled_networks_run_on_xnnpack(name: str, copies: int) -> None:
    package = read_package(BUNDLED / name)
    fast = Classifier(package, 1, copies)
    assert (fast.kernels, fast.slow) == (XNNPACK, False)
    slow = SLOW(package, 1, copies)
    assert (slow.kernels, slow.slow) == (BUILTIN, True)


def test_all_engines_say_the_same(doodle: Classifier) -> None:
    package = read_package(DOODLE)
    for other in (SLOW(package, 1), Classifier(package, 1)):
        for scores, wanted in zip(of_samples(other), of_samples(doodle), strict=True):
            assert scores.argmax() == wanted.argmax()
            assert np.abs(scores - wanted).max() < 0.05


@INSTALLED
def test_the_engine_follows_the_setting_and_the_package() -> None:
    package = read_package(DOODLE)
    faster = Classifier(package, 1, load=engines.ONNXRUNTIME.load)
    assert (faster.kernels, faster.slow) == (ONNXRUNTIME_KERNELS, False)
    best = ONNXRUNTIME_KERNELS if engines.onnxruntime_suits() else XNNPACK
    assert Classifier(package, 1, load=chosen(package.info, "auto").load).kernels == best
    assert Classifier(package, 1, load=chosen(package.info, "litert").load).kernels == XNNPACK
    small = read_package(BUNDLED / "doodle-small")
    assert Classifier(small, 1, load=chosen(small.info, "auto").load).kernels == XNNPACK
    with pytest.raises(ModelInvalid, match=r"doodle-small has no model\.ort"):
        Classifier(small, 1, load=engines.ONNXRUNTIME.load)


@INSTALLED
def test_a_network_for_onnxruntime_takes_pixels_and_gives_scores(tmp_path: Path) -> None:
    import onnxruntime
    from onnx import TensorProto, helper, save

    def made(name: str, dtype: int, shape: list[int | str]) -> Path:
        pixels = helper.make_tensor_value_info("in", dtype, shape)
        scores = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 3])
        nodes = [
            helper.make_node("Cast", ["in"], ["cast"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["cast"], ["out"], axes=[1, 2], keepdims=0),
        ]
        graph = helper.make_graph(nodes, "g", [pixels], [scores])
        opset = [helper.make_opsetid("", 17)]
        save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "m.onnx")
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(tmp_path / name)
        options.add_session_config_entry("session.save_model_format", "ORT")
        onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), options)
        return tmp_path / name

    fine = onnx.OnnxRuntime(made("a.ort", TensorProto.UINT8, [1, 4, 5, 3]), 1)
    assert fine.input.shape == (1, 4, 5, 3)
    with pytest.raises(ModelInvalid, match="cannot be computed by ONNX Runtime"):
        fine.run(np.zeros([1, 9, 9, 3], np.uint8))
    np.testing.assert_array_equal(fine.run(np.full((1, 4, 5, 3), 7, np.uint8)), [[7, 7, 7]])
    with pytest.raises(ModelInvalid, match="must take uint8 pixels"):
        onnx.OnnxRuntime(made("b.ort", TensorProto.FLOAT, [1, 4, 5, 3]), 1)
    with pytest.raises(ModelInvalid, match="of a fixed size"):
        onnx.OnnxRuntime(made("c.ort", TensorProto.UINT8, [1, "height", "width", 3]), 1)
    with pytest.raises(ModelInvalid, match="not an image classifier"):
        onnx.OnnxRuntime(made("d.ort", TensorProto.UINT8, [1, 4, 5, 2]), 1)


STARTED = """
import json, os, sys
import app
roots = {name.partition(".")[0] for name in sys.modules}
before = sorted(roots & {"ai_edge_litert", "onnxruntime"}), "onnxruntime" in sys.modules
kernels = app.services().classifiers.get().kernels
after = {name.partition(".")[0] for name in sys.modules} & {"ai_edge_litert", "onnxruntime"}
import onnxruntime  # the whole of it, later, for whoever wants that
print(json.dumps([*before, kernels, sorted(after), hasattr(onnxruntime, "InferenceSession")]))
"""


@INSTALLED
def test_a_container_imports_one_engine_and_only_what_it_needs_of_it(engine: EngineName) -> None:
    """And nothing is written on standard error."""
    setting = {"MODEL": "doodle", "ENGINE": engine, "_HANDLER": "app.on_work"}
    done = subprocess.run(
        [sys.executable, "-c", STARTED], cwd=ROOT, env=os.environ | setting, capture_output=True,
        text=True, timeout=60, check=True,
    )  # fmt: skip
    [line] = [line for line in done.stdout.splitlines() if line.startswith("[")]
    root = {"litert": "ai_edge_litert", "onnxruntime": "onnxruntime"}[engine]
    kernels = {"litert": XNNPACK, "onnxruntime": ONNXRUNTIME_KERNELS}[engine]
    assert json.loads(line) == [[root], False, kernels, [root], True]
    assert "onnxruntime" not in done.stderr


def test_a_slow_default_answers_and_is_not_healthy(tmp_path: Path) -> None:
    classifiers = Classifiers(models(tmp_path, BUNDLED), 1, "doodle", "", load=SLOW)
    assert classifiers.get().kernels == BUILTIN
    assert classifiers.healthy(allow_slow=True) is classifiers.get()
    with pytest.raises(SlowKernels, match=r"doodle runs without XNNPACK.*ALLOW_SLOW_KERNELS"):
        classifiers.healthy(allow_slow=False)


def test_a_fast_default_is_healthy(tmp_path: Path) -> None:
    classifiers = Classifiers(models(tmp_path, BUNDLED), 1, "doodle", "")
    assert classifiers.healthy(allow_slow=False) is classifiers.get()


@pytest.mark.parametrize(
    ("load", "level", "kernels"),
    [
        (Classifier, logging.INFO, XNNPACK),
        (SLOW, logging.ERROR, BUILTIN),
        pytest.param(
            partial(Classifier, load=engines.ONNXRUNTIME.load),
            logging.INFO,
            ONNXRUNTIME_KERNELS,
            marks=INSTALLED,
        ),
    ],
)
def test_a_load_is_one_line_of_log(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    load: type[Classifier],
    level: int,
    kernels: str,
) -> None:
    written = BufferingHandler(10)
    logger.addHandler(written)
    with caplog.at_level(logging.INFO, logger.name):
        classifiers = Classifiers(models(tmp_path, BUNDLED), 1, "doodle", "", 2, load)
        classifiers.get()
        classifiers.get("doodle")
    logger.removeHandler(written)
    [line] = written.buffer
    assert line.levelno == level
    assert vars(line).items() >= {"model": "doodle", "kernels": kernels}.items()
