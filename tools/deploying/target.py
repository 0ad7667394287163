"""The target of a deployment, the names of its parts, and its options."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.command import APP, STAGE
from chalicelib.experiment.arms import Arms
from chalicelib.subscriptions import HANDLERS, Subscriptions
from tools.deploying.step import DeployError

API_HANDLER = "api_handler"
REST, URL = "rest", "url"
"""The fronts: API Gateway's REST API, which there always is, and the API function's own URL."""
BUCKETS = ("images", "results", "models")
CHALICE_TAG = "aws-chalice"
"""Chalice's own tag of a function: `version=1.32.0:stage=dev:app=serverless-inception`."""
WORKER = "on_work"
MANAGED_LAYER = "managed-layer"
"""What Chalice calls its layer."""
QUEUE_TIMEOUTS = 6
"""A queue that feeds Lambda hides messages for six times the function's timeout
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html)."""

Config = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """A stage in an account, and the names of its parts."""

    stage: str
    account: str
    region: str
    partition: str = "aws"

    @property
    def name(self) -> str:
        """The name of the stack and the API's function, and the start of all other names."""
        return f"{APP}-{self.stage}"

    @property
    def monitoring(self) -> str:
        """The name of the stack of alarms."""
        return f"{self.name}-monitoring"

    @property
    def layer(self) -> str:
        """The name of the model's layer."""
        return f"{self.name}-model"

    @property
    def engine_layer(self) -> str:
        """Of the layer that holds the second engine, where a model has a use for it."""
        return f"{self.name}-onnxruntime"

    @property
    def layers(self) -> list[str]:
        """The names of all layers, including Chalice's."""
        return [self.layer, self.engine_layer, self.managed_layer]

    @property
    def managed_layer(self) -> str:
        """The name of Chalice's layer with the app's dependencies."""
        return f"{self.name}-{MANAGED_LAYER}"

    @property
    def token(self) -> str:
        """The name of the parameter with the callers' token."""
        return f"/{APP}/{self.stage}/token"

    @property
    def dead_letters(self) -> str:
        """The name of the queue for messages that failed repeatedly."""
        return f"{self.name}-dead-letters"

    @property
    def buckets(self) -> list[str]:
        """The names of the buckets, unique among all accounts and regions."""
        return [f"{self.name}-{kind}-{self.account}" for kind in BUCKETS]

    def function(self, handler: str) -> str:
        """The name of a handler's function, from Chalice."""
        return self.name if handler == API_HANDLER else f"{self.name}-{handler}"

    def role(self, handler: str) -> str:
        """The name of a handler's role."""
        return f"{self.name}-{handler}"

    def rule(self, handler: str) -> str:
        """The name of a handler's schedule rule."""
        return f"{self.name}-{handler}-event"

    def log_group(self, handler: str) -> str:
        """The name of a handler's log group."""
        return f"/aws/lambda/{self.function(handler)}"

    def handler(self, function: str, tags: Mapping[str, str]) -> str | None:
        """The handler of a function of this stage; None for any other function.

        A neighbour's name may look like one of ours; Chalice's tag tells them apart.
        """
        mark = f":stage={self.stage}:app={APP}"
        if not tags.get(CHALICE_TAG, "").endswith(mark):
            return None
        handler = function.removeprefix(f"{self.name}-") if function != self.name else API_HANDLER
        return handler if self.function(handler) == function else None


@dataclass(frozen=True)
class Wishes:
    """The options of a deployment.

    model: the default one. arms: an experiment's, `a=0.9 b=0.1`, or none. public: whether anybody
    may call. image_buckets: further buckets that an `s3_uri` may name. workers: how many chunks of
    batches are classified at once; None for as many as the account can spare. rate, burst: requests
    a second of the API, steady and at once. upload_days: until uploads are deleted; 0 for never.
    alarm_email: who is told; empty for nobody. notify_email: who is told how batches and runs end.
    resume: whether what was stopped by hand is started. front: `URL` for a Function URL beside the
    REST API. reserve: calls of the API's function at once, reserved for it; None for no change.
    subscriptions: the triggers that were asked for.
    """

    model: str
    arms: str
    public: bool
    image_buckets: tuple[str, ...]
    results_queue: bool
    upload_days: int
    alarm_email: str
    notify_email: str
    workers: int | None
    rate: int
    burst: int
    resume: bool
    front: str
    reserve: int | None
    subscriptions: Subscriptions

    @property
    def other_models(self) -> list[str]:
        """The arms that are not the default model. Raises DeployError if they are none."""
        if not self.arms:
            return []
        try:
            return [name for name in Arms.parse(self.arms).weights if name != self.model]
        except ValueError as error:
            raise DeployError(f"The arms: {error}") from error


def read_config(project: Path, stage: str) -> Config:
    """`.chalice/config.json`, which has this stage. Raises DeployError."""
    if not STAGE.fullmatch(stage):
        raise DeployError(
            f"{stage!r} is not a valid name for a stage: use 1 to 16 lower-case letters and "
            "digits, starting with a letter. To take down a stage with a hyphen, check out the "
            "commit that deployed it, then run `make destroy`."
        )
    config: Config = json.loads((project / ".chalice" / "config.json").read_text())
    if stage not in config["stages"]:
        raise DeployError(
            f"There is no stage {stage!r} to deploy. .chalice/config.json has "
            f"{', '.join(config['stages'])}. To add a stage, copy an entry there."
        )
    tag = config["stages"][stage].get("tags", {}).get("stage", stage)
    if tag != stage:
        raise DeployError(
            f"The tag `stage` of stage {stage} is {tag!r} in .chalice/config.json; make it {stage}."
        )
    return config


def handlers(config: Config, subscriptions: Subscriptions) -> list[str]:
    """The handlers that the app declares: each has a policy, so each is in the configuration."""
    others = {*HANDLERS.values()} - {*subscriptions.handlers()}
    return [name for name in config.get("lambda_functions", {}) if name not in others]


def stage_environment(config: Config, stage: str) -> dict[str, str]:
    """The environment variables that the configuration gives to all functions of the stage."""
    return {
        **config.get("environment_variables", {}),
        **config["stages"][stage].get("environment_variables", {}),
    }


def setting(config: Config, stage: str, handler: str, name: str, default: Any) -> Any:
    """A function's setting, looked up in the same order as Chalice does."""
    here = config["stages"][stage]
    places: list[Mapping[str, Any]] = [
        here.get("lambda_functions", {}).get(handler, {}),
        here,
        config.get("lambda_functions", {}).get(handler, {}),
        config,
    ]
    return next((place[name] for place in places if place.get(name) is not None), default)


def is_traced(config: Config, stage: str) -> bool:
    """Whether X-Ray gets the stage's traces, by the option that Chalice has for its functions."""
    return bool(setting(config, stage, "", "xray", False))


def api_stage(config: Config, stage: str) -> str:
    """The name of API Gateway's stage, which ends the URL: as configured, else our stage's.

    Another stage's name does not count: the entry is then a copy of that stage's.
    """
    name = str(setting(config, stage, "", "api_gateway_stage", stage))
    return stage if name in config["stages"] else name


def visibility_timeout(config: Config, stage: str) -> int:
    """Seconds for which the queue hides a message that a worker has."""
    return QUEUE_TIMEOUTS * int(setting(config, stage, WORKER, "lambda_timeout", 60))
