"""Properties that hold for whatever is given: keys, assignment, signed ids, statistics.

What one function does is tested beside its siblings in tests/unit; here is what holds for all that
callers may choose, and between one answer and another.
"""

import base64
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import scipy  # whose parts are imported when they are used
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from chalicelib.aws.documents import Documents
from chalicelib.aws.s3events import Put
from chalicelib.batch import halt
from chalicelib.batch.fanout import FanOutMessage
from chalicelib.batch.ledger import Ledger, parse_active
from chalicelib.batch.losses import Losses, QueueState, SingleImages, begin, repair_key
from chalicelib.batch.objects import Batch
from chalicelib.batch.recent import recent_key
from chalicelib.bulk.naming import new_id
from chalicelib.bulk.records import Record
from chalicelib.errors import BadRequest, InceptionError, ModelNotFound, NotFound, SourceInvalid
from chalicelib.experiment.arms import Arms
from chalicelib.experiment.ids import EXPIRY, SKEW, InferenceIds
from chalicelib.experiment.votes import Tally, Vote, Votes
from chalicelib.inference.finder import Models
from chalicelib.inference.packages import NAME
from chalicelib.requests import BatchRequest, UploadRequest, WorkflowRequest
from chalicelib.significance import (
    always_valid_p_value,
    mcnemar_p_value,
    two_proportion_p_value,
    wilson_interval,
)
from chalicelib.workflow.rules import Rules
from chalicelib.workflow.run import Run
from tests.fakes import MemoryQueue, MemoryStore
from tests.torture.conftest import Outcome
from tests.torture.faults import BatchCloud
from tests.unit.test_experiment import NOON

Tried = Callable[..., int]


@pytest.fixture
def tried(long: bool) -> Tried:
    """Runs a property on many examples of the strategies; how many those were."""

    def run(holds: Callable[..., object], *strategies: st.SearchStrategy[Any]) -> int:
        count = 0

        @settings(
            max_examples=1500 if long else 50,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.tuples(*strategies))
        def all_of_them(values: tuple[Any, ...]) -> None:
            nonlocal count
            holds(*values)
            count += 1

        all_of_them()
        return count

    return run


# Keys

NASTY = ["..", "../", "/", "\\", "%2e%2e%2f", "\0", "\n", "active/", "batch.json", "rounds/0/", "~"]
names = st.text(min_size=1, max_size=200) | st.lists(
    st.sampled_from([*NASTY, "a", "é", "."]), min_size=1, max_size=12
).map("".join)  # fmt: skip
words = st.from_regex(r"[A-Za-z0-9-]{1,64}", fullmatch=True)
run_names = st.from_regex(r"[A-Za-z0-9_-]{1,80}", fullmatch=True)
arm_names = st.from_regex(NAME, fullmatch=True)
moments = st.floats(1, 4e9)


def test_no_filename_climbs_out_of_its_folder(tried: Tried, outcome: Outcome) -> None:
    cloud = BatchCloud()
    service = cloud.process().batches

    def alone(filename: str) -> None:
        key = service.upload(UploadRequest(filename=filename)).fields["key"]
        folder, token, name = key.split("/")
        assert folder == "uploads" and len(token) == 32
        assert name not in ("", ".", "..") and len(key.encode()) <= 1024

    def waiting(filename: str, batch: str) -> None:
        form = service.upload(UploadRequest(filename=filename, batch=batch))
        folder, name_of_batch, name = form.fields["key"].split("/")
        assert (folder, name_of_batch) == ("batches", batch)
        assert name not in ("", ".", "..")
        assert form.s3_uri == f"s3://images/{form.fields['key']}"

    count = tried(alone, names) + tried(waiting, names, words)
    outcome(
        "file names that attempt path traversal: ../, backslashes, NUL, 200 random characters",
        "the upload's form is for one key in its own folder",
        f"{count:,} names",
    )


def test_a_name_is_all_of_it_what_a_name_may_be(tried: Tried, outcome: Outcome) -> None:
    """A regular expression's $ also matches before a line break at the end."""
    good = 0

    def check(text: str) -> None:
        nonlocal good
        fits = bool(text) and all(c.isascii() and (c.isalnum() or c == "-") for c in text)
        fits = fits and len(text) <= 64
        good += fits
        assert accepts(UploadRequest, {"filename": "a", "batch": text}) == fits
        if fits or not text.isprintable():
            assert accepts(WorkflowRequest, {"name": text}) == fits

    ends = st.tuples(words, st.sampled_from(["", "\n", "\r", " ", "/", "\0", "."])).map("".join)
    count = tried(check, names | words | ends)
    assert good
    outcome(
        "names of upload folders and of workflows, with a line break or worse at the end",
        "400, unless the whole name is valid",
        f"{count:,} names",
    )


def accepts(type_: type, value: dict[str, str]) -> bool:
    try:
        msgspec.convert(value, type_)
    except msgspec.ValidationError:
        return False
    return True


def written(batch_id: str, round: int, chunk: int) -> list[str]:
    """Every key that a batch writes for a round and a chunk."""
    store = MemoryStore()
    ledger = Ledger(store, "b", batch_id)
    ledger.put(ledger.round_key(round, "fanout.json"), 0)
    ledger.write_chunk(round, chunk, [])
    ledger.write_part(round, chunk, [Record("a", "b")])
    ledger.write_partial(round, chunk, {})
    ledger.tally(round, chunk, [Record("a", "b")])
    ledger.mark(repair_key(ledger, round, chunk, 1))
    begin(ledger, round, chunk, 1)
    SingleImages(ledger, round, chunk).keep(0, Record("a", "b"))
    for name in (
        "results.jsonl",
        "summary.json",
        "cancelled",
        halt.results_name([1]),
        halt.SUMMARY,
    ):
        ledger.mark(ledger.end_key(round, name))
    ledger.mark(ledger.active_key(round))
    return [key for _, key in store.objects]


def test_keys_of_batches_never_meet(tried: Tried, outcome: Outcome) -> None:
    ids = st.tuples(moments, st.from_regex(r"[0-9a-f]{32}", fullmatch=True)).map(
        lambda parts: new_id(*parts)
    )
    rounds, chunks = st.integers(0, 99), st.integers(1, 999_999)

    def apart(first: str, other: str, round: int, later: int, chunk: int, next_: int) -> None:
        keys = written(first, round, chunk)
        assert len(keys) == len(set(keys)) == 14
        assert all(key.startswith((f"batches/{first}/", f"active/{first}")) for key in keys)
        assert parse_active(keys[-1]) == (first, round)
        if first != other:
            assert not set(keys) & set(written(other, round, chunk))
        if round != later:
            assert not set(keys) & set(written(first, later, chunk))
        if chunk != next_:
            both = set(keys) & set(written(first, round, next_))
            assert {key.rsplit("/", 1)[1] for key in both} <= {
                "fanout.json", "results.jsonl", "summary.json", "cancelled", first, str(round),
                halt.results_name([1]), halt.SUMMARY, "0000.json",
            }  # fmt: skip
            store = MemoryStore({("b", key): b"" for key in [*keys, *written(first, later, next_)]})
            ledger = Ledger(store, "b", first)
            assert chunk in {number for number, _, _ in ledger.tallies(round)}
            assert chunk in {number for number, _, _ in ledger.tallies(round, chunk // 1000)}
            assert Losses(ledger, round, QueueState(MemoryQueue()), 0).tries(chunk) == 1

    def newest_first(early: float, late: float, token: str) -> None:
        assume(int(early) < int(late))
        first, last = (
            recent_key(Batch(batch_id=token, created_at=at, source="", manifest=""))
            for at in (early, late)
        )
        assert last < first

    count = tried(apart, ids, ids, rounds, rounds, chunks, chunks)
    count += tried(newest_first, moments, moments, words)
    outcome(
        "any two batches, rounds and chunks",
        "their keys never overlap; the newest batch is listed first",
        f"{count:,} pairs",
    )


def test_keys_of_runs_and_votes_never_meet(tried: Tried, outcome: Outcome) -> None:
    rules = Rules("images", "results", lambda _: (), lambda: "m", can_promote=False)

    def keys(name: str, chunk: int) -> set[str]:
        store = MemoryStore()
        run = Run(store, "results", name)
        for key in ("workflow.json", "manifest.json", "items.json", "judgement.json"):
            run.mark(run.key(key))
        run.write_chunks(iter([]), 1)
        for arm in ("champion", "challenger"):
            run.write_part(arm, chunk, [Record("a", "b")])
            run.mark(run.partial_key(arm, chunk))
        for key in run.report_keys().values():
            run.mark(key)
        return {key for _, key in store.objects}

    def runs(first: str, other: str, chunk: int) -> None:
        mine = keys(first, chunk)
        assert len(mine) == 12
        assert all(key.startswith((f"workflows/{first}/", f"reports/{first}.")) for key in mine)
        if first != other:
            assert not mine & keys(other, chunk)
        if first != "inputs":
            assert not any(key.startswith("workflows/inputs/") for key in mine)
        else:
            with pytest.raises(BadRequest):
                rules.check(WorkflowRequest(manifest="s3://images/a.txt"), first)

    nonces = st.from_regex(r"[0-9a-f]{16}", fullmatch=True)
    vote = st.builds(
        Vote, st.just(""), nonces, arm_names, st.just("cat"), st.booleans(), st.booleans(),
        st.integers(0, 2**32 - 1), st.just(0.0),
    )  # fmt: skip

    def votes(cast: list[Vote]) -> None:
        store = MemoryStore()
        ballot = Votes(Documents(store, "results"))
        last: dict[tuple[Any, ...], Vote] = {}
        for paper in cast:
            ballot.cast(paper)
            last[paper.assigned, paper.issued_at // 86400, paper.arm, paper.nonce] = paper
        assert len(store.objects) == len(last)
        ballot.fold(NOON)
        report = ballot.report()
        counted = Counter(vote.arm for vote in last.values() if vote.assigned)
        right = Counter(v.arm for v in last.values() if v.assigned and v.correct)
        assert report and report.totals() == {
            arm: Tally(number, right[arm]) for arm, number in counted.items()
        }

    count = tried(runs, run_names | st.just("inputs"), run_names, st.integers(1, 999_999))
    count += tried(votes, st.lists(vote, max_size=12))
    outcome(
        "any two workflows, and any votes",
        "their keys never overlap; each answer has one vote, the last",
        f"{count:,} examples",
    )


def test_no_id_or_key_reaches_what_is_not_its_own(tried: Tried, outcome: Outcome) -> None:
    origin = BatchCloud()
    origin.drain(origin.process()) if origin.start(3) else None
    origin.drain(origin.process())
    before = dict(origin.store.objects)
    service, events = origin.process().batches, origin.process().events

    def batch(id: str) -> None:
        assume(("results", f"batches/{id}/batch.json") not in before)
        for ask in (service.view, service.cancel, service.retry):
            with pytest.raises(NotFound):
                ask(id)
        message = msgspec.json.encode(FanOutMessage(id, 0)).decode()
        with pytest.raises(NotFound):
            events.on_message(message, lambda: 900.0)
        assert origin.store.objects == before

    def model(name: str) -> None:
        assume(not NAME.fullmatch(name))
        with pytest.raises(ModelNotFound):
            Models([Path("/nowhere")], "models", None).find(name)  # type: ignore[arg-type]

    def upload(key: str) -> None:
        cloud = BatchCloud()
        process = cloud.process()
        process.events.on_put(Put("images", key, "1", 0))
        for body in cloud.queue.bodies:
            process.events.on_message(body, lambda: 900.0)
            written = [key for bucket, key in cloud.store.objects if bucket == "results"]
            assert all(name.startswith(("uploads/", "batches/")) for name in written)
            assert written == [f"uploads/{key}.json"]

    def manifest(bucket: str, key: str) -> None:
        cloud = BatchCloud()
        try:
            cloud.process().batches.create(BatchRequest(manifest=f"s3://{bucket}/{key}"))
        except InceptionError as error:
            assert not cloud.store.objects or bucket == "images"
            if bucket.partition("/")[0] != "images":
                assert isinstance(error, SourceInvalid)

    not_manifest = names.filter(lambda key: not key.lower().endswith((".txt", ".csv", ".jsonl")))
    count = tried(batch, names) + tried(model, names) + tried(upload, not_manifest)
    count += tried(manifest, names | st.just("images") | st.just("results"), names)
    outcome(
        "ids of batches, names of models, keys and buckets that try to be somewhere else",
        "404 or 400, and only their own prefix is read or written",
        f"{count:,} names",
    )


# Assignment

parts = st.lists(st.integers(0, 1000), min_size=1, max_size=8).filter(any)
SUBJECTS = [f"subject-{number}" for number in range(1000)]


def arms(shares: list[int], extra: tuple[int, int] = (0, 0)) -> Arms:
    """Arms a, b, … with these shares; `extra`: of the arm at that place, more."""
    place, more = extra
    altered = [share + more * (n == place) for n, share in enumerate(shares)]
    return Arms({"abcdefgh"[n]: share / sum(altered) for n, share in enumerate(altered)})


def test_assignment(tried: Tried, outcome: Outcome) -> None:
    subjects = st.text(max_size=50) | st.binary(max_size=50)

    def sticky(shares: list[int], subject: str | bytes, order: int) -> None:
        first = arms(shares)
        turned = [*first.weights.items()][order % len(shares) :] + [*first.weights.items()][
            : order % len(shares)
        ]
        arm = first.choose(subject)
        assert arm == first.choose(subject) == Arms(dict(turned)).choose(subject)
        assert first.weights[arm] > 0

    def grows(shares: list[int], place: int, more: int) -> None:
        place %= len(shares)
        before, after = arms(shares), arms(shares, (place, more))
        grown = "abcdefgh"[place]
        for subject in SUBJECTS[:150]:
            was, now = before.choose(subject), after.choose(subject)
            assert was == now or now == grown, "it moved to an arm that did not grow"
            was_taken = after.choose(subject) != grown and was == grown
            assert not was_taken, "an arm that grew lost a subject"

    moved = tried(grows, parts, st.integers(0, 7), st.integers(1, 5000))

    def honoured(shares: list[int]) -> None:
        chosen = arms(shares)
        seen = Counter(map(chosen.choose, SUBJECTS))
        expected = {name: weight for name, weight in chosen.weights.items() if weight}
        assert set(seen) <= set(expected)
        for name, weight in expected.items():
            tail = scipy.stats.binom.sf(seen[name] - 1, len(SUBJECTS), weight)
            head = scipy.stats.binom.cdf(seen[name], len(SUBJECTS), weight)
            assert min(tail, head) > 1e-9

    count = tried(sticky, parts, subjects, st.integers(0, 7))
    outcome(
        "any weights of an experiment, and any change of one of them",
        "a client keeps its arm, weights are kept, and clients move only to the arm that grew",
        f"{count + moved + tried(honoured, parts):,} sets of weights",
    )


# Signed ids


def ids(store: MemoryStore, now: float) -> InferenceIds:
    return InferenceIds(Documents(store, "results"), lambda: now)


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def cooked(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_signed_ids(tried: Tried, outcome: Outcome) -> None:
    store = MemoryStore()
    labels = st.none() | st.text(max_size=60)
    flips = st.lists(st.integers(0, 10**6), min_size=1, max_size=4)

    def flipped(arm: str, label: str | None, assigned: bool, places: list[int]) -> None:
        data: Any = bytearray(raw(ids(store, NOON).issue(arm, label, assigned)))
        good = bytes(data)
        for place in places:
            data[place // 8 % len(data)] ^= 1 << place % 8
        if data != good:
            refused(cooked(data))

    def spliced(arm: str, known: str | None, other: str | None, cut: int) -> None:
        first, second = (raw(ids(store, NOON).issue(arm, label, True)) for label in (known, other))
        for text in (
            first[: cut % len(first)] + second[cut % len(first) :],
            first[:-16] + second[-16:], first + second, first[:-16] + b"x" + first[-16:],
        ):  # fmt: skip
            if text not in (first, second):
                refused(cooked(text))

    def refused(text: str) -> None:
        with pytest.raises(BadRequest, match="did not issue"):
            ids(store, NOON).read(text)

    def aged(arm: str, label: str | None, age: int) -> None:
        text = ids(store, NOON).issue(arm, label, True)
        reader = ids(store, NOON + age)
        if -SKEW <= age <= EXPIRY:
            inference = reader.read(text)
            assert (inference.arm, inference.label, inference.issued) == (arm, label, NOON)
        else:
            with pytest.raises(BadRequest, match="7 days old" if age > 0 else "future"):
                reader.read(text)

    ages = st.integers(-2 * EXPIRY, 2 * EXPIRY) | st.sampled_from(
        [-SKEW - 1, -SKEW, EXPIRY, EXPIRY + 1, 3600, -3600]
    )
    count = tried(flipped, arm_names, labels, st.booleans(), flips)
    count += tried(spliced, arm_names, labels, labels, st.integers(0, 200))
    outcome(
        "signed inference ids: bits flipped, two spliced, aged, or of a clock an hour off",
        "400 for each that is not as it was answered, is over 7 days old or of the future",
        f"{count + tried(aged, arm_names, labels, ages):,} ids",
    )


# Statistics

counts = st.integers(0, 3000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))
some = st.integers(2, 3000).flatmap(lambda of: st.tuples(st.integers(0, of - 1), st.just(of)))


def test_statistics(tried: Tried, outcome: Outcome) -> None:
    def intervals(counts: tuple[int, int], times: int, z: float) -> None:
        right, of = counts
        low, high = wilson_interval(right, of)
        more_low, more_high = wilson_interval(right + 1, of)
        assert low < more_low or low == more_low == 0.0, "one more right answer, and it is lower"
        assert high < more_high or high == more_high == 1.0
        many_low, many_high = wilson_interval(right * times, of * times)
        assert many_high - many_low < high - low, "more answers, and it is wider"
        wide_low, wide_high = wilson_interval(right, of, z)
        assert wide_low <= low + 1e-12 and high <= wide_high + 1e-12
        theirs = scipy.stats.binomtest(right, of).proportion_ci(
            math.erf(z / math.sqrt(2)), "wilson"
        )
        assert (wide_low, wide_high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)

    def p_values(a: tuple[int, int], b: tuple[int, int]) -> None:
        wrong_a, wrong_b = ((of - right, of) for right, of in (a, b))
        for test in (two_proportion_p_value, always_valid_p_value):
            p = test(*a, *b)
            assert 0 <= p <= 1
            assert p == test(*b, *a), "which arm is called the first changes it"
            assert p == pytest.approx(test(*wrong_a, *wrong_b), rel=1e-6, abs=1e-290)
        assert always_valid_p_value(*a, *b) >= two_proportion_p_value(*a, *b) * (1 - 1e-9)

    def surer(counts: tuple[int, int], nearer: int) -> None:
        """Arms as far from a half on either side: a larger difference is more significant."""
        wrong, of = min(counts[0], counts[1] - counts[0]), counts[1]
        near = min(wrong + nearer, of // 2)
        for test in (two_proportion_p_value, always_valid_p_value):
            inner, outer = (test(low, of, of - low, of) for low in (near, wrong))
            assert outer <= inner * (1 + 1e-9)

    def pairs(few: int, many: int) -> None:
        p = mcnemar_p_value(few, many)
        assert 0 <= p <= 1 and p == mcnemar_p_value(many, few)
        low, high = sorted((few, many))
        if low:
            assert mcnemar_p_value(low - 1, high + 1) <= p * (1 + 1e-9)

    count = tried(intervals, some, st.integers(2, 50), st.floats(1.96, 5))
    count += tried(p_values, counts, counts)
    count += tried(surer, some, st.integers(0, 3000))
    count += tried(pairs, st.integers(0, 3000), st.integers(0, 3000))
    outcome(
        "random tables of votes and pairs",
        "intervals hold, narrow and mirror as they must and are SciPy's; p-values are in 0..1, "
        "symmetric, and fall as differences grow",
        f"{count:,} tables",
    )
