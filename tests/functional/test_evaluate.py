"""`tools.model evaluate`, on a network of three classes and pictures made here."""

import base64
import csv
import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from chalicelib.inference.packages import INFO, read_package
from tests.samplepackages import by_colour
from tests.tflites import network, opposed
from tools.model import cli

COLOURS = {"red": (200, 60, 40), "green": (60, 190, 90), "blue": (50, 70, 210)}
EACH = 12
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packages `right`; `swapped`, which is given its channels in the wrong order; and `many`."""
    folder = tmp_path_factory.mktemp("cache")
    network, labels = folder / "network.tflite", folder / "labels.txt"
    network.write_bytes(by_colour())
    labels.write_text("red, crimson\ngreen\nblue\n")
    scale = ("--mean", "0", "--std", "1", "--labels", str(labels))
    for name, channels in (("right", "rgb"), ("swapped", "bgr")):
        command = ["add", name, str(network), *scale, "--channels", channels]
        result = CliRunner().invoke(cli, command, env={"MODEL_DIR": str(folder)})
        assert result.exit_code == 0, result.output
    shutil.copytree(folder / "right", folder / "many")
    info = json.loads((folder / "many" / INFO).read_text()) | {"name": "many", "multi_label": True}
    (folder / "many" / INFO).write_text(json.dumps(info))
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each class; one picture is in the wrong one, one is of no class, one is none."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (folder / name).mkdir()
        for number in range(EACH):
            pixels = rng.normal(colour, 25, (24, 32, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    (folder / "green" / "0.png").replace(folder / "red" / "really green.png")
    (folder / "purple").mkdir()
    Image.new("RGB", (9, 9), "purple").save(folder / "purple" / "0.png")
    (folder / "blue" / "broken.jpg").write_text("no picture")
    return folder


@pytest.fixture
def run(cache: Path) -> Run:
    def invoke(*arguments: Any) -> Result:
        environment = {"MODEL_DIR": str(cache), "ENGINE": "auto", "THREADS": "1"}
        result = CliRunner().invoke(cli, ["evaluate", *map(str, arguments)], env=environment)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    return invoke


def test_a_model_is_measured_and_its_report_written(
    run: Run, pictures: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "report"
    result = run("right", pictures, "--to", folder, "--against", "swapped")
    assert result.exit_code == 0, result.output
    assert "purple (1)" in result.output and "blue/broken.jpg: " in result.output
    assert "97.2%, 35 of 36 (95% interval 85.8% to 99.5%)" in result.output
    assert result.output.rstrip().endswith(f"Report: {folder / 'report.md'}")

    report = json.loads((folder / "report.json").read_text())
    right, swapped = report["results"]
    assert (report["evaluated"], right["top1"]["right"], swapped["top1"]["right"]) == (36, 35, 11)
    assert report["unknown_labels"] == {"purple": 1} and [*report["unreadable"]] == [
        "blue/broken.jpg"
    ]
    assert right["top5"] is None  # of three classes
    assert {share["name"]: share["top1"]["right"] for share in right["by_class"]} == {
        "red": 12, "green": 11, "blue": 12,
    }  # fmt: skip
    (mistake,) = right["mistakes"]
    assert mistake["picture"] == "red/really green.png" and mistake["answer"] == "green"
    both = report["compared"]
    assert [both[key] for key in ("both", "only_first", "only_second", "neither")] == [11, 24, 0, 1]
    assert both["p_value"] == pytest.approx(2 * 0.5**24)
    assert sum(bin["of"] for bin in right["calibration"]["bins"]) == 36

    page = (folder / "report.md").read_text()
    named = set(re.findall(r"\]\(([^)]+)\)", page))
    assert named <= {path.name for path in folder.iterdir()} and "calibration-swapped.svg" in named
    for path in folder.glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
    with (folder / "pictures.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == "right"]
    assert sum(int(row["right"]) for row in rows) == 35 and len(rows) == 36
    with (folder / "confusion.csv").open(newline="") as file:
        counts = [int(row["pictures"]) for row in csv.DictReader(file) if row["model"] == "right"]
    assert sorted(counts) == [1, 11, 12, 12]


def test_a_multi_label_model_is_asked_about_the_label(
    run: Run, pictures: Path, tmp_path: Path
) -> None:
    result = run("many", pictures, "--to", tmp_path / "report")
    assert "many judges each label by itself" in result.output and "calibr" not in result.output
    (model,) = json.loads((tmp_path / "report" / "report.json").read_text())["results"]
    with (tmp_path / "report" / "pictures.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert model["top1"]["right"] == sum(int(row["right"]) for row in rows) == 35
    assert not model["calibration"] and not (tmp_path / "report" / "calibration.svg").exists()


def test_the_best_way_is_found_and_written_if_it_is_better(
    run: Run, cache: Path, pictures: Path, tmp_path: Path
) -> None:
    before = read_package(cache / "swapped").info
    ways = ("--preprocessing", "all", "--apply", "--to")
    result = run("swapped", pictures, *ways, tmp_path / "first")
    assert "more than luck" in result.output and "swapped is changed" in result.output
    tried = json.loads((tmp_path / "first" / "report.json").read_text())["ways"]
    assert tried["more_than_luck"] and tried["tried"][tried["best"]]["top1"]["right"] == 35
    assert tried["chosen_from"] >= len(tried["tried"]) - 1 > 10
    after = read_package(cache / "swapped").info
    assert after.preprocessing.channels == "rgb" and after.sha256 == before.sha256
    again = run("swapped", pictures, *ways, tmp_path / "second")
    assert "none is right more often" in again.output and "significantly better" in again.output
    assert read_package(cache / "swapped").info == after


def test_what_cannot_be_evaluated_is_refused_in_a_sentence(
    run: Run, cache: Path, pictures: Path, tmp_path: Path
) -> None:
    flat, wrong = tmp_path / "flat", tmp_path / "wrong"
    flat.mkdir()
    Image.new("RGB", (9, 9)).save(flat / "a.png")
    for label in ("crimsn", "azure"):
        (wrong / label).mkdir(parents=True)
        Image.new("RGB", (9, 9)).save(wrong / label / "a.png")
    table, nothing = tmp_path / "table.csv", tmp_path / "nothing.csv"
    table.write_text("picture,colours\na.png,red\n")
    nothing.write_text("image,label\nno.png,red\n")
    full = tmp_path / "full"
    full.mkdir()
    (full / "kept.txt").write_text("mine")
    for arguments, said in (
        (("right", flat), "has no labelled pictures. Put them into a folder for each class"),
        (("right", wrong), "2 of 2 pictures have labels that no class of the model has"),
        (("right", wrong), "crimsn (1; red?)"),
        (("right", table), "has the columns picture, colours"),
        (("right", nothing), "no.png: There is no such file."),
        (("none", pictures), "There is no package 'none'"),
        (("right:gpu", pictures), "'gpu' is not an engine"),
        (("right", pictures, "--against", "right"), "name another package or engine"),
        (("right", pictures, "--against", "litert"), "right itself, which runs on litert here"),
        (("right", pictures, "--against", "onnxruntime"), "has no model.ort"),
        (("right", pictures, "--apply"), "--preprocessing all"),
        (("right", pictures, "--to", full), "not empty"),
    ):
        to = () if "--to" in arguments else ("--to", tmp_path / "report")
        result = run(*arguments, *to)
        assert result.exit_code != 0 and said in result.output, result.output
        assert not (tmp_path / "report").exists()
    assert [path.name for path in full.iterdir()] == ["kept.txt"]


def test_the_sheet_of_mistakes_shows_where_the_model_looked(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(network("SOFTMAX", weights=opposed(3) / 4))
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\n")
    environment = {"MODEL_DIR": str(tmp_path)}
    command = ["add", "seeing", str(tmp_path / "net.tflite"), "--labels"]
    added = CliRunner().invoke(cli, [*command, str(tmp_path / "labels.txt")], env=environment)
    assert "Features: 3" in added.output
    photos = tmp_path / "photos"
    for name in COLOURS:
        (photos / name).mkdir(parents=True)
        Image.new("RGB", (64, 32), COLOURS[name]).save(photos / name / "0.png")
    wrong = Image.new("RGB", (64, 32), "white")
    wrong.paste("lime", (0, 0, 32, 32))
    wrong.save(photos / "red" / "1.png")
    command = ["evaluate", "seeing", str(photos), "--to", str(tmp_path / "report")]
    done = CliRunner().invoke(cli, command, env=environment | {"ENGINE": "auto", "THREADS": "1"})
    assert done.exit_code == 0, done.output
    drawing = (tmp_path / "report" / "mistakes.svg").read_text()
    assert "The bright parts of a picture speak most for what was said." in drawing
    (encoded,) = re.findall(r"data:image/jpeg;base64,([^\"]+)", drawing)
    thumbnail = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))), np.float32)
    green, white = thumbnail[84, 30, 1], thumbnail[84, 140, 1]
    assert green > 230 and white < 100, "what is white does not speak for green"
