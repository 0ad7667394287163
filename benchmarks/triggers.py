"""What triggers cost: the services that send events, and what an image takes on its way.

    python -m benchmarks.triggers

Measures nothing. Multiplies what an event asks of AWS by stage/prices.toml.
"""

import click

from benchmarks import findings
from benchmarks.costing.figures import in_dollars
from benchmarks.costing.notes import price_notes
from benchmarks.costing.pricing import HOURS
from benchmarks.costing.ways import POLLED
from benchmarks.findings import Figure, Record, Table
from stage.prices import Prices, load

INVOCATIONS = 2
"""Of the trigger's function and of the worker."""

QUEUE_REQUESTS = 1 + POLLED
"""To send a message, to receive and to delete it."""

READS = 1
"""A look whether the event has an answer."""

WRITES = 1
"""The answer."""

UNIT_KB = 25
"""Of a Kinesis record, rounded up, in what is charged for."""


def services(prices: Prices) -> dict[str, tuple[str, float]]:
    """Returns key and dollars of a million small events, by what the service charges for."""
    item = prices.dynamodb["million_writes"]
    return {
        "SNS: messages published": ("sns", prices.sns["million_publishes"]),
        "EventBridge: events of your own": ("eventbridge", prices.eventbridge["million_events"]),
        f"Kinesis: records of up to {UNIT_KB} kB": ("kinesis", prices.kinesis["million_units"]),
        "DynamoDB on demand: items of up to 1 kB": ("dynamodb", item),
        "the same, and their labels written back": ("dynamodb-labels", 2 * item),
        "Lex: questions in writing": ("lex", 1e6 * prices.lex["text_request"]),
    }


def on_the_way(prices: Prices) -> dict[str, float]:
    """Returns the dollars of a million images from the event to the answer, Lambda's time excepted.

    Each is the only image of its event, and of its invocation.
    """
    return {
        "Lambda, requests": INVOCATIONS * prices.aws_lambda["million_requests"],
        "SQS": QUEUE_REQUESTS * prices.sqs["million_requests"],
        "S3": 1000 * (READS * prices.s3["thousand_reads"] + WRITES * prices.s3["thousand_writes"]),
    }


def reckoned(prices: Prices) -> Record:
    """Returns the whole bill."""
    sent, way = services(prices), on_the_way(prices)
    shard = HOURS * prices.kinesis["shard_hour"]
    return Record(
        name="triggers",
        title="What triggers cost",
        figures=[
            *(_dollars(key, f"a million, {name}", cost) for name, (key, cost) in sent.items()),
            in_dollars("shard", "a month of a Kinesis shard, with records or without", shard),
            in_dollars("way", "a million images, from the event to the answer", sum(way.values())),
        ],
        tables=[
            Table(
                "A million events, dollars",
                ["what the service charges for", "dollars"],
                [[name, f"{cost:.3f}"] for name, (_, cost) in sent.items()],
            ),
            Table(
                "A million images from the event to the answer, dollars",
                ["", "dollars"],
                [[name, f"{cost:.2f}"] for name, cost in way.items()],
            ),
        ],
        notes=[
            "Each image is the only image of its event. A stream's function takes many records at "
            "once, so it is called less often. Lex asks its function without a queue or a bucket.",
            "Not counted: Lambda's time, log lines, and reading an image from S3. The worker's "
            "time is that of a request by the function's URL: `python -m benchmarks.cost`.",
            "AWS charges nothing for SNS's deliveries to Lambda, for rules and their schedule, and "
            "for Lambda's reads of a DynamoDB stream. Kinesis charges a shard by the hour; Lambda "
            "reads it without a further charge. Not priced: S3's events through EventBridge, "
            "Kinesis on demand, DynamoDB with provisioned capacity, Lex by voice, and API "
            "destinations.",
            "Prices of SNS, EventBridge, Kinesis, DynamoDB and Lex were written down on "
            f"{prices.triggers_written_down}, as last known. Compare them with AWS's pages.",
            *price_notes(prices),
        ],
    )


def _dollars(key: str, says: str, cost: float) -> Figure:
    return Figure(key, says, cost, f"${cost:,.3f}" if cost < 1 else f"${cost:,.2f}")


@click.command(help=__doc__)
@findings.options
def main(as_json: bool, save: bool) -> None:
    """Reckon and print."""
    findings.publish(reckoned(load()), as_json, save)


if __name__ == "__main__":
    main()
