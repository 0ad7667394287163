"""A stage's triggers: the events of other services that it accepts."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

VARIABLES = {
    "sns": "SNS_TOPIC",
    "eventbridge": "EVENTBRIDGE",
    "kinesis": "KINESIS_STREAM",
    "dynamodb": "DYNAMODB_STREAM",
    "labels": "DYNAMODB_LABELS",
    "nightly": "NIGHTLY_MANIFEST",
    "lex": "LEX_BOT",
}
"""The functions' environment variables that record a stage's triggers."""
HANDLERS = {
    "sns": "on_topic",
    "eventbridge": "on_event",
    "kinesis": "on_stream",
    "dynamodb": "on_item",
    "nightly": "on_night",
    "lex": "on_question",
}
MIDNIGHT = "cron(0 0 * * ? *)"
"""When a nightly batch starts, in UTC."""
CUSTOM = "Classify Image"
"""The `detail-type` of events that users put on the bus."""


class Subscriptions(msgspec.Struct, frozen=True):
    """The triggers of a stage; empty without triggers.

    sns: ARN of a topic. eventbridge: `true` for new objects of the buckets of images, and for
    events of the type `CUSTOM`, on the default bus. kinesis: ARN of a stream. dynamodb: ARN of a
    table's stream. labels: `true` to write an item's labels into it. nightly: the s3:// address of
    a manifest in the images bucket. lex: ARN of the alias of a bot.
    """

    sns: str = ""
    eventbridge: str = ""
    kinesis: str = ""
    dynamodb: str = ""
    labels: str = ""
    nightly: str = ""
    lex: str = ""

    @property
    def stream(self) -> str:
        """The name of the Kinesis stream."""
        return self.kinesis.rpartition("/")[2]

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> "Subscriptions":
        """Reads what `variables` wrote."""
        return cls(**{name: env.get(variable, "").strip() for name, variable in VARIABLES.items()})

    def variables(self) -> dict[str, str]:
        """Returns the variables of the functions' environment."""
        return {VARIABLES[name]: value for name, value in self.asked().items()}

    def handlers(self) -> list[str]:
        """Returns the names of the handlers that the stage needs besides those of every stage."""
        return [HANDLERS[name] for name in self.asked() if name in HANDLERS]

    def asked(self) -> dict[str, str]:
        """Returns the triggers by name."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value}


def pattern(buckets: Iterable[str]) -> dict[str, Any]:
    """Returns the rule's pattern: new objects of these buckets, and events of the type `CUSTOM`
    (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html).
    """
    created = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": sorted(buckets)}},
    }
    return {"$or": [created, {"detail-type": [CUSTOM]}]}
