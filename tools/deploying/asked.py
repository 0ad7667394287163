"""Checks a stage's triggers before anything is changed."""

import re

from chalicelib.subscriptions import Subscriptions
from tools.deploying.step import DeployError
from tools.deploying.target import Target

FORMS = {
    "sns": (r"arn:[\w-]+:sns:{place}:[\w-]+", "the ARN of a standard topic"),
    "kinesis": (r"arn:[\w-]+:kinesis:{place}:stream/[\w.-]+", "the ARN of a stream"),
    "dynamodb": (
        r"arn:[\w-]+:dynamodb:{place}:table/[\w.-]+/stream/[\w.:-]+",
        "the ARN of a table's stream",
    ),
    "lex": (
        r"arn:[\w-]+:lex:{place}:bot-alias/[A-Z0-9]{{10}}/[A-Z0-9]{{10}}",
        "the ARN of a bot's alias",
    ),
    "nightly": (
        r"s3://{images}/.+\.(txt|csv|jsonl|manifest)",
        "the s3:// address of a manifest in the stage's images bucket",
    ),
}
"""For each option: the pattern of its value, and a description. A FIFO topic cannot call Lambda."""


def check(subscriptions: Subscriptions, target: Target) -> None:
    """Raise DeployError for a subscription that AWS or Chalice would refuse, or take wrongly."""
    if subscriptions.labels and not subscriptions.dynamodb:
        raise DeployError("--labels writes into the items of a table: give --dynamodb too.")
    names = {"place": f"{target.region}:{target.account}", "images": target.buckets[0]}
    for name, value in subscriptions.asked().items():
        form, words = FORMS.get(name, (".*", ""))
        if not re.fullmatch(form.format(**names), value):
            raise DeployError(
                f"--{name} {value}: give {words} in {target.region} of account {target.account}."
            )
