"""Call functions for the records of a stream, as Lambda's event source mappings do.

A batch whose call fails is halved, so that a record that breaks the function is soon alone. It is
given up after a few tries, and what is known of it goes to the queue of failures
(https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html).
"""

import base64
import json
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.containers import Containers
from localcloud.registry import Function

IDLE_SECONDS = 0.5
TRIES = 3
BATCH = 100

Record = dict[str, Any]


@dataclass(frozen=True)
class Stream:
    """A stream of records. client: of Kinesis. arn: of the stream."""

    client: Any
    arn: str

    def shards(self) -> list[str]:
        """Returns the ids of the shards."""
        shards = self.client.list_shards(StreamARN=self.arn)["Shards"]
        return [shard["ShardId"] for shard in shards]

    def iterator(self, shard: str) -> str:
        """Returns the place before the first record, so that none is lost at a restart."""
        named = {"StreamARN": self.arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        return str(self.client.get_shard_iterator(**named)["ShardIterator"])

    def read(self, iterator: str) -> tuple[list[Record], str]:
        """Returns the next records, and the place after them."""
        answer = self._answer(iterator)
        return answer["Records"], answer["NextShardIterator"]

    def _answer(self, iterator: str) -> Any:
        return self.client.get_records(StreamARN=self.arn, ShardIterator=iterator, Limit=BATCH)

    def event(self, shard: str, records: Sequence[Record]) -> Record:
        """Returns the event of these records
        (https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html).
        """
        return {"Records": [self._record(shard, record) for record in records]}

    def _record(self, shard: str, record: Record) -> Record:
        sequence = record["SequenceNumber"]
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record["PartitionKey"],
                "sequenceNumber": sequence,
                "data": base64.b64encode(record["Data"]).decode(),
                "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard}:{sequence}",
            "eventName": "aws:kinesis:record",
            "awsRegion": self.arn.split(":")[3],
            "eventSourceARN": self.arn,
        }

    def sequence(self, record: Record) -> str:
        """Returns a record's sequence number."""
        return str(record["SequenceNumber"])


class TableStream(Stream):
    """The changes of a DynamoDB table. client: of DynamoDB's streams."""

    def shards(self) -> list[str]:
        """See Stream."""
        shards = self.client.describe_stream(StreamArn=self.arn)["StreamDescription"]["Shards"]
        return [shard["ShardId"] for shard in shards]

    def _answer(self, iterator: str) -> Any:
        return self.client.get_records(ShardIterator=iterator, Limit=BATCH)

    def iterator(self, shard: str) -> str:
        """See Stream."""
        named = {"StreamArn": self.arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        return str(self.client.get_shard_iterator(**named)["ShardIterator"])

    def _record(self, shard: str, record: Record) -> Record:
        """See https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html."""
        change = dict(record["dynamodb"])
        change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].timestamp()
        return {**record, "eventSourceARN": self.arn, "dynamodb": change}

    def sequence(self, record: Record) -> str:
        """See Stream."""
        return str(record["dynamodb"]["SequenceNumber"])


@dataclass(frozen=True)
class StreamPoller:
    """Calls a function with the records of a stream, shard by shard and in order.

    failures: URL of the queue for records that were given up; None for none.
    """

    stream: Stream
    sqs: Any
    function: Function
    containers: Containers
    failures: str | None

    def run(self) -> None:
        """Polls for ever; run it in a thread."""
        for shard in self.stream.shards():
            threading.Thread(target=self._follow, args=(shard,), daemon=True).start()

    def _follow(self, shard: str) -> None:
        iterator = self.stream.iterator(shard)
        while True:
            try:
                records, iterator = self.stream.read(iterator)
                if records:
                    self._deliver(shard, records, 1)
            except (BotoCoreError, ClientError) as error:
                click.echo(f"{self.function.name}: its stream does not answer: {error}", err=True)
                records = []
            if not records:
                time.sleep(IDLE_SECONDS)

    def _deliver(self, shard: str, records: list[Record], attempt: int) -> None:
        """Calls the function until it has taken the records, or they are given up."""
        done, halves = self._call(shard, records)
        left = records[done:]
        if not left:
            return
        if attempt == TRIES:
            self._give_up(shard, left)
            return
        middle = len(left) // 2 if halves else 0
        for part in (left[:middle], left[middle:]):
            if part:
                self._deliver(shard, part, attempt + 1)

    def _call(self, shard: str, records: list[Record]) -> tuple[int, bool]:
        """Returns how many records were taken, and whether the rest should be halved."""
        self.containers.acquire()
        try:
            event = self.stream.event(shard, records)
            outcome = self.containers.run(self.function, event, str(uuid.uuid4()))
        finally:
            self.containers.release()
        if outcome.failed:
            click.echo(f"{self.function.name} failed: {outcome.summary}", err=True)
            return 0, True
        failures = (outcome.payload or {}).get("batchItemFailures", [])
        failed = {failure["itemIdentifier"] for failure in failures}
        places = [n for n, record in enumerate(records) if self.stream.sequence(record) in failed]
        return min(places, default=len(records)), False

    def _give_up(self, shard: str, records: list[Record]) -> None:
        sequences = [self.stream.sequence(record) for record in records]
        told = {
            "requestContext": {"condition": "RetryAttemptsExhausted"},
            "batchInfo": {
                "shardId": shard,
                "startSequenceNumber": sequences[0],
                "endSequenceNumber": sequences[-1],
                "batchSize": len(records),
                "streamArn": self.stream.arn,
            },
        }
        click.echo(f"{self.function.name} failed for the last time: {told['batchInfo']}", err=True)
        if self.failures is not None:
            self.sqs.send_message(QueueUrl=self.failures, MessageBody=json.dumps(told))
