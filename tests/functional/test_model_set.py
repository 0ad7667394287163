"""`tools.model add` and `set`: what is done to pictures, as options say it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chalicelib.files import sha256
from chalicelib.images.preprocessing import WHOLE, Preprocessing
from chalicelib.inference.packages import read_package
from tests.conftest import ROOT
from tools.model import cli

DOODLE = ROOT / "vendor" / "models" / "doodle"
NETWORK = (DOODLE / "model.tflite", "--labels", DOODLE / "labels.txt")
Run = Callable[..., Result]


@pytest.fixture
def run(cache: Path) -> Run:
    def invoke(*arguments: Any) -> Result:
        result = CliRunner().invoke(cli, [*map(str, arguments)], env={"MODEL_DIR": str(cache)})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    return invoke


@pytest.mark.parametrize(
    ("options", "expected", "said"),
    [
        ((), WHOLE, "the whole, squashed to the input, the default"),
        (("--crop", 0.5), Preprocessing("crop", 0.5), "the middle 50% of the shorter side, as you"),
        (("--resize", "crop"), Preprocessing("crop"), "the middle 87.5%"),
        (("--resize", "squash"), WHOLE, "squashed to the input, as you said"),
        (("--colour", "1,2,255"), Preprocessing("letterbox", colour=(1, 2, 255)), "1,2,255"),
        (("--filter", "lanczos"), Preprocessing(filter="lanczos"), "squashed"),
        (("--channels", "bgr"), Preprocessing(channels="bgr"), "0..255 in the order BGR"),
        (("--channels", "grey"), Preprocessing(channels="grey"), "0..255 made grey"),
    ],
)
def test_a_network_is_added_with_what_the_options_say(
    run: Run, cache: Path, options: tuple[Any, ...], expected: Preprocessing, said: str
) -> None:
    result = run("add", "mine", *NETWORK, *options)
    assert result.exit_code == 0, result.output
    assert said in result.output
    assert read_package(cache / "mine").info.preprocessing == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--crop", 0.5, "--resize", "squash"), "--crop is for --resize crop"),
        (("--crop", 0), "0"),
        (("--crop", 1.5), "1.5"),
        (("--crop", "nan"), "'nan' is not a number"),
        (("--colour", "1,2,3", "--crop", 0.5), "leave one of them out"),
        (("--colour", "1,2,300"), "Expected `int` <= 255"),
        (("--colour", "7"), "colour"),
        (("--mean", 1), "both --mean and --std"),
        (("--std", 1), "both --mean and --std"),
        (("--mean", 1, "--std", 0), "std must be above 0"),
        (("--mean", 1, "--std", "nan"), "neither a number nor three"),
        (("--mean", "1,2", "--std", 1), "neither a number nor three"),
        (("--mean", 1, "--std", "1;2;3"), "neither a number nor three"),
        (("--channels", "grey", "--mean", "1,2,3", "--std", 1), "or 1 for 1"),
        (("--filter", "sinc"), "sinc"),
    ],
)
@pytest.mark.parametrize("command", ["add", "set"])
def test_options_that_do_not_fit_change_nothing(
    run: Run, cache: Path, command: str, options: tuple[Any, ...], said: str
) -> None:
    if command == "set":
        run("add", "mine", *NETWORK)
    before = {path: path.read_bytes() for path in cache.rglob("*.json")}
    result = run(command, "mine", *(NETWORK if command == "add" else ()), *options)
    assert result.exit_code != 0 and said in result.output, result.output
    assert "Traceback" not in result.output
    assert {path: path.read_bytes() for path in cache.rglob("*.json")} == before


def test_what_a_package_does_is_changed_and_nothing_else(run: Run, cache: Path) -> None:
    run("add", "mine", *NETWORK, "--title", "Mine", "--filter", "lanczos")
    package = read_package(cache / "mine")
    result = run("set", "mine", "--crop", 0.75)
    assert result.exit_code == 0 and "the middle 75% of the shorter side, lanczos" in result.output
    changed = read_package(cache / "mine")
    assert changed.info.preprocessing == Preprocessing("crop", 0.75, filter="lanczos")
    assert changed.info.sha256 == package.info.sha256 == sha256(changed.model_path)
    assert (changed.info.title, changed.info.version) == ("Mine", "1")
    assert {path.name for path in changed.folder.iterdir()} == set(changed.files)
    changed.verify()
    for version in ("", "1/..", "a b", "ü", "v" * 65, ".."):
        told = run("set", "mine", "--version", version)
        assert told.exit_code == 2 and "cannot be part of a URL" in told.output, version
    run("set", "mine", "--resize", "squash", "--version", "2")
    again = read_package(cache / "mine").info
    assert again.version == "2" and again.preprocessing == Preprocessing(
        "squash", 0.75, filter="lanczos"
    )


def test_without_options_it_is_only_told(run: Run, cache: Path) -> None:
    run("add", "mine", *NETWORK, "--channels", "bgr")
    written = (cache / "mine" / "model.json").stat()
    result = run("set", "mine")
    assert result.output.splitlines() == [
        "Pictures: the whole, squashed to the input, bilinear.",
        "Pixels: as they are, 0..255 in the order BGR.",
        "Scores: probabilities, one label is right.",
    ]
    assert (cache / "mine" / "model.json").stat() == written


def test_a_package_of_before_says_all_once_it_is_changed(run: Run, cache: Path) -> None:
    shutil.copytree(DOODLE, cache / "old")
    info = json.loads((cache / "old" / "model.json").read_text()) | {"name": "old"}
    del info["preprocessing"]
    (cache / "old" / "model.json").write_text(json.dumps(info | {"input_scaling": None}))
    assert run("set", "old", "--filter", "bicubic").exit_code == 0
    described = json.loads((cache / "old" / "model.json").read_text())
    assert described["preprocessing"]["filter"] == "bicubic" and "input_scaling" not in described


def test_a_package_that_is_not_there(run: Run) -> None:
    result = run("set", "none", "--crop", 0.5)
    assert result.exit_code == 1 and "There is no package 'none'" in result.output


@pytest.mark.parametrize("command", ["add", "set", "export"])
def test_help_names_every_option_of_a_picture(run: Run, command: str) -> None:
    shown = run(command, "--help").output
    for option in ("resize", "crop", "colour", "filter", "channels", "mean", "std", "scores"):
        assert f"--{option} " in shown
    assert "--multi-label / --one-label" in shown
