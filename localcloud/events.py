"""Make the events that Lambda sends to a function, for SQS, S3 and HTTP clients."""

import base64
import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from moto.events.utils import _BASE_EVENT_MESSAGE

from localcloud.environment import ACCOUNT

Event = dict[str, Any]


def sqs_event(messages: list[Event], queue_arn: str) -> Event:
    """Returns the event of messages from ReceiveMessage
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


TEXT = re.compile(r"text/|application/(json|xml|javascript)\b|[^;]*\+(json|xml)\b", re.IGNORECASE)
"""Types whose bodies a Function URL passes on as text; all others it encodes."""


def url_event(
    method: str, address: str, headers: Mapping[str, str], body: bytes | None = None
) -> Event:
    """Of a Function URL, payload version 2.0
    (https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-request-payload).

    address: path and query, as they were sent.
    """
    path, _, query = address.partition("?")
    named = {name.lower(): value for name, value in headers.items()}
    cookies = [cookie.strip() for cookie in named.pop("cookie", "").split(";") if cookie.strip()]
    is_text = TEXT.match(named.get("content-type", ""))
    lists = parse_qs(query, keep_blank_values=True)
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": named,
        "requestContext": _url_context(method, path, named),
        "isBase64Encoded": body is not None and not is_text,
    }
    if cookies:
        event["cookies"] = cookies
    if lists:
        event["queryStringParameters"] = {name: ",".join(lists[name]) for name in lists}
    if body is not None:
        encoded = body.decode(errors="replace") if is_text else base64.b64encode(body).decode()
        event["body"] = encoded
    return event


def _url_context(method: str, path: str, headers: Mapping[str, str]) -> Event:
    domain = "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.on.aws"
    return {
        "accountId": "anonymous",
        "apiId": domain.partition(".")[0],
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "http": {
            "method": method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": "203.0.113.7",
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": str(uuid.uuid4()),
        "routeKey": "$default",
        "stage": "$default",
        "time": "04/Mar/2026:19:15:17 +0000",
        "timeEpoch": 1772651717636,
    }


def is_void(message: Event) -> bool:
    """Whether AWS would call no function for a message of an asynchronous queue.

    S3 sends a test event to a new queue. And moto reports an upload in parts twice, first as a
    plain one, whose ETag would have no hyphen.
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
    """Returns the event in a message of an asynchronous queue.

    Fills in what moto leaves out of an S3 event, the same at every delivery
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).
    """
    event = json.loads(message["Body"])
    for record in _s3_records(event):
        _complete_s3_record(record, message)
    return event


def rule_event(event: Any, message: Event) -> Any:
    """Returns an event of EventBridge, with what moto leaves out."""
    if event["id"] == _BASE_EVENT_MESSAGE["id"]:
        # moto gives all events of buckets the same id and sequencer
        event["id"] = message["MessageId"]
        event["detail"]["object"]["sequencer"] = _sequencer(message)
    return {"account": ACCOUNT, **event}


def sns_event(event: Any) -> Any:
    """Returns the event of a notification from a topic; other events as they are
    (https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html).
    """
    if not isinstance(event, dict) or event.get("Type") != "Notification":
        return event
    topic = event["TopicArn"]
    record = {"EventVersion": "1.0", "EventSource": "aws:sns", "EventSubscriptionArn": topic}
    sns = {"Subject": None, "MessageAttributes": {}, **event}
    return {"Records": [{**record, "Sns": sns}]}


def failed_event(arn: str, message: Event, event: Any, payload: Any) -> Event:
    """Returns what Lambda sends about an event that failed for the last time
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
    """Returns moto's own records; others may have sent anything."""
    records = event.get("Records") if isinstance(event, dict) else None
    return [
        record
        for record in (records if isinstance(records, list) else [])
        if isinstance(record, dict) and record.get("eventSource") == "aws:s3" and "s3" in record
    ]


def _complete_s3_record(record: Event, message: Event) -> None:
    record.setdefault("userIdentity", {"principalId": ACCOUNT})
    record.setdefault("requestParameters", {"sourceIPAddress": "127.0.0.1"})
    record.setdefault("responseElements", {"x-amz-request-id": message["MessageId"]})
    record["s3"]["bucket"].setdefault("ownerIdentity", {"principalId": ACCOUNT})
    record["s3"]["object"].setdefault("sequencer", _sequencer(message))


def _sequencer(message: Event) -> str:
    return f"{int(message['Attributes']['SentTimestamp']):018X}"


def scheduled_event(rule: str, region: str) -> Event:
    """Returns the event of a tick
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
