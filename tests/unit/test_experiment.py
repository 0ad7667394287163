"""The experiment on an object store in memory, with the clock in the test's hand."""

import base64
import itertools
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.answers.experimentviews import FeedbackAnswer
from chalicelib.answers.predictions import Traffic
from chalicelib.aws.documents import Documents
from chalicelib.aws.store import Listed
from chalicelib.errors import BadRequest, ModelInvalid, ModelNotFound, NotConfigured
from chalicelib.errors import ServiceUnavailable as Unreachable
from chalicelib.experiment.arms import Arms
from chalicelib.experiment.comparison import Standing, compare, overall, planned
from chalicelib.experiment.experiment import Experiment
from chalicelib.experiment.ids import EXPIRY, KEY, InferenceIds
from chalicelib.experiment.votes import REPORT, Report, Tally, Vote, Votes, count
from chalicelib.experiment.weights import FILE
from chalicelib.requests import MAX_INFERENCE_ID, ExperimentRequest, FeedbackRequest
from tests.fakes import MemoryStore

HOUR, DAY = 3600, 86400
NOON = 1_800_000_000 // DAY * DAY + DAY // 2
SUBJECTS = [f"client-{number}" for number in range(20_000)]


class WatchedStore(MemoryStore):
    """Remembers what was asked of it; does not answer while `away`."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.asked: list[tuple[str, str]] = []

    def _ask(self, what: str, key: str) -> None:
        self.asked.append((what, key))
        if self.away:
            raise Unreachable(detail=f"s3://results/{key}: timed out")

    def read(self, bucket: str, key: str, max_bytes: int) -> bytes:
        self._ask("read", key)
        return super().read(bucket, key, max_bytes)

    def put(self, bucket: str, key: str, *rest: Any, **options: Any) -> str | None:
        self._ask("put", key)
        return super().put(bucket, key, *rest, **options)

    def list(self, bucket: str, prefix: str, after: str = "") -> Iterator[Listed]:
        self._ask("list", prefix)
        return super().list(bucket, prefix, after)


class Lab:
    """A bucket, a clock, and containers that share them."""

    def __init__(self, arms: str = "doodle=0.5 small=0.5") -> None:
        self.store, self.now, self.arms = WatchedStore(), float(NOON), arms
        self.broken = {"broken"}
        self.experiment = self.container()

    def container(self, champion: str = "doodle") -> Experiment:
        documents = Documents(self.store, "results")
        arms = Arms.parse(self.arms)
        return Experiment(documents, arms, champion, self.check_model, clock=lambda: self.now)

    def check_model(self, name: str) -> None:
        if name in self.broken:
            raise ModelInvalid(f"Model {name} is damaged.")
        if name not in ("doodle", "small", "third"):
            raise ModelNotFound(f"There is no model {name!r}.")

    def vote(self, arm: str, correct: bool, times: int = 1, assigned: bool = True) -> list[str]:
        ids = [self.experiment.issue(arm, "cat", assigned) for _ in range(times)]
        for inference_id in ids:
            self.experiment.feedback(FeedbackRequest(inference_id, correct=correct))
        return ids

    def counts(self) -> dict[str, tuple[int, int]]:
        self.experiment.fold()
        arms = self.experiment.view().arms
        return {arm.name: (arm.votes, arm.correct) for arm in arms}

    def write(self, data: bytes) -> None:
        self.store.objects["results", FILE] = data

    def votes(self) -> list[str]:
        return [key for _, key in self.store.objects if key.startswith("feedback/")]


@pytest.fixture
def lab() -> Lab:
    return Lab()


# Arms


@pytest.mark.parametrize("text", ["a=0.9 b=0.1", "a=0.9,b=0.1", " a=.9,\n b=1e-1 ,"])
def test_arms_are_parsed(text: str) -> None:
    assert Arms.parse(text).weights == {"a": 0.9, "b": 0.1}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "1 to 8 arms, not 0"),
        (" ".join(f"m{n}=0.1" for n in range(10)), "1 to 8 arms, not 10"),
        ("a", "'a' is not of the form NAME=WEIGHT"),
        ("a=", "'a=' is not of the form NAME=WEIGHT"),
        ("a=b", "'a=b' is not of the form NAME=WEIGHT"),
        ("=1", "'' is not a valid name"),
        ("../a=1", "is not a valid name for a model"),
        ("A=1", "is not a valid name for a model"),
        ("a=0.5 a=0.5", "'a' is given twice"),
        ("a=0.9 b=0.2", "add up to 1.1; they must"),
        ("a=0.99999 b=0.000005", "must add up to 1"),
        ("a=1.5 b=-0.5", "weight of a is 1.5"),
        ("b=-0.5 a=1.5", "weight of b is -0.5"),
        ("a=nan", "weight of a is nan"),
        ("a=inf", "weight of a is inf"),
    ],
)
def test_arms_that_cannot_be_are_refused_in_a_sentence(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        Arms.parse(text)
    assert str(caught.value).endswith(".")


def test_thirds_sum_to_one() -> None:
    assert Arms.parse("a=0.3333333 b=0.3333333 c=0.3333333").weights["a"] == 0.3333333


@pytest.mark.parametrize(
    "weights", [{"a": 0.9, "b": 0.1}, {"a": 0.2, "b": 0.5, "c": 0.3}, {"a": 0.01, "b": 0.99}]
)
def test_subjects_are_shared_out_by_weight(weights: dict[str, float]) -> None:
    chosen = Counter(map(Arms(weights).choose, SUBJECTS))
    for name, weight in weights.items():
        spread = (weight * (1 - weight) * len(SUBJECTS)) ** 0.5
        assert abs(chosen[name] - weight * len(SUBJECTS)) < 4 * spread


def test_a_subject_keeps_its_arm_wherever_it_is_asked() -> None:
    code = "from chalicelib.experiment.arms import Arms\n"
    code += "print(*map(Arms({'b': 0.5, 'a': 0.5}).choose, [f'client-{n}' for n in range(50)]))"
    run = [sys.executable, "-c", code]  # another process: another seed of hash()
    elsewhere = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    arms = Arms({"a": 0.5, "b": 0.5})
    assert [arms.choose(subject) for subject in SUBJECTS[:50]] == elsewhere
    assert arms.choose("ü") == arms.choose("ü".encode())
    assert arms.choose("\ud800") in ("a", "b")


@pytest.mark.parametrize(
    ("before", "after", "winner"),
    [
        ({"a": 0.9, "b": 0.1}, {"a": 0.5, "b": 0.5}, "b"),
        ({"a": 0.5, "b": 0.5}, {"a": 0, "b": 1}, "b"),
        ({"a": 0.6, "b": 0.3, "c": 0.1}, {"a": 0.4, "b": 0.2, "c": 0.4}, "c"),
        ({"a": 0.7, "b": 0.3}, {"a": 0.35, "b": 0.15, "c": 0.5}, "c"),
    ],
)
def test_a_ramp_moves_subjects_to_the_growing_arm_only(
    before: dict[str, float], after: dict[str, float], winner: str
) -> None:
    old, new = Arms(before), Arms(after)
    moves = {(old.choose(subject), new.choose(subject)) for subject in SUBJECTS}
    assert {to for of, to in moves if of != to} == {winner}


def test_no_weight_no_subject() -> None:
    assert set(map(Arms({"a": 0, "b": 1}).choose, SUBJECTS[:1000])) == {"b"}


# Ids


def ids(store: MemoryStore, now: float = NOON) -> InferenceIds:
    return InferenceIds(Documents(store, "results"), lambda: now)


@given(
    st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True),
    st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    st.booleans(),
)
def test_an_id_says_what_it_was_given(arm: str, label: str | None, assigned: bool) -> None:
    maker = ids(MemoryStore())
    text = maker.issue(arm, label, assigned)
    inference = maker.read(text)
    assert (inference.arm, inference.label, inference.assigned) == (arm, label, assigned)
    assert inference.issued == NOON
    assert len(text) <= MAX_INFERENCE_ID and set(text) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    )


def test_a_very_long_label_is_cut_to_what_a_request_may_hold() -> None:
    maker = ids(MemoryStore())
    text = maker.issue("a", "𝄞" * 5000, True)
    assert maker.read(text).label == "𝄞" * 1000 and len(text) <= MAX_INFERENCE_ID


def test_ids_are_short_and_never_the_same() -> None:
    maker = ids(MemoryStore())
    made = {maker.issue("inception-v3", "tabby cat", True) for _ in range(1000)}
    assert len(made) == 1000 and max(map(len, made)) <= 80
    assert len({maker.read(inference_id).nonce for inference_id in made}) == 1000


def test_containers_share_one_key_that_nobody_sets_up() -> None:
    store = MemoryStore()
    text = ids(store).issue("a", "cat", True)
    assert len(store.objects["results", KEY]) == 32
    assert ids(store).read(text).arm == "a"


def test_of_two_containers_that_make_the_key_at_once_one_is_heard() -> None:
    class Raced(MemoryStore):
        """Another container's key is there right after the first look."""

        def put(self, bucket: str, key: str, data: bytes, *rest: Any, **options: Any) -> str | None:
            super().put(bucket, key, b"k" * 32, *rest, **options)
            return super().put(bucket, key, data, *rest, **options)

    store = Raced()
    text = ids(store).issue("a", "cat", True)
    assert store.objects["results", KEY] == b"k" * 32
    assert ids(MemoryStore(dict(store.objects))).read(text).label == "cat"


def test_every_changed_bit_and_length_is_noticed() -> None:
    maker = ids(MemoryStore())
    text = maker.issue("a", "cat", True)
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        forged = base64.urlsafe_b64encode(changed).rstrip(b"=").decode()
        with pytest.raises(BadRequest, match="did not issue"):
            maker.read(forged)
    for cut in range(len(text)):
        with pytest.raises(BadRequest, match="did not issue"):
            maker.read(text[:cut])


@given(st.text(max_size=200))
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="did not issue"):
        ids(MemoryStore()).read(text)


def test_an_id_is_read_in_one_spelling_only() -> None:
    maker = ids(MemoryStore())
    text = maker.issue("a", "cat", True)
    for other in (text + "=", text + "\n", " " + text, text[:5] + "!" + text[5:]):
        with pytest.raises(BadRequest, match="did not issue"):
            maker.read(other)


def test_another_services_id_is_refused() -> None:
    with pytest.raises(BadRequest, match="did not issue"):
        ids(MemoryStore()).read(ids(MemoryStore()).issue("a", "cat", True))


def test_an_id_lives_for_seven_days() -> None:
    store = MemoryStore()
    text = ids(store).issue("a", "cat", True)
    assert ids(store, NOON + EXPIRY).read(text).arm == "a"
    with pytest.raises(BadRequest, match="7 days old"):
        ids(store, NOON + EXPIRY + 1).read(text)


def test_an_id_of_the_future_is_refused_but_for_clocks_that_differ_a_little() -> None:
    store = MemoryStore()
    text = ids(store).issue("a", "cat", True)
    assert ids(store, NOON - 60).read(text).arm == "a"
    with pytest.raises(BadRequest, match="future"):
        ids(store, NOON - DAY).read(text)


@pytest.mark.parametrize("damaged", [b"", b"short", b"k" * 33, b"k" * 10**6])
def test_a_damaged_key_is_never_signed_with(damaged: bytes) -> None:
    store = MemoryStore({("results", KEY): damaged})
    with pytest.raises(NotConfigured, match="delete it"):
        ids(store).issue("a", "cat", True)


# Votes


def test_votes_are_counted_by_arm(lab: Lab) -> None:
    lab.vote("doodle", True, 3)
    lab.vote("doodle", False, 2)
    lab.vote("small", True)
    assert lab.counts() == {"doodle": (5, 3), "small": (1, 1)}


def test_feedback_says_what_became_of_it(lab: Lab) -> None:
    def say(assigned: bool, **how: Any) -> FeedbackAnswer:
        inference_id = lab.experiment.issue("small", "tabby, tabby cat", assigned)
        return lab.experiment.feedback(FeedbackRequest(inference_id, **how))

    assert say(True, correct=True) == FeedbackAnswer("small", correct=True, counted=True)
    assert say(True, label="dog") == FeedbackAnswer("small", correct=False, counted=True)
    assert say(True, label=" Tabby Cat ").correct is True
    assert say(False, correct=False) == FeedbackAnswer("small", correct=False, counted=False)


def test_one_label_does_not_tell_whether_an_answer_of_several_was_right(lab: Lab) -> None:
    inference_id = lab.experiment.issue("small", "cat", True, multi_label=True)
    with pytest.raises(BadRequest, match=r"small may find several labels .* send correct"):
        lab.experiment.feedback(FeedbackRequest(inference_id, label="cat"))
    vote = lab.experiment.feedback(FeedbackRequest(inference_id, correct=True))
    assert vote == FeedbackAnswer("small", correct=True, counted=True)


@pytest.mark.parametrize("how", [{}, {"correct": True, "label": "cat"}])
def test_a_vote_says_exactly_one_thing(lab: Lab, how: dict[str, Any]) -> None:
    inference_id = lab.experiment.issue("small", "cat", True)
    with pytest.raises(BadRequest, match="exactly one"):
        lab.experiment.feedback(FeedbackRequest(inference_id, **how))


@pytest.mark.parametrize(
    "body",
    [
        {"inference_id": ""},
        {"inference_id": "a" * (MAX_INFERENCE_ID + 1)},
        {"inference_id": "a", "label": ""},
        {"inference_id": "a", "label": "b" * 1001},
        {"inference_id": "a", "correct": "yes"},
        {"inference_id": "a", "vote": True},
    ],
)
def test_a_vote_has_bounds(body: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(body, FeedbackRequest)


def test_an_id_for_logs_cannot_be_voted_with(lab: Lab) -> None:
    with pytest.raises(BadRequest, match="without labels"):
        lab.experiment.feedback(
            FeedbackRequest(lab.experiment.issue("small", None, True), correct=True)
        )
    assert not lab.votes()


def test_a_forced_models_votes_are_kept_and_not_counted(lab: Lab) -> None:
    lab.vote("small", True, 2, assigned=False)
    assert len(lab.votes()) == 2
    assert lab.counts() == {"doodle": (0, 0), "small": (0, 0)}


def test_voting_twice_counts_once(lab: Lab) -> None:
    (inference_id,) = lab.vote("small", True)
    lab.experiment.feedback(FeedbackRequest(inference_id, correct=True))
    lab.experiment.feedback(FeedbackRequest(inference_id, label="cat"))
    assert lab.counts()["small"] == (1, 1)


def test_a_change_of_mind_counts_however_quick(lab: Lab) -> None:
    (inference_id,) = lab.vote("small", True)
    lab.store.modified.clear()  # as if all were written within a second
    for correct, expected in [(False, (1, 0)), (True, (1, 1)), (False, (1, 0))]:
        lab.experiment.feedback(FeedbackRequest(inference_id, correct=correct))
        lab.store.modified.clear()
        assert lab.counts()["small"] == expected


@pytest.mark.parametrize("step", range(4))
def test_of_two_opposite_votes_at_once_one_stays(lab: Lab, step: int) -> None:
    """The second vote comes before or after either call that the first makes."""
    inference_id = lab.experiment.issue("small", "cat", True)
    steps = itertools.count()

    def other_vote() -> None:
        if next(steps) == step:
            lab.experiment.feedback(FeedbackRequest(inference_id, correct=False))

    class Interrupted(WatchedStore):
        def delete(self, bucket: str, key: str) -> None:
            other_vote()
            super().delete(bucket, key)
            other_vote()

        def put(self, *where: Any, **options: Any) -> str | None:
            other_vote()
            written = super().put(*where, **options)
            other_vote()
            return written

    store = Interrupted()
    store.objects, store.modified = lab.store.objects, lab.store.modified
    lab.store = store
    lab.experiment = lab.container()
    lab.experiment.feedback(FeedbackRequest(inference_id, correct=True))
    assert next(steps) > step
    assert lab.counts()["small"][0] == 1


def listed(key: str, modified: float) -> Listed:
    return Listed(f"feedback/counted/2027-01-15/{key}", modified)


def test_of_two_votes_left_by_a_race_the_later_counts() -> None:
    right, wrong = "a/0123456789abcdef-1", "a/0123456789abcdef-0"
    for first, second, correct in [(1, 2, 1), (2, 1, 0), (1, 1, 0)]:
        days = count([listed(wrong, first), listed(right, second)])
        assert days == {"2027-01-15": {"a": Tally(1, correct)}}


def test_what_is_no_vote_is_passed_over() -> None:
    strange = [
        "a/xyz-1",
        "a/0123456789abcdef-2",
        "a/0123456789abcdef-1.json",
        "A/0123456789abcdef-1",
    ]
    assert count([listed(key, 1.0) for key in strange]) == {}


def test_a_votes_object_says_all_that_training_may_ask(lab: Lab) -> None:
    inference_id = lab.experiment.issue("small", "cat", True)
    lab.now += HOUR
    lab.experiment.feedback(FeedbackRequest(inference_id, label="tabby"))
    (key,) = lab.votes()
    vote = msgspec.json.decode(lab.store.objects["results", key], type=Vote)
    assert (vote.arm, vote.predicted, vote.label, vote.correct) == ("small", "cat", "tabby", False)
    assert (vote.inference_id, vote.assigned) == (inference_id, True)
    assert (vote.issued_at, vote.voted_at) == (NOON, NOON + HOUR)


def test_folding_twice_counts_the_same(lab: Lab) -> None:
    lab.vote("small", True, 3)
    assert lab.counts() == lab.counts() == {"doodle": (0, 0), "small": (3, 3)}


def test_a_fold_reads_no_vote_and_a_view_lists_nothing(lab: Lab) -> None:
    lab.vote("small", True, 30)
    lab.experiment.fold()
    lab.store.asked.clear()
    lab.experiment.fold()
    assert not [key for what, key in lab.store.asked if what == "read" and "feedback" in key]
    lab.store.asked.clear()
    lab.experiment.view()
    assert not [key for what, key in lab.store.asked if what == "list"]


def listed_days(lab: Lab) -> list[str]:
    """The days that a fold lists, as 2027-01-DAY."""
    lab.store.asked.clear()
    lab.experiment.fold()
    return sorted(key.split("/")[2] for what, key in lab.store.asked if what == "list")


def test_days_that_can_get_no_more_votes_are_not_listed_again(lab: Lab) -> None:
    ancient = lab.vote("small", True, 2)
    lab.experiment.fold()
    lab.now += 9 * DAY
    lab.vote("small", False)
    for _ in range(2):  # the last fold was before that day's end: it is looked at once more
        lab.experiment.fold()
    for key in lab.votes():
        if "2027-01-15" in key:
            lab.store.delete("results", key)
    lab.now += HOUR
    assert listed_days(lab) == [f"2027-01-{day}" for day in range(16, 25)]
    assert lab.counts()["small"] == (3, 2)
    with pytest.raises(BadRequest, match="7 days"):
        lab.experiment.feedback(FeedbackRequest(ancient[0], correct=True))


def test_a_day_that_is_over_is_listed_once_an_hour(lab: Lab) -> None:
    (late,) = lab.vote("small", True)
    lab.experiment.fold()
    lab.now += DAY
    yesterday, today = ["2027-01-15"], ["2027-01-16"]
    assert set(listed_days(lab)) > {*yesterday, *today}
    lab.experiment.feedback(FeedbackRequest(late, correct=False))
    for _ in range(11):
        lab.now += 300
        assert listed_days(lab) == today
    assert lab.counts()["small"] == (1, 1)
    lab.now += 300
    assert lab.counts()["small"] == (1, 0)


@pytest.mark.parametrize(("votes", "hours"), [(999, 1), (5000, 5), (10**6, 24)])
def test_a_large_day_that_is_over_is_listed_less_often(lab: Lab, votes: int, hours: int) -> None:
    lab.experiment.fold()
    report = msgspec.json.decode(lab.store.objects["results", REPORT], type=Report)
    report.days["2027-01-15"] = {"small": Tally(votes, 0)}
    lab.store.objects["results", REPORT] = msgspec.json.encode(report)
    lab.now += 13 * HOUR  # it is the next day
    assert ("2027-01-15" in listed_days(lab)) is (hours <= 13)
    lab.now += 11 * HOUR
    assert "2027-01-15" in listed_days(lab)


def test_after_weeks_without_a_fold_each_lists_a_few_days(lab: Lab) -> None:
    lab.vote("small", True)
    lab.experiment.fold()
    for _ in range(25):
        lab.now += DAY
        lab.vote("small", True)
    assert len(listed_days(lab)) == 11
    assert len(listed_days(lab)) == 11
    for _ in range(3):
        lab.experiment.fold()
    assert lab.counts()["small"] == (26, 26)


def test_the_last_votes_of_a_day_count_even_after_days_without_a_fold(lab: Lab) -> None:
    lab.now = float(NOON // DAY * DAY + DAY - 1)
    late = lab.experiment.issue("small", "cat", True)
    lab.experiment.fold()
    lab.now += EXPIRY
    lab.experiment.feedback(FeedbackRequest(late, correct=True))
    lab.now += 40 * DAY
    for _ in range(6):
        lab.experiment.fold()
    assert lab.counts()["small"] == (1, 1)
    lab.now += 40 * DAY
    assert lab.counts()["small"] == (1, 1)


def test_votes_that_come_on_any_day_are_all_counted_once(lab: Lab) -> None:
    """Twenty days: answers each day, voted on up to seven days later, folds in between."""
    waiting: list[tuple[float, str]] = []
    for day in range(20):
        lab.now = NOON + day * DAY
        new = [lab.experiment.issue("small", "cat", True) for _ in range(8)]
        waiting += [(lab.now + delay * DAY, inference_id) for delay, inference_id in enumerate(new)]
        for when, inference_id in waiting:
            if when == lab.now:
                lab.experiment.feedback(FeedbackRequest(inference_id, correct=True))
        lab.experiment.fold()
    voted = sum(when <= lab.now for when, _ in waiting)
    assert lab.counts()["small"] == (voted, voted)


def test_two_folds_at_once_do_no_harm(lab: Lab) -> None:
    """A fold that began long ago writes its report after a newer one."""
    lab.vote("small", True)
    lab.experiment.fold()
    old = lab.store.objects["results", REPORT]
    lab.now += 8 * DAY
    lab.vote("small", True)
    assert lab.counts()["small"] == (2, 2)
    lab.store.objects["results", REPORT] = old
    assert lab.counts()["small"] == (2, 2)


def test_a_fold_that_dies_leaves_the_last_report(lab: Lab) -> None:
    lab.vote("small", True)
    before = lab.counts()
    lab.vote("small", True)
    lab.store.away = True
    with pytest.raises(Unreachable):
        lab.experiment.fold()
    lab.store.away = False
    arms = lab.experiment.view().arms
    assert {arm.name: (arm.votes, arm.correct) for arm in arms} == before
    assert lab.counts()["small"] == (2, 2)


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b'{"updated_at": -5, "days": {}}', b"\xff"])
def test_a_broken_report_is_counted_anew(lab: Lab, garbage: bytes) -> None:
    lab.vote("small", True, 2)
    lab.experiment.fold()
    lab.now += 30 * DAY
    lab.store.objects["results", REPORT] = garbage
    assert lab.experiment.view().updated_at is None
    assert lab.counts()["small"] == (2, 2)


def test_the_report_says_when_it_was_made(lab: Lab) -> None:
    assert lab.experiment.view().updated_at is None
    lab.experiment.fold()
    assert lab.experiment.view().updated_at == datetime(2027, 1, 15, 12, tzinfo=UTC)


# Weights


def test_the_environments_arms_hold_until_there_are_others(lab: Lab) -> None:
    view = lab.experiment.view()
    assert view.source == "environment" and view.champion == "doodle"
    assert {arm.name: arm.weight for arm in view.arms} == {"doodle": 0.5, "small": 0.5}
    assert lab.experiment.assign("x") == Arms.parse(lab.arms).choose("x")


def test_a_change_is_seen_at_once_here_and_soon_elsewhere(lab: Lab) -> None:
    other = lab.container()
    before = [other.assign(subject) for subject in SUBJECTS[:50]]
    view = lab.experiment.change(ExperimentRequest({"small": 1.0}))
    assert view.source == FILE and [arm.name for arm in view.arms] == ["small"]
    assert lab.experiment.assign("x") == "small"
    assert [other.assign(subject) for subject in SUBJECTS[:50]] == before
    lab.now += 31
    assert {other.assign(subject) for subject in SUBJECTS[:50]} == {"small"}


def test_who_answers_is_told_by_the_weights_in_force(lab: Lab) -> None:
    assert lab.experiment.traffic() == Traffic("doodle", {"doodle": 0.5, "small": 0.5})
    lab.experiment.promote("doodle", "small")
    assert lab.experiment.traffic() == Traffic("doodle", {"doodle": 0, "small": 1})
    assert lab.container("third").traffic().champion == "small", "the arm with the most traffic"


def test_who_looks_at_the_experiment_sees_what_another_container_changed(lab: Lab) -> None:
    other = lab.container()
    other.assign("x")
    lab.experiment.change(ExperimentRequest({"small": 1.0}))
    assert other.view().source == FILE and other.assign("x") == "small"


def test_the_bucket_is_asked_every_thirty_seconds_only(lab: Lab) -> None:
    for _ in range(100):
        lab.experiment.assign("x")
        lab.now += 1
    assert lab.store.asked == [("read", FILE)] * 4


@pytest.mark.parametrize(
    ("weights", "error", "why"),
    [
        ({"doodle": 0.5}, BadRequest, "add up to 0.5"),
        ({"doodle": 2.0, "small": -1.0}, BadRequest, "between 0 and 1"),
        ({"doodle": float("nan")}, BadRequest, "between 0 and 1"),
        ({"No Name": 1.0}, BadRequest, "not a valid name for a model"),
        ({"nothing": 1.0}, ModelNotFound, "no model"),
        ({"doodle": 1.0, "nothing": 0.0}, ModelNotFound, "no model"),
        ({"broken": 1.0}, ModelInvalid, "damaged"),
    ],
)
def test_a_change_that_cannot_be_changes_nothing(
    lab: Lab, weights: dict[str, float], error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        lab.experiment.change(ExperimentRequest(weights))
    assert lab.experiment.view().source == "environment"
    assert ("results", FILE) not in lab.store.objects


@pytest.mark.parametrize("arms", [{}, {f"m{n}": 0.1 for n in range(10)}])
def test_a_changes_arms_have_bounds(arms: dict[str, float]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"arms": arms}, ExperimentRequest)


def test_a_model_that_breaks_can_be_taken_out(lab: Lab) -> None:
    lab.broken.add("small")
    view = lab.experiment.change(ExperimentRequest({"doodle": 1.0, "small": 0.0}))
    assert [(arm.name, arm.weight) for arm in view.arms] == [("doodle", 1), ("small", 0)]


def test_promotion_gives_the_challenger_everything(lab: Lab) -> None:
    for _ in range(2):  # a task that is retried
        assert lab.experiment.promote("doodle", "small") == {"doodle": 0.0, "small": 1.0}
    assert lab.experiment.assign("x") == "small"
    lab.now += 31
    assert lab.container().assign("x") == "small"
    assert lab.experiment.promote("small", "small") == {"small": 1.0}
    with pytest.raises(ModelNotFound):
        lab.experiment.promote("doodle", "nothing")


GARBAGE = [
    b"",
    b"{",
    b"[" * 100_000,
    b"\xff\xfe",
    b'{"arms": {"\xff": 1}}',
    b"null",
    b'{"arms": {}}',
    b'{"arms": {"doodle": 0.5}}',
    b'{"arms": {"doodle": "all"}}',
    b'{"arms": {"../etc": 1}}',
    b'{"arms": {"doodle": 1e999}}',
    b'{"weights": {"doodle": 1}}',
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_broken_file_leaves_the_last_good_weights(lab: Lab, garbage: bytes) -> None:
    lab.experiment.change(ExperimentRequest({"small": 1.0}))
    lab.write(garbage)
    lab.now += 31
    fresh = lab.container()
    assert fresh.assign("x") == Arms.parse(lab.arms).choose("x")
    assert lab.experiment.assign("x") == "small"
    view = lab.experiment.view()
    assert view.verdict.startswith("experiment.json is not valid (")
    assert "PUT /experiment writes it anew. Only small gets traffic" in view.verdict
    assert view.source == FILE and fresh.view().source == "environment"
    assert not lab.experiment.change(ExperimentRequest({"doodle": 1.0})).verdict.startswith(FILE)


def test_a_bucket_that_is_away_is_in_the_log(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    lab.store.away = True
    lab.experiment.assign("x")
    lab.experiment.issue("small", "cat", True)
    logged = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert len(logged) == 2
    assert f"s3://results/{FILE}: timed out" in logged[0]
    assert f"s3://results/{KEY}: timed out" in logged[1]


def test_a_bucket_that_is_away_takes_nothing_down(lab: Lab) -> None:
    lab.store.away = True
    assert lab.experiment.assign("x") == Arms.parse(lab.arms).choose("x")
    unsigned = lab.experiment.issue("small", "cat", True)
    asked = len(lab.store.asked)
    lab.experiment.issue("small", "cat", True)
    lab.experiment.assign("y")
    assert len(lab.store.asked) == asked  # and costs a time-out once, not with every answer
    lab.store.away = False
    with pytest.raises(BadRequest, match="did not issue"):
        lab.experiment.feedback(FeedbackRequest(unsigned, correct=True))
    lab.now += 31
    lab.vote("small", True)
    assert lab.counts()["small"] == (1, 1)


class HangingStore(WatchedStore):
    """Does not answer, neither yes nor no, while `hangs`, until `released`."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs, self.released = True, threading.Event()
        self.waiting = threading.Semaphore(0)

    def read(self, bucket: str, key: str, max_bytes: int) -> bytes:
        if self.hangs:
            self.waiting.release()
            assert self.released.wait(60)
        return super().read(bucket, key, max_bytes)


@pytest.fixture
def hanging() -> Iterator[HangingStore]:
    store = HangingStore()
    yield store
    store.released.set()


def patiently(store: MemoryStore, lab: Lab, patience: float) -> Experiment:
    documents, arms = Documents(store, "results"), Arms.parse(lab.arms)
    return Experiment(
        documents, arms, "doodle", lab.check_model, clock=lambda: lab.now, patience=patience
    )


def test_a_bucket_that_hangs_holds_no_answer_up(lab: Lab, hanging: HangingStore) -> None:
    """Neither the first one, which asks, nor those that come while that is not answered."""
    experiment = patiently(hanging, lab, 0.01)
    for subject in SUBJECTS[:20]:
        assert experiment.assign(subject) == Arms.parse(lab.arms).choose(subject)
        assert experiment.issue("small", "cat", True)
    with pytest.raises(Unreachable, match="try again later"):
        experiment.feedback(FeedbackRequest(lab.vote("small", True)[0], correct=True))
    assert hanging.waiting.acquire(timeout=60) and hanging.waiting.acquire(timeout=60)
    assert not hanging.waiting.acquire(blocking=False)  # the weights once, the key once


def test_the_last_weights_read_stay_while_the_bucket_hangs(lab: Lab, hanging: HangingStore) -> None:
    hanging.hangs = False
    experiment = patiently(hanging, lab, 0.01)
    experiment.change(ExperimentRequest({"small": 1.0}))
    hanging.hangs = True
    lab.now += 31
    assert {experiment.assign(subject) for subject in SUBJECTS[:20]} == {"small"}


def test_others_are_answered_while_one_waits_for_the_bucket(
    lab: Lab, hanging: HangingStore
) -> None:
    """A change, too; and what was read before it does not undo it."""
    experiment = patiently(hanging, lab, 60)
    hanging.objects["results", FILE] = b'{"arms": {"doodle": 1.0}}'
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(experiment.assign, "x")
        assert hanging.waiting.acquire(timeout=60)
        assert experiment.assign("x") == Arms.parse(lab.arms).choose("x")
        assert experiment.promote("doodle", "small") and experiment.assign("x") == "small"
        hanging.objects["results", FILE] = b'{"arms": {"doodle": 1.0}}'
        assert not waits.done()
        hanging.released.set()
        assert waits.result(timeout=60) == experiment.assign("x") == "small"


def test_a_view_while_the_file_cannot_be_read_says_so(lab: Lab) -> None:
    class FileAway(WatchedStore):
        def read(self, bucket: str, key: str, max_bytes: int) -> bytes:
            self.away = key == FILE
            return super().read(bucket, key, max_bytes)

    lab.store = FileAway()
    assert lab.container().view().verdict.startswith("experiment.json cannot be read at the mom")


# View


def test_the_view_is_what_it_says_it_is(lab: Lab) -> None:
    lab.vote("doodle", True, 6)
    lab.vote("doodle", False, 2)
    lab.vote("small", True, 1)
    lab.experiment.fold()
    view = msgspec.json.decode(msgspec.json.encode(lab.experiment.view()))
    first, second = view["arms"]
    assert first.pop("interval") == pytest.approx([0.4093, 0.9285], abs=1e-4)
    assert first == {"name": "doodle", "weight": 0.5, "votes": 8, "correct": 6, "accuracy": 0.75}
    assert second["accuracy"] == 1.0
    (comparison,) = view["comparisons"]
    assert comparison["challenger"] == "small" and comparison["difference"] == 0.25
    assert 0 < comparison["p_value"] < 1
    assert comparison["verdict"] == view["verdict"]
    assert view["verdict"].startswith("Not enough data yet. It takes about ")
    assert view["verdict"].endswith(" more votes per arm to see a 5-point difference.")


def test_arms_without_votes_have_no_accuracy(lab: Lab) -> None:
    view = lab.experiment.view()
    assert [(arm.accuracy, arm.interval) for arm in view.arms] == [(None, None)] * 2
    (comparison,) = view.comparisons
    assert comparison.difference is None and comparison.p_value is None
    assert comparison.verdict.startswith("Not enough data yet. It takes about 3,")


def test_arms_that_are_gone_are_listed_while_they_have_votes(lab: Lab) -> None:
    lab.vote("small", True, 2)
    lab.experiment.fold()
    view = lab.experiment.change(ExperimentRequest({"doodle": 1.0}))
    assert [(arm.name, arm.weight, arm.votes) for arm in view.arms] == [
        ("doodle", 1.0, 0),
        ("small", 0.0, 2),
    ]
    assert [comparison.challenger for comparison in view.comparisons] == ["small"]
    assert "small gets no traffic" in view.verdict


def test_one_arm_alone_is_told_what_to_do() -> None:
    view = Lab("doodle=1").experiment.view()
    assert view.comparisons == []
    assert view.verdict == "Only doodle gets traffic. Give another model a share of it."
    view = Lab("doodle=1 small=0").experiment.view()
    assert view.comparisons == [] and view.verdict.startswith("Only doodle gets traffic.")


@pytest.mark.parametrize(
    ("arms", "configured", "champion"),
    [
        ("doodle=0.1 small=0.9", "doodle", "doodle"),
        ("doodle=0 small=1", "doodle", "doodle"),
        ("third=0.4 small=0.6", "doodle", "small"),
        ("third=0.5 small=0.5", "doodle", "third"),
    ],
)
def test_the_champion_is_the_services_model_or_the_strongest_arm(
    arms: str, configured: str, champion: str
) -> None:
    assert Lab(arms).container(configured).view().champion == champion


def test_a_former_model_of_the_service_is_no_champion(lab: Lab) -> None:
    lab.vote("doodle", True, 5)
    lab.experiment.fold()
    assert lab.experiment.change(ExperimentRequest({"small": 1.0})).champion == "small"


def standing(name: str, right: int, of: int, weight: float = 0.5) -> Standing:
    return Standing(name, weight, Tally(of, right))


@pytest.mark.parametrize(
    ("champion", "challenger", "verdict"),
    [
        ((1600, 2000), (1740, 2000), "small is better by 7 points (p < 0.001)."),
        ((1740, 2000), (1600, 2000), "small is worse by 7 points (p < 0.001)."),
        ((150, 300), (198, 300), "small is better by 16 points (p < 0.001)."),
        ((4000, 5000), (4010, 5000),
         "No difference seen: small is ahead by 0.2 points. This may be chance (p = 0.802)."),
        ((4000, 5000), (3900, 5000),
         "No difference seen: small is behind by 2 points. This may still be chance, because "
         "the results are checked continuously (p = 0.014)."),
        ((3400, 4000), (3336, 4000),
         "No difference seen: small is behind by 1.6 points. This may still be chance, because "
         "the results are checked continuously (p = 0.04979)."),
        ((4000, 5000), (4000, 5000), "No difference seen: small and doodle are level."),
        ((4000, 5000), (1000, 1250),
         "Not enough data yet. It takes about 880 more votes on small to see a "
         "5-point difference."),
        ((1000, 1000), (1000, 1000), "No difference seen: small and doodle are level."),
    ],
)  # fmt: skip
def test_the_verdict_in_words(
    champion: tuple[int, int], challenger: tuple[int, int], verdict: str
) -> None:
    told = compare(standing("doodle", *champion), standing("small", *challenger))
    assert told.verdict == verdict


def test_a_promising_start_is_not_yet_a_result() -> None:
    told = compare(standing("doodle", 14, 20), standing("small", 20, 20))
    assert told.p_value is not None and told.p_value < 0.01
    assert told.verdict.startswith("Not enough data yet. It takes about ")


def test_what_is_missing_shrinks_to_nothing_as_votes_come() -> None:
    plan = planned(Tally(2000, 1600), Tally(2000, 1600))
    for votes in (0, 10, 1000, 2000, plan - 20):
        told = compare(standing("doodle", round(votes * 0.8), votes),
                       standing("small", round(votes * 0.8), votes))  # fmt: skip
        assert told.verdict.startswith("Not enough data yet. It takes about ")
    told = compare(standing("doodle", 2400, 3000), standing("small", 2400, 3000))
    assert plan <= 3000 and told.verdict.startswith("No difference seen")


def test_more_comparisons_ask_for_more_evidence() -> None:
    arms = standing("doodle", 2000, 2500), standing("small", 2100, 2500)
    alone, among_many = compare(*arms), compare(*arms, arms=7)
    assert alone.verdict.startswith("small is better")
    assert not among_many.verdict.startswith("small is better")
    assert planned(Tally(9, 5), Tally(9, 5), 0.05 / 7) > planned(Tally(9, 5), Tally(9, 5))


def test_the_overall_verdict_is_that_with_the_most_evidence() -> None:
    champion = standing("doodle", 1600, 2000)
    rivals = [standing("third", 0, 0), standing("small", 1760, 2000), standing("x", 1610, 2000)]
    for order in itertools.permutations(rivals):
        told = overall(champion, [compare(champion, rival, 3) for rival in order])
        assert told.startswith("small is better by 8 points")


def test_a_report_adds_up_its_days() -> None:
    report = Report(1.0, {"d1": {"a": Tally(2, 1)}, "d2": {"a": Tally(3, 3), "b": Tally(1, 0)}})
    assert report.totals() == {"a": Tally(5, 4), "b": Tally(1, 0)}


def test_the_experiment_is_no_burden_on_a_cold_start() -> None:
    code = "import sys, chalicelib.experiment.experiment; print(*sys.modules)"
    run = [sys.executable, "-c", code]
    modules = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "boto3", "botocore", "statistics", "scipy"} & set(modules)


def test_a_fold_that_stalls_does_not_set_the_report_back() -> None:
    store = MemoryStore()
    votes, put = Votes(Documents(store, "results")), store.put
    votes.fold(1_800_000_000)

    def overtaken(*where: Any, **options: Any) -> str | None:
        store.put = put  # type: ignore[method-assign]
        votes.fold(1_800_000_600)
        return put(*where, **options)

    store.put = overtaken  # type: ignore[method-assign]
    votes.fold(1_800_000_300)
    report = votes.report()
    assert report is not None and report.updated_at == 1_800_000_600
