"""What a network gives: found in the file, said by options, asked for; and what is answered."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from click.testing import CliRunner, Result

from chalicelib.inference.classifier import Classifier
from chalicelib.inference.packages import read_package
from tests.conftest import TEST_DATA
from tests.tflites import network, opposed, plain
from tests.unit.test_labels import imagenet
from tools.model import cli

Run = Callable[..., Result]
LABELS = ("red", "green", "blue", "light")
RED, YELLOW, BLACK = plain(255, 0, 0), plain(255, 255, 0), plain(0, 0, 0)
RELU = schema.ActivationFunctionType.RELU
ONE = ("green",)


@pytest.fixture
def run(cache: Path, tmp_path: Path) -> Run:
    """`tools.model` with a command; where a network and labels are given, with those."""

    def invoke(
        command: str, *options: Any, net: bytes = b"", labels: tuple[str, ...] = LABELS
    ) -> Result:
        arguments = [command, "own", *map(str, options)]
        if net:
            (tmp_path / "net.tflite").write_bytes(net)
            (tmp_path / "labels.txt").write_text("\n".join(labels))
            arguments += [str(tmp_path / "net.tflite"), "--labels", str(tmp_path / "labels.txt")]
            arguments += ["--force"]
        result = CliRunner().invoke(cli, arguments, env={"MODEL_DIR": str(cache), "THREADS": "1"})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    return invoke


def scores(cache: Path, picture: np.ndarray) -> list[float]:
    return [round(float(score), 2) for score in loaded(cache).scores(picture)]


def loaded(cache: Path) -> Classifier:
    return Classifier(read_package(cache / "own"), 1)


def sigmoid(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))


HIGH, LOW = round(sigmoid(3.97), 2), round(sigmoid(-4), 2)
"""Of a channel at its brightest and darkest."""

# ending, units, labels, options -> scores, multi_label, what is said, scores of yellow
PROBABILITIES, LOGITS = ("probabilities", False), ("logits", False)
EACH, EACH_LOGIT = ("probabilities", True), ("logits", True)
BOTH, FOUR = [0.5, 0.5, 0.0], [HIGH, HIGH, LOW, round(sigmoid(1.3125), 2)]
"""Scores of yellow: of three labels of which one is right, and of four judged one by one."""
REST = [1 - HIGH, HIGH]
THREE, TWO = LABELS[:3], ("other", "red")
FOUND: list[tuple[tuple[str, ...], tuple[str, ...], int, tuple[str, ...], Any, str, Any]] = [
    (("SOFTMAX",), THREE, 3, (), PROBABILITIES, "as it ends in a softmax", BOTH),
    (("LOGISTIC",), LABELS, 4, (), EACH, "several may be right; as it ends in sigmoids", FOUR),
    (("LOGISTIC", "RESHAPE"), LABELS, 4, ("--scores", "probabilities"), EACH, "sigmoids", FOUR),
    (("LOGISTIC",), LABELS, 4, ("--one-label",), PROBABILITIES, "one label is right", None),
    ((), THREE, 3, (), LOGITS, "--multi-label if several may be", BOTH),
    ((), THREE, 3, ("--one-label",), LOGITS, "one label is right", BOTH),
    (("RESHAPE",), LABELS, 4, ("--multi-label",), EACH_LOGIT, "several may be right", FOUR),
    (("LOG_SOFTMAX",), THREE, 3, (), LOGITS, "a layer without activation", BOTH),
    ((), TWO, 1, (), LOGITS, "the probability of 'red', and 'other' gets the rest", REST),
    (("LOGISTIC",), TWO, 1, (), PROBABILITIES, "'other' gets the rest", REST),
    (("LOGISTIC",), ("red",), 1, (), PROBABILITIES, "'not red' gets the rest", REST),
    ((), ("red",), 1, (), LOGITS, "'not red' gets the rest", REST),
    ((), ("red",), 1, ("--multi-label",), EACH_LOGIT, "several may be right", [HIGH]),
    (("SOFTMAX", "ADD"), THREE, 3, (), PROBABILITIES, "never negative and always sum to 1", BOTH),
    (("RELU",), THREE, 3, (), LOGITS, "reach from 0 to", [0.5, 0.5, 0.01]),
    (("LOGISTIC", "MUL"), LABELS, 4, ("--scores", "probabilities", "--multi-label"), EACH,
     "as you said", [score / 2 for score in FOUR]),
]  # fmt: skip
"""How a network ends, labels, units and options; what is found and said, and scores of yellow."""


def test_what_a_file_shows_of_its_scores_is_found_and_answered_by(run: Run, cache: Path) -> None:
    for ending, labels, units, options, expected, said, answer in FOUND:
        case = ending, units, options
        result = run("add", *options, net=network(*ending, weights=opposed(units)), labels=labels)
        assert result.exit_code == 0 and said in result.output, (case, result.output)
        info = read_package(cache / "own").info
        assert (info.scores, info.multi_label) == expected, case
        if answer:
            assert scores(cache, YELLOW) == pytest.approx(answer, abs=0.012), case


def test_a_label_alone_is_that_of_the_one_unit(run: Run, cache: Path) -> None:
    run("add", net=network("LOGISTIC", weights=opposed(1)), labels=("red",))
    own = loaded(cache)
    assert own.labels == ("not red", "red")
    best = [own.rank(own.scores(picture), 1, 0.6)[0].name for picture in (RED, BLACK)]
    assert best == ["red", "not red"]


REFUSED: list[tuple[tuple[str, ...], int, tuple[str, ...], tuple[str, ...], str]] = [
    (("SOFTMAX",), 3, LABELS[:3], ("--scores", "logits"), "ends in a softmax, so its scores are"),
    (("SOFTMAX",), 3, LABELS[:3], ("--multi-label",), "no two labels can both be likely"),
    (("SOFTMAX",), 1, ("red",), (), "softmax of one unit, which is always 1"),
    (("LOGISTIC",), 4, LABELS, ("--scores", "logits"), "ends in a sigmoid, so its scores are"),
    ((), 3, LABELS[:3], ("--scores", "probabilities"), "gives no probabilities"),
    (("TANH",), 3, LABELS[:3], (), "are: it ends in TANH, and its scores for generated"),
    (("SOFTMAX", "DIV"), 3, LABELS[:3], (), "are: it ends in DIV, and its scores for generated"),
    (("LOGISTIC", "DIV"), 4, LABELS, (), "are: it ends in DIV, and its scores for generated"),
    (("NEG",), 3, LABELS[:3], (), "are: it ends in NEG, and its scores for generated"),
    (("LOG_SOFTMAX", "NEG"), 3, LABELS[:3], (), "are: it ends in NEG, and its scores for"),
    (("LOGISTIC", "MUL"), 3, LABELS[:3], (), "Give --scores probabilities (with --multi-label"),
    (("LOGISTIC", "MUL"), 3, LABELS[:3], ("--scores", "probabilities"), "--one-label"),
    (("SOFTMAX", "ADD"), 3, LABELS[:3], ("--scores", "logits"), "sum to 1; leave --scores out"),
    (("LOGISTIC",), 1, LABELS[:3], (), "one unit, and there are 3 labels. Give two"),
    (("LOGISTIC",), 1, ("a", "b"), ("--multi-label",), "1 classes and there are 2 labels"),
    (("LOGISTIC",), 4, LABELS[:2], (), "4 classes and there are 2 labels"),
]


def test_what_cannot_be_told_or_contradicts_itself_is_asked_or_refused(
    run: Run, cache: Path
) -> None:
    for ending, units, labels, options, said in REFUSED:
        result = run("add", *options, net=network(*ending, weights=opposed(units)), labels=labels)
        assert result.exit_code == 1 and said in result.output, (ending, options, result.output)
    fused = run("add", net=network(weights=opposed(3) * 1e-3, fused=RELU), labels=LABELS[:3])
    assert "ends in FULLY_CONNECTED with RELU" in fused.output
    assert not cache.exists()


def test_labels_of_which_several_are_right_are_ranked_and_cut_like_others(
    run: Run, cache: Path
) -> None:
    run("add", net=network("LOGISTIC", weights=opposed(4)))
    own = loaded(cache)
    scores = own.scores(YELLOW)
    assert [label.name for label in own.rank(scores, 5, 0.9)] == ["red", "green"]
    assert [label.name for label in own.rank(scores, 1, 0.0)] == ["red"]
    assert own.rank(own.scores(BLACK), 5, 0.5) == []
    some = np.array([0.3, 4e-7, 0, 0.6], np.float32)  # the second is 0 as it is told
    assert [label.score for label in own.rank(some, 5)] == [0.6, 0.3]
    assert [label.score for label in own.rank(some, 5, 0.0)] == [0.6, 0.3, 0.0, 0.0]


def test_set_changes_what_the_scores_are_where_the_network_allows_it(run: Run, cache: Path) -> None:
    def gives() -> tuple[str, bool]:
        info = read_package(cache / "own").info
        return info.scores, info.multi_label

    run("add", net=network(weights=opposed(4)))
    steps = [
        (("--multi-label",), ("logits", True)),
        (("--crop", "0.5"), ("logits", True)),
        (("--scores", "logits"), ("logits", True)),
        (("--scores", "auto"), ("logits", False)),
        (("--scores", "probabilities"), ("logits", False)),  # refused
    ]
    for options, expected in steps:
        result = run("set", *options)
        assert gives() == expected, (options, result.output)
    assert (
        "Scores: probabilities, one label is right, made of the network's logits."
        in run("set").output
    )
    run("add", net=network("LOGISTIC", weights=opposed(4)))
    path = cache / "own" / "model.json"  # as versions before would have put it
    path.write_text(path.read_text().replace("true", "false"))
    assert gives() == ("probabilities", False) and sum(scores(cache, YELLOW)) <= 1.01
    assert run("set", "--multi-label").exit_code == 0 and gives() == ("probabilities", True)
    run("add", net=network(weights=opposed(1)), labels=("not red", "red"))
    assert "1 classes and there are 2 labels" in run("set", "--multi-label").output


def test_packages_of_before_work_on(run: Run, cache: Path) -> None:
    """Also one whose single label was given a softmax, which made all of its scores 1."""
    run("add", "--multi-label", net=network(weights=opposed(1)), labels=("red",))
    path = cache / "own" / "model.json"
    info = json.loads(path.read_text())
    del info["multi_label"]
    path.write_text(json.dumps(info))
    assert [scores(cache, picture) for picture in (RED, BLACK)] == [[HIGH], [LOW]]


def test_only_imagenet_s_background_is_hidden(run: Run, cache: Path) -> None:
    of_imagenet = tuple(imagenet(background=True))
    cases: list[tuple[tuple[str, ...], tuple[str, ...], int | None, str]] = [
        (of_imagenet, (), 0, "Class 0 (background) is hidden, as ImageNet's class 0 of 1,001"),
        (of_imagenet, ("--background-class", "none"), None, ""),
        (("background", "cat"), (), None, "(background) is shown like any other; --background-cl"),
        (("cat", "Background"), (), None, "Class 1 (Background) is shown like any other"),
        (("background", "cat"), ("--background-class", "0"), 0, "is hidden, as you said"),
        (("background", *of_imagenet[2:], "x"), (), None, "shown like any other"),
    ]
    for labels, options, hidden, said in cases:
        net = network("SOFTMAX", weights=np.zeros((len(labels), 4)))
        result = run("add", *options, net=net, labels=labels)
        assert result.exit_code == 0 and said in result.output, (labels[:2], result.output)
        assert read_package(cache / "own").info.background_class == hidden


CASES = TEST_DATA.parent / "cases"


@pytest.mark.skipif(not CASES.is_dir(), reason=f"no {CASES}")
def test_the_cases_of_one_unit_and_of_several_labels(run: Run, cache: Path) -> None:
    pictures = np.load(CASES / "common" / "xt.npy")
    for case, file, labels, options, kind, several in [
        ("one-unit", "binlogit", ("cat",), ("--mean", 0, "--std", 1), "logits", False),
        ("one-unit", "binary", ("cat", "dog"), ("--mean", 0, "--std", 1), "probabilities", False),
        ("multi-label", "multilabel", LABELS, ("--mean", 0, "--std", 1), "probabilities", True),
    ]:
        net = (CASES / case / f"{file}.tflite").read_bytes()
        result = run("add", *options, net=net, labels=labels)
        assert result.exit_code == 0, result.output
        info = read_package(cache / "own").info
        assert (info.scores, info.multi_label) == (kind, several)
        own = loaded(cache)
        rows = np.stack([own.scores(picture) for picture in pictures])
        raw = np.stack([own.output(picture) for picture in pictures])
        probabilities = 1 / (1 + np.exp(-raw)) if kind == "logits" else raw
        if case == "one-unit":
            probabilities = np.hstack([1 - probabilities, probabilities])
        assert np.allclose(rows, probabilities, atol=1e-5) and np.ptp(rows) > 0.5
