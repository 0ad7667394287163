"""The workflow and the experiment on the real processes, with two real model packages."""

import itertools
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import urllib3

from localcloud.starting import wait_for
from tests.conftest import DOODLES, ROOT
from tests.e2e.conftest import LocalCloud, file_server, running
from tools.doodle.drawings import LABELS, TEST_SEEDS, example

SAMPLES = sorted(path.stem for path in DOODLES.glob("*.jpg"))
DRAWINGS = 300


class Workflows:
    """The API's workflows and experiment, and the AWS behind them."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.s3, self.states = cloud.client("s3"), cloud.client("stepfunctions")
        (machine,) = self.states.list_state_machines()["stateMachines"]
        self.machine = machine["stateMachineArn"]

    def ask(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        answer = urllib3.request(method, self.cloud.url + path, retries=False, **options)
        assert answer.status == status, answer.data
        return answer.json()

    def start(self, **request: Any) -> str:
        return str(self.ask("POST", "/workflows", 202, json=request)["name"])

    def ended(self, name: str) -> dict[str, Any]:
        def view() -> Any:
            view = self.ask("GET", f"/workflows/{name}")
            return view["status"] != "running" and view

        return dict(wait_for(view))

    def run(self, **request: Any) -> dict[str, Any]:
        """A run that succeeds."""
        view = self.ended(self.start(**request))
        assert view["status"] == "succeeded", view
        return view

    def lines(self, name: str) -> list[dict[str, Any]]:
        results = self.ended(name)["report"]["results"]
        return [json.loads(line) for line in urllib3.request("GET", results).data.splitlines()]

    def history(self, name: str) -> list[dict[str, Any]]:
        arn = self.ask("GET", f"/workflows/{name}")["execution"]["executionArn"]
        pages = self.states.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [event for page in pages for event in page["events"]]

    def arms(self) -> dict[str, float]:
        """Those that get traffic; who had votes before is listed too."""
        arms = self.ask("GET", "/experiment")["arms"]
        return {arm["name"]: arm["weight"] for arm in arms if arm["weight"]}

    def put_arms(self, **arms: float) -> Any:
        named = {name.replace("_", "-"): weight for name, weight in arms.items()}
        return self.ask("PUT", "/experiment", json={"arms": named})


@pytest.fixture
def workflows(divided_cloud: LocalCloud) -> Iterator[Workflows]:
    workflows = Workflows(divided_cloud)
    yield workflows
    workflows.put_arms(doodle=1.0)


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, str]]]:
    """Instances with labels: drawings that neither model was trained on, on a server."""
    folder, truth = tmp_path_factory.mktemp("drawings"), {}
    for number, seed in enumerate(TEST_SEEDS[700_000 : 700_000 + DRAWINGS]):
        picture, index = example(seed)
        truth[f"{number}.png"] = LABELS[index]
        picture.save(folder / f"{number}.png")
    with file_server(folder) as url:
        yield [
            {"id": name, "url": f"{url}/{name}", "label": label} for name, label in truth.items()
        ]


def samples(cloud: LocalCloud) -> list[dict[str, str]]:
    return [
        {"id": name, "url": f"{cloud.url}/models/doodle/samples/{name}.jpg", "label": name}
        for name in SAMPLES
    ]


def test_three_urls_in_three_results_out_by_the_aws_tools(workflows: Workflows) -> None:
    """The simplest run: no challenger, nothing but addresses."""
    instances = [{"url": picture["url"]} for picture in samples(workflows.cloud)[:3]]
    started = workflows.states.start_execution(
        stateMachineArn=workflows.machine, input=json.dumps({"instances": instances})
    )

    def ended() -> Any:
        execution = workflows.states.describe_execution(executionArn=started["executionArn"])
        return execution["status"] != "RUNNING" and execution

    ended_run = wait_for(ended)
    assert ended_run["status"] == "SUCCEEDED", ended_run
    predictions = json.loads(ended_run["output"])["predictions"]
    assert [prediction["champion"]["labels"][0]["name"] for prediction in predictions] == SAMPLES[
        :3
    ]
    assert not any("challenger" in prediction for prediction in predictions)


def test_models_that_agree(workflows: Workflows) -> None:
    output = workflows.run(
        instances=samples(workflows.cloud), champion="doodle", challenger="doodle-small"
    )
    assert output["outcome"] == "kept"
    assert output["judgement"]["agreement"] == {"pairs": 6, "agree": 6, "rate": 1.0}


def test_a_better_challenger_is_promoted_and_answers(
    workflows: Workflows, drawings: list[dict[str, str]]
) -> None:
    workflows.put_arms(doodle_small=1.0)
    name = workflows.start(
        instances=drawings, champion="doodle-small", challenger="doodle", promote=True
    )
    output = workflows.ended(name)
    assert output["outcome"] == "promoted", output
    judged = output["judgement"]
    assert judged["mcnemar"]["p_value"] < 0.05 and 0.8 < judged["agreement"]["rate"] < 1
    assert judged["challenger"]["accuracy"] > judged["champion"]["accuracy"] > 0.8
    assert workflows.arms() == {"doodle": 1.0}
    answer = workflows.ask("POST", "/predict", json={"url": samples(workflows.cloud)[0]["url"]})
    assert answer["arm"] == answer["model"]["name"] == "doodle"
    lines = workflows.lines(name)
    assert [line["id"] for line in lines] == [drawing["id"] for drawing in drawings]
    right = [line["challenger"]["labels"][0]["name"] == line["label"] for line in lines]
    assert sum(right) == judged["challenger"]["correct"]


def test_a_worse_challenger_is_not(workflows: Workflows, drawings: list[dict[str, str]]) -> None:
    output = workflows.run(
        instances=drawings[:100], champion="doodle", challenger="doodle-small", promote=True
    )
    assert output["outcome"] == "kept" and not output["judgement"]["better"]
    assert workflows.arms() == {"doodle": 1.0}


def test_of_100_images_with_10_bad_ones_all_have_their_record(
    workflows: Workflows, drawings: list[dict[str, str]]
) -> None:
    instances = [
        {**drawing, "url": f"{drawing['url']}.gone"} if number % 10 == 3 else drawing
        for number, drawing in enumerate(drawings[:100])
    ]
    name = workflows.start(instances=instances, challenger="doodle-small")
    view = workflows.ended(name)
    assert view["outcome"] == "kept"
    assert (view["images"], view["judgement"]["champion"]["answered"]) == (100, 90)
    assert view["chunks"] == {"total": 4, "champion": 4, "challenger": 4}
    lines = workflows.lines(name)
    assert [line["id"] for line in lines] == [instance["id"] for instance in instances]
    for number, line in enumerate(lines):
        for arm in ("champion", "challenger"):
            assert ("error" in line[arm]) == (number % 10 == 3) != ("labels" in line[arm])


def test_too_many_errors_degrade_a_run(workflows: Workflows) -> None:
    pictures = samples(workflows.cloud)
    gone = [
        {**picture, "id": f"{picture['id']}-gone", "url": f"{picture['url']}.gone"}
        for picture in pictures
    ]
    output = workflows.run(
        instances=pictures + gone, champion="doodle-small", challenger="doodle", promote=True
    )
    assert output["outcome"] == "degraded" and output["judgement"]["error_rate"] == 0.5
    assert workflows.arms() == {"doodle": 1.0}


def test_a_manifest_from_the_images_bucket(workflows: Workflows) -> None:
    rows = [
        "url,label",
        *(f"{picture['url']},{picture['label']}" for picture in samples(workflows.cloud)),
    ]
    body = "\n".join(rows).encode()
    workflows.s3.put_object(Bucket=workflows.cloud.images, Key="batches/w/m.csv", Body=body)
    output = workflows.run(manifest=f"s3://{workflows.cloud.images}/batches/w/m.csv")
    assert output["judgement"]["champion"]["accuracy"] == 1.0


def test_bad_input_ends_in_a_cause_to_act_on(workflows: Workflows) -> None:
    request = {"instances": [{"url": "http://h/x.jpg"}], "challenger": "inception-v9"}
    name = "bad-input"
    workflows.states.start_execution(
        stateMachineArn=workflows.machine, name=name, input=json.dumps(request)
    )
    view = workflows.ended(name)
    assert (view["status"], view["error"]) == ("failed", "ModelNotFound")
    assert "inception-v9" in view["cause"] and "Traceback" not in view["cause"]
    assert view["states"]["Prepare"] == "succeeded" and view["states"]["Refuse"] == "failed"
    assert not [event for event in workflows.history(name) if event["type"] == "TaskFailed"]
    refused = workflows.ask("POST", "/workflows", 404, json=request)
    assert refused["error"]["code"] == "ModelNotFound"


def test_a_name_is_an_idempotency_key(workflows: Workflows) -> None:
    request = {"instances": samples(workflows.cloud)[:1], "name": "once"}
    first = workflows.ask("POST", "/workflows", 202, json=request)
    assert workflows.ask("POST", "/workflows", 202, json=request) == first
    workflows.ended("once")
    again = workflows.ask("POST", "/workflows", 202, json=request)
    assert again["status"] == "succeeded" and again["started_at"] == first["started_at"]
    other = {"instances": samples(workflows.cloud)[1:2], "name": "once"}
    assert workflows.ask("POST", "/workflows", 409, json=other)["error"]["code"] == "Conflict"
    listed = workflows.ask("GET", "/workflows")["workflows"]
    assert [run["name"] for run in listed].count("once") == 1


def test_a_report_to_read_and_a_picture_to_look_at(workflows: Workflows) -> None:
    name = workflows.start(
        instances=samples(workflows.cloud), champion="doodle", challenger="doodle-small"
    )
    report = workflows.ended(name)["report"]
    parts = {form: urllib3.request("GET", url) for form, url in report.items()}
    assert json.loads(parts["json"].data)["judgement"]["images"] == 6
    assert (
        parts["markdown"].data.startswith(b"# ")
        and f"{name}.svg".encode() in parts["markdown"].data
    )
    assert parts["picture"].headers["Content-Type"] == "image/svg+xml"
    assert parts["picture"].data.startswith(b"<svg")


class Gate:
    """A web server whose picture comes only once the gate is open; and who has asked for it."""

    def __init__(self, picture: bytes) -> None:
        self.asked, self.open = threading.Event(), threading.Event()
        gate = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                gate.asked.set()
                gate.open.wait(60)
                self.send_response(200)
                self.send_header("Content-Type", "image/jpeg")
                self.send_header("Content-Length", str(len(picture)))
                self.end_headers()
                self.wfile.write(picture)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/picture.jpg"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate((DOODLES / "umbrella.jpg").read_bytes())
    yield gate
    gate.open.set()
    gate.server.shutdown()
    gate.server.server_close()


def test_a_function_that_is_killed_is_tried_again(workflows: Workflows, gate: Gate) -> None:
    name = workflows.start(instances=[{"id": "slow", "url": gate.url, "label": "umbrella"}])
    assert gate.asked.wait(60)
    assert workflows.cloud.kill("localcloud.bootstrap")
    gate.open.set()
    view = workflows.ended(name)
    assert view["status"] == "succeeded" and not view["judgement"]["champion"]["errors"]
    assert view["faults"] and {fault["error"] for fault in view["faults"]} == {"Runtime.ExitError"}
    kinds = [event["type"] for event in workflows.history(name)]
    assert "TaskFailed" in kinds and kinds[-1] == "ExecutionSucceeded"
    failed = kinds.index("TaskFailed")
    assert "TaskScheduled" in kinds[failed:], "it was not tried again"


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workflows]:
    """A cloud that has a package whose labels do not fit its network."""
    models = tmp_path_factory.mktemp("models")
    package = shutil.copytree(ROOT / "vendor" / "models" / "doodle", models / "broken")
    (package / "labels.txt").write_text("only one\n")
    info = json.loads((package / "model.json").read_text())
    (package / "model.json").write_text(json.dumps(info | {"name": "broken"}))
    log = tmp_path_factory.mktemp("broken") / "log"
    with running(log, "doodle", MODEL_DIR=str(models)) as cloud:
        yield Workflows(cloud)


def test_what_no_try_mends_is_caught_and_every_image_has_its_error(broken: Workflows) -> None:
    pictures = samples(broken.cloud)
    name = broken.start(instances=pictures, challenger="broken", promote=True)
    view = broken.ended(name)
    assert view["status"] == "succeeded" and view["outcome"] == "degraded"
    assert view["faults"][0]["error"] == "ModelInvalid"
    events = broken.history(name)
    assert [event["type"] for event in events].count("TaskFailed") == 1, "it was tried again"
    lines = broken.lines(name)
    assert [line["id"] for line in lines] == SAMPLES
    assert {line["challenger"]["error"]["code"] for line in lines} == {"ModelInvalid"}
    assert all(line["champion"]["labels"][0]["name"] == line["id"] for line in lines)


def test_votes_move_the_counts_once_each(workflows: Workflows) -> None:
    workflows.put_arms(doodle=0.5, doodle_small=0.5)
    workflows.cloud.count_votes()
    before = {arm["name"]: arm for arm in workflows.ask("GET", "/experiment")["arms"]}
    votes: dict[str, list[bool]] = {"doodle": [], "doodle-small": []}
    url = samples(workflows.cloud)[0]["url"]
    for client in range(24):
        answer = workflows.ask(
            "POST", "/predict", json={"url": url}, headers={"X-Client-Id": f"client-{client}"}
        )
        correct = client % 3 > 0
        votes[answer["arm"]].append(correct)
        for said in (not correct, correct):  # a change of mind
            workflows.ask(
                "POST", "/feedback", 202,
                json={"inference_id": answer["inference_id"], "correct": said},
            )  # fmt: skip
    assert all(votes.values()), "both arms have clients"

    def counted() -> Any:
        arms = {arm["name"]: arm for arm in workflows.ask("GET", "/experiment")["arms"]}
        return all(
            arms[name]["votes"] - before.get(name, {"votes": 0})["votes"] == len(said)
            and arms[name]["correct"] - before.get(name, {"correct": 0})["correct"] == sum(said)
            for name, said in votes.items()
        )

    assert wait_for(counted)


def test_a_vote_that_was_forged_is_refused(workflows: Workflows) -> None:
    url = samples(workflows.cloud)[0]["url"]
    inference_id = workflows.ask("POST", "/predict", json={"url": url})["inference_id"]
    forged = inference_id[:-2] + ("AA" if inference_id[-2:] != "AA" else "BB")
    for token in (forged, "0" * 32, ""):
        body = {"inference_id": token, "correct": True}
        assert workflows.ask("POST", "/feedback", 400, json=body)["error"]["code"] == "BadRequest"


def test_a_ramp_moves_clients_one_way_only(workflows: Workflows) -> None:
    url = samples(workflows.cloud)[0]["url"]

    def arms() -> list[str]:
        return [
            workflows.ask("POST", "/predict", json={"url": url}, headers={"X-Client-Id": f"c{n}"})[
                "arm"
            ]
            for n in range(20)
        ]

    seen = []
    for share in (0.1, 0.5, 1.0):
        workflows.put_arms(doodle=1 - share, doodle_small=share)
        seen.append([arm == "doodle-small" for arm in arms()])
    for earlier, later in itertools.pairwise(seen):
        assert all(new or not old for old, new in zip(earlier, later, strict=True))
    assert all(seen[-1]) and not all(seen[0])


@pytest.mark.parametrize(
    ("arms", "status", "code"),
    [
        ({"doodle": 0.5}, 400, "BadRequest"),
        ({"doodle": 1.5, "doodle-small": -0.5}, 400, "BadRequest"),
        ({}, 400, "BadRequest"),
        ({"inception-v9": 1.0}, 404, "ModelNotFound"),
    ],
)
def test_arms_that_cannot_be(
    workflows: Workflows, arms: dict[str, float], status: int, code: str
) -> None:
    answer = workflows.ask("PUT", "/experiment", status, json={"arms": arms})
    assert answer["error"]["code"] == code and workflows.arms() == {"doodle": 1.0}
