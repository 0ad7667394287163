"""workflow.asl.json: that it hangs together, what it calls with what, and what it retries."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stage.template import assembled
from tests.conftest import ROOT
from tests.unit.test_errors import every_error

TEXT = (ROOT / "workflow.asl.json").read_text()
MACHINE = json.loads(TEXT)
STATES = MACHINE["States"]
CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())
FUNCTION = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:"
STATE_BYTES = 262_144
"""Of a state's input or output
(https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html)."""
FAIL = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "Fail"}]
MANY = " (many)"
NAME = {"name.$": "$.name"}
CHUNK = {**NAME, "chunk.$": "$.chunk"}
LOSS = {**CHUNK, "error.$": "$.failure.Error", "cause.$": "$.failure.Cause"}
PAYLOADS = {
    "Prepare": ("prepare", {"name.$": "$$.Execution.Name", "request.$": "$$.Execution.Input"}),
    "Champion": ("classify", {**CHUNK, "arm": "champion"}),
    "Challenger": ("classify", {**CHUNK, "arm": "challenger"}),
    "Champion lost": ("record_loss", {**LOSS, "arm": "champion"}),
    "Challenger lost": ("record_loss", {**LOSS, "arm": "challenger"}),
    "Judge": ("judge", NAME),
    "Promote": ("promote", NAME),
    "Report": ("report", {**NAME, "outcome.$": "$.decision.outcome"}),
}

Scope = dict[str, Any]


def scopes(scope: Scope) -> Iterator[Scope]:
    """It, and what its states hold: branches and processors."""
    yield scope
    for state in scope["States"].values():
        for inner in (*state.get("Branches", []), state.get("ItemProcessor")):
            if inner:
                yield from scopes(inner)


SCOPES = list(scopes(MACHINE))
EVERY = [(name, state) for scope in SCOPES for name, state in scope["States"].items()]
TASKS = {name: state for name, state in EVERY if state["Type"] == "Task"}
RETRIED = [error for retrier in STATES["Prepare"]["Retry"] for error in retrier["ErrorEquals"]]


def targets(state: dict[str, Any]) -> Iterator[str]:
    """The states that may come next."""
    for rule in (state, *state.get("Choices", []), *state.get("Catch", [])):
        yield from (rule[key] for key in ("Next", "Default") if key in rule)


def handler(state: dict[str, Any]) -> str:
    name = state["Parameters"]["FunctionName"]
    prefix = FUNCTION + "serverless-inception-${Stage}-"
    assert name.startswith(prefix)
    return str(name.removeprefix(prefix))


def test_every_state_says_what_it_is_for() -> None:
    assert [name for name, state in EVERY if not state.get("Comment", "").endswith(".")] == []


def test_names_are_unique_in_the_whole_machine() -> None:
    assert [name for name, count in Counter(name for name, _ in EVERY).items() if count > 1] == []


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope["StartAt"])
def test_every_state_is_reached_and_every_target_is_there(scope: Scope) -> None:
    reached, waiting = set(), [scope["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += targets(scope["States"][name])
    assert reached == set(scope["States"])


@pytest.mark.parametrize("name", TASKS)
def test_a_task_calls_its_function_with_what_it_takes(name: str) -> None:
    called, payload = PAYLOADS[name.removesuffix(MANY)]
    state = TASKS[name]
    assert state["Resource"] == "arn:${AWS::Partition}:states:::lambda:invoke"
    assert handler(state) == f"workflow_{called}"
    assert state["Parameters"]["Payload"] == payload


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_given_more_time_than_its_function_takes(name: str) -> None:
    functions = CONFIG["lambda_functions"]
    configured = functions.get(handler(TASKS[name]), {})
    assert TASKS[name]["TimeoutSeconds"] > configured.get(
        "lambda_timeout", CONFIG["lambda_timeout"]
    )


@pytest.mark.parametrize("name", TASKS)
def test_every_task_retries_alike_and_spreads_its_retries(name: str) -> None:
    throttled, *others = TASKS[name]["Retry"]
    patience = {"MaxAttempts": 1000} if name.endswith(MANY) else {}
    assert throttled == STATES["Prepare"]["Retry"][0] | patience
    assert others == STATES["Prepare"]["Retry"][1:]
    assert {retrier["JitterStrategy"] for retrier in TASKS[name]["Retry"]} == {"FULL"}
    assert all(retrier["MaxDelaySeconds"] > 0 for retrier in TASKS[name]["Retry"])


def test_only_what_may_pass_is_retried() -> None:
    ours = {error.__name__ for error in every_error()}
    assert set(RETRIED) & ours == {"ServiceUnavailable"}, "the one name that tasks raise it by"
    assert not {"States.ALL", "States.TaskFailed", "Exception", "ValueError"} & set(RETRIED)
    assert len(RETRIED) == len(set(RETRIED))


def test_throttling_is_waited_out() -> None:
    """Ten minutes on average, where the rest waits a minute at most.

    A large run's chunks wait for as long as the run may last: in an account of ten functions 190 of
    200 do. Each has a history of its own, which a small run's share.
    """
    throttled, *others = STATES["Prepare"]["Retry"]
    assert throttled["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
    assert sum(delays(throttled)) / 2 > 600
    assert all(sum(delays(other)) <= 60 for other in others)
    patient, *_ = TASKS[f"Champion{MANY}"]["Retry"]
    assert sum(delays(patient)) / 2 > MACHINE["TimeoutSeconds"]


def delays(retrier: dict[str, Any]) -> list[float]:
    """The longest seconds before each retry; with full jitter it is half of that on average."""
    return [
        min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** n, retrier["MaxDelaySeconds"])
        for n in range(retrier["MaxAttempts"])
    ]


@pytest.mark.parametrize(
    "name", [name for name in STATES if STATES[name]["Type"] in ("Task", "Map")]
)
def test_whatever_fails_for_good_ends_with_advice(name: str) -> None:
    assert STATES[name]["Catch"] == FAIL
    assert STATES["Fail"]["Type"] == "Fail"
    assert "start the workflow again" in STATES["Fail"]["CausePath"]


@pytest.mark.parametrize("suffix", ["", MANY])
@pytest.mark.parametrize("arm", ["Champion", "Challenger"])
def test_a_chunk_that_is_given_up_is_recorded(arm: str, suffix: str) -> None:
    (catcher,) = TASKS[arm + suffix]["Catch"]
    assert catcher == {**FAIL[0], "Next": f"{arm} lost{suffix}"}


def test_few_and_many_chunks_are_worked_on_alike() -> None:
    few, many = (dict(STATES[name]["ItemProcessor"]) for name in ("Classify", "Classify many"))
    assert few.pop("ProcessorConfig") == {"Mode": "INLINE"}
    assert many.pop("ProcessorConfig") == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert json.dumps(many).count(MANY) > len(many["States"])
    alike = json.dumps(many).replace(MANY, "").replace('"MaxAttempts": 1000', '"MaxAttempts": 20')
    assert json.loads(alike) == few
    assert STATES["Classify"]["MaxConcurrency"] == 40


def test_the_largest_state_is_far_below_the_limit() -> None:
    small = {
        "name": "n" * 80, "size": "small", "chunks": list(range(1, 401)), "compare": True,
        "items": {"bucket": "b" * 63, "key": "k" * 1024}, "promote": True, "max_error_rate": 0.2,
    }  # fmt: skip
    judged = {**small, "judgement": {"error_rate": 0.1, "better": True, "verdict": "v" * 4096}}
    assert len(json.dumps(judged)) < STATE_BYTES / 16
    # what a Map gives back, though it is dropped: a million images are 40,000 chunks of 25
    assert STATES["Classify many"]["ResultPath"] is None
    assert len(json.dumps(list(range(1, 40_001)), separators=(",", ":"))) < STATE_BYTES


def test_nothing_is_substituted_but_what_the_stack_knows() -> None:
    assert set(re.findall(r"\$\{(.*?)\}", TEXT)) == {
        "AWS::Partition", "AWS::Region", "AWS::AccountId", "Stage",
    }  # fmt: skip


def write(folder: Path, definition: str) -> Path:
    template = folder / "template.yaml"
    template.write_text("A: 1 # kept\nB:\n  C: !Sub machine.asl.json\nD: !Sub other.json\n")
    (folder / "machine.asl.json").write_text(definition)
    return template


def test_the_definition_is_put_into_the_template_without_its_blanks(tmp_path: Path) -> None:
    template = write(tmp_path, '{ "Comment": "it\'s  ü: #1",\n  "a": [1, "x, y"] }')
    assert assembled(template) == (
        "A: 1 # kept\nB:\n"
        """  C: !Sub '{"Comment":"it''s  ü: #1","a":[1,"x, y"]}'\n"""
        "D: !Sub other.json\n"
    )


def test_a_definition_that_is_not_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"machine\.asl\.json is not JSON: .*line 1"):
        assembled(write(tmp_path, "{"))
