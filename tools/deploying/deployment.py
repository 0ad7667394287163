"""Wires the parts of a stage."""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from chalicelib.command import APP
from chalicelib.inference.packages import ModelPackage
from chalicelib.settings import ROOT
from stage.template import assembled, outputs, with_bucket_names
from tools.bundling.build import alone
from tools.bundling.enginelayer import needed
from tools.bundling.pythons import BundleError, environment
from tools.deploying.bucketmodels import ModelsStep, further
from tools.deploying.chains import ChainsStep
from tools.deploying.chalicerecord import Record, Resource
from tools.deploying.checks import sizes
from tools.deploying.configuration import ConfigurationStep, Made, requirements
from tools.deploying.eventsources import RetentionStep, RetriesStep, StreamsStep, WorkersStep
from tools.deploying.functions import Chalice, FunctionsStep, credentials_environment
from tools.deploying.functionurl import FunctionUrlStep
from tools.deploying.kept import KeptStep
from tools.deploying.layer import LayerStep, engine_content, model_content
from tools.deploying.lexbot import LexStep
from tools.deploying.manual import StopsStep
from tools.deploying.parameters import (
    FORMER,
    TOKEN,
    WISHES,
    monitoring_parameters,
    parameters,
    variables_of,
)
from tools.deploying.restapi import AnswersStep, StageStep
from tools.deploying.secret import TokenStep
from tools.deploying.stack import StackStep
from tools.deploying.step import DeployError, Step, Tell
from tools.deploying.target import (
    API_HANDLER,
    URL,
    Config,
    Target,
    Wishes,
    api_stage,
    handlers,
    is_traced,
    setting,
)
from tools.deploying.tracing import TracingStep

WORK = ROOT / "build" / "deploy"


class Deployment:
    """A stage: its parts, and the steps that make it.

    version: of Python, on Lambda. package: the default model; None if the stage is only to be
    taken down. others: the further arms. lives_here: whether it is already in this region. project:
    what is deployed. work: for what is built.
    """

    def __init__(
        self,
        session: Any,
        target: Target,
        config: Config,
        wishes: Wishes,
        version: str,
        package: ModelPackage | None = None,
        others: Sequence[ModelPackage] = (),
        lives_here: bool = False,
        project: Path = ROOT,
        work: Path = WORK,
    ) -> None:
        self.target = target
        self.wishes = wishes
        self.stage = api_stage(config, target.stage)
        self._session = session
        self._config = config
        self._version = version
        self._package = package
        self._others = others
        self._lives_here = lives_here
        self._project = project
        self._environment = (work / f"python{version}").resolve()

    @property
    def handlers(self) -> list[str]:
        """The handlers that the stage shall have."""
        return handlers(self._config, self.wishes.subscriptions)

    def before_chalice(self) -> list[Step]:
        """The steps that `chalice deploy` needs, in order."""
        others = further(self._package, self._others)
        models = ModelsStep(self._client("s3"), lambda: self._output("MODELS_BUCKET"), others)
        token = [] if self.wishes.public else [self.token]
        return [
            self.stack, self.monitoring, *token, *self.layers, models, self.configuration, self.kept
        ]  # fmt: skip

    def steps(self) -> list[Step]:
        """All steps, in order."""
        client, wishes, gateway = self._session.client, self.wishes, self._client("apigateway")
        traced = is_traced(self._config, self.target.stage)
        return [
            *self.before_chalice(),
            self.functions,
            AnswersStep(gateway, self.api, self.stage),
            StageStep(gateway, self.api, self.stage, wishes.rate, wishes.burst, traced),
            self.function_url,
            TracingStep(client("lambda"), self.record, traced),
            ChainsStep(client("lambda"), self.record),
            WorkersStep(client("lambda"), self.record, wishes.workers),
            RetriesStep(client("lambda"), self.target, self.handlers),
            StreamsStep(client("lambda"), self.record, self.target, self.handlers),
            LexStep(client("lambda"), self.record, wishes.subscriptions.lex),
            self.retention,
            self.stops,
        ]

    @cached_property
    def stack(self) -> StackStep:
        """Buckets, queues, state machine."""
        return self._stack(
            "Buckets, queues, state machine", self.target.name, "infrastructure.yaml",
            parameters(self.target, self._config, self.wishes),
        )  # fmt: skip

    @cached_property
    def monitoring(self) -> StackStep:
        """Alarms and dashboard."""
        return self._stack(
            "Alarms, dashboard", self.target.monitoring, "monitoring.yaml",
            monitoring_parameters(self.target, self.wishes),
        )  # fmt: skip

    def _stack(self, what: str, name: str, file: str, values: dict[str, str]) -> StackStep:
        target = self.target
        template = assembled(self._project / file)
        return StackStep(
            f"{what} (CloudFormation)",
            self._client("cloudformation"),
            name,
            with_bucket_names(template, target.stage, target.account),
            values,
            {"application": APP, "stage": target.stage},
        )

    @cached_property
    def token(self) -> TokenStep:
        """The secret of callers."""
        return TokenStep(self._client("ssm"), self.target.token)

    @cached_property
    def layers(self) -> list[LayerStep]:
        """The default model, and the second engine where a model has a use for it."""
        if self._package is None:
            return []
        contents = {self.target.layer: model_content(self._package)}
        if self._with_engine:
            contents[self.target.engine_layer] = engine_content(self._version)
        functions, s3 = self._client("lambda"), self._client("s3")
        return [
            LayerStep(functions, s3, name, content, lambda: self._output("MODELS_BUCKET"))
            for name, content in contents.items()
        ]

    @cached_property
    def configuration(self) -> ConfigurationStep:
        """What Chalice reads."""
        return ConfigurationStep(self._project, self.target, self._config, self._made)

    @cached_property
    def kept(self) -> KeptStep:
        """What Chalice goes by."""
        return KeptStep(self._project, self.target.stage, self._resources)

    @cached_property
    def functions(self) -> FunctionsStep:
        """What Chalice makes."""
        return FunctionsStep(
            self._client("lambda"), self.target, self.kept,
            lambda: self.configuration.digest(self._version), self.record, self._chalice,
        )  # fmt: skip

    @cached_property
    def retention(self) -> RetentionStep:
        """How long logs are kept."""
        days = int(setting(self._config, self.target.stage, "", "log_retention_in_days", 30))
        return RetentionStep(self._client("logs"), self.record, self.target, days)

    @cached_property
    def stops(self) -> StopsStep:
        """What was stopped by hand."""

        return StopsStep(
            self._session, self.record, self.target, self._declared, self.wishes.resume
        )

    @cached_property
    def function_url(self) -> FunctionUrlStep:
        """The front without API Gateway."""
        client, wanted = self._client("lambda"), self.wishes.front == URL
        return FunctionUrlStep(client, self.record, wanted, lambda: self._limits().get(API_HANDLER))

    def record(self) -> Record:
        """What Chalice has made."""
        return self._record

    @cached_property
    def _record(self) -> Record:
        return Record(
            self._session, self.target, self.handlers,
            lambda: self._output("IMAGES_BUCKET"),
            lambda: self._lives_here or self.stack.describe() is not None,
        )  # fmt: skip

    def api(self) -> str | None:
        """The API's id; None if there is none."""
        return next((resource["rest_api_id"] for resource in self.record().api()), None)

    def url(self) -> str:
        """The address to call, with a slash at its end: the Function URL, else the REST API's."""
        return self.function_url.url() or self._url(self.api() or "")

    def _url(self, api: str) -> str:
        domain = "amazonaws.com.cn" if self.target.partition == "aws-cn" else "amazonaws.com"
        return f"https://{api}.execute-api.{self.target.region}.{domain}/{self.stage}/"

    def forget(self) -> None:
        """Take what was written for Chalice out of the project, once the stage is gone."""
        self.configuration.forget([*self._managed, "PUBLIC", "FRONT"])
        self.kept.forget()

    @property
    def _managed(self) -> list[str]:
        """The variables that a deployment sets, or could."""
        template = self._project / "infrastructure.yaml"
        return [*outputs(template.read_text()), TOKEN, *FORMER]

    def _made(self) -> Made | None:
        outputs = self.stack.outputs()
        if not outputs:
            return None
        return Made(
            variables_of(self.wishes, outputs, "" if self.wishes.public else self.token.digest()),
            [*self._managed, *WISHES],
            [arn for layer in self.layers if (arn := layer.arn())],
            self._limits(),
        )

    def _limits(self) -> dict[str, int]:
        """By handler: reserved concurrencies that were asked for, now or before."""
        declared = self._declared(API_HANDLER)
        before = {API_HANDLER: declared} if declared is not None else {}
        now = {API_HANDLER: self.wishes.reserve} if self.wishes.reserve else {}
        return {**before, **self.stops.limits(), **now}

    def _declared(self, handler: str) -> int | None:
        """A handler's `reserved_concurrency` in .chalice/config.json; None if it has none."""
        place = self._config, self.target.stage, handler
        limit: int | None = setting(*place, "reserved_concurrency", None)
        return limit

    def _resources(self) -> list[Resource]:
        """The resources as Chalice records them, with the URL that `chalice url` shows."""
        return [
            resource | {"rest_api_url": self._url(resource["rest_api_id"])}
            if "rest_api_id" in resource
            else resource
            for resource in self.record().resources()
        ]

    def check_sizes(self, tell: Tell) -> None:
        """Build the zips. Raises DeployError if Lambda would not take them."""
        sizes(
            self._project, self._architecture, self._version, self._package, self._with_engine,
            tell,
        )  # fmt: skip

    @property
    def _architecture(self) -> str:
        return str(setting(self._config, self.target.stage, "", "lambda_architecture", "x86_64"))

    @property
    def _with_engine(self) -> bool:
        models = [self._package, *self._others] if self._package else []
        return needed(self._architecture, *models)

    def _chalice(self, arguments: list[str], tell: Tell) -> None:
        if not (self._environment / "made").is_file():
            tell(f"installing Chalice for Python {self._version} (once) …")
        try:
            with alone(self._environment.parent):
                wanted = requirements(self._project)
                python = environment(self._environment, self._version, wanted)
        except BundleError as error:
            raise DeployError(str(error)) from error
        variables = credentials_environment(self._session, os.environ)
        Chalice(python.with_name("chalice"), self._project, variables)(arguments, tell)

    def _client(self, service: str) -> Any:
        return self._session.client(service)

    def _output(self, variable: str) -> str:
        """Of the stack; empty if it is missing."""
        return self.stack.outputs().get(variable, "")
