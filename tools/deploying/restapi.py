"""What Chalice cannot set for the REST API: limits, tracing, and API Gateway's own answers."""

from collections.abc import Callable
from typing import Any

import msgspec

from chalicelib.command import APP
from chalicelib.page import DEPLOYED_HEADERS
from stage.gatewayanswers import ANSWERS, HEADERS, MESSAGE, MORE_HEADERS, body_of
from tools.deploying.step import Tell

SETTINGS = {
    "throttlingRateLimit": "throttling/rateLimit",
    "throttlingBurstLimit": "throttling/burstLimit",
    "metricsEnabled": "metrics/enabled",
}
"""Name of a method setting, and its path in a change of it
(https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html)."""
EVERY_METHOD = "*/*"


def find_api(client: Any, function: str) -> str | None:
    """The id of the REST API that calls the function with this ARN; None if none does.

    Names do not help, because Chalice gives all stages' APIs the same one. The function is known
    as soon as the API is imported, so this also finds one whose deployment was interrupted.
    """
    called = f"/functions/{function}/invocations"
    pages = client.get_paginator("get_rest_apis").paginate()
    for api in (api for page in pages for api in page["items"] if api["name"] == APP):
        pages = client.get_paginator("get_resources").paginate(
            restApiId=api["id"], embed=["methods"]
        )
        for resource in (resource for page in pages for resource in page["items"]):
            for method in resource.get("resourceMethods", {}).values():
                if method.get("methodIntegration", {}).get("uri", "").endswith(called):
                    return str(api["id"])
    return None


class StageStep:
    """Sets throttling and tracing of the API's stage, and no paid metrics a method.

    api: the API's id; None if there is none yet. rate, burst: requests a second, steady and at
    once. traced: whether X-Ray gets its traces.
    """

    title = "Limits and tracing of the API (API Gateway)"

    def __init__(
        self,
        client: Any,
        api: Callable[[], str | None],
        stage: str,
        rate: int,
        burst: int,
        traced: bool,
    ) -> None:
        self._client = client
        self._api = api
        self._stage = stage
        self._traced = traced
        self._wanted = {
            "throttlingRateLimit": rate,
            "throttlingBurstLimit": burst,
            "metricsEnabled": False,
        }

    def changes(self) -> list[str]:  # noqa: D102
        return [f"set {operation['path']} to {operation['value']}" for operation in self._patch()]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        self._client.update_stage(
            restApiId=self._api(), stageName=self._stage, patchOperations=self._patch()
        )

    def _patch(self) -> list[dict[str, str]]:
        current = {"metricsEnabled": False, "tracingEnabled": False, **self._current()}
        wanted = {name: value for name, value in self._wanted.items() if current.get(name) != value}
        changes = {f"/{EVERY_METHOD}/{SETTINGS[name]}": value for name, value in wanted.items()}
        if current["tracingEnabled"] != self._traced:
            changes["/tracingEnabled"] = self._traced
        return [
            {"op": "replace", "path": path, "value": str(value).lower()}
            for path, value in changes.items()
        ]

    def _current(self) -> dict[str, Any]:
        api = self._api()
        if not api:
            return {}
        try:
            stage = self._client.get_stage(restApiId=api, stageName=self._stage)
        except self._client.exceptions.NotFoundException:  # imported, and not yet deployed
            return {}
        return {**stage.get("methodSettings", {}).get(EVERY_METHOD, {}), **stage}


class AnswersStep:
    """Gives API Gateway's own answers our shape and CORS headers."""

    title = "Errors of API Gateway itself, in our shape"

    def __init__(self, client: Any, api: Callable[[], str | None], stage: str) -> None:
        self._client = client
        self._api = api
        self._stage = stage

    def changes(self) -> list[str]:  # noqa: D102
        missing = self._missing()
        return [f"answer {', '.join(missing)}"] if missing else []

    def apply(self, tell: Tell) -> None:  # noqa: D102
        api = self._api()
        for kind, answer in self._missing().items():
            self._client.put_gateway_response(restApiId=api, responseType=kind, **answer)
        # they count from the next deployment of the API on
        self._client.create_deployment(restApiId=api, stageName=self._stage)

    def _missing(self) -> dict[str, dict[str, Any]]:
        """The answers that are missing or differ."""
        api = self._api()
        answer = self._client.get_gateway_responses(restApiId=api, limit=500) if api else {}
        current = {item["responseType"]: item for item in answer.get("items", [])}
        wanted = {kind: gateway_response(kind) for kind in ANSWERS}
        return {
            kind: response
            for kind, response in wanted.items()
            if any(current.get(kind, {}).get(key) != value for key, value in response.items())
        }


def gateway_response(kind: str) -> dict[str, Any]:
    """The arguments of PutGatewayResponse for an answer."""
    status, text = ANSWERS[kind][0], msgspec.json.encode(body_of(kind)).decode()
    headers = {**HEADERS, **DEPLOYED_HEADERS, **MORE_HEADERS.get(kind, {})}
    response: dict[str, Any] = {
        "responseParameters": {
            f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items()
        },
        "responseTemplates": {"application/json": text.replace(f'"{MESSAGE}"', MESSAGE)},
    }
    return {"statusCode": status, **response} if status else response
