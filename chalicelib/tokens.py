"""Decide who may call: whoever shows the stage's token."""

import hmac
import time
from collections.abc import Callable
from hashlib import sha256

from chalicelib.errors import Forbidden, NotConfigured, Unauthorized

KEPT_SECONDS = 300.0
"""How long the secret is used before it is read again."""

AGAIN_SECONDS = 10.0
"""A wrong token makes it read the secret again, so that a new secret works at once. It waits this
long in between, so that guessing does not keep the store busy."""

NEEDED = "This needs a token; send the header Authorization: Bearer TOKEN."
WRONG = "This is not the token of this service."


class Tokens:
    """The token of a stage.

    read: returns the secret. Raises NotConfigured or ServiceUnavailable if it cannot be read.
    clock: seconds that only go forward.
    """

    def __init__(
        self, read: Callable[[], str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read, self._clock = read, clock
        self._kept, self._read_at = b"", float("-inf")

    def allow(self, authorization: str) -> bool:
        """Whether the header's value is `Bearer TOKEN`, with the right token.

        The scheme is in any case (https://www.rfc-editor.org/rfc/rfc9110#section-11.1). Raises
        what reading the secret does, and NotConfigured if it is empty.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return False
        shown = _digest(token)
        # digests have one length, so that the comparison's time says nothing about the secret's
        return any(
            hmac.compare_digest(shown, self._secret(age)) for age in (KEPT_SECONDS, AGAIN_SECONDS)
        )

    def check(self, authorization: str) -> None:
        """Raises Unauthorized without a header, Forbidden for a wrong one, and what `allow` does.

        authorization: the header's value; empty without one.
        """
        if not authorization:
            raise Unauthorized(NEEDED)
        if not self.allow(authorization):
            raise Forbidden(WRONG)

    def _secret(self, max_age: float) -> bytes:
        """Returns the digest of the secret, read at most `max_age` seconds ago."""
        now = self._clock()
        if now - self._read_at >= max_age:
            secret = self._read()
            if not secret.strip():
                raise NotConfigured("The stored token is empty; deploy the stage again.")
            self._kept, self._read_at = _digest(secret), now
        return self._kept


def _digest(token: str) -> bytes:
    return sha256(token.strip().encode(errors="surrogatepass")).digest()
