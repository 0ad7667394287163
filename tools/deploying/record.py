"""Chalice's record of what it deployed, asked of AWS instead of a file.

Chalice keeps the record on the machine that deployed, and only of a deployment that succeeded. Made
from what there is, it holds on every machine, and a rerun goes on where a failed one ended.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from tools.deploying.layer import versions
from tools.deploying.target import API_HANDLER, Target

Resource = dict[str, Any]
MANAGED_LAYER = "managed-layer"


class Record:
    """What Chalice has made for a stage.

    images_bucket: whose notifications are looked at; empty for none.
    """

    def __init__(self, session: Any, target: Target, images_bucket: str) -> None:
        self._session = session
        self._target = target
        self._bucket = images_bucket
        self._lambda = session.client("lambda")

    def resources(self) -> list[Resource]:
        """As `.chalice/deployed/STAGE.json` has them, in the order in which Chalice makes them."""
        functions = self.functions()
        return [
            *self._layer(),
            *self._roles(),
            *(_named(name, "lambda_function", lambda_arn=arn) for name, arn in functions.items()),
            *self._notifications(functions),
            *self._queues(functions),
            *self._rules(),
            *self.api(),
        ]

    def functions(self) -> dict[str, str]:
        """ARN by handler."""
        pages = self._lambda.get_paginator("list_functions").paginate()
        every = [function for page in pages for function in page["Functions"]]
        ours = ((self._target.handler(one["FunctionName"]), one["FunctionArn"]) for one in every)
        return {handler: arn for handler, arn in ours if handler}

    def api(self) -> Iterator[Resource]:
        """The API that may call the API's function."""
        for source in self._allowed_sources(self._target.function(API_HANDLER)):
            found = re.match(r"arn:[^:]+:execute-api:[^:]+:[^:]+:([^/*]+)/", source)
            if found and self._exists(found[1]):
                yield _named("rest_api", "rest_api", rest_api_id=found[1])
                return

    def queue_mapping(self, arn: str) -> dict[str, Any] | None:
        """What gives a queue's messages to the function; None where nothing does."""
        answer = self._lambda.list_event_source_mappings(FunctionName=arn)
        mappings = [
            one for one in answer["EventSourceMappings"] if ":sqs:" in one["EventSourceArn"]
        ]
        return mappings[0] if mappings else None

    def _layer(self) -> Iterator[Resource]:
        for version in versions(self._lambda, f"{self._target.name}-{MANAGED_LAYER}")[:1]:
            arn = version["LayerVersionArn"]
            yield _named(MANAGED_LAYER, "lambda_layer", layer_version_arn=arn)

    def _roles(self) -> Iterator[Resource]:
        pages = self._session.client("iam").get_paginator("list_roles").paginate()
        for role in (role for page in pages for role in page["Roles"]):
            handler = self._target.handler(role["RoleName"])
            if handler and role["RoleName"] != self._target.name:
                yield _named(
                    f"{handler}_role", "iam_role", role_arn=role["Arn"], role_name=role["RoleName"]
                )

    def _notifications(self, functions: dict[str, str]) -> Iterator[Resource]:
        if not self._bucket:
            return
        s3 = self._session.client("s3")
        answer = s3.get_bucket_notification_configuration(Bucket=self._bucket)
        told = {one["LambdaFunctionArn"] for one in answer.get("LambdaFunctionConfigurations", [])}
        for handler, arn in functions.items():
            if arn in told:
                yield _named(f"{handler}-s3event", "s3_event", bucket=self._bucket, lambda_arn=arn)

    def _queues(self, functions: dict[str, str]) -> Iterator[Resource]:
        for handler, arn in functions.items():
            mapping = self.queue_mapping(arn)
            if mapping:
                queue = mapping["EventSourceArn"]
                yield _named(
                    f"{handler}-sqs-event-source", "sqs_event",
                    queue_arn=queue, event_uuid=mapping["UUID"],
                    queue=queue.rpartition(":")[2], lambda_arn=arn,
                )  # fmt: skip

    def _rules(self) -> Iterator[Resource]:
        events = self._session.client("events")
        answer = events.list_rules(NamePrefix=f"{self._target.name}-")
        for rule in answer["Rules"]:
            name = rule["Name"].removesuffix("-event")
            handler = self._target.handler(name)
            if handler and name != rule["Name"]:
                yield _named(f"{handler}-event", "cloudwatch_event", rule_name=rule["Name"])

    def _allowed_sources(self, function: str) -> Iterator[str]:
        try:
            policy = self._lambda.get_policy(FunctionName=function)["Policy"]
        except self._lambda.exceptions.ResourceNotFoundException:
            return
        for statement in json.loads(policy)["Statement"]:
            yield from statement.get("Condition", {}).get("ArnLike", {}).values()

    def _exists(self, api: str) -> bool:
        client = self._session.client("apigateway")
        try:
            client.get_rest_api(restApiId=api)
        except client.exceptions.NotFoundException:
            return False
        return True


def _named(name: str, kind: str, **values: str) -> Resource:
    return {"name": name, "resource_type": kind, **values}
