"""The events that Lambda gives to a function, made from what SQS and S3 say."""

import base64
import json
import uuid
from datetime import UTC, datetime
from typing import Any

from localcloud.environment import ACCOUNT

Event = dict[str, Any]


def sqs_event(messages: list[Event], queue_arn: str) -> Event:
    """Of messages as ReceiveMessage gives them
    (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event).
    """
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message.get("Attributes", {}),
                "messageAttributes": {
                    name: _message_attribute(attribute)
                    for name, attribute in message.get("MessageAttributes", {}).items()
                },
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": queue_arn,
                "awsRegion": queue_arn.split(":")[3],
            }
            for message in messages
        ]
    }


def _message_attribute(attribute: Event) -> Event:
    shaped: Event = {"stringListValues": [], "binaryListValues": []}
    if "StringValue" in attribute:
        shaped["stringValue"] = attribute["StringValue"]
    if "BinaryValue" in attribute:
        shaped["binaryValue"] = base64.b64encode(attribute["BinaryValue"]).decode()
    return shaped | {"dataType": attribute["DataType"]}


def is_void(message: Event) -> bool:
    """Whether a message of an asynchronous queue holds what no function on AWS would be called for.

    S3 tries with a test event whether the queue can be reached. And moto tells of an upload in
    parts twice, the first time as a plain one, whose ETag would have no hyphen.
    """
    event = json.loads(message["Body"])
    if not isinstance(event, dict):
        return False
    if event.get("Event") == "s3:TestEvent":
        return True
    return any(
        record["eventName"] == "ObjectCreated:Put" and "-" in record["s3"]["object"]["eTag"]
        for record in _s3_records(event)
    )


def async_event(message: Event) -> Any:
    """The event that waits in a message of an asynchronous queue.

    moto leaves out of an S3 event what it does not know; the rest is filled in here, the same at
    every delivery
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).
    """
    event = json.loads(message["Body"])
    for record in _s3_records(event):
        _complete_s3_record(record, message)
    return event


def failed_event(arn: str, message: Event, event: Any, payload: Any) -> Event:
    """What Lambda sends of an event that its function has failed on for the last time
    (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html).

    arn: of the function. payload: its answer.
    """
    return {
        "version": "1.0",
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "requestContext": {
            "requestId": message["MessageId"],
            "functionArn": f"{arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": int(message["Attributes"]["ApproximateReceiveCount"]),
        },
        "requestPayload": event,
        "responseContext": {
            "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled",
        },
        "responsePayload": payload,
    }  # fmt: skip


def _s3_records(event: Any) -> list[Event]:
    """Those that moto wrote; anyone else may have sent anything."""
    records = event.get("Records") if isinstance(event, dict) else None
    return [
        record
        for record in (records if isinstance(records, list) else [])
        if isinstance(record, dict) and record.get("eventSource") == "aws:s3" and "s3" in record
    ]


def _complete_s3_record(record: Event, message: Event) -> None:
    sent = int(message["Attributes"]["SentTimestamp"])
    record.setdefault("userIdentity", {"principalId": ACCOUNT})
    record.setdefault("requestParameters", {"sourceIPAddress": "127.0.0.1"})
    record.setdefault("responseElements", {"x-amz-request-id": message["MessageId"]})
    record["s3"]["bucket"].setdefault("ownerIdentity", {"principalId": ACCOUNT})
    record["s3"]["object"].setdefault("sequencer", f"{sent:018X}")


def scheduled_event(rule: str, region: str) -> Event:
    """Of one tick
    (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html).
    """
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [f"arn:aws:events:{region}:{ACCOUNT}:rule/{rule}"],
        "detail": {},
    }
