"""What is sent to SQS is what SQS takes, which moto does not look at."""

import json
import re
from types import SimpleNamespace
from typing import Any

from chalicelib.aws.sqs import SqsQueue

ALLOWED = re.compile("[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""


def test_every_character_reaches_the_worker() -> None:
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    sent: list[Any] = []

    def take(QueueUrl: str, Entries: list[Any]) -> dict[str, Any]:  # noqa: N803
        sent.extend(Entries)
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    client = SimpleNamespace(
        get_queue_url=lambda QueueName: {"QueueUrl": QueueName},  # noqa: N803
        send_message_batch=take,
    )
    SqsQueue(lambda: client, "work").send([{"text": every}])
    assert ALLOWED.fullmatch(sent[0]["MessageBody"])
    assert json.loads(sent[0]["MessageBody"]) == {"text": every}
