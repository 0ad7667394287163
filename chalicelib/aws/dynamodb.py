"""Items of tables: the port, and DynamoDB behind it."""

import base64
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Protocol

import msgspec

from chalicelib.aws.failures import code_of, translated

Values = Mapping[str, Any]
"""Attributes in DynamoDB's own JSON, such as `{"url": {"S": "https://…"}}`."""


_REFUSED = {"ConditionalCheckFailedException", "ValidationException"}
"""The item is gone or has another address; or it would be too large, or wrong for an index."""


class Item(msgspec.Struct, frozen=True):
    """An item of a table. key: its attributes; address: that with the image's address."""

    table: str
    key: dict[str, Any]
    address: dict[str, Any]


class Items(Protocol):
    """Writes into items."""

    def write(self, item: Item, values: Values) -> bool:
        """Sets attributes of an item that still has its address. Returns whether it has,
        and takes them.

        Raises ServiceUnavailable or AccessRefused.
        """


class DynamoDB:
    """Items of Amazon DynamoDB. make_client: returns a boto3 client; called at the first use."""

    def __init__(self, make_client: Callable[[], Any]) -> None:
        self._client = cache(make_client)

    def write(self, item: Item, values: Values) -> bool:
        """See Items."""
        from botocore.exceptions import ClientError

        every = {**_typed(item.address), **values}
        places = {name: (f"#n{n}", f":v{n}") for n, name in enumerate(every)}
        conditions = [" = ".join(places[name]) for name in item.address]
        with translated(f"the table {item.table}"):
            try:
                self._client().update_item(
                    TableName=item.table,
                    Key=_typed(item.key),
                    UpdateExpression=f"SET {', '.join(' = '.join(places[n]) for n in values)}",
                    ConditionExpression=" AND ".join(conditions),
                    ExpressionAttributeNames={place: name for name, (place, _) in places.items()},
                    ExpressionAttributeValues={places[name][1]: every[name] for name in every},
                )
            except ClientError as error:
                if code_of(error) not in _REFUSED:
                    raise
                return False
        return True


def _typed(attributes: Values) -> dict[str, Any]:
    """Returns attributes for boto3, which wants bytes where an event has their base64."""
    return {
        name: {"B": base64.b64decode(value["B"])} if "B" in value else value
        for name, value in attributes.items()
    }
