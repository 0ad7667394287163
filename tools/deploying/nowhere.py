"""An AWS in which there is nothing: what a plan is made against that has no credentials."""

from types import SimpleNamespace
from typing import Any

import boto3

from tools.deploying.target import Target

ACCOUNT, REGION = "ACCOUNT", "REGION"
"""In place of what is not known, in names that hold it."""
UNUSED_REGION = "us-east-1"
"""A client wants one, though none is asked."""
ABSENT = {
    "DescribeStacks": ("ValidationError", "Stack does not exist"),
    "GetParameter": ("ParameterNotFound", ""),
    "GetRole": ("NoSuchEntity", ""),
    "GetFunctionEventInvokeConfig": ("ResourceNotFoundException", ""),
    "HeadBucket": ("404", ""),
}
"""Of operations that answer with an error where there is nothing: its code and message."""
EMPTY: dict[str, dict[str, Any]] = {
    "ListFunctions": {"Functions": []},
    "ListLayerVersions": {"LayerVersions": []},
    "ListRules": {"Rules": []},
    "DescribeLogGroups": {"logGroups": []},
    "GetAccountSettings": {"AccountLimit": {"ConcurrentExecutions": 1000}},
}


class Nowhere:
    """A session that sends nothing. asked: the operations that a real one would have been asked."""

    def __init__(self, region: str | None) -> None:
        self.region_name = region or UNUSED_REGION
        self.asked: list[str] = []
        self._region = region or REGION
        self._session = boto3.session.Session("none", "none", region_name=self.region_name)

    def target(self, stage: str) -> Target:
        """The stage, where it would be."""
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
