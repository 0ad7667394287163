"""Labelled pictures tell how a network wants its pixels scaled, for `add`, with no TensorFlow."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from chalicelib.errors import ModelInvalid
from chalicelib.images.preprocessing import WHOLE, Preprocessing
from chalicelib.inference.packages import read_package
from tests.tflites import network
from tools.evaluating.deciding import Trial, decided, doubted
from tools.evaluating.usual import scalings
from tools.model import cli

LABELS = ("dark", "middle", "light")
MIDDLE = np.array([[0, 0, 0, 0], [20, 0, 0, -6.6], [40, 0, 0, -20]])
"""Tells red of 0 to 1 apart at thirds: of another scale it is wrong on most pictures."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures of each class."""
    folder = tmp_path_factory.mktemp("pictures")
    for number, label in enumerate(LABELS):
        (folder / label).mkdir()
        for step in range(12):
            red = number * 85 + 10 + 5 * step
            Image.new("RGB", (20, 20), (red, 40, 90)).save(folder / label / f"{step}.png")
    return folder


def add(
    tmp_path: Path,
    *options: object,
    ending: Sequence[str] = ("SOFTMAX",),
    weights: np.ndarray = MIDDLE,
    labels: Sequence[str] = LABELS,
    floats: bool = True,
) -> Result:
    from ai_edge_litert.schema_py_generated import TensorType

    takes = TensorType.FLOAT32 if floats else TensorType.UINT8
    net = network(*ending, weights=weights, takes=takes)
    (tmp_path / "net.tflite").write_bytes(net)
    (tmp_path / "labels.txt").write_text("\n".join(labels))
    command = ["add", "own", str(tmp_path / "net.tflite"), "--labels", str(tmp_path / "labels.txt")]
    env = {"MODEL_DIR": str(tmp_path / "cache")}
    result = CliRunner().invoke(cli, command + [str(option) for option in options], env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


def test_labelled_pictures_tell_the_scale(tmp_path: Path, pictures: Path) -> None:
    asked = add(tmp_path)
    assert asked.exit_code == 1 and "Or give --pictures, labelled pictures" in asked.output
    result = add(tmp_path, "--pictures", pictures)
    assert result.exit_code == 0, result.output
    assert "Pixels: (pixel - 0) / 255, as labelled pictures tell." in result.output
    assert "(pixel - 0) / 255 is right on 36 of 36." in result.output
    assert read_package(tmp_path / "cache" / "own").info.preprocessing.std == (255.0,)


def test_labelled_pictures_check_what_was_said(tmp_path: Path, pictures: Path) -> None:
    result = add(tmp_path, "--pictures", pictures, "--mean", 127.5, "--std", 127.5)
    assert result.exit_code == 0
    assert "Look again: of labelled pictures, (pixel - 127.5) / 127.5 is right on" in result.output
    assert "and (pixel - 0) / 255 is right on 36 of 36." in result.output
    right = add(tmp_path, "--pictures", pictures, "--mean", 0, "--std", 255, "--force")
    assert "Look again" not in right.output and "right on 36 of 36." in right.output


def test_too_few_or_unlabelled_pictures_tell_nothing(tmp_path: Path, pictures: Path) -> None:
    few = tmp_path / "few"
    for label in LABELS:
        (few / label).mkdir(parents=True)
        (few / label / "1.png").write_bytes((pictures / label / "1.png").read_bytes())
    result = add(tmp_path, "--pictures", few)
    assert result.exit_code == 1 and "which may be luck. Give more of them" in result.output
    result = add(tmp_path, "--pictures", pictures / "dark")
    assert result.exit_code == 1 and "has no labelled pictures" in result.output
    assert not (tmp_path / "cache").exists()


def test_pictures_tell_the_scale_of_one_unit(tmp_path: Path, pictures: Path) -> None:
    """Of red of 0 to 1 more than a third, whether it ends in a sigmoid or not."""
    two = tmp_path / "two"
    for label in LABELS[:2]:
        shutil.copytree(pictures / label, two / label)
    for ending in (["LOGISTIC"], []):
        result = add(
            tmp_path, "--pictures", two, "--force",
            ending=ending, weights=np.array([[60.0, 0, 0, -20]]), labels=LABELS[:2],
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        assert "Pixels: (pixel - 0) / 255, as labelled pictures tell." in result.output
        assert "(pixel - 0) / 255 is right on 24 of 24." in result.output


def test_pictures_that_cannot_tell_are_not_asked_for_again(tmp_path: Path, pictures: Path) -> None:
    result = add(tmp_path, "--pictures", pictures, "--multi-label", ending=["LOGISTIC"])
    assert result.exit_code == 1 and "--pictures help only if" in result.output
    assert "Or give --pictures" not in result.output
    result = add(tmp_path, "--pictures", pictures, floats=False)
    assert result.exit_code == 0 and "Pictures: not used" in result.output


def test_ways_that_are_right_on_the_same_pictures() -> None:
    """A network that sees no colour does not care for the order of channels, but for the scale."""
    ways = scalings(WHOLE, 3)
    assert (ways[1].mean, ways[1].std) == (ways[4].mean, ways[4].std) == ((0.0,), (255.0,))
    right = dict.fromkeys(ways, np.zeros(30, bool))
    right[ways[1]] = right[ways[4]] = np.ones(30, bool)
    assert decided(Trial(right), "own")[0] == ways[1]
    right[ways[4]] = np.arange(30) > 0
    with pytest.raises(ModelInvalid, match="which may be luck"):
        decided(Trial(right), "own")
    right[ways[4]] = right[ways[2]] = np.ones(30, bool)
    asked = r"255 is right on 30 of 30, \(pixel - 127.5\) / 127.5 is right on 30 of 30, which may"
    with pytest.raises(ModelInvalid, match=asked):
        decided(Trial(right), "own")
    same = dict.fromkeys(ways, np.ones(30, bool))
    with pytest.raises(ModelInvalid, match="which may be luck"):
        decided(Trial(same), "own")
    assert "Look again" in doubted(Trial(right), Preprocessing())
