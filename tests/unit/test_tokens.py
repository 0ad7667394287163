from collections.abc import Callable

import pytest

from chalicelib.aws.ssm import Parameter
from chalicelib.errors import NotConfigured, ServiceUnavailable
from chalicelib.tokens import AGAIN_SECONDS, KEPT_SECONDS, Tokens


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Store:
    """One secret; None where the store does not answer. reads: how often it was asked."""

    def __init__(self, secret: str | None = "right") -> None:
        self.secret = secret
        self.reads = 0

    def read(self) -> str:
        self.reads += 1
        if self.secret is None:
            raise ServiceUnavailable
        return self.secret


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def tokens(store: Store, clock: Clock) -> Tokens:
    return Tokens(store.read, clock)


@pytest.mark.parametrize("header", ["Bearer right", "bearer right", "BEARER  right "])
def test_the_right_token(tokens: Tokens, header: str) -> None:
    assert tokens.allow(header)


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
    ],
)
def test_anything_else(tokens: Tokens, header: str) -> None:
    assert not tokens.allow(header)


def test_a_line_break_after_the_stored_token_does_not_count(store: Store, tokens: Tokens) -> None:
    store.secret = "right\n"
    assert tokens.allow("Bearer right")


@pytest.mark.parametrize("secret", ["", " ", "\n"])
@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer wrong"])
def test_an_empty_secret_lets_nobody_in(
    store: Store, tokens: Tokens, secret: str, header: str
) -> None:
    store.secret = secret
    try:
        assert not tokens.allow(header)
    except NotConfigured as error:
        assert "empty" in str(error)


def test_what_is_no_bearer_token_does_not_reach_the_store(store: Store, tokens: Tokens) -> None:
    assert not tokens.allow("Basic right")
    assert store.reads == 0


def test_the_secret_is_kept_and_then_read_again(store: Store, tokens: Tokens, clock: Clock) -> None:
    assert tokens.allow("Bearer right")
    clock.now += KEPT_SECONDS - 1
    assert tokens.allow("Bearer right")
    assert store.reads == 1
    store.secret = "new"
    clock.now += 1
    assert not tokens.allow("Bearer right")
    assert store.reads == 2


def test_a_new_secret_works_at_once(store: Store, tokens: Tokens, clock: Clock) -> None:
    assert tokens.allow("Bearer right")
    store.secret = "new"
    clock.now += AGAIN_SECONDS
    assert tokens.allow("Bearer new")
    assert not tokens.allow("Bearer right")


def test_guessing_does_not_keep_the_store_busy(store: Store, tokens: Tokens, clock: Clock) -> None:
    for guess in range(1000):
        assert not tokens.allow(f"Bearer {guess}")
        clock.now += AGAIN_SECONDS / 100
    assert store.reads <= 11


def test_a_store_that_does_not_answer_lets_nobody_in_and_is_asked_again(
    store: Store, tokens: Tokens
) -> None:
    store.secret = None
    with pytest.raises(ServiceUnavailable):
        tokens.allow("Bearer right")
    store.secret = "right"
    assert tokens.allow("Bearer right")


def test_a_store_that_fails_for_a_while_is_not_missed(
    store: Store, tokens: Tokens, clock: Clock
) -> None:
    assert tokens.allow("Bearer right")
    store.secret = None
    clock.now += KEPT_SECONDS - 1
    assert tokens.allow("Bearer right")
    clock.now += 1
    with pytest.raises(ServiceUnavailable):
        tokens.allow("Bearer right")


class Client:
    """An SSM client that answers with, or raises, what it was given."""

    def __init__(self, answer: Callable[[], str]) -> None:
        self._answer = answer

    def get_parameter(self, Name: str, WithDecryption: bool) -> dict[str, dict[str, str]]:  # noqa: N803
        assert WithDecryption and Name == "/app/token"
        return {"Parameter": {"Name": Name, "Value": self._answer()}}


def _broken() -> str:
    raise ConnectionResetError("reset")


def test_a_parameter_is_read_when_it_is_asked_for() -> None:
    made: list[Client] = []

    def make() -> Client:
        made.append(Client(lambda: "right"))
        return made[-1]

    parameter = Parameter(make, "/app/token")
    assert made == []
    assert [parameter.read(), parameter.read()] == ["right", "right"]
    assert len(made) == 1


def test_a_parameter_that_cannot_be_read_names_itself() -> None:
    with pytest.raises(ServiceUnavailable) as told:
        Parameter(lambda: Client(_broken), "/app/token").read()
    assert told.value.detail == "the parameter /app/token: reset"


def test_no_parameter_at_all_says_which_variable_names_it() -> None:
    with pytest.raises(NotConfigured, match=r"TOKEN_PARAMETER.*PUBLIC=true"):
        Parameter(lambda: pytest.fail("no client is made"), "").read()
