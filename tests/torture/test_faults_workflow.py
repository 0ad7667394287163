"""Workflows under faults: every image is in the results once, and a promotion happens once."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
import pytest

from chalicelib.answers.judged import Line
from chalicelib.errors import InceptionError, ServiceUnavailable
from chalicelib.workflow.run import Arm
from chalicelib.workflow.tasks import WorkflowTasks
from tests.fakes import MemoryStore
from tests.torture.conftest import Outcome
from tests.torture.faults import Killed, Steps, Watched, balanced, deny, fail, kill, ours
from tests.unit.test_workflow import COLOURS, Cloud, passed

Task = Callable[[WorkflowTasks], dict[str, Any]]

IMAGES = 60
ROWS = [f"{n},http://h/{COLOURS[n % 3]}/{n},{COLOURS[n % 3]}" for n in range(IMAGES)]
MANIFEST = "\n".join(["id,url,label", *ROWS]).encode()
OTHER = "\n".join(["id,url,label", *(f"x{row}" for row in [*ROWS, *ROWS])]).encode()
IDS = [str(n) for n in range(IMAGES)]
REQUEST = {
    "manifest": "s3://images/list.csv", "champion": "blind", "challenger": "sharp", "promote": True,
}  # fmt: skip
TRIES: dict[type[BaseException], int] = {Killed: 2, ServiceUnavailable: 5, TimeoutError: 5}
"""How often the state machine tries a task again, by what ended it."""


class Runs(Cloud):
    """The unit tests' cloud with a real experiment, whose tasks run in processes that can die."""

    def __init__(self) -> None:
        super().__init__()
        self.store.put("images", "list.csv", MANIFEST, "text/csv")

    def container(self, steps: Steps) -> WorkflowTasks:
        """The tasks in a new process."""
        store: Any = Watched(self.store, steps)
        return self.wired({"ARMS": "blind=0.9 sharp=0.1"}, store=store).tasks


class Lost(Exception):
    """A task was tried as often as the machine does."""


class Machine:
    """What workflow.asl.json does, task by task; a task that is killed gets a new process."""

    def __init__(self, cloud: Runs, steps: Steps, doomed: tuple[Arm, int] | None = None) -> None:
        self._cloud, self._tasks, self._steps = cloud, cloud.container(steps), steps
        self._doomed, self.lost, self.tries = doomed, 0, 0

    def run(self, request: dict[str, Any] = REQUEST) -> dict[str, Any]:
        """The output of the execution."""
        prepared = self._task(lambda tasks: tasks.prepare("run", request))
        assert "error" not in prepared, prepared
        for chunk in prepared["chunks"]:
            self._classify(chunk, "champion")
            self._classify(chunk, "challenger")
        judged = self._task(lambda tasks: tasks.judge("run"))
        outcome: Any = "kept"
        if judged["error_rate"] > prepared["max_error_rate"]:
            outcome = "degraded"
        elif judged["better"]:
            outcome = self._task(lambda tasks: tasks.promote("run"))["outcome"]
        return self._task(lambda tasks: tasks.report("run", outcome))

    def _classify(self, chunk: int, arm: Arm) -> None:
        def classify(tasks: WorkflowTasks) -> dict[str, Any]:
            if (arm, chunk) == self._doomed:
                raise Killed
            return tasks.classify("run", chunk, arm, lambda: 900.0)

        try:
            self._task(classify)
        except Lost:
            self.lost += 1
            self._task(lambda tasks: tasks.record_loss("run", chunk, arm, "Runtime.ExitError", ""))

    def _task(self, task: Task) -> dict[str, Any]:
        failures = Counter[type[BaseException]]()
        while True:
            self.tries += 1
            try:
                answer: dict[str, Any] = passed(task(self._tasks))
                self._steps.moment("after the answer")
                return answer
            except tuple(TRIES) as error:
                failures[type(error)] += 1
                if isinstance(error, Killed):
                    self._steps = Steps()
                    self._tasks = self._cloud.container(self._steps)
                if failures[type(error)] > TRIES[type(error)]:
                    raise Lost from error


def check(cloud: Runs, output: dict[str, Any], ids: list[str] = IDS) -> int:
    """Whether the run's results are whole, for both models; how many of the images are errors."""
    key = output["report"]["results"].removeprefix("s3://results/")
    lines = msgspec.json.Decoder(Line).decode_lines(cloud.object(key))
    failed = balanced(ids, ((line.id, line.champion) for line in lines))
    failed += balanced(ids, ((line.id, line.challenger) for line in lines))
    assert output["images"] == len(ids)
    for form in ("json", "markdown", "picture"):
        assert cloud.object(output["report"][form].removeprefix("s3://results/"))
    return len(failed)


def promoted(cloud: Runs) -> bool:
    weights = cloud.store.objects.get(("results", "experiment.json"))
    if weights is None:
        return False
    assert msgspec.json.decode(weights) == {"arms": {"blind": 0.0, "sharp": 1.0}}
    return True


def moments(doomed: tuple[Arm, int] | None = None) -> list[str]:
    cloud, steps = Runs(), Steps()
    Machine(cloud, steps, doomed).run()
    return steps.names


def everywhere(
    fault: Callable[[Runs], object],
    stride: int = 1,
    begin: int = 0,
    among: Callable[[str], bool] = lambda name: True,
) -> Iterator[tuple[Runs, dict[str, Any]]]:
    """The cloud and the output of a run with the fault at one moment, for each of them.

    among: for those of such a name only.
    """
    places = [at for at, name in enumerate(moments()) if among(name)]
    for at in places[begin::stride]:
        cloud = Runs()
        steps = Steps(at, partial(fault, cloud))
        yield cloud, Machine(cloud, steps).run()
        assert steps.fired


FAULTS: dict[Callable[[], None], tuple[str, Callable[[str], bool]]] = {
    kill: ("killed", lambda name: True),
    fail: ("refused by S3", lambda name: True),
    deny: ("denied by S3 (403)", ours),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_task_that_dies_at_any_moment(
    fault: Callable[[], None], long: bool, outcome: Outcome
) -> None:
    points = 0
    what, among = FAULTS[fault]
    for cloud, output in everywhere(lambda _: fault(), 1 if long else 7, among=among):
        assert check(cloud, output) == 0
        assert output["outcome"] == "promoted" and promoted(cloud)
        points += 1
    outcome(
        "workflow: prepare, classify, judge, promote or report "
        + f"{what} at any moment",
        "the state machine tries the task again; it writes the same objects",
        f"{points} points, {points * 2 * IMAGES:,} records, 0 lost, 0 doubled, one promotion",
    )  # fmt: skip


GHOSTS: dict[str, Task] = {
    "prepare": lambda tasks: tasks.prepare("run", REQUEST),
    "classify": lambda tasks: tasks.classify("run", 2, "champion", lambda: 900.0),
    "judge": lambda tasks: tasks.judge("run"),
    "report": lambda tasks: tasks.report("run", "promoted"),
}


@pytest.mark.parametrize("name", GHOSTS)
def test_a_task_that_comes_again_at_any_moment(name: str, long: bool, outcome: Outcome) -> None:
    """As one does that the state machine took for dead; its manifest was replaced meanwhile."""

    def ghost(cloud: Runs) -> None:
        cloud.store.put("images", "list.csv", OTHER, "text/csv")
        with suppress(InceptionError, ValueError):  # nothing is prepared, or not all is classified
            GHOSTS[name](cloud.container(Steps()))

    points, seen = 0, Counter[int]()
    for cloud, output in everywhere(ghost, 1 if long else 11):
        ids = IDS if output["images"] == IMAGES else [f"x{n}" for n in [*IDS, *IDS]]
        assert check(cloud, output, ids) == 0
        assert output["outcome"] == "promoted" and promoted(cloud)
        seen[output["images"]] += 1
        points += 1
    assert seen[IMAGES]
    outcome(
        f"workflow: {name} runs a second time at any moment, and the manifest was replaced",
        "the run stays with the first copy of its manifest, whole",
        f"{points} points, 0 lost, 0 doubled",
    )


def test_a_promotion_that_comes_twice(outcome: Outcome) -> None:
    points = 0
    cloud = Runs()
    Machine(cloud, Steps()).run()
    steps = Steps()
    cloud.container(steps).promote("run")
    for at in range(len(steps.names)):
        cloud.store.delete("results", "experiment.json")

        def other() -> None:
            cloud.container(Steps()).promote("run")

        cloud.container(Steps(at, other)).promote("run")
        assert promoted(cloud)
        points += 1
    outcome(
        "workflow: promote runs twice at once",
        "the same weights are written twice",
        f"{points} interleavings, one experiment.json",
    )


@pytest.mark.parametrize("arm", ["champion", "challenger"])
def test_a_chunk_that_is_lost_for_good(arm: Arm, outcome: Outcome) -> None:
    """Every try of it is killed; record_loss itself is killed once, at any moment."""
    points = 0
    names = moments((arm, 2))
    begin = next(n for n, name in enumerate(names) if name.endswith("chunks/000002.jsonl"))
    for at in range(begin, len(names)):
        cloud = Runs()
        machine = Machine(cloud, Steps(at, kill), (arm, 2))
        output = machine.run()
        assert machine.lost == 1
        assert check(cloud, output) == 25
        assert output["outcome"] == "degraded" and not promoted(cloud)
        points += 1
    outcome(
        f"workflow: a chunk of the {arm} is lost for good, and record_loss, judge or report dies",
        "each of its images has an error that says why; too many of them promote nobody",
        f"{points} points, 25 errors each, 0 lost, 0 doubled",
    )


def test_a_loss_recorded_while_the_task_still_works(long: bool, outcome: Outcome) -> None:
    """The first to write the chunk wins, and its images are labels or errors, never both."""
    seen = Counter[int]()

    def ghost(cloud: Runs) -> None:
        with suppress(InceptionError):
            cloud.container(Steps()).record_loss("run", 1, "challenger", "States.Timeout", "")

    for cloud, output in everywhere(ghost, 1 if long else 7):
        seen[check(cloud, output)] += 1
    assert set(seen) == {0, 25}
    outcome(
        "workflow: a chunk is recorded as lost while its task still works",
        "the first to write wins",
        f"{seen.total()} points: {seen[0]} classified, {seen[25]} lost, none of it twice",
    )


def test_the_whole_machine_again(outcome: Outcome) -> None:
    """From each task on, everything comes a second time, and writes what is there."""
    cloud = Runs()
    first = Machine(cloud, Steps()).run()
    before = {key: cloud.object(key) for _, key in cloud.store.objects if "results" in key}
    cloud.store.put("images", "list.csv", OTHER, "text/csv")
    for _ in range(3):
        assert check(cloud, Machine(cloud, Steps()).run()) == 0
    assert {key: cloud.object(key) for key in before} == before
    assert first["outcome"] == "promoted" and promoted(cloud)
    outcome(
        "workflow: the state machine delivers every task again, after the manifest was replaced",
        "the results are the same bytes",
        f"3 times over, {IMAGES} images",
    )


def test_a_minute_without_s3(long: bool, outcome: Outcome) -> None:
    """Every call fails for a while; the machine waits longer from try to try, as it is told to."""
    waits = [1.0, 2.0, 4.0, 8.0, 16.0]  # seconds: without jitter, what five retries wait at most
    points, stride = 0, 1 if long else 9
    for at in range(0, len(moments()) - 10, stride):
        cloud = Runs()
        away = Away(at)
        machine = Machine(cloud, away)
        assert check(cloud, machine.run()) == 0
        assert away.refused == 4
        points += 1
    outcome(
        "workflow: four tries in a row of any task are refused by S3",
        f"the fifth, {sum(waits[:4]):.0f} seconds later, goes on where it was",
        f"{points} points, 0 lost, 0 doubled",
    )


class Away(Steps):
    """From a moment on, the next four calls fail."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._from, self.refused = at, 0

    def moment(self, name: str) -> None:
        super().moment(name)
        if len(self.names) > self._from and self.refused < 4 and name != "after the answer":
            self.refused += 1
            fail()


def test_a_name_that_comes_again_for_another_request_is_refused() -> None:
    cloud = Runs()
    Machine(cloud, Steps()).run()
    other = cloud.tasks.prepare("run", REQUEST | {"max_labels": 2})
    assert other["error"]["code"] == "BadRequest" and "another" in other["error"]["message"]
    assert isinstance(cloud.store, MemoryStore)
