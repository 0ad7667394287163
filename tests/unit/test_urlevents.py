"""A Function URL's events in the REST API's form, and answers on their way back."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from app import app
from chalicelib import urlevents
from chalicelib.page import WEB
from chalicelib.urlevents import is_url_event, matched, rest_event, url_answer
from localcloud import sampleevents
from localcloud.events import url_event

DOCUMENTED: dict[str, Any] = {
    "version": "2.0",
    "routeKey": "$default",
    "rawPath": "/my/path",
    "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=value",
    "cookies": ["cookie1", "cookie2"],
    "headers": {"header1": "value1", "header2": "value1,value2"},
    "queryStringParameters": {"parameter1": "value1,value2", "parameter2": "value"},
    "requestContext": {
        "accountId": "123456789012",
        "apiId": "urlid",
        "authentication": None,
        "domainName": "urlid.lambda-url.us-west-2.on.aws",
        "domainPrefix": "urlid",
        "http": {
            "method": "POST",
            "path": "/my/path",
            "protocol": "HTTP/1.1",
            "sourceIp": "123.123.123.123",
            "userAgent": "agent",
        },
        "requestId": "id",
        "routeKey": "$default",
        "stage": "$default",
        "time": "12/Mar/2020:19:03:58 +0000",
        "timeEpoch": 1583348638390,
    },
    "body": "Hello from client!",
    "pathParameters": None,
    "isBase64Encoded": False,
    "stageVariables": None,
}
"""AWS's own example, but for who signed it, where nobody does
(https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-request-payload)."""
DOCUMENT = json.loads((WEB / "openapi.json").read_text())
OPERATIONS = [
    (method.upper(), path)
    for path, operations in DOCUMENT["paths"].items()
    for method in operations
    if method in ("get", "post", "put", "delete")
]


class Context(SimpleNamespace):
    aws_request_id = "request"
    function_name = "api"


def ask(method: str, address: str, **headers: str) -> Any:
    """What the app answers to a request through the URL."""
    return app(url_event(method, address, headers), Context())


def told(answer: Any) -> Any:
    return json.loads(answer["body"])


def test_the_documented_event() -> None:
    assert is_url_event(DOCUMENTED)
    event = rest_event(DOCUMENTED, ["/my/{what}"])
    assert event["multiValueQueryStringParameters"] == {
        "parameter1": ["value1", "value2"],
        "parameter2": ["value"],
    }
    assert event["headers"] == DOCUMENTED["headers"] | {"cookie": "cookie1; cookie2"}
    assert event["pathParameters"] == {"what": "path"}
    assert (event["body"], event["isBase64Encoded"]) == ("Hello from client!", False)
    context = event["requestContext"]
    assert (context["httpMethod"], context["resourcePath"]) == ("POST", "/my/{what}")
    assert context["path"] == "/my/path"


def test_it_has_all_that_an_event_of_the_rest_api_has() -> None:
    rest = sampleevents.rest("POST", "/my/path", "body", query={"a": "b"})
    assert rest_event(DOCUMENTED, []).keys() == rest.keys()
    assert not is_url_event(rest)
    assert not is_url_event({"version": "0", "detail-type": "Scheduled Event"})


def test_a_request_with_next_to_nothing() -> None:
    bare = url_event("GET", "/", {})
    del bare["headers"], bare["rawQueryString"], bare["isBase64Encoded"]
    event = rest_event(bare, ["/"])
    assert event["multiValueQueryStringParameters"] is None and event["body"] is None
    assert event["headers"] == {} and event["isBase64Encoded"] is False


@pytest.mark.parametrize(
    ("query", "lists"),
    [
        ("a=1,2&a=3", {"a": ["1,2", "3"]}),
        ("a", {"a": [""]}),
        ("id=%C3%A9+%26", {"id": ["é &"]}),
        ("url=http%3A%2F%2Fh%2F%3Fa%3Db%26c", {"url": ["http://h/?a=b&c"]}),
    ],
)
def test_a_query_is_read_as_it_was_sent(query: str, lists: dict[str, list[str]]) -> None:
    event = rest_event(url_event("GET", f"/predict?{query}", {}), ["/predict"])
    assert event["multiValueQueryStringParameters"] == lists


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("/", ("/", {})),
        ("/a", ("/a", {})),
        ("/a/", ("/a", {})),
        ("/a/c", ("/a/c", {})),
        ("/a/x", ("/a/{name}", {"name": "x"})),
        ("/a/..%2Fx%20y", ("/a/{name}", {"name": "../x y"})),
        ("/a/{name}", ("/a/{name}", {"name": "{name}"})),
        ("/a//", None),
        ("//a", None),
        ("/b", None),
        ("/A", None),
        ("", ("/", {})),
    ],
)
def test_a_path_finds_its_route(path: str, match: tuple[str, dict[str, str]] | None) -> None:
    assert matched(path, ["/", "/a/{name}", "/a", "/a/c"]) == match


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("/a/x", ("/a/{name}", {"name": "x"})),
        ("/a/x/y", ("/a/{name}/{rest+}", {"name": "x", "rest": "y"})),
        ("/a/x/y/%20z/", ("/a/{name}/{rest+}", {"name": "x", "rest": "y/ z"})),
        ("/a/x/known", ("/a/{name}/known", {"name": "x"})),
        ("/b/x/y", ("/{rest+}", {"rest": "b/x/y"})),
        ("/", None),
        ("//", None),
    ],
)
def test_a_greedy_route_takes_what_no_other_does(
    path: str, match: tuple[str, dict[str, str]] | None
) -> None:
    routes = ["/{rest+}", "/a/{name}", "/a/{name}/{rest+}", "/a/{name}/known"]
    assert matched(path, routes) == matched(path, routes[::-1]) == match


def test_cookies_and_lists_on_the_way_back() -> None:
    answer = {
        "statusCode": 200,
        "headers": {"Set-Cookie": "a=1", "ETag": "x"},
        "multiValueHeaders": {"set-cookie": ["b=2", "c=3"], "Vary": ["Accept", "Origin"]},
        "body": "",
    }
    assert url_answer(answer) == {
        "statusCode": 200,
        "headers": {"ETag": "x", "Vary": "Accept, Origin"},
        "cookies": ["a=1", "b=2", "c=3"],
        "body": "",
        "isBase64Encoded": False,
    }


def test_a_route_that_there_is_not() -> None:
    for method in ("GET", "OPTIONS"):
        answer = ask(method, "/none")
        assert (answer["statusCode"], told(answer)["Code"]) == (404, "NotFound")
        assert told(answer)["Message"] == urlevents.NO_PATH
        assert answer["headers"]["Access-Control-Allow-Origin"] == "*"


def test_a_preflight_needs_no_token() -> None:
    answer = ask("OPTIONS", "/predict", origin="https://a.example")
    assert (answer["statusCode"], answer["body"]) == (200, "")
    headers = answer["headers"]
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert set(headers["Access-Control-Allow-Methods"].split(",")) == {
        "GET",
        "HEAD",
        "POST",
        "OPTIONS",
    }
    assert "Authorization" in headers["Access-Control-Allow-Headers"]


def test_a_method_that_a_route_has_not() -> None:
    answer = ask("DELETE", "/predict")
    assert answer["statusCode"] == 405
    assert {"GET", "POST"} <= set(answer["headers"]["Allow"].split(", "))


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_closed_route_asks_for_the_token(method: str, path: str) -> None:
    is_open = DOCUMENT["paths"][path][method.lower()].get("security") == []
    answer = ask(method, path.replace("{", "").replace("}", ""))
    assert (answer["statusCode"] == 401) != is_open
    if not is_open:
        assert told(answer)["Code"] == "Unauthorized"
        assert answer["headers"]["WWW-Authenticate"] == "Bearer"


def test_a_token_that_cannot_be_checked_lets_nobody_in() -> None:
    answer = ask("GET", "/models", authorization="Bearer any")
    assert (answer["statusCode"], told(answer)["Code"]) == (503, "NotConfigured")


def test_the_page_and_a_head_of_it() -> None:
    page, head = ask("GET", "/"), ask("HEAD", "/")
    assert page["isBase64Encoded"] and page["statusCode"] == head["statusCode"] == 200
    assert page["headers"]["ETag"] == head["headers"]["ETag"]
    assert page["body"] and not head["body"]
