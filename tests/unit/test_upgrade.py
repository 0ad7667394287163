"""What version 0.1 began, this version ends: batches, runs, and an experiment.

`version-0.1.json` has the objects and messages that commit c7ef282 left in the middle of its work,
with two images in a chunk.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chalicelib.answers.judged import Result
from chalicelib.requests import FeedbackRequest
from tests.batchcloud import Cloud, tick, unlike
from tests.fakes import MemoryStore
from tests.unit.test_experiment import Lab
from tests.unit.test_workflow import Cloud as WorkflowCloud

LEFT: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data/version-0.1.json").read_text())
ALL = ["id0", "id1", "id-1", "id2", "id3", "id4"]


def put(store: MemoryStore, state: str) -> None:
    for key, text in LEFT[state]["objects"].items():
        store.objects["results", key] = text.encode()


def left(state: str) -> tuple[Cloud, str]:
    """The cloud as that version left it, and the id of its batch."""
    cloud = Cloud()
    put(cloud.store, state)
    cloud.queue.bodies += LEFT[state]["messages"]
    return cloud, LEFT[state]["id"]


@pytest.mark.parametrize("state, ids", [("waits", ALL[:3]), ("half", ALL)])
def test_a_batch_ends(state: str, ids: list[str]) -> None:
    cloud, batch = left(state)
    cloud.run()
    assert cloud.view(batch) == ("finished", (len(ids), len(ids), 1))
    assert [record.id for record in cloud.results(batch)] == ids
    assert [outline.status for outline in cloud.batches.recent()] == ["finished"]
    tick(cloud)
    assert not list(cloud.store.list("results", "active/"))


def test_a_batch_keeps_the_rule_for_scores_that_it_began_with() -> None:
    """Since then a label with a score of 0 is left out, unless a request says otherwise."""
    cloud, batch = left("half")
    cloud.run()
    labelled = [record.labels for record in cloud.results(batch) if record.labels is not None]
    assert [[label.score for label in labels] for labels in labelled] == [[1.0, 0.0, 0.0]] * 5


def test_an_image_that_is_tried_alone_is_classified() -> None:
    cloud, batch = left("half")
    cloud.queue.bodies[0] = json.dumps(
        {"type": "image", "batch_id": batch, "round": 0, "of": 3, "place": 0, "tries": 3}
    )
    cloud.queue.bodies.append(cloud.queue.bodies[0].replace('"place": 0', '"place": 1'))
    cloud.run()
    assert cloud.view(batch) == ("finished", (6, 6, 1))


def test_a_prefix_is_what_it_was_when_the_batch_began() -> None:
    cloud, batch = left("prefix")
    for number in range(4):  # number 0 was not there then
        cloud.store.put("images", f"new/{number}.png", unlike(number), "image/png")
    cloud.run()
    assert cloud.view(batch) == ("finished", (3, 3, 0))
    assert [record.id for record in cloud.results(batch)] == ["1.png", "2.png", "3.png"]


def test_a_retry_mends_what_failed() -> None:
    cloud, batch = left("retry")
    cloud.run()
    assert cloud.view(batch) == ("finished", (3, 3, 1))
    assert [record.id for record in cloud.results(batch) if record.error] == ["id-1"]


def test_a_batch_that_was_cancelled_shows_what_was_done_and_goes_on() -> None:
    cloud, batch = left("cancelled")
    assert cloud.view(batch) == ("cancelled", (6, 2, 0))
    assert [record.id for record in cloud.results(batch)] == ALL[:2]
    cloud.batches.retry(batch)
    cloud.run()
    assert cloud.view(batch) == ("finished", (6, 6, 1))


def test_an_upload_that_waits_is_answered() -> None:
    cloud = Cloud()
    cloud.store.put("images", "a.png", unlike(1), "image/png")
    cloud.deliver('{"type":"upload","bucket":"images","key":"a.png"}')
    assert json.loads(cloud.store.objects["results", "uploads/a.png.json"])["model"] == "colour"


def test_a_run_that_was_prepared_ends() -> None:
    cloud = WorkflowCloud()
    put(cloud.store, "prepared")
    output = cloud.run(LEFT["prepared"]["request"])  # prepares again, as after a lost answer
    assert output["judgement"]["champion"]["accuracy"] == 1.0


def test_a_run_that_was_judged_gets_its_results_with_its_report() -> None:
    """Since then, judging writes the results."""
    cloud = WorkflowCloud()
    put(cloud.store, "judged")
    output = cloud.tasks.report("run", "kept")
    assert [line["id"] for line in output["predictions"]] == ["i0", "i1"]
    assert [line["champion"]["right"] for line in cloud.results()] == [True, True]
    assert output["verdict"] == LEFT["output"]["verdict"]


def test_the_output_of_a_run_that_has_ended_is_read() -> None:
    result = msgspec.convert(LEFT["output"], Result)
    assert result.predictions and result.predictions[0].id == "i0"


def test_an_experiment_goes_on() -> None:
    lab, state = Lab(), LEFT["experiment"]
    put(lab.store, "experiment")
    lab.now = state["now"]
    lab.experiment = lab.container()
    assert lab.experiment.traffic().arms == {"doodle": 0.9, "small": 0.1}
    lab.experiment.feedback(FeedbackRequest(state["inference_id"], correct=False))
    assert lab.counts() == {"doodle": (3, 2), "small": (1, 0)}
