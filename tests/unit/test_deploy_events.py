"""What is set for the queue and for streams, and when that may be changed."""

from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from tools.deploying.eventsources import INSERTS, STREAM, StreamsStep, WorkersStep
from tools.deploying.step import DeployError
from tools.deploying.target import Target

UUID = "7f5d1e2a-0000-4000-8000-000000000000"


class Account:
    """Lambda, of an account that may run so many functions at once.

    workers: of the mapping; None where there is no mapping.
    """

    def __init__(self, limit: int, workers: int | None) -> None:
        self.client = boto3.client(
            "lambda", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        self.stub = Stubber(self.client)
        self.stub.activate()
        self.limit = limit
        mapping = {"UUID": UUID, "ScalingConfig": {"MaximumConcurrency": workers}}
        self.record: Any = SimpleNamespace(
            functions=lambda: {"on_work": "arn"},
            mapping=lambda _: mapping if workers else None,
        )

    def step(self, workers: int | None) -> WorkersStep:
        return WorkersStep(self.client, lambda: self.record, workers, poll_seconds=0)

    def is_asked(self) -> None:
        self.stub.add_response(
            "get_account_settings", {"AccountLimit": {"ConcurrentExecutions": self.limit}}
        )


@pytest.mark.parametrize(
    ("limit", "workers"), [(1000, 50), (100, 50), (99, 49), (10, 5), (5, 2), (3, 2), (1, 2)]
)
def test_workers_leave_half_of_a_small_account_to_the_api(limit: int, workers: int) -> None:
    account = Account(limit, 7)
    account.is_asked()
    assert account.step(None).changes() == [
        f"let {workers} run at once, of the {limit} functions that the account may run at once"
    ]


def test_who_says_how_many_gets_them() -> None:
    assert Account(10, 7).step(400).changes() == ["let 400 run at once"]
    assert Account(10, 400).step(400).changes() == []


def test_a_mapping_that_is_still_made_is_waited_for() -> None:
    account = Account(10, 7)
    for state in ("Creating", "Updating", "Enabled"):
        account.stub.add_response("get_event_source_mapping", {"State": state}, {"UUID": UUID})
    account.is_asked()
    wanted = {"UUID": UUID, "ScalingConfig": {"MaximumConcurrency": 5}}
    account.stub.add_response("update_event_source_mapping", {}, wanted)
    account.step(None).apply(lambda _: None)
    account.stub.assert_no_pending_responses()


def test_without_a_mapping_it_does_not_end_well() -> None:
    with pytest.raises(DeployError, match=r"not connected to on_work\. Run the same"):
        Account(10, None).step(5).apply(lambda _: None)


DEAD = "arn:aws:sqs:eu-west-1:123456789012:serverless-inception-dev-dead-letters"
ITEMS: dict[str, Any] = {
    **STREAM, "FilterCriteria": INSERTS, "DestinationConfig": {"OnFailure": {"Destination": DEAD}},
}  # fmt: skip


def of_items(account: Account, mapping: dict[str, Any]) -> StreamsStep:
    record: Any = SimpleNamespace(
        functions=lambda: {"on_item": "arn"}, mapping=lambda _: {"UUID": UUID, **mapping}
    )
    target = Target("dev", "123456789012", "eu-west-1")
    return StreamsStep(account.client, lambda: record, target, ["on_item"], poll_seconds=0)


def test_a_stream_is_as_wanted_also_where_aws_tells_of_more() -> None:
    told = {**ITEMS, "DestinationConfig": {**ITEMS["DestinationConfig"], "OnSuccess": {}}}
    account = Account(10, 7)
    assert of_items(account, told).changes() == []
    for name in ITEMS:
        (change,) = of_items(account, {**told, name: {}}).changes()
        assert change.startswith("on_item: 10 retries")


def test_a_role_that_may_send_only_since_now_is_waited_for() -> None:
    account = Account(10, 7)
    account.stub.add_response("get_event_source_mapping", {"State": "Enabled"}, {"UUID": UUID})
    for refusal in ("InvalidParameterValueException", "ResourceInUseException"):
        account.stub.add_client_error("update_event_source_mapping", refusal)
    accepted = {"ResponseMetadata": {"HTTPStatusCode": 202}}
    account.stub.add_response("update_event_source_mapping", accepted, {"UUID": UUID, **ITEMS})
    of_items(account, {}).apply(lambda _: None)
    account.stub.assert_no_pending_responses()
