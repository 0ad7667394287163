"""The contestants of the benchmarks answer; on a small network, once, and no time is judged."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click import ClickException

from benchmarks.coldstart import contest, figures, table
from benchmarks.cutting import fanned_out
from benchmarks.cutting import figures as cutting_figures
from benchmarks.others.forms import make
from benchmarks.others.pipe import Task, started
from benchmarks.others.respond import WAYS
from benchmarks.subject import Subject, photograph
from benchmarks.teach import cold, month, starts_table, taught
from chalicelib.inference.packages import LABELS, read_package
from localcloud.disk import ARCHITECTURE
from localcloud.unzipped import peak_megabytes
from tests.conftest import ROOT
from tests.samplepackages import doodle_for_both
from tools.bundling.pythons import BundleError, interpreter
from tools.console.quiet import quiet

DOODLE = read_package(ROOT / "vendor" / "models" / "doodle")


WITH_KERAS = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
"""Of Keras, about NumPy 2: whichever of the tests makes the network."""

SECOND = {"onnxruntime-over-handler", "handler-over-onnxruntime"}


def found_by(
    script: str,
    *options: str,
    model: str = "doodle",
    folder: Path | str = os.devnull,
    **environment: str,
) -> dict[str, Any]:
    command = [sys.executable, "-m", f"benchmarks.{script}", "--model", model, "--runs", "1"]
    done = subprocess.run(
        [*command, *options, "--json"],
        cwd=ROOT,
        env=os.environ | {"MODEL_DIR": str(folder)} | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_the_handlers_stages_add_up_to_all_of_it() -> None:
    report = found_by("predict", "--without-tensorflow")
    keys = set(report["figures"]) - SECOND  # which are there as soon as doodle is for both engines
    assert keys == {"handler-over-network", "handler-minus-network"}
    spent = report["series"]["stages"]
    assert all(ms > 0 for name, ms in spent.items() if name != "routing")
    *stages, whole = (row[1] for row in report["tables"][1]["rows"])
    assert sum(map(float, stages)) == pytest.approx(float(whole), abs=0.1)


@pytest.mark.skipif(ARCHITECTURE != "x86_64", reason="the second engine is for x86_64")
def test_the_second_engine_is_held_against_the_first(tmp_path: Path) -> None:
    package = doodle_for_both(tmp_path)
    report = found_by("predict", "--without-tensorflow", model=package.info.name, folder=tmp_path)
    assert set(report["figures"]) > SECOND


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    """A network with doodle's number of classes, and a photograph."""
    folder = tmp_path_factory.mktemp("network")
    with quiet():
        make("MobileNet", len(DOODLE.labels()), folder)
    (folder / "image.jpg").write_bytes(photograph())
    return Task("MobileNet", folder, DOODLE.folder / LABELS, folder / "image.jpg")


@pytest.mark.tensorflow
@WITH_KERAS
@pytest.mark.parametrize("way", WAYS)
def test_tensorflows_ways_give_scores(way: str, task: Task) -> None:
    scores = WAYS[way](task.network, task.application, 0)(task.image.read_bytes())
    assert scores.shape == (len(DOODLE.labels()),)
    assert sum(scores) == pytest.approx(1, abs=1e-3)


@pytest.mark.tensorflow
@WITH_KERAS
def test_a_way_in_its_process_answers_line_by_line(task: Task) -> None:
    with started("baseline", task, threads=1) as contestant:
        first, second = contestant.answer(), contestant.answer()
        assert peak_megabytes(contestant.pid) > 100
    assert first == second
    assert {label["name"] for label in first} < set(DOODLE.labels())


def test_what_ends_a_way_is_told(tmp_path: Path) -> None:
    nothing = Task("MobileNet", tmp_path, tmp_path, tmp_path)
    with started("abacus", nothing, threads=1) as contestant, pytest.raises(ClickException) as told:
        contestant.answer()
    assert "abacus" in told.value.message


def test_the_deployed_functions_start_and_answer(tmp_path: Path) -> None:
    try:
        interpreter("3.13")
    except BundleError as error:
        pytest.skip(str(error))
    with contest(Subject(doodle_for_both(tmp_path), photograph(), None)) as (compared, _):
        measured = {name: start() for name, start in compared.items()}
    assert all(times["peak_mb"] > 10 for times in measured.values())
    assert {figure.key for figure in figures(measured)} > {
        "seconds",
        "memory",
        "health-over-predict",
    }
    assert len(table(measured).rows) == len(measured) == (8 if ARCHITECTURE == "x86_64" else 7)


def test_a_deployed_function_sees_what_the_benchmark_sees(hides: Path) -> None:
    try:
        interpreter("3.13")
    except BundleError as error:
        pytest.skip(str(error))
    # otherwise it would end with an error, see test_machine
    assert found_by("coldstart", "--without-tensorflow", LD_PRELOAD=str(hides))["figures"]


def test_a_prefix_is_fanned_out_in_little_memory() -> None:
    out = fanned_out("keys", 12_000)  # more than a part of its manifest
    assert (out["kind"], out["count"]) == ("keys", 12_000) and out["peak_mb"] < 100
    values = {figure.key: figure.value for figure in cutting_figures([out])}
    assert values["fan-out-12000-keys-mb"] == out["peak_mb"]
    assert values["list-page-ms"] > 0 and values["list-boto3-page-ms"] > 0


def test_both_kinds_of_kernels_answer() -> None:
    assert found_by("kernels")["figures"]["builtin-over-xnnpack"]["value"] > 0


def test_explanations_are_measured_beside_plain_answers() -> None:
    report = found_by("explain")
    assert report["figures"].keys() == {
        "exposed-over-original", "explain-over-plain", "embedding-over-plain",
        "occlusion-over-network", "explain-ms",
    }  # fmt: skip
    assert all(figure["value"] > 0 for figure in report["figures"].values())


def test_a_taught_package_starts_beside_its_base(tmp_path: Path) -> None:
    try:
        interpreter("3.13")
    except BundleError as error:
        pytest.skip(str(error))
    lesson, seconds, cpu = taught(tmp_path, 80, "doodle")
    assert seconds > 0 and cpu > 0
    times = cold(lesson.package, 1)
    assert all(case["cpu_s"] > 0 for case in times.values())
    assert [row[0] for row in starts_table(times).rows] == ["taught", "base"]


def test_a_month_of_pets_is_reckoned_with_the_figures_of_costs() -> None:
    figures_, bill = month("avx2")
    assert all(figure.value > 0 for figure in figures_)
    assert len(figures_) == len(bill.rows) == 5
