"""Chalice's record of what it deployed, read from AWS instead of a file.

Chalice writes its file only after a success, and only on the machine that deployed. A record from
AWS is right on every machine, so a rerun continues where a failed run ended.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from chalicelib.subscriptions import HANDLERS
from tools.deploying.layer import versions
from tools.deploying.restapi import find_api
from tools.deploying.step import DeployError
from tools.deploying.target import API_HANDLER, CHALICE_TAG, MANAGED_LAYER, Target

Resource = dict[str, Any]


KINDS = {
    "iam_role": ("role", "role_name"),
    "lambda_function": ("function", "lambda_arn"),
    "lambda_layer": ("layer", "layer_version_arn"),
    "s3_event": ("notifications of", "bucket"),
    "sqs_event": ("mapping of queue", "queue"),
    "sns_event": ("subscription to topic", "topic"),
    "kinesis_event": ("mapping of stream", "stream"),
    "dynamodb_event": ("mapping of stream", "stream_arn"),
    "cloudwatch_event": ("rule", "rule_name"),
    "rest_api": ("API", "rest_api_id"),
}
"""For each type of resource in Chalice's record: a word for it, and the key of its name."""
ENDS = (
    "", "_role", "-s3event", "-sqs-event-source", "-kinesis-event-source",
    "-dynamodb-event-source", "-sns-subscription", "-event",
)  # fmt: skip
"""Endings of names in the record, after the handler's name."""


class Record:
    """What Chalice has made for a stage, known by Chalice's tag and by whole names.

    handlers: those that the app declares. images_bucket: gives the bucket with notifications, or
    "". lives_here: whether this region is the stage's; if not, roles are ignored, as IAM has no
    regions.
    """

    def __init__(
        self,
        session: Any,
        target: Target,
        handlers: Iterable[str],
        images_bucket: Callable[[], str],
        lives_here: Callable[[], bool],
    ) -> None:
        self._session = session
        self._target = target
        self._declared = list(handlers)
        self._bucket = images_bucket
        self._lives_here = lives_here
        self._lambda = session.client("lambda")
        self._iam = session.client("iam")
        self._tags: dict[str, dict[str, str]] = {}

    def resources(self) -> list[Resource]:
        """The resources as in `.chalice/deployed/STAGE.json`, in Chalice's order."""
        functions = self.functions()
        return [
            *self._layer(),
            *self._roles(functions),
            *(_named(name, "lambda_function", lambda_arn=arn) for name, arn in functions.items()),
            *self._notifications(functions),
            *self._mappings(functions),
            *self._topics(functions),
            *self._rules(functions),
            *self.api(),
        ]

    def leftovers(self) -> list[Resource]:
        """Resources of handlers that the app no longer declares, and the layer to replace."""
        old = set(self.functions()) - set(self._declared)
        names = {f"{name}{end}" for name in old for end in ENDS} | {MANAGED_LAYER}
        return [resource for resource in self.resources() if resource["name"] in names]

    def functions(self) -> dict[str, str]:
        """The functions' ARNs, by handler."""
        ours = ((self._handler(name, arn), arn) for name, arn in self._candidates())
        return {handler: arn for handler, arn in ours if handler}

    def check(self) -> None:
        """Raise DeployError if a deployment would take over resources of something else."""
        names = {self._target.function(handler) for handler in self._declared}
        others = [
            name
            for name, arn in self._candidates()
            if name in names and not self._handler(name, arn)
        ]
        if others:
            raise DeployError(
                f"{', '.join(others)} has a name of stage {self._target.stage}, but its tag "
                f"{CHALICE_TAG} says that it belongs to something else. Choose another stage, or "
                "delete it."
            )
        if not self._lives_here() and not self.functions() and self._role(API_HANDLER):
            raise DeployError(
                f"The role {self._target.role(API_HANDLER)} exists, but nothing else of stage "
                f"{self._target.stage} is in {self._target.region}. If the stage is in another "
                "region, give --region. If it is nowhere, delete that role."
            )

    def handlers(self, functions: Iterable[str] = ()) -> list[str]:
        """The declared handlers, then those of `functions` that are no longer declared."""
        return list(dict.fromkeys([*self._declared, *functions]))

    def api(self) -> Iterator[Resource]:
        """The REST API that calls the API's function, if any."""
        arn = self.functions().get(API_HANDLER)
        api = find_api(self._session.client("apigateway"), arn) if arn else None
        if api:
            yield _named("rest_api", "rest_api", rest_api_id=api)

    def mapping(self, arn: str) -> dict[str, Any] | None:
        """The event source mapping from a queue or stream to the function; None without one."""
        answer = self._lambda.list_event_source_mappings(FunctionName=arn)
        return next(iter(answer["EventSourceMappings"]), None)

    def rules(self, functions: Iterable[str] = ()) -> dict[str, dict[str, Any]]:
        """The schedule rules by handler, as EventBridge describes them."""
        handlers = {self._target.rule(handler): handler for handler in self.handlers(functions)}
        paginator = self._session.client("events").get_paginator("list_rules")
        pages = paginator.paginate(NamePrefix=f"{self._target.name}-")  # a neighbour's, too
        every = [rule for page in pages for rule in page["Rules"]]
        return {handlers[rule["Name"]]: rule for rule in every if rule["Name"] in handlers}

    def _candidates(self) -> Iterator[tuple[str, str]]:
        """Names and ARNs of functions that may be the stage's; their tags decide."""
        for page in self._lambda.get_paginator("list_functions").paginate():
            for function in page["Functions"]:
                name = function["FunctionName"]
                if name == self._target.name or name.startswith(f"{self._target.name}-"):
                    yield name, function["FunctionArn"]

    def _handler(self, name: str, arn: str) -> str | None:
        if CHALICE_TAG not in self._tags.get(arn, {}):  # with it, they change no more
            self._tags[arn] = self._lambda.list_tags(Resource=arn).get("Tags", {})
        return self._target.handler(name, self._tags[arn])

    def _layer(self) -> Iterator[Resource]:
        for version in versions(self._lambda, self._target.managed_layer)[:1]:
            arn = version["LayerVersionArn"]
            yield _named(MANAGED_LAYER, "lambda_layer", layer_version_arn=arn)

    def _roles(self, functions: dict[str, str]) -> Iterator[Resource]:
        # a function that is here has its role here, wherever the buckets are
        for handler in self.handlers(functions) if self._lives_here() else functions:
            role = self._role(handler)
            if role:
                yield _named(
                    f"{handler}_role", "iam_role", role_arn=role["Arn"], role_name=role["RoleName"]
                )

    def _role(self, handler: str) -> dict[str, Any] | None:
        name = self._target.role(handler)
        try:
            role: dict[str, Any] = self._iam.get_role(RoleName=name)["Role"]
        except self._iam.exceptions.NoSuchEntityException:
            return None
        return role

    def _notifications(self, functions: dict[str, str]) -> Iterator[Resource]:
        bucket = self._bucket()
        if not bucket:
            return
        answer = self._session.client("s3").get_bucket_notification_configuration(Bucket=bucket)
        told = {
            entry["LambdaFunctionArn"] for entry in answer.get("LambdaFunctionConfigurations", [])
        }
        for handler, arn in functions.items():
            if arn in told:
                yield _named(f"{handler}-s3event", "s3_event", bucket=bucket, lambda_arn=arn)

    def _mappings(self, functions: dict[str, str]) -> Iterator[Resource]:
        for handler, arn in functions.items():
            mapping = self.mapping(arn)
            if mapping is None:
                continue
            source = mapping["EventSourceArn"]
            service = source.split(":")[2]
            named = {"queue_arn": source, "queue": source.rpartition(":")[2]}
            if service == "kinesis":
                named = {"kinesis_arn": source, "stream": source.rpartition("/")[2]}
            elif service == "dynamodb":
                named = {"stream_arn": source}
            yield _named(
                f"{handler}-{service}-event-source", f"{service}_event",
                **named, event_uuid=mapping["UUID"], lambda_arn=arn,
            )  # fmt: skip

    def _topics(self, functions: dict[str, str]) -> Iterator[Resource]:
        arn = functions.get(HANDLERS["sns"])
        if arn is None:
            return
        for page in self._session.client("sns").get_paginator("list_subscriptions").paginate():
            for subscription in page["Subscriptions"]:
                if subscription["Endpoint"] == arn:
                    topic = subscription["TopicArn"]
                    yield _named(
                        f"{HANDLERS['sns']}-sns-subscription", "sns_event",
                        topic=topic, topic_arn=topic, lambda_arn=arn,
                        subscription_arn=subscription["SubscriptionArn"],
                    )  # fmt: skip

    def _rules(self, functions: dict[str, str]) -> Iterator[Resource]:
        for handler, rule in self.rules(functions).items():
            yield _named(f"{handler}-event", "cloudwatch_event", rule_name=rule["Name"])


def described(resource: Resource) -> str:
    """A resource of the record, in words."""
    kind, key = KINDS[resource["resource_type"]]
    name = resource[key]
    for before in (":function:", ":layer:"):
        name = name.rpartition(before)[2]
    return f"{kind} {name}"


def _named(name: str, kind: str, **values: str) -> Resource:
    return {"name": name, "resource_type": kind, **values}
