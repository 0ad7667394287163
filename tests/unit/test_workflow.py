"""The workflow's tasks, called in the order of the state machine; and what callers ask."""

import base64
import itertools
import json
import threading
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.answers.predictions import Label
from chalicelib.answers.workflowviews import (
    Chunks,
    ExecutionView,
    Fault,
    WorkflowCheck,
    WorkflowStarted,
)
from chalicelib.aws.stepfunctions import Event
from chalicelib.errors import (
    AccessRefused,
    BadRequest,
    Conflict,
    ModelInvalid,
    ModelNotFound,
    NotFound,
    ObjectMissing,
    ServiceUnavailable,
    SourceInvalid,
    SourceRefused,
    SourceUnreachable,
)
from chalicelib.requests import MAX_LISTED, Example, StartRequest
from chalicelib.wiring import Services
from chalicelib.workflow.causes import MAX_CAUSE, message_of
from chalicelib.workflow.run import Run
from tests.fakes import ColourClassifier, MemoryExecutions, MemoryStore
from tests.sampleimages import picture
from tests.wired import MemoryModels, wired

COLOURS = ("red", "green", "blue")
BEGINNING = 1_800_000_000  # of the clock, in seconds since the epoch
STATE_LIMIT = 262_144
UUID = "8f14e45f-ceea-467f-a0e6-123456789012"


PICTURES = {colour: picture(colour, (8, 6)) for colour in (*COLOURS, "yellow", "black")}


class Daltonist(ColourClassifier):
    """Takes red for green."""

    def rank(self, *arguments: Any) -> list[Label]:
        swap = {"red": "green"}
        return [
            Label(swap.get(label.name, label.name), label.score)
            for label in super().rank(*arguments)
        ]


class Index(ColourClassifier):
    """Right as ever, but each label has its index before it, as Teachable Machine writes them."""

    labels = tuple(f"{index} {label}" for index, label in enumerate(ColourClassifier.labels))


class Models(MemoryModels):
    """Three models, and one that is there and cannot be loaded."""

    def __init__(self) -> None:
        super().__init__(
            ColourClassifier("sharp"),
            Daltonist("blind"),
            ColourClassifier("several", multi_label=True),
            ColourClassifier("broken"),
        )

    def load(self, package: Any, threads: int, copies: int) -> Any:
        if package.info.name == "broken":
            raise ModelInvalid("The model broken is damaged.")
        return super().load(package, threads, copies)


class Cloud:
    """The bucket, the tasks and what calls them."""

    def __init__(
        self,
        can_promote: bool = True,
        store: MemoryStore | None = None,
        executions: MemoryExecutions | None = None,
    ) -> None:
        self.store, self.models = store or MemoryStore(), Models()
        self.executions = executions or MemoryExecutions()
        self.flaky: dict[str, int] = {}
        self.time = itertools.count(BEGINNING)
        arms = "sharp=0.5 blind=0.5" if can_promote else ""
        services = self.wired({"ARMS": arms}, store=self.store, executions=self.executions)
        self.tasks, self.service = services.tasks, services.workflows

    def wired(self, environment: dict[str, str], **overrides: Any) -> Services:
        """The whole service on these ports."""
        overrides |= {"fetch": self.fetch, "clock": lambda: float(next(self.time))}
        return wired(self.models, {"MODEL": "sharp"} | environment, **overrides)

    def fetch(self, url: str) -> bytes:
        if self.flaky.get(url, 0) > 0:
            self.flaky[url] -= 1
            raise SourceUnreachable("The host does not answer.")
        colour = url.split("/")[3]
        if colour not in PICTURES:
            raise SourceRefused("The host says 404.")
        return PICTURES[colour]

    def prepare(self, request: Any, name: str = "run") -> dict[str, Any]:
        return passed(self.tasks.prepare(name, passed(request)))

    def run(self, request: Any, name: str = "run") -> dict[str, Any]:
        """What the state machine does, where no task fails."""
        prepared = self.prepare(request, name)
        assert "error" not in prepared, prepared
        chunks = prepared["chunks"] or [
            item["chunk"] for item in json.loads(self.object(prepared["items"]["key"]))
        ]
        for chunk in chunks:
            for arm in ("champion", "challenger") if prepared["compare"] else ("champion",):
                passed(self.tasks.classify(name, chunk, arm, lambda: 900.0))
        judged = passed(self.tasks.judge(name))
        outcome: Any = "kept"
        if judged["error_rate"] > prepared["max_error_rate"]:
            outcome = "degraded"
        elif prepared["promote"] and judged["better"]:
            outcome = passed(self.tasks.promote(name))["outcome"]
        return passed(self.tasks.report(name, outcome))

    def object(self, key: str) -> bytes:
        return self.store.objects["results", key]

    def weights(self) -> dict[str, float] | None:
        """Those of the experiment, once they were changed."""
        data = self.store.objects.get(("results", "experiment.json"))
        return None if data is None else json.loads(data)["arms"]

    def results(self, name: str = "run") -> list[dict[str, Any]]:
        return [
            json.loads(line) for line in self.object(f"workflows/{name}/results.jsonl").splitlines()
        ]


def passed(payload: Any) -> Any:
    """A payload as it comes through a state: JSON, of a limited size."""
    text = json.dumps(payload)
    assert len(text) < STATE_LIMIT
    return json.loads(text)


def instances(*colours: str, labelled: bool = True) -> list[dict[str, Any]]:
    return [
        {"id": f"i{n}", "url": f"http://h/{colour}/{n}"} | ({"label": colour} if labelled else {})
        for n, colour in enumerate(colours)
    ]


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def test_the_books_simple_shape_three_urls_in_three_results_out(cloud: Cloud) -> None:
    output = cloud.run({"instances": instances(*COLOURS, labelled=False)})
    assert output["outcome"] == "kept" and output["images"] == 3 and output["errors"] == 0
    assert [
        prediction["champion"]["labels"][0]["name"] for prediction in output["predictions"]
    ] == [*COLOURS]
    assert not any("challenger" in prediction for prediction in output["predictions"])
    assert output["judgement"]["challenger"] is None


def test_two_models_are_compared_on_the_same_images(cloud: Cloud) -> None:
    request = {"instances": instances(*COLOURS * 20), "champion": "sharp", "challenger": "blind"}
    output = cloud.run(request)
    assert output["outcome"] == "kept" and "predictions" not in output
    judgement = output["judgement"]
    assert judgement["champion"]["accuracy"] == 1.0
    assert judgement["challenger"]["accuracy"] == pytest.approx(2 / 3)
    assert judgement["agreement"]["rate"] == pytest.approx(2 / 3)
    lines = cloud.results()
    assert [line["id"] for line in lines] == [f"i{n}" for n in range(60)]
    for line in lines:
        wrong = line["challenger"]["labels"][0]["name"] != line["label"]
        assert wrong == (line["label"] == "red")
    assert {key for _, key in cloud.store.objects if key.startswith("reports/")} == {
        "reports/run.json", "reports/run.md", "reports/run.svg",
    }  # fmt: skip


def test_a_model_that_finds_several_labels_is_asked_about_the_one_that_is_known(
    cloud: Cloud,
) -> None:
    """Even of labels that the answer would be cut before."""
    images = instances("yellow", "yellow", "black", "red")
    for image, label in zip(images, ("green", "red", "red", "red"), strict=True):
        image["label"] = label
    request = {"instances": images, "champion": "sharp", "challenger": "several", "max_labels": 1}
    judgement = cloud.run(request)["judgement"]
    sharp, several = judgement["champion"], judgement["challenger"]
    assert (sharp["labelled"], sharp["correct"], sharp["multi_label"]) == (4, 2, False)
    assert (several["labelled"], several["correct"], several["multi_label"]) == (4, 3, True)
    lines = [line["challenger"] for line in cloud.results()]
    assert [[label["name"] for label in line["labels"]] for line in lines] == [
        ["red", "green"], ["red", "green"], [], ["red"],
    ]  # fmt: skip
    assert [line["right"] for line in lines] == [True, True, False, True]
    told = cloud.object("reports/run.md").decode()
    assert "several may find several labels in an image. Such a model is right if" in told


def test_a_better_challenger_is_promoted_where_that_is_asked_for(cloud: Cloud) -> None:
    request = {"instances": instances(*COLOURS * 20), "champion": "blind", "challenger": "sharp"}
    assert cloud.run(request, "first")["outcome"] == "kept"
    assert cloud.weights() is None
    assert cloud.run(request | {"promote": True}, "second")["outcome"] == "promoted"
    assert cloud.weights() == {"blind": 0.0, "sharp": 1.0}


def test_without_labels_nobody_is_better(cloud: Cloud) -> None:
    same = {"champion": "blind", "challenger": "sharp", "promote": True}
    output = cloud.run({"instances": instances(*COLOURS * 20, labelled=False)} | same)
    assert output["outcome"] == "kept"
    assert output["judgement"]["agreement"]["rate"] == pytest.approx(2 / 3)


def test_too_many_errors_decide_nothing(cloud: Cloud) -> None:
    colours = (*COLOURS * 10, *["none"] * 10)
    request = {"instances": instances(*colours), "champion": "blind", "challenger": "sharp"}
    assert cloud.run(request | {"promote": True})["outcome"] == "degraded"
    assert cloud.weights() is None
    more = request | {"promote": True, "max_error_rate": 0.3}
    assert cloud.run(more, "other")["outcome"] == "promoted"


def test_every_image_has_its_record_and_every_bad_one_its_error(cloud: Cloud) -> None:
    colours = ["none" if n % 10 == 3 else COLOURS[n % 3] for n in range(300)]
    output = cloud.run({"instances": instances(*colours), "challenger": "blind"})
    assert (output["images"], output["errors"]) == (300, 30)
    for n, line in enumerate(cloud.results()):
        assert line["id"] == f"i{n}"
        for arm in ("champion", "challenger"):
            assert ("error" in line[arm]) == (n % 10 == 3) != ("labels" in line[arm])
    assert cloud.results()[3]["champion"]["error"]["code"] == "SourceRefused"


def test_an_error_that_passes_is_tried_again(cloud: Cloud) -> None:
    cloud.flaky = {"http://h/red/0": 2}
    assert cloud.run({"instances": instances("red")})["errors"] == 0


@pytest.mark.parametrize("suffix", [".csv", ".CSV"])
def test_a_manifest_with_labels(cloud: Cloud, suffix: str) -> None:
    rows = [f"{n},http://h/{colour}/{n},{colour}" for n, colour in enumerate(COLOURS * 4)]
    data = "\n".join(["id,url,label", *rows, "x,,red"]).encode()
    cloud.store.put("images", f"m{suffix}", data, "text/csv")
    output = cloud.run({"manifest": f"s3://images/m{suffix}"})
    assert (output["images"], output["errors"]) == (13, 1)
    assert output["judgement"]["champion"]["accuracy"] == 1.0
    assert "Line 14" in cloud.results()[-1]["champion"]["error"]["message"]


class Counting(MemoryStore):
    """Counts how often each object is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = Counter[str]()

    def read(self, bucket: str, key: str, max_bytes: int) -> bytes:
        self.reads[key] += 1
        return super().read(bucket, key, max_bytes)


@pytest.mark.parametrize("images", [20, 60])
def test_each_chunk_and_part_is_read_once_for_verdict_results_and_report(images: int) -> None:
    cloud = Cloud(store=(store := Counting()))
    request = {"instances": instances(*["red"] * images), "challenger": "blind"}
    chunks = cloud.prepare(request)["chunks"]
    for chunk, arm in itertools.product(chunks, ("champion", "challenger")):
        cloud.tasks.classify("run", chunk, arm, lambda: 900.0)  # type: ignore[arg-type]
    store.reads.clear()
    cloud.tasks.judge("run")
    output = cloud.tasks.report("run", "kept")
    assert len(cloud.results()) == images and ("predictions" in output) == (images == 20)
    folders = ("chunks", "champion", "challenger")
    read = {key: store.reads[key] for key in store.reads if key.split("/")[2] in folders}
    assert read == {
        f"workflows/run/{folder}/{chunk:06d}.jsonl": 1 for folder in folders for chunk in chunks
    }


def test_a_manifest_that_changes_while_it_runs_changes_nothing(cloud: Cloud) -> None:
    cloud.store.put("images", "m.txt", b"http://h/red/1\nhttp://h/blue/2", "text/plain")
    cloud.prepare({"manifest": "s3://images/m.txt"})
    cloud.store.put("images", "m.txt", b"http://h/green/1", "text/plain")
    for arm in ("champion",):
        cloud.tasks.classify("run", 1, arm, lambda: 900.0)
    cloud.tasks.judge("run")
    assert cloud.tasks.report("run", "kept")["images"] == 2


def test_prepare_comes_again_to_the_same_chunks(cloud: Cloud) -> None:
    cloud.store.put("images", "m.txt", b"http://h/red/1\nhttp://h/blue/2", "text/plain")
    request = {"manifest": "s3://images/m.txt"}
    cloud.prepare(request)
    cloud.store.put("images", "m.txt", b"http://h/green/1", "text/plain")
    cloud.tasks.classify("run", 1, "champion", lambda: 900.0)
    cloud.prepare(request)
    cloud.tasks.judge("run")
    assert cloud.tasks.report("run", "kept")["images"] == 2


@pytest.mark.parametrize(("images", "said"), [(1, "1 instance"), (2, "2 instances")])
def test_the_report_says_of_how_many_images(cloud: Cloud, images: int, said: str) -> None:
    cloud.run({"instances": instances(*["red"] * images)})
    assert f"on the same images ({said})" in cloud.object("reports/run.md").decode()


def test_a_name_is_not_used_for_another_request(cloud: Cloud) -> None:
    cloud.prepare({"instances": instances("red")})
    error = cloud.prepare({"instances": instances("blue")})["error"]
    assert error["code"] == "BadRequest" and "another" in error["message"]


BAD = [
    ({}, "BadRequest", "exactly one"),
    ([], "BadRequest", "not valid"),
    ({"instances": []}, "BadRequest", "not valid"),
    ({"instances": [{"url": "http://h/red/1"}], "manifest": "s3://images/m.csv"}, "BadRequest", ""),
    ({"instances": [{"url": "http://h/red/1"}], "chalenger": "x"}, "BadRequest", "chalenger"),
    ({"instances": [{"url": "http://h/red/1"}], "challenger": "x"}, "ModelNotFound", "'x'"),
    ({"instances": [{"url": "http://h/red/1"}], "champion": "x"}, "ModelNotFound", "'x'"),
    ({"instances": [{"url": "http://h/red/1"}], "challenger": "sharp"}, "BadRequest", "another"),
    ({"instances": [{"url": "http://h/red/1"}], "promote": True}, "BadRequest", "challenger"),
    ({"instances": [{"url": "http://h/1"}], "max_error_rate": 1.1}, "BadRequest", "not valid"),
    ({"manifest": "s3://elsewhere/m.csv"}, "SourceInvalid", "bucket images"),
    ({"manifest": "s3://results/batches/b/manifest.csv"}, "SourceInvalid", "bucket images"),
    ({"manifest": "s3://images/m.zip"}, "SourceInvalid", ".csv"),
    ({"manifest": "s3://images/none.csv"}, "NotFound", "none.csv"),
    ({"manifest": "s3://images/empty.csv"}, "BadRequest", "empty.csv names no image. It is empty."),
]


@pytest.mark.parametrize(("request_", "code", "words"), BAD)
def test_bad_input_is_an_answer_not_an_exception(
    cloud: Cloud, request_: Any, code: str, words: str
) -> None:
    cloud.store.put("images", "empty.csv", b"url\n\n", "text/csv")
    error = cloud.prepare(request_)["error"]
    assert error["code"] == code and words in error["message"]
    assert not any(key.endswith("workflow.json") for _, key in cloud.store.objects)


def test_a_run_cannot_take_the_place_of_the_inputs(cloud: Cloud) -> None:
    assert "another" in cloud.prepare({"instances": instances("red")}, "inputs")["error"]["message"]


def test_promotion_needs_an_experiment() -> None:
    request = {"instances": instances("red"), "challenger": "blind", "promote": True}
    assert "ARMS" in Cloud(can_promote=False).prepare(request)["error"]["message"]


@pytest.mark.parametrize("kind", [ServiceUnavailable, AccessRefused, ObjectMissing])
def test_a_bucket_that_does_not_answer_is_for_another_try(
    kind: type[ServiceUnavailable],
) -> None:
    """By the one name that the state machine tries again; the bucket's is for the log alone."""

    class Away(MemoryStore):
        def put(self, *arguments: Any, **options: Any) -> str | None:
            raise kind(detail="s3://secret/run: Access Denied")

    with pytest.raises(ServiceUnavailable) as told:
        Cloud(store=Away()).tasks.prepare("run", {"instances": instances("red")})
    assert type(told.value) is ServiceUnavailable and "s3://secret/run" in told.value.detail
    assert "secret" not in str(told.value)


def test_a_model_that_cannot_answer_loses_the_chunk_not_the_images(cloud: Cloud) -> None:
    cloud.prepare({"instances": instances(*COLOURS * 10), "challenger": "broken"})
    with pytest.raises(ModelInvalid):
        cloud.tasks.classify("run", 1, "challenger", lambda: 900.0)
    cause = json.dumps({"errorMessage": "The model broken is damaged.", "stackTrace": ["…"]})
    for chunk in (1, 2):
        cloud.tasks.classify("run", chunk, "champion", lambda: 900.0)
        lost = cloud.tasks.record_loss("run", chunk, "challenger", "ModelInvalid", cause)
        assert lost["records"] == lost["failed"]
    assert cloud.tasks.judge("run")["error_rate"] == 1.0
    cloud.tasks.report("run", "degraded")
    error = {"code": "ModelInvalid", "message": "The model broken is damaged.", "retryable": False}
    assert [line["challenger"]["error"] for line in cloud.results()] == [error] * 30


def test_a_loss_does_not_undo_what_was_written_at_the_last_moment(cloud: Cloud) -> None:
    cloud.prepare({"instances": instances("red")})
    cloud.tasks.classify("run", 1, "champion", lambda: 900.0)
    cloud.tasks.record_loss("run", 1, "champion", "States.Timeout", "")
    cloud.tasks.judge("run")
    assert cloud.tasks.report("run", "kept")["errors"] == 0


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        ('{"errorMessage": "why", "errorType": "E"}', "why"),
        ("plain words", "plain words"),
        ("", "The task gave no cause."),
        ("[1]", "[1]"),
        ("x" * 40_000, "x" * MAX_CAUSE),
        (f"RequestId: {UUID} Error: Runtime exited", f"RequestId: {UUID} Error: Runtime exited"),
    ],
)
def test_a_cause_is_told_in_its_own_words(cause: str, told: str) -> None:
    assert message_of("E", cause) == told


@pytest.mark.parametrize("error", ["States.ItemReaderFailed", "ClientError", "ServiceUnavailable"])
@pytest.mark.parametrize("words", [
    "User: arn:aws:sts::123456789012:assumed-role/secret is not authorized",
    "s3://secret/workflows/run/workflow.json could not be read",
    "Bucket: secret-results-123456789012, key: items.json",
])  # fmt: skip
def test_a_cause_that_names_parts_of_our_account_is_not_told(error: str, words: str) -> None:
    for cause in (words, json.dumps({"errorMessage": words})):
        told = message_of(error, cause)
        assert error in told and "secret" not in told and "123456789012" not in told


def test_a_callers_mistake_is_told_with_the_address_that_the_caller_gave() -> None:
    assert "s3://images/none.csv" in message_of("NotFound", "There is no s3://images/none.csv.")


def test_what_does_not_fit_into_the_time_goes_on_in_the_next_try(cloud: Cloud) -> None:
    cloud.prepare({"instances": instances(*COLOURS * 8)})
    seconds = itertools.chain([900.0] * 12, itertools.repeat(0.0))
    with pytest.raises(TimeoutError, match="of 24 images"):
        cloud.tasks.classify("run", 1, "champion", lambda: next(seconds))
    classifier = cloud.models.known["sharp"]
    assert classifier.info.name == "sharp"
    assert cloud.tasks.classify("run", 1, "champion", lambda: 900.0)["failed"] == 0


def test_an_image_is_timed_alone(cloud: Cloud) -> None:
    busy = threading.Lock()

    class Alone(ColourClassifier):
        def scores(self, *arguments: Any, **options: Any) -> Any:
            assert busy.acquire(blocking=False), "two images at once"
            try:
                return super().scores(*arguments, **options)
            finally:
                busy.release()

    cloud.models.known["sharp"] = Alone("sharp")
    images = [{"b64": base64.b64encode(picture(f"#0000{n:02x}")).decode()} for n in range(200, 225)]
    assert cloud.run({"instances": images})["errors"] == 0
    part = cloud.object("workflows/run/champion/000001.jsonl")
    assert all(json.loads(line)["ms"] > 0 for line in part.splitlines())


def test_a_task_that_runs_twice_changes_nothing(cloud: Cloud) -> None:
    cloud.prepare({"instances": instances(*COLOURS)})
    first = cloud.tasks.classify("run", 1, "champion", lambda: 900.0)
    part = cloud.object("workflows/run/champion/000001.jsonl")
    assert cloud.tasks.classify("run", 1, "champion", lambda: 900.0) == first
    assert cloud.object("workflows/run/champion/000001.jsonl") == part


def test_ten_thousand_images_pass_by_reference(cloud: Cloud) -> None:
    images = instances(*["red"] * MAX_LISTED)
    began = cloud.service.start(msgspec.convert({"instances": images}, StartRequest))
    assert isinstance(began, WorkflowStarted)
    execution = cloud.executions.describe(began.name)
    assert len(execution.input) < 500
    prepared = cloud.prepare(json.loads(execution.input))
    assert prepared["size"] == "small" and prepared["chunks"] == list(range(1, 401))
    assert len(json.dumps(prepared)) < 4000


def test_more_than_that_is_for_the_distributed_map(cloud: Cloud) -> None:
    lines = b"".join(b"http://h/red/%d\n" % n for n in range(MAX_LISTED + 1))
    cloud.store.put("images", "m.txt", lines, "text/plain")
    prepared = cloud.prepare({"manifest": "s3://images/m.txt"})
    assert prepared["size"] == "large" and prepared["chunks"] == []
    items = json.loads(cloud.object(prepared["items"]["key"]))
    assert (
        items == [{"chunk": n} for n in range(1, 102)] and prepared["items"]["bucket"] == "results"
    )
    assert len(Run(cloud.store, "results", "run").chunk(101)) == 1


def test_an_output_is_never_too_large_for_a_state(cloud: Cloud) -> None:
    images = [{"url": "http://h/red/1", "label": "x" * 500, "id": "i" * 256} for _ in range(25)]
    request = {"instances": images, "max_labels": 1000, "challenger": "blind"}
    cloud.prepare(request)
    for arm in ("champion", "challenger"):
        cloud.tasks.record_loss("run", 1, arm, "E" * 300, "é" * 40_000)
    cloud.tasks.judge("run")
    passed(cloud.tasks.report("run", "degraded"))


@settings(max_examples=30)
@given(st.lists(st.sampled_from([*COLOURS, "none"]), min_size=1, max_size=120))
def test_nothing_is_lost_and_nothing_twice(colours: list[str]) -> None:
    cloud = Cloud()
    output = cloud.run({"instances": instances(*colours), "challenger": "blind"})
    assert [line["id"] for line in cloud.results()] == [f"i{n}" for n in range(len(colours))]
    assert output["errors"] == colours.count("none")


def started(cloud: Cloud, **more: Any) -> WorkflowStarted:
    request = StartRequest(instances=[Example(url="http://h/red/1", label="red")], **more)
    answer = cloud.service.start(request)
    assert isinstance(answer, WorkflowStarted)
    return answer


def test_instances_that_are_not_one_image_are_refused_by_their_places(cloud: Cloud) -> None:
    bad = [Example(url="http://h/red/1"), Example(label="red")]
    with pytest.raises(BadRequest, match=r"from 0: 1 \("):
        cloud.service.start(StartRequest(instances=bad))
    assert cloud.prepare({"instances": [{"url": "http://h/red/1"}, {"label": "red"}]})["error"] == {
        "code": "BadRequest",
        "message": "Correct these instances, counted from 0: "
        "1 (it must name an image in exactly one way).",
        "retryable": False,
    }


def test_a_start_names_the_labels_that_do_not_count(cloud: Cloud) -> None:
    cloud.models.known["index"] = Index("index")
    labels = [*["zebra"] * 2, " Red ", "0 background", "ZEBRA", "emu", "", None]
    examples = [{"url": "http://h/red/1", "label": label} for label in labels]
    manifest = "url,label\n" + "".join(f"http://h/red/1,{label or ''}\n" for label in labels)
    cloud.store.put("images", "m.csv", manifest.encode(), "text/csv")
    for source in ({"instances": examples}, {"manifest": "s3://images/m.csv"}):
        alone = msgspec.convert(source | {"dry_run": True}, StartRequest)
        pair = msgspec.structs.replace(alone, challenger="index")
        assert cloud.service.start(alone) == WorkflowCheck(["zebra", "0 background", "emu"], [])
        assert cloud.service.start(pair) == WorkflowCheck(["zebra", "emu"], ["Red", "0 background"])
    assert cloud.service.recent() == []
    began = cloud.service.start(msgspec.convert({"instances": examples}, StartRequest))
    assert isinstance(began, WorkflowStarted)
    assert began.unknown_labels == ["zebra", "0 background", "emu"]
    assert "dry_run" not in json.loads(cloud.executions.describe(began.name).input)
    with pytest.raises(NotFound, match="upload it first"):
        cloud.service.start(StartRequest(manifest="s3://images/none.csv"))


def test_an_answer_that_a_model_cannot_give_never_promotes(cloud: Cloud) -> None:
    cloud.models.known["index"] = Index("index")
    request = {"champion": "index", "challenger": "sharp", "promote": True}
    output = cloud.run(request | {"instances": instances(*COLOURS * 8)})
    assert output["outcome"] == "kept" and cloud.weights() is None
    judgement = output["judgement"]
    assert (judgement["images"], judgement["labelled"], judgement["left_out"]) == (24, 0, 24)
    assert judgement["mcnemar"] is None and "“red” is not such a label" in judgement["verdict"]
    assert judgement["unknown"][0] == {"label": "red", "images": 8, "known_to": "sharp"}
    assert not any("right" in prediction["champion"] for prediction in output["predictions"])
    assert "## Answers that do not count" in cloud.object("reports/run.md").decode()
    assert json.loads(cloud.object("reports/run.json"))["plan"]["labels"] == {}


def test_results_say_what_is_right(cloud: Cloud) -> None:
    cloud.models.known["sharp"] = named = ColourClassifier("sharp")
    named.labels = ("background", "crimson, Red", "green", "blue")
    output = cloud.run({"instances": instances("red", "blue"), "challenger": "blind"})
    told = [
        (result["champion"]["right"], result["challenger"]["right"]) for result in cloud.results()
    ]
    assert told == [(True, False), (True, True)]
    assert output["judgement"]["champion"]["correct"] == 2
    again = cloud.run({"instances": [*instances("zebra", "none"), {"url": "http://h/red/1"}]}, "b")
    assert not any("right" in prediction["champion"] for prediction in again["predictions"])


def test_a_name_is_an_idempotency_key(cloud: Cloud) -> None:
    first = started(cloud, name="mine")
    assert started(cloud, name="mine") == first
    assert len(cloud.service.recent()) == 1
    with pytest.raises(Conflict):
        started(cloud, name="mine", challenger="blind")
    assert started(cloud).name != started(cloud).name


def started_at(cloud: Cloud, name: str, second: int) -> None:
    started(cloud, name=name)
    run = cloud.executions.runs[name]
    time = datetime.fromtimestamp(second, UTC)
    cloud.executions.runs[name] = replace(run, started=time)


def test_the_list_says_what_came_of_each_run_by_one_listing(cloud: Cloud) -> None:
    request = {"instances": instances(*COLOURS * 4), "challenger": "blind"}
    for name in ("first", "second", "going"):
        started_at(cloud, name, BEGINNING)
    verdict = cloud.run(request, "first")["verdict"]
    cloud.run({"instances": instances("red")}, "second")
    listed: list[str] = []
    list_ = cloud.store.list
    cloud.store.list = lambda bucket, prefix, after="": (  # type: ignore[method-assign]
        listed.append(prefix) or list_(bucket, prefix, after)
    )
    going, second, first = cloud.service.recent()
    assert listed == ["outcomes/"]
    assert (first.outcome, first.verdict) == ("kept", verdict) and "sharp" in verdict
    assert second.verdict != verdict and second.outcome == "kept"
    assert (going.outcome, going.verdict) == (None, None)


def test_the_list_says_nothing_of_an_older_run_of_the_same_name(cloud: Cloud) -> None:
    cloud.run({"instances": instances("red")}, "mine")
    started_at(cloud, "mine", BEGINNING + 90 * 86400)
    (mine,) = cloud.service.recent()
    assert (mine.status, mine.outcome) == ("succeeded", None)


def test_a_verdict_too_long_for_a_key_is_left_out(cloud: Cloud) -> None:
    started_at(cloud, "long", BEGINNING)
    label = "\U0001f993" * 100
    cloud.run({"instances": [{"url": "http://h/red/1", "label": label}]}, "long")
    (long,) = cloud.service.recent()
    assert (long.outcome, long.verdict) == ("kept", None)


def test_what_is_asked_for_wrongly_is_not_started(cloud: Cloud) -> None:
    more: dict[str, Any]
    for more, error in [
        ({"challenger": "none"}, ModelNotFound),
        ({"promote": True}, BadRequest),
        ({"name": "inputs"}, BadRequest),
        ({"manifest": "s3://images/m.csv"}, BadRequest),
    ]:
        with pytest.raises(error):
            started(cloud, **more)
    with pytest.raises(SourceInvalid):
        cloud.service.start(StartRequest(manifest="s3://other/m.csv"))
    assert cloud.service.recent() == []


def test_a_view_of_a_run(cloud: Cloud) -> None:
    name = started(cloud, challenger="blind").name
    run = cloud.executions.describe(name)
    cloud.executions.runs[name] = replace(run, status="RUNNING", stopped=None, output=None)
    before = cloud.service.view(name)
    assert before.status == "running" and before.ended_at is None and before.outcome is None
    assert before.execution == ExecutionView(run.arn, "RUNNING", before.started_at)
    assert before.chunks is None and before.report is None
    assert before.states == {"Look": "succeeded", "Done": "succeeded"}
    output = cloud.run(json.loads(run.input), name)
    cloud.executions.runs[name] = replace(run, output=json.dumps(output))
    view = cloud.service.view(name)
    assert view.status == "succeeded" and view.outcome == "kept" and view.ended_at
    assert view.verdict == output["verdict"] and view.judgement and view.judgement.images == 1
    assert view.predictions and view.predictions[0].champion
    assert view.chunks == Chunks(total=1, champion=1, challenger=1)
    assert view.images == 1 and view.champion == "sharp" and view.challenger == "blind"
    assert view.report and view.report.picture.endswith(f"reports/{name}.svg")
    with pytest.raises(NotFound):
        cloud.service.view("none")


def test_a_view_links_to_pictures_that_were_classified_in_the_images_bucket(cloud: Cloud) -> None:
    cloud.store.objects["images", "red.png"] = PICTURES["red"]
    cloud.store.objects["images", "notes.txt"] = b"no picture"
    sources = ["s3://images/red.png", "s3://images/notes.txt", "s3://results/experiment.key"]
    examples = [Example(s3_uri=source) for source in sources]
    request = StartRequest(instances=[*examples, Example(url="http://h/red/1")], name="mine")
    cloud.service.start(request)
    run = cloud.executions.describe("mine")
    output = cloud.run(json.loads(run.input), "mine")
    assert not any("picture" in line for line in output["predictions"])
    cloud.executions.runs["mine"] = replace(run, output=json.dumps(output))
    lines = cloud.service.view("mine").predictions or []
    assert [line.picture for line in lines] == ["memory://images/red.png?image/png"] + [None] * 3


def test_a_view_of_a_failed_run_tells_why_and_what_was_tried() -> None:
    class Failed(MemoryExecutions):
        def history(self, name: str) -> list[Event]:
            cause = json.dumps({"errorMessage": "Task timed out", "errorType": "Sandbox.Timedout"})
            return [
                Event(1, "TaskStateEntered", "Prepare"),
                Event(2, "TaskFailed", "", "Sandbox.Timedout", cause),
                Event(3, "TaskFailed", "", "Sandbox.Timedout", cause),
                Event(4, "TaskStateExited", "Prepare"),
                Event(5, "FailStateEntered", "Fail"),
                Event(6, "ExecutionFailed", "", "Sandbox.Timedout", cause),
            ]

    service = Cloud(
        executions=Failed(lambda _: ("Sandbox.Timedout", "Make the manifest smaller."))
    ).service
    service.start(StartRequest(instances=[Example(url="http://h/red/1")], name="mine"))
    view = service.view("mine")
    assert view.status == "failed" and view.cause == "Make the manifest smaller."
    assert view.states == {"Prepare": "failed", "Fail": "failed"}
    assert view.faults == [Fault("Sandbox.Timedout", "Task timed out")] * 2


def test_a_view_names_no_bucket_of_ours() -> None:
    words = "Bucket: secret-results-123456789012, key: items.json"

    class Failed(MemoryExecutions):
        def history(self, name: str) -> list[Event]:
            return [Event(1, "MapStateFailed", "Classify", "States.ItemReaderFailed", words)]

    service = Cloud(executions=Failed(lambda _: ("States.ItemReaderFailed", words))).service
    service.start(StartRequest(instances=[Example(url="http://h/red/1")], name="mine"))
    view = service.view("mine")
    assert view.cause and "secret" not in view.cause + view.faults[0].cause
