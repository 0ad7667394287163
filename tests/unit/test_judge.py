import math
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.answers.judged import Agreement, Latency, McNemar
from chalicelib.answers.predictions import ErrorInfo, Label
from chalicelib.bulk.manifests import Entry
from chalicelib.bulk.records import Record
from chalicelib.wording import p_value, percent, plain, points
from chalicelib.workflow.confusion import (
    MATRIX_LABELS,
    MAX_PAIRS,
    OTHER,
    Confusion,
    Pairs,
    matrices,
)
from chalicelib.workflow.judge import MAX_CODES, Judge, Row
from chalicelib.workflow.judgement import Failure, Judgement


def record(said: str, id: str = "0", score: float = 0.5, ms: float | None = None) -> Record:
    """What a model said: a label, nothing (""), or an error (!Code)."""
    if said.startswith("!"):
        return Record(id, "http://h", error=ErrorInfo(said[1:], f"{said[1:]} of {id}", False))
    return Record(id, "http://h", [Label(said, score)] if said else [], "m", ms)


def rows(*told: tuple[str | None, str, str | None]) -> list[Row]:
    """Rows from the truth, what the champion said and what the challenger said."""
    return [
        (
            Entry(place, f"i{place}", label=truth),
            record(old, f"i{place}"),
            None if other is None else record(other, f"i{place}"),
        )
        for place, (truth, old, other) in enumerate(told)
    ]


def compared(both: int, only_champion: int, only_challenger: int, neither: int) -> list[Row]:
    return rows(
        *[("a", "a", "a")] * both,
        *[("a", "a", "b")] * only_champion,
        *[("a", "b", "a")] * only_challenger,
        *[("a", "b", "b")] * neither,
    )


def judge(
    rows: Iterable[Row],
    champion: str,
    challenger: str | None,
    labels: dict[str, list[str]] | None = None,
) -> Judgement:
    judge = Judge(champion, challenger, labels)
    for row in rows:
        judge.add(row)
    return judge.judgement()


def ruled(told: Iterable[Row]) -> Judgement:
    return judge(told, "old", "new")


def test_a_case_by_hand() -> None:
    judgement = ruled(
        rows(
            ("cat", "cat", "cat"),
            ("cat", "dog", "cat"),
            ("dog", "dog", "cat"),
            ("dog", "cat", "fox"),
            ("dog", "!ImageUnreadable", "!ImageUnreadable"),
            ("fox", "!SourceUnreachable", "fox"),
            (None, "cat", "cat"),
            (None, "!ImageUnreadable", "dog"),
        )
    )
    assert (judgement.images, judgement.labelled) == (8, 6)
    old, new = judgement.arms
    assert (old.model, old.answered, old.labelled, old.correct) == ("old", 5, 4, 2)
    assert old.errors == {"ImageUnreadable": 2, "SourceUnreachable": 1}
    assert old.examples["ImageUnreadable"] == Failure("i4", "ImageUnreadable of i4")
    assert (old.error_rate, old.accuracy, old.mean_confidence) == (3 / 8, 0.5, 0.5)
    assert (new.answered, new.labelled, new.correct, new.accuracy) == (7, 5, 3, 0.6)
    assert new.error_rate == 1 / 8 and judgement.error_rate == 3 / 8
    assert judgement.agreement == Agreement(5, 2, 0.4)
    assert judgement.mcnemar == McNemar(1, 1, 1, 1, 1.0)
    assert not judgement.better
    assert [(matrix.rows, matrix.columns) for matrix in judgement.confusion] == [
        ("truth", "old"),
        ("truth", "new"),
    ]
    assert judgement.confusion[0].labels == ["cat", "dog", "fox"]
    assert judgement.confusion[0].counts == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert judgement.confusion[1].counts == [[2, 0, 0], [1, 0, 1], [0, 0, 1]]
    assert judgement.confusion[1].confused == [
        Confusion("dog", "cat", 1, "i2"),
        Confusion("dog", "fox", 1, "i3"),
    ]


def test_labels_are_compared_without_case_and_outer_blanks() -> None:
    judgement = ruled(rows((" Tabby Cat", "tabby cat", "TABBY CAT "), ("STRASSE", "straße", "x")))
    assert (
        judgement.champion.correct == 2
        and judgement.challenger
        and judgement.challenger.correct == 1
    )
    assert judgement.agreement == Agreement(2, 1, 0.5)
    assert judgement.confusion[0].labels == ["straße", "tabby cat", "x"]


def test_any_name_of_a_label_is_right() -> None:
    label = "hotdog, hot dog, red hot"
    told = [("hot dog", label, "bun"), ("Red  Hot ", label, "hotdog"), ("hot", label, label)]
    judgement = ruled(rows(*told))
    assert judgement.challenger and (judgement.champion.correct, judgement.challenger.correct) == (
        2,
        0,
    )
    assert judgement.mcnemar == McNemar(0, 2, 0, 1, 0.5)
    first = judgement.confusion[0]
    assert first.counts[first.labels.index(label)][first.labels.index(label)] == 2


def test_who_may_find_several_labels_is_not_better_for_being_right_more_easily() -> None:
    """A network that finds every label in every image would win, and be promoted."""
    every = Record("0", "", [Label("a", 0.9), Label("b", 0.9)], multi_label=True)
    told = [(entry, old, every) for entry, old, _ in compared(0, 0, 20, 0)]
    judgement = ruled(told)
    assert judgement.mcnemar and judgement.mcnemar.only_challenger == 20 and not judgement.better
    assert "it may find several labels" in judgement.verdict
    assert "and old gives only one" in judgement.verdict
    turned = ruled((entry, every, old) for entry, old, _ in told)
    assert "and new gives only one" in turned.verdict and not turned.better
    both = [
        (entry, msgspec.structs.replace(old, multi_label=True), every) for entry, old, _ in told
    ]
    assert ruled(both).better


def test_of_several_labels_the_one_asked_about_is_the_answer() -> None:
    def answer(*labels: tuple[str, float]) -> Record:
        return Record("0", "", [Label(*label) for label in labels], multi_label=True)

    told = [
        ("dog", answer(("cat", 0.9), ("dog, hound", 0.5)), "dog, hound"),
        ("dog", answer(("cat", 0.9), ("dog", 0.49)), "cat"),
        (None, answer(("cat", 0.9), ("dog", 0.8)), "cat"),
        ("dog", answer(), "(none)"),
    ]
    judgement = ruled((Entry(0, "i", label=truth), old, record(said)) for truth, old, said in told)
    assert (judgement.champion.labelled, judgement.champion.correct) == (3, 1)
    assert (
        judgement.champion.multi_label
        and judgement.challenger
        and not judgement.challenger.multi_label
    )
    assert judgement.agreement == Agreement(4, 4, 1.0)
    assert judgement.champion.mean_confidence == pytest.approx((0.5 + 0.9 + 0.9) / 3, abs=1e-4)


def test_a_blank_truth_is_none() -> None:
    assert ruled(rows((" ", "cat", "cat"), ("", "cat", "dog"))).labelled == 0


def test_an_answer_without_labels_is_wrong_and_no_error() -> None:
    judgement = ruled(rows(("cat", "", "cat")))
    assert (
        judgement.champion.answered,
        judgement.champion.labelled,
        judgement.champion.correct,
    ) == (1, 1, 0)
    assert judgement.champion.mean_confidence is None
    assert judgement.confusion[0].confused == [Confusion("cat", "(none)", 1, "i0")]


def test_a_record_that_is_missing_is_an_error() -> None:
    judgement = ruled(rows(("cat", "cat", None), ("cat", "cat", "cat")))
    assert judgement.challenger and judgement.challenger.errors == {"Missing": 1}
    assert judgement.error_rate == 0.5


def test_codes_beyond_the_limit_are_counted_together() -> None:
    judgement = judge(rows(*((None, f"!E{n}", None) for n in range(MAX_CODES + 50))), "old", None)
    assert len(judgement.champion.errors) == MAX_CODES + 1
    assert judgement.champion.errors["Missing"] == 50


def test_latency() -> None:
    told = [(Entry(n, str(n)), record("a", ms=float(n)), None) for n in range(1, 101)]
    assert judge(told, "old", None).champion.latency_ms == Latency(50.5, 50.5, 95.05)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_left_out(odd: float) -> None:
    told = [
        (Entry(0, "0", label="a"), record("a", score=odd, ms=odd), None),
        (Entry(1, "1", label="a"), record("a", score=0.25, ms=2.0), None),
    ]
    arm = judge(told, "old", None).champion
    assert (arm.answered, arm.mean_confidence, arm.latency_ms) == (2, 0.25, Latency(2, 2, 2))


@pytest.mark.parametrize(
    ("right", "of", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_the_published_ones(right: int, of: int, low: float, high: float) -> None:
    # Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3
    told = rows(*[("a", "a", None)] * right, *[("a", "b", None)] * (of - right))
    interval = judge(told, "old", None).champion.interval
    assert interval == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("only_champion", "only_challenger", "p"),
    [
        (0, 5, 2 / 2**5),
        (0, 6, 2 / 2**6),
        (9, 1, 2 * (1 + 10) / 2**10),
        (2, 12, 2 * (1 + 14 + 91) / 2**14),
        (3, 3, 1.0),
    ],
)
def test_the_test_is_mcnemars(only_champion: int, only_challenger: int, p: float) -> None:
    judgement = ruled(compared(4, only_champion, only_challenger, 2))
    assert judgement.mcnemar is not None
    assert judgement.mcnemar.p_value == pytest.approx(p)
    assert judgement.better == (p < 0.05 and only_challenger > only_champion)


def test_images_lost_by_the_champion_do_not_promote_the_challenger() -> None:
    lost = [("a", "!States.Timeout", "a")] * 25
    judgement = ruled(rows(*[("a", "a", "a")] * 200, *[("a", "b", "b")] * 20, *lost))
    assert judgement.mcnemar == McNemar(200, 0, 0, 20, 1.0)
    assert not judgement.better


def test_a_worse_challenger_is_not_better_for_being_right_on_more_images() -> None:
    lost = rows(*[("a", "!States.Timeout", "a")] * 25)
    judgement = ruled([*compared(100, 10, 0, 0), *lost])
    assert judgement.challenger and judgement.challenger.correct > judgement.champion.correct
    assert not judgement.better


def test_a_challenger_that_answers_only_the_easy_ones_is_not_better() -> None:
    hard = [("a", "a", "!TimeoutError")] * 40
    judgement = ruled([*compared(100, 0, 10, 0), *rows(*hard)])
    assert judgement.mcnemar is not None and judgement.mcnemar.p_value < 0.05
    assert not judgement.better
    assert judgement.verdict == (
        "new is right 9.1 points more often than old on images that both answer "
        "(p = 0.002, 110 images). "
        "But it fails so often that in all it is right on 110 images, and old on 140."
    )


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        ([], "There was no image to judge."),
        (
            compared(255, 9, 28, 8),
            "new is right 6.3 points more often than old (p = 0.003, 300 images).",
        ),
        (
            compared(255, 28, 9, 8),
            "old is right 6.3 points more often than new (p = 0.003, 300 images).",
        ),
        (
            [*compared(80, 2, 12, 6), *rows((None, "a", "a"))],
            "new is right 10 points more often than old (p = 0.013, 100 labelled images).",
        ),
        (
            compared(80, 6, 8, 6),
            "No clear winner. new is right 2 points more often than old, but that may be chance "
            "(p = 0.791, 100 images).",
        ),
        (
            compared(80, 7, 7, 6),
            "new and old are right equally often (p = 1.000, 100 images).",
        ),
        (
            compared(7, 0, 3, 2),
            "Too few images to tell whether new or old is better. "
            "Only one of them is right on 3 of 12 images; it takes at least 6 such images.",
        ),
        (compared(9, 0, 0, 1), "new and old are right on exactly the same 9 of 10 images."),
        (
            rows(*[(None, "a", "a")] * 93, *[(None, "a", "b")] * 7),
            "The models agree on 93% of 100 images. "
            "To learn which model is right more often, give labels.",
        ),
        (
            rows((None, "a", "a"), ("a", "!E", "a")),
            "The models agree on 100% of 1 image. "
            "To learn which model is right more often, give labels of images that can be answered.",
        ),
        (
            rows(*[("a", "!E", "!F")] * 3),
            "Neither model answered any of 3 images. The most frequent error is E (3 images).",
        ),
        (
            rows(*[("a", "a", "!ModelInvalid")] * 1200),
            "new answered none of 1,200 images, so nothing was compared. "
            "The most frequent error is ModelInvalid (1,200 images).",
        ),
        (
            rows(("a", "a", "!E"), ("a", "!E", "a")),
            "No image was answered by both models, so they cannot be compared.",
        ),
    ],
)
def test_the_verdict_claims_what_the_figures_do(told: list[Row], verdict: str) -> None:
    assert ruled(told).verdict == verdict


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        (
            rows(*[("a", "a", None)] * 148, *[("a", "b", None)] * 2),
            "old is right on 98.7% of 150 labelled images (95% interval 95.3% to 99.6%).",
        ),
        (
            rows((None, "a", None), (None, "!E", None)),
            "old answered 1 of 2 images. To learn how often it is right, give labels.",
        ),
        (
            rows((None, "!E", None)),
            "old answered none of 1 image. The most frequent error is E (1 image).",
        ),
    ],
)
def test_one_model_is_judged_alone(told: list[Row], verdict: str) -> None:
    judgement = judge(told, "old", None)
    assert judgement.verdict == verdict
    assert (judgement.challenger, judgement.agreement, judgement.mcnemar, judgement.better) == (
        None,
    ) * 3 + (False,)


def test_without_labels_the_models_are_held_against_each_other() -> None:
    judgement = ruled(rows((None, "a", "a"), (None, "a", "b"), (None, "b", "!E")))
    (matrix,) = judgement.confusion
    assert (matrix.rows, matrix.columns, matrix.labels) == ("old", "new", ["a", "b"])
    assert matrix.counts == [[1, 1], [0, 0]]


def test_the_most_confused_labels_are_shown() -> None:
    told = [("fine", "fine", "fine")] * 500
    told += [(f"t{n:02}", f"t{n:02}", f"t{(n + 1) % 34:02}") for n in range(34)]
    told += [("rare", "common", "rare")]
    old, new = ruled(rows(*told)).confusion
    assert old.labels == new.labels and len(old.labels) == MATRIX_LABELS + 1
    assert old.labels[-1] == OTHER and old.hidden == 37 - MATRIX_LABELS
    assert "fine" not in old.labels
    assert sum(map(sum, old.counts)) == sum(map(sum, new.counts)) == 535
    assert old.confused == [Confusion("rare", "common", 1, "i534")]


def test_memory_is_bounded_whatever_the_labels() -> None:
    pairs = Pairs("truth", "m")
    for n in range(MAX_PAIRS + 1000):
        pairs.add(f"t{n}", "x", str(n))
    assert len(pairs.counts) == MAX_PAIRS + 1
    (matrix,) = matrices([pairs])
    assert sum(map(sum, matrix.counts)) == MAX_PAIRS + 1000
    assert matrix.counts[-1][-1] >= 1000


labels = st.sampled_from(["a", "B", "b ", "c", OTHER, "", "!E", "!F"]) | st.integers(0, 40).map(str)


@given(st.lists(st.tuples(st.none() | labels, labels, st.none() | labels), max_size=60))
def test_totals_add_up(told: list[tuple[str | None, str, str | None]]) -> None:
    judgement = ruled(rows(*told))
    assert msgspec.json.decode(msgspec.json.encode(judgement), type=Judgement) == judgement
    for arm in judgement.arms:
        assert arm.answered + sum(arm.errors.values()) == judgement.images == len(told)
        assert arm.errors.keys() == arm.examples.keys()
        assert arm.correct <= arm.labelled <= min(judgement.labelled, arm.answered)
        assert 0 <= arm.error_rate <= judgement.error_rate <= 1
    if judgement.mcnemar is not None:
        assert judgement.agreement and judgement.mcnemar.pairs <= judgement.agreement.pairs
        assert 0 <= judgement.mcnemar.p_value <= 1
    for matrix in judgement.confusion:
        assert len(matrix.labels) == len(matrix.counts) <= MATRIX_LABELS + 1
        total = sum(map(sum, matrix.counts))
        if matrix.rows == "truth":
            (arm,) = (arm for arm in judgement.arms if arm.model == matrix.columns)
            right = sum(matrix.counts[n][n] for n in range(len(matrix.labels)))
            assert total == arm.labelled
            assert right == arm.correct or matrix.hidden
        else:
            assert judgement.agreement and total == judgement.agreement.pairs


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0%"), (1, "100%"), (0.93, "93%"), (0.912, "91.2%"), (0.9999, ">99.9%"), (1e-9, "<0.1%")],
)
def test_percent_never_rounds_to_all_or_nothing(share: float, words: str) -> None:
    assert percent(share) == words


def test_p_values_are_told_on_their_side_of_the_limit() -> None:
    assert [p_value(p) for p in (0.0001, 0.0034, 0.04996, 0.0499999, 0.05, 0.050004, 1)] == [
        "p < 0.001",
        "p = 0.003",
        "p = 0.04996",
        "p < 0.05",
        "p = 0.050",
        "p > 0.05",
        "p = 1.000",
    ]


def test_points() -> None:
    assert [points(x) for x in (0.061, -0.01, 0.0002, 0.5)] == [
        "6.1 points",
        "1 point",
        "0.02 points",
        "50 points",
    ]


def test_strangers_text_is_made_plain() -> None:
    assert plain("a\x00b\n\tc\u202ed\u2028e\ufffff\ud800g") == "a b c d e f g"
    assert plain("\u200d👩\u200d🚀 \u200b") == "👩\u200d🚀"  # an emoji is made of several
    assert plain("\u200d \u200d") == ""
    assert plain("x" * 100, 10) == "x" * 9 + "…"


def test_classes_that_are_confused_with_each_other_are_shown_together() -> None:
    pairs = Pairs("truth", "model")
    for number in range(300):
        name = f"class {number}"
        pairs.add(name, name, "right")
        if number >= 280:
            pairs.add(name, f"wrong {number}", "wrong")
    (matrix,) = matrices([pairs])
    assert sum(map(sum, matrix.counts)) == 320 and matrix.hidden == 300
    cells = [sum(row[:MATRIX_LABELS]) for row in matrix.counts[:MATRIX_LABELS]]
    assert sum(cells) == 20  # of ten classes: those that are right, and those that are not
