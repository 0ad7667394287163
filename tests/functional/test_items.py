"""One contract for items of tables: the fake of the unit tests, and DynamoDB on the local AWS."""

import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from chalicelib.aws.dynamodb import DynamoDB, Item, Items
from chalicelib.errors import ServiceUnavailable
from tests.fakes import MemoryItems

URL = {"url": {"S": "http://h/1"}}
KEY = {"id": {"S": "a"}}
Read = Callable[[str], Any]
"""Returns the item of that key; None if there is none."""


@pytest.fixture(params=["memory", "dynamodb"])
def items_and_read(request: pytest.FixtureRequest) -> tuple[Items, Read, str]:
    """With one item, `a`, that has a URL; and the name of its table."""
    table = f"table-{uuid.uuid4()}"
    if request.param == "memory":
        fake = MemoryItems()
        fake.put(table, "a", URL)
        return fake, lambda key: fake.items.get((table, key)), table
    client = boto3.client("dynamodb", **request.getfixturevalue("aws"))
    request.addfinalizer(client.close)
    client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.put_item(TableName=table, Item={**KEY, **URL})

    def read(key: str) -> Any:
        return client.get_item(TableName=table, Key={"id": {"S": key}}).get("Item")

    return DynamoDB(lambda: client), read, table


LABELS = {"labels": {"L": [{"M": {"name": {"S": "cat"}, "score": {"N": "0.5"}}}]}}


def test_an_item_gets_what_is_written_and_keeps_the_rest(
    items_and_read: tuple[Items, Read, str],
) -> None:
    items, read, table = items_and_read
    assert items.write(Item(table, KEY, URL), {**LABELS, "model": {"S": "m"}})
    assert read("a") == {**KEY, **URL, **LABELS, "model": {"S": "m"}}


@pytest.mark.parametrize(("key", "address"), [
    ("a", {"url": {"S": "http://h/2"}}), ("a", {"s3_uri": {"S": "s3://b/k"}}), ("none", URL),
])  # fmt: skip
def test_an_item_with_another_address_is_not_written_to(
    items_and_read: tuple[Items, Read, str], key: str, address: Any
) -> None:
    items, read, table = items_and_read
    before = read(key)
    assert not items.write(Item(table, {"id": {"S": key}}, address), LABELS)
    assert read(key) == before


def test_an_item_without_room_is_left_as_it_was(items_and_read: tuple[Items, Read, str]) -> None:
    items, read, table = items_and_read
    if isinstance(items, MemoryItems):
        pytest.skip("The fake has room for everything.")
    before = read("a")
    assert not items.write(Item(table, KEY, URL), {"labels": {"S": "x" * 409_600}})
    assert read("a") == before


def test_an_item_is_found_by_the_bytes_of_its_key(aws: dict[str, Any]) -> None:
    """An event has them in base64, and boto3 encodes what it is given."""
    client = boto3.client("dynamodb", **aws)
    table = f"table-{uuid.uuid4()}"
    client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "B"}],
        BillingMode="PAY_PER_REQUEST",
    )
    key = {"id": {"B": b"\x00\xff"}}
    client.put_item(TableName=table, Item={**key, **URL})
    assert DynamoDB(lambda: client).write(Item(table, {"id": {"B": "AP8="}}, URL), LABELS)
    assert client.get_item(TableName=table, Key=key)["Item"]["labels"] == LABELS["labels"]
    client.close()


def test_a_table_that_does_not_answer(aws: dict[str, Any]) -> None:
    client = boto3.client("dynamodb", **aws)
    with pytest.raises(ServiceUnavailable) as caught:
        DynamoDB(lambda: client).write(Item("none-such", KEY, URL), LABELS)
    assert "the table none-such" in caught.value.detail
    client.close()
