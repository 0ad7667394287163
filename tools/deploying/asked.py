"""Checks what a stage subscribes to, before anything is changed."""

import re

from chalicelib.subscriptions import Subscriptions
from tools.deploying.step import DeployError
from tools.deploying.target import Target

FORMS = {
    "sns": (r"arn:[\w-]+:sns:{place}:[\w-]+", "the ARN of a standard topic"),
}
"""For each option: what it may be, and that in words. A FIFO topic can call no function."""


def check(subscriptions: Subscriptions, target: Target) -> None:
    """Raise DeployError for a subscription that AWS or Chalice would refuse, or take wrongly."""
    place = f"{target.region}:{target.account}"
    for name, value in subscriptions.asked().items():
        form, words = FORMS.get(name, (".*", ""))
        if not re.fullmatch(form.format(place=place), value):
            raise DeployError(
                f"--{name} {value}: give {words} in {target.region} of account {target.account}."
            )
