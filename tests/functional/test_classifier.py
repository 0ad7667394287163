"""The classifier on a real network: the bundled one."""

import logging
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from logging.handlers import BufferingHandler
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import OpResolverType

from chalicelib.classifier import Classifier, input_size
from chalicelib.classifiers import LOADED_AT_ONCE, Classifiers, logger
from chalicelib.errors import ModelInvalid, ModelNotFound, SlowKernels
from chalicelib.images import decode
from chalicelib.kernels import BUILTIN, XNNPACK
from chalicelib.models import Models, read_package, sha256, staged
from chalicelib.settings import ROOT
from chalicelib.site import WEB
from tests.fakes import MemoryStore

BUNDLED = ROOT / "vendor" / "models"
DOODLE = BUNDLED / "doodle"
SAMPLES = sorted(WEB.glob("sample-*.jpg"))
SLOW = partial(Classifier, resolver=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)


@pytest.fixture(scope="module")
def doodle() -> Classifier:
    return Classifier(read_package(DOODLE), threads=2)


def copy(target: Path, **changes: str) -> Path:
    """A package like doodle under another name, with some of its files changed."""
    with staged(target) as folder:
        shutil.copytree(DOODLE, folder, dirs_exist_ok=True)
        info = (folder / "model.json").read_text().replace('"doodle"', f'"{target.name}"')
        (folder / "model.json").write_text(info)
        for name, text in changes.items():
            (folder / name.replace("_", ".")).write_text(text)
    return target


def models(cache: Path, *dirs: Path) -> Models:
    return Models([*dirs, cache], "", MemoryStore())


def test_samples_are_what_they_are_called(doodle: Classifier) -> None:
    assert SAMPLES
    for path in SAMPLES:
        scores = doodle.scores(decode(path.read_bytes(), doodle.input_size).pixels)
        assert scores.dtype == np.float32 and scores.shape == (len(doodle.labels),)
        best = doodle.rank(scores, 3, 0.0)
        assert best[0].name == path.stem.removeprefix("sample-").replace("-", " ")
        assert [label.score for label in best] == sorted((b.score for b in best), reverse=True)
        assert sum(label.score for label in doodle.rank(scores, 1000, 0.0)) <= 1 + 1e-4


def test_threads_take_turns(doodle: Classifier) -> None:
    pixels = [decode(path.read_bytes(), doodle.input_size).pixels for path in SAMPLES]
    alone = [doodle.scores(each) for each in pixels]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(doodle.scores, pixels * 20))
    for position, scores in enumerate(together):
        np.testing.assert_array_equal(scores, alone[position % len(alone)])


def test_the_size_is_read_from_the_file(doodle: Classifier) -> None:
    assert input_size(DOODLE / "model.tflite") == doodle.input_size


def test_another_number_of_labels_is_told_so(tmp_path: Path) -> None:
    package = read_package(copy(tmp_path / "short", labels_txt="one\ntwo\n"))
    with pytest.raises(ModelInvalid, match="2 labels"):
        Classifier(package, threads=1)


def test_a_file_that_is_no_network(tmp_path: Path) -> None:
    package = read_package(copy(tmp_path / "text", model_tflite="not a network"))
    with pytest.raises(ModelInvalid, match="LiteRT"):
        Classifier(package, threads=1)


def test_the_default_and_what_answers_instead(tmp_path: Path) -> None:
    classifiers = Classifiers(models(tmp_path, BUNDLED), 1, model="mine", fallback="doodle")
    assert classifiers.get().info.name == "doodle"
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
    copy(tmp_path / "mine", model_tflite="damaged")
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
    assert sha256(DOODLE / "model.tflite") == read_package(DOODLE).info.sha256


@pytest.mark.parametrize("name", ["doodle", "doodle-small"])
@pytest.mark.parametrize("copies", [1, 2])
def test_the_bundled_networks_run_on_xnnpack(name: str, copies: int) -> None:
    package = read_package(BUNDLED / name)
    fast = Classifier(package, 1, copies)
    assert (fast.kernels, fast.slow) == (XNNPACK, False)
    slow = SLOW(package, 1, copies)
    assert (slow.kernels, slow.slow) == (BUILTIN, True)


def test_the_slow_kernels_say_the_same(doodle: Classifier) -> None:
    slow = SLOW(read_package(DOODLE), threads=1)
    for path in SAMPLES:
        pixels = decode(path.read_bytes(), doodle.input_size).pixels
        fast = doodle.rank(doodle.scores(pixels), 1, 0.0)[0]
        assert slow.rank(slow.scores(pixels), 1, 0.0)[0].name == fast.name


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
    [(Classifier, logging.INFO, XNNPACK), (SLOW, logging.ERROR, BUILTIN)],
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
