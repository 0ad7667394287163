"""The events that AWS sends to functions, as its documentation shows them."""

import base64
from collections.abc import Mapping
from typing import Any

from localcloud.environment import ACCOUNT

Event = dict[str, Any]
REGION = "eu-west-1"


def rest(
    method: str,
    resource: str,
    body: str | bytes | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
) -> Event:
    """Returns a REST API's proxy event, payload version 1.0; `bytes` are sent as a binary type
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-input-format).
    """
    path = resource.format(**(parameters or {}))
    sent = {"Host": "abcdef.execute-api.eu-west-1.amazonaws.com", **(headers or {})}
    query = query or {}
    is_binary = isinstance(body, bytes)
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": {name: [query[name]] for name in query} or None,
        "pathParameters": dict(parameters) if parameters else None,
        "stageVariables": None,
        "requestContext": _request_context(method, resource, path),
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": is_binary,
    }


def _request_context(method: str, resource: str, path: str) -> Event:
    return {
        "accountId": ACCOUNT,
        "apiId": "abcdef",
        "domainName": "abcdef.execute-api.eu-west-1.amazonaws.com",
        "domainPrefix": "abcdef",
        "extendedRequestId": "request-id",
        "httpMethod": method,
        "identity": {"sourceIp": "203.0.113.7", "userAgent": "curl/8.5.0", "userArn": None},
        "path": f"/dev{path}",
        "protocol": "HTTP/1.1",
        "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "requestTime": "04/Mar/2026:19:15:17 +0000",
        "requestTimeEpoch": 1772651717636,
        "resourceId": "abc123",
        "resourcePath": resource,
        "stage": "dev",
    }


def token(authorization: str) -> Event:
    """Returns the event of a TOKEN authorizer
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html).
    """
    return {
        "type": "TOKEN",
        "authorizationToken": authorization,
        "methodArn": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:abcdef/dev/POST/predict",
    }
