"""The Chalice app's functions and their triggers, as `chalice deploy` sees them."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalice.app import (
    CloudWatchEventConfig,
    DynamoDBEventConfig,
    KinesisEventConfig,
    S3EventConfig,
    ScheduledEventConfig,
    SNSEventConfig,
    SQSEventConfig,
)
from chalice.cli.factory import CLIFactory

from localcloud.environment import ACCOUNT

STAGE = "local"
DEFAULT_TIMEOUT, DEFAULT_MEMORY_MB = 60, 128
"""Chalice's defaults (chalice.constants)."""


@dataclass(frozen=True)
class Function:
    """A Lambda function.

    name: as deployed: APP-STAGE-HANDLER. handler: its key in `app.handler_map`. timeout: seconds.
    trigger: Chalice's event source; None if only the Invoke API calls it.
    """

    name: str
    handler: str
    timeout: int
    memory_mb: int
    trigger: Any

    def arn(self, region: str) -> str:
        """Returns its ARN."""
        return f"arn:aws:lambda:{region}:{ACCOUNT}:function:{self.name}"

    @property
    def has_queue(self) -> bool:
        """Whether the messages of a queue call it."""
        return isinstance(self.trigger, SQSEventConfig)

    @property
    def has_bucket(self) -> bool:
        """Whether new objects in a bucket call it."""
        return isinstance(self.trigger, S3EventConfig)

    @property
    def has_schedule(self) -> bool:
        """Whether a schedule calls it."""
        return isinstance(self.trigger, ScheduledEventConfig)

    @property
    def has_topic(self) -> bool:
        """Whether the messages of an SNS topic call it."""
        return isinstance(self.trigger, SNSEventConfig)

    @property
    def has_rule(self) -> bool:
        """Whether events of EventBridge's default bus call it."""
        return isinstance(self.trigger, CloudWatchEventConfig)

    @property
    def has_stream(self) -> bool:
        """Whether the records of a Kinesis stream call it."""
        return isinstance(self.trigger, KinesisEventConfig)

    @property
    def has_table(self) -> bool:
        """Whether the changes of a DynamoDB table call it."""
        return isinstance(self.trigger, DynamoDBEventConfig)

    @property
    def is_unsupported(self) -> bool:
        """Whether its trigger is not played here."""
        played = (self.has_queue, self.has_bucket, self.has_schedule, self.has_topic, self.has_rule)
        return self.trigger is not None and not any((*played, self.has_stream, self.has_table))

    @property
    def queue(self) -> str:
        """The name of the queue whose messages call it."""
        return str(self.trigger.queue or self.trigger.queue_arn.rsplit(":", 1)[-1])

    @property
    def schedule(self) -> str:
        """The schedule's expression, such as `rate(5 minutes)`."""
        expression = self.trigger.schedule_expression
        return expression if isinstance(expression, str) else str(expression.to_string())


def load(project: Path) -> tuple[list[Function], dict[str, str]]:
    """Returns the app's functions, and the environment variables of its stage `local`.

    Imports `app.py`, which must have no side effects.
    """
    config = CLIFactory(str(project), environ=os.environ).create_config_obj(STAGE)
    app = config.chalice_app
    handlers: dict[str, Any] = {function.name: None for function in app.pure_lambda_functions}
    handlers |= {source.name: source for source in app.event_sources}
    functions = []
    for handler, trigger in handlers.items():
        scoped = config.scope(STAGE, handler)
        functions.append(
            Function(
                name=f"{config.app_name}-{STAGE}-{handler}",
                handler=handler,
                timeout=scoped.lambda_timeout or DEFAULT_TIMEOUT,
                memory_mb=scoped.lambda_memory_size or DEFAULT_MEMORY_MB,
                trigger=trigger,
            )
        )
    return functions, dict(config.environment_variables)


def app_name(project: Path) -> str:
    """Reads the app's name, without importing the app."""
    return str(_config(project)["app_name"])


def longest_timeout(project: Path) -> int:
    """Reads the longest timeout of stage `local`, in seconds, without importing the app."""
    config = _config(project)
    stage = config.get("stages", {}).get(STAGE, {})
    places = [stage, *config.get("lambda_functions", {}).values()]
    places += stage.get("lambda_functions", {}).values()
    default = int(config.get("lambda_timeout", DEFAULT_TIMEOUT))
    return max(int(place.get("lambda_timeout", default)) for place in places)


def _config(project: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((project / ".chalice" / "config.json").read_text())
    return config
