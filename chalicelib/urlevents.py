"""Convert function URL events to API Gateway's REST format, and answers back.

Chalice knows the REST API's events alone (aws/chalice#1913); payload 2.0 differs in its fields:
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, unquote

Event = dict[str, Any]
GREEDY = "+}"
"""End of a route, such as `/v2/{rest+}`, whose last parameter takes the rest of the path."""
NO_PATH = "There is no such path or method; GET /openapi.json lists them."


def is_url_event(event: Any) -> bool:
    """Whether a Function URL sent the event."""
    return event.get("version") == "2.0" and came_by_url(event.get("requestContext", {}))


def came_by_url(context: Event) -> bool:
    """Whether a Function URL sent the request with this context; the REST API has no `http`."""
    return "http" in context


def rest_event(event: Event, paths: Iterable[str]) -> Event:
    """Returns the event in the REST API's form.

    paths: the routes', such as `/batches/{batch_id}`. Where none matches, the request's own path
    stands for the route.
    """
    context, path = event["requestContext"], event.get("rawPath") or "/"
    route, parameters = matched(path, paths) or (path, {})
    cookies = event.get("cookies")
    headers = event.get("headers", {}) | ({"cookie": "; ".join(cookies)} if cookies else {})
    # what `queryStringParameters` joins by commas cannot be told from a comma that was sent
    query = parse_qs(event.get("rawQueryString", ""), keep_blank_values=True) or None
    return {
        "resource": route,
        "path": path,
        "httpMethod": context["http"]["method"],
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": query and {name: values[-1] for name, values in query.items()},
        "multiValueQueryStringParameters": query,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": {
            **context,
            "httpMethod": context["http"]["method"],
            "resourcePath": route,
            "path": path,
        },
        "body": event.get("body"),
        "isBase64Encoded": event.get("isBase64Encoded", False),
    }


def matched(path: str, paths: Iterable[str]) -> tuple[str, dict[str, str]] | None:
    """Returns the route of a path, and its parameters; None where there is none.

    As in API Gateway, a last slash counts for nothing, words go before parameters, and both go
    before a greedy parameter.
    """
    parts = (path.removesuffix("/") or "/").split("/")
    matches = [
        (route, parameters)
        for route in paths
        if (parameters := _parameters(parts, route.split("/"))) is not None
    ]
    return min(matches, key=_vagueness, default=None)


def _vagueness(match: tuple[str, dict[str, str]]) -> tuple[bool, int, int]:
    """Sorts matches: greedy ones last, the shortest of them at the end."""
    route, parameters = match
    return route.endswith(GREEDY), -route.count("/"), len(parameters)


def _parameters(parts: list[str], names: list[str]) -> dict[str, str] | None:
    """Returns the parameters of a route that matches; None if it does not."""
    if names[-1].endswith(GREEDY):
        last = len(names) - 1
        parts = [*parts[:last], "/".join(parts[last:])]
    if len(parts) != len(names):
        return None
    parameters: dict[str, str] = {}
    for part, name in zip(parts, names, strict=True):
        if part and name.startswith("{"):
            parameters[name.strip("{+}")] = unquote(part)
        elif part != name:
            return None
    return parameters


def url_answer(answer: Event) -> Event:
    """Returns an answer to the REST API in the form of payload 2.0, which has no lists in it."""
    every = {name: [value] for name, value in answer["headers"].items()}
    every |= answer["multiValueHeaders"]
    cookies = [cookie for name in every if name.lower() == "set-cookie" for cookie in every[name]]
    return {
        "statusCode": answer["statusCode"],
        "headers": {
            name: ", ".join(values)
            for name, values in every.items()
            if name.lower() != "set-cookie"
        },
        "cookies": cookies,
        "body": answer["body"],
        "isBase64Encoded": answer.get("isBase64Encoded", False),
    }
