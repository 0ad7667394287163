"""Who may speak with the laptop's AWS."""

import pytest

from localcloud.visitors import Visitors, guarded

AWS = "127.0.0.1:4566"
SIGNED = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00"
LOOPBACKS = ["127.0.0.1", "localhost", "[::1]", "127.0.0.9", "LOCALHOST", "app.localhost"]
FOREIGN = [
    "https://evil.example", "http://evil.example:8000", "null", "", "http://127.0.0.1.evil.example",
    "http://localhost.evil.example:8000", "http://evil.example@127.0.0.1", "http://[::2]:8000",
    "http://192.168.1.5:8000", "http://127.0.0.1:99999", "http://127.0.0.1:8000/", "file://",
    "chrome-extension://127.0.0.1", "http://127.0.0.1:8000, http://x.example",
]  # fmt: skip


@pytest.mark.parametrize("name", LOOPBACKS)
@pytest.mark.parametrize("port", ["", ":8000", ":3000"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_pages_of_this_machine_may_come(name: str, port: str, scheme: str) -> None:
    headers = {"host": AWS, "origin": f"{scheme}://{name}{port}", "sec-fetch-site": "cross-site"}
    for method in ("OPTIONS", "POST", "PUT", "GET"):
        assert Visitors("127.0.0.1", 8000).may_come(method, "", headers)


@pytest.mark.parametrize("origin", FOREIGN)
def test_other_pages_may_not(origin: str) -> None:
    for visitors in (Visitors(), Visitors("127.0.0.1", 8000), Visitors("0.0.0.0", 8000)):
        for method in ("OPTIONS", "POST", "GET"):
            assert not visitors.may_come(method, SIGNED, {"host": AWS, "origin": origin})


@pytest.mark.parametrize("name", [*LOOPBACKS, "localhost.", "bucket.localhost"])
def test_programs_come_by_any_name_of_loopback(name: str) -> None:
    assert Visitors().may_come("PUT", "", {"host": f"{name}:4566"})
    assert Visitors().may_come("PUT", "", {"host": name})


@pytest.mark.parametrize(
    "host",
    ["evil.example:4566", "127.0.0.1.evil.example", "[::2]", "169.254.169.254", "", "a@127.0.0.1",
     "[127.0.0.1", "127.0.0.1:port", "0.0.0.0:4566", "sqs.us-east-1.amazonaws.com"],
)  # fmt: skip
def test_a_name_that_leads_here_is_not_ours(host: str) -> None:
    """DNS rebinding: such a page's requests are of its own site, and tell no Origin."""
    assert not Visitors("0.0.0.0", 80).may_come("GET", SIGNED, {"host": host})


def test_the_page_may_come_by_what_the_app_listens_on() -> None:
    def may(listens: str, origin: str) -> bool:
        return Visitors(listens, 8000).may_come("POST", "", {"host": AWS, "origin": origin})

    assert may("192.0.2.7", "http://192.0.2.7:8000") and may("box.test", "http://box.test:8000")
    assert may("0.0.0.0", "http://0.0.0.0:8000")
    assert not may("127.0.0.1", "http://0.0.0.0:8000")
    assert not may("192.0.2.7", "http://192.0.2.7:8001")
    assert not may("192.0.2.7", "http://192.0.2.8:8000")
    assert not may("0.0.0.0", "http://192.0.2.7:8000")


@pytest.mark.parametrize(
    ("method", "query", "site", "may"),
    [
        ("GET", SIGNED, "cross-site", True),
        ("HEAD", SIGNED, "cross-site", True),
        ("GET", "AWSAccessKeyId=test&Signature=00&Expires=1", "cross-site", True),
        ("GET", "", "cross-site", False),
        ("GET", "Action=DeleteQueue&QueueUrl=x", "cross-site", False),
        ("GET", f"Action=DeleteQueue&{SIGNED}", "cross-site", False),
        ("POST", SIGNED, "cross-site", False),
        ("GET", "", "same-site", True),
        ("GET", "", "none", True),
    ],
)
def test_pictures_and_links_of_other_sites_get_what_is_presigned(
    method: str, query: str, site: str, may: bool
) -> None:
    headers = {"host": AWS, "sec-fetch-site": site}
    assert Visitors().may_come(method, query, headers) is may


def test_who_may_not_come_reaches_nothing() -> None:
    told: list[str] = []

    def application(environ: object, start_response: object) -> list[bytes]:
        told.append("reached")
        return [b"all of it"]

    door = guarded(application, Visitors())
    environ = {"REQUEST_METHOD": "POST", "HTTP_HOST": AWS, "HTTP_ORIGIN": "https://evil.example"}
    assert b"127.0.0.1" in b"".join(door(environ, lambda status, _: told.append(status)))
    assert told == ["403 Forbidden"]
    assert door({**environ, "HTTP_ORIGIN": f"http://{AWS}"}, None) == [b"all of it"]
