"""An empty AWS account, for a plan without credentials."""

from types import SimpleNamespace
from typing import Any

import boto3

from tools.deploying.target import Target

ACCOUNT, REGION = "ACCOUNT", "REGION"
"""Placeholders in names."""
UNUSED_REGION = "us-east-1"
"""A client needs a region, although it sends nothing."""
ABSENT = {
    "DescribeStacks": ("ValidationError", "Stack does not exist"),
    "GetParameter": ("ParameterNotFound", ""),
    "GetRole": ("NoSuchEntity", ""),
    "GetFunctionEventInvokeConfig": ("ResourceNotFoundException", ""),
    "HeadBucket": ("404", ""),
}
"""Operations that answer with an error if there is nothing: its code and message."""
EMPTY: dict[str, dict[str, Any]] = {
    "ListFunctions": {"Functions": []},
    "ListLayerVersions": {"LayerVersions": []},
    "ListRules": {"Rules": []},
    "DescribeLogGroups": {"logGroups": []},
    "GetAccountSettings": {"AccountLimit": {"ConcurrentExecutions": 1000}},
}


class Nowhere:
    """A session that sends nothing. asked: the operations that were called."""

    def __init__(self, region: str | None) -> None:
        self.region_name = region or UNUSED_REGION
        self.asked: list[str] = []
        self._region = region or REGION
        self._session = boto3.session.Session("none", "none", region_name=self.region_name)

    def target(self, stage: str) -> Target:
        """The stage in this account."""
        return Target(stage, ACCOUNT, self._region)

    def client(self, service: str) -> Any:
        """A client that finds nothing."""
        client = self._session.client(service)
        client.meta.events.register("before-call", self._answer)
        return client

    def _answer(self, model: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
        if model.name not in self.asked:
            self.asked.append(model.name)
        if model.name not in ABSENT:
            return SimpleNamespace(status_code=200), EMPTY[model.name]
        code, message = ABSENT[model.name]
        return SimpleNamespace(status_code=404), {"Error": {"Code": code, "Message": message}}
