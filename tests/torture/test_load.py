"""Half an hour's requests as fast as they go: nothing grows, fails or goes unlogged."""

import json
import re
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from localcloud.starting import wait_for
from tests.conftest import DOODLES
from tests.e2e.conftest import LocalCloud, file_server, running
from tests.processes import descendants
from tests.torture import memory, traffic
from tests.torture.conftest import Outcome

CALLERS = 8
HALF_AN_HOUR = 30 * 60 * 5
"""Requests, at five a second."""
SHORT, WARM = 600, 200
SEED = 7
LITERT = re.compile("INFO: |Created TensorFlow Lite XNNPACK delegate for CPU\\.")
"""What LiteRT itself prints in each process that loads a model, once: a line in three writes,
between which another process may write a line."""
MOST_GROWTH = 20.0
"""MB that the floor of a process may rise from each third to the next: over the 3,000
requests of a third of the long form less than 7 kB a request, where a photograph is 10 kB or more.
It is not nothing because the API's threads each have an allocator's arena, and which sizes meet in
them is chance: the floor was seen to go up and down by as much, with no trend."""
MOST_GROWTH_SHORT = 60.0
"""MB, over the 200 requests of a third of the short form, in which a function may decode its first
AVIF or TIFF; a 720p picture that is kept has 2.8 MB."""
SCHEDULE = ("--concurrency", "2", "--schedule-seconds", "30")
"""A tick looks at each batch that is under way; half an hour's are under way at once here, and with
a tick every few seconds the functions would do nothing else."""


def roles(pid: int) -> dict[int, str]:
    """What serves requests and runs functions: not the AWS, which holds what it is given."""
    names = {"localcloud.api": "API", "localcloud.bootstrap": "function"}
    return {
        child: role
        for child, command in descendants(pid).items()
        for module, role in names.items()
        if f"-m {module} " in command
    }


def lines(log: Path, start: int) -> list[dict[str, object]]:
    """What was printed from there on, each line of it an object of JSON but for LiteRT's one."""
    printed = LITERT.sub("", log.read_bytes()[start:].decode()).splitlines()
    answers = [json.loads(line) for line in printed if line]
    assert all(isinstance(line, dict) for line in answers)
    return answers


def settle(cloud: LocalCloud, done: traffic.Tally, caller: traffic.Caller) -> None:
    """Wait until all that was begun is done, and find nothing lost."""
    for batch_id, bad in done.batches.items():
        path = f"/batches/{batch_id}"
        view = wait_for(lambda: (v := caller.ask("GET", path))["status"] == "finished" and v)  # noqa: B023
        assert view["counts"] == {"total": 2 + bad, "done": 2 + bad, "failed": bad}
    s3 = cloud.client("s3")
    for uri in done.uploads:
        key = f"uploads/{uri.split('/', 3)[3]}.json"
        wait_for(lambda: s3.list_objects_v2(Bucket=cloud.results, Prefix=key).get("KeyCount"))  # noqa: B023


@pytest.mark.skipif(not memory.resident_mb(1), reason="memory is read from Linux's /proc")
def test_half_an_hour_of_everything(tmp_path: Path, long: bool, outcome: Outcome) -> None:
    requests = HALF_AN_HOUR if long else SHORT
    with (
        running(tmp_path / "log", "doodle", *SCHEDULE) as cloud,
        file_server(DOODLES) as files,
    ):
        start = cloud.log.stat().st_size
        caller = traffic.Caller(cloud.url, files, SEED)
        warm = traffic.run(cloud.url, files, SEED, CALLERS, WARM)
        with memory.watching(lambda: roles(cloud.process.pid)) as samples:
            done = traffic.run(cloud.url, files, SEED + 1, CALLERS, requests)
        assert done.requests >= requests
        settle(cloud, warm, caller)
        settle(cloud, done, caller)
        caller.ask("GET", "/health")
        last = caller.tally.ids[-1]
        wait_for(lambda: last in cloud.log.read_text())
        printed = lines(cloud.log, start)
        caller.close()
    answered = [line for line in printed if "status" in line]
    assert not [line for line in printed if line["level"] not in ("INFO", "DEBUG")]
    assert max(int(str(line["status"])) for line in answered) < 500
    ids = [*warm.ids, *done.ids, *caller.tally.ids]
    assert sorted(str(line["request_id"]) for line in answered) == sorted(ids)
    lived = {who: held for who, held in samples.items() if len(held) >= memory.FEWEST}
    grown = {who: memory.growth(held) for who, held in lived.items()}
    assert {role for _, role in grown} == {"API", "function"}
    assert max(grown.values()) <= (MOST_GROWTH if long else MOST_GROWTH_SHORT), grown
    (api,) = (held for (_, role), held in lived.items() if role == "API")
    first, final = (memory.floor(part) for part in (api[: len(api) // 3], api[-len(api) // 3 :]))
    middle, highest = (statistics.quantiles(done.seconds, n=100)[at] * 1000 for at in (49, 98))
    outcome(
        "half an hour's mixed traffic at five requests a second, as fast as it goes"
        if long
        else "a few minutes' mixed traffic, as fast as it goes",
        "every request has the expected status and one JSON line in the log; no 5xx; all "
        "batches and uploads are done; no process's memory grows",
        f"{done.requests:,} requests of {len(done.kinds)} kinds by {CALLERS} callers, "
        f"p50 {middle:.0f} ms, p99 {highest:.0f} ms (but for addresses that wait a second on "
        f"purpose); API {first:.0f} MB in the first third, {final:.0f} MB in the last; of "
        f"{len(grown)} processes the worst grew by {max(grown.values()):.1f} MB a third",
    )


LEAK = """
import sys
kept = []
for line in sys.stdin:
    work = bytearray(b"x" * 200_000)
    kept.append(work)
    if sys.argv[1] == "none":
        kept.clear()
    print(len(kept), flush=True)
"""


@pytest.mark.skipif(not memory.resident_mb(1), reason="memory is read from Linux's /proc")
@pytest.mark.parametrize("leak", ["some", "none"])
def test_a_leak_would_be_seen(leak: str) -> None:
    """A process that keeps 200 kB a request, and one that gives them back."""
    with subprocess.Popen(
        [sys.executable, "-c", LEAK, leak], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout
        samples = []
        for _ in range(600):
            print("go on", file=process.stdin, flush=True)
            process.stdout.readline()
            samples.append(memory.resident_mb(process.pid) or 0.0)
        process.stdin.close()
    grown = memory.growth(samples)
    assert (grown > MOST_GROWTH) == (leak == "some"), grown


@pytest.mark.parametrize(
    ("shape", "grows"),
    [
        (lambda at: 100 + 0.5 * at, True),
        (lambda at: 100 + 50 * min(at / 60, 1), False),  # warms up, and stays
        (lambda at: 100 + 90 * (at % 7 == 0), False),  # a large image now and then
        (lambda at: 100 + 90 * (at % 3 == 0) + 0.5 * at, True),
        (lambda at: 100 + 8 * (at // 9 % 2), False),
        (lambda at: 57 if at < 130 else 90, False),  # loads its model late
    ],
)
def test_growth_is_told_from_noise(shape: Callable[[int], float], grows: bool) -> None:
    assert (memory.growth([shape(at) for at in range(180)]) > MOST_GROWTH) == grows


def test_too_few_samples_tell_nothing() -> None:
    with pytest.raises(AssertionError):
        memory.growth([100.0] * (memory.FEWEST - 1))
