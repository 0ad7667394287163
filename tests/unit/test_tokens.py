import hashlib

import pytest

from chalicelib.errors import Forbidden, NotConfigured, Unauthorized
from chalicelib.tokens import Tokens, digest

TOKENS = Tokens(hashlib.sha256(b"right").hexdigest())


@pytest.mark.parametrize("header", ["Bearer right", "bearer right", "BEARER  right "])
def test_the_right_token(header: str) -> None:
    assert TOKENS.allow(header)
    TOKENS.check(header)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "right",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Bearer Right",
        "Bearer righ",
        "Bearer rightt",
        "Bearer right right",
        "Basic right",
        "Basic cmlnaHQ6cmlnaHQ=",
        "Bearer\tright",
        "Bearer, Bearer right",
        "Bearer \ud800",
        "Bearer " + "right" * 100_000,
        "Bearer " + digest("right"),  # who reads the configuration does not learn the token
    ],
)
def test_anything_else(header: str) -> None:
    assert not TOKENS.allow(header)
    with pytest.raises(Forbidden if header else Unauthorized):
        TOKENS.check(header)


def test_blanks_around_a_token_do_not_count() -> None:
    """A line break may have been stored after it."""
    assert Tokens(digest("right\n")).allow("Bearer right")


@pytest.mark.parametrize("sha256", ["", "right", digest("right").upper(), digest("right") + "0"])
@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer right", "Basic right"])
def test_without_a_digest_nobody_comes_in(sha256: str, header: str) -> None:
    with pytest.raises(NotConfigured, match=r"TOKEN_SHA256.*make infra.*PUBLIC=true"):
        Tokens(sha256).check(header)
