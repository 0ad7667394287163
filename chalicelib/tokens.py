"""Decide who may call: every caller with the stage's token."""

import hmac
import re
from hashlib import sha256

from chalicelib.errors import Forbidden, NotConfigured, Unauthorized

NEEDED = "This needs a token; send the header Authorization: Bearer TOKEN."
WRONG = "This is not the token of this service."
UNSET = (
    "TOKEN_SHA256 must be the SHA-256 of the callers' token, in 64 hexadecimal digits. Deploy the "
    "stage with `make deploy`, or run `make infra` and then `chalice deploy`; or set PUBLIC=true "
    "to let everybody call."
)
HEXADECIMAL = re.compile(r"[0-9a-f]{64}")


class Tokens:
    """The token of a stage, known only by its digest, so that a cold start needs no call to AWS.

    sha256: see `digest`. It needs neither salt nor a slow hash, because the token has 256 random
    bits: nobody can guess it, even with the digest.
    """

    def __init__(self, sha256: str) -> None:
        self._sha256 = sha256

    def allow(self, authorization: str) -> bool:
        """Whether the header's value is `Bearer TOKEN`, with the right token.

        The scheme is in any case (https://www.rfc-editor.org/rfc/rfc9110#section-11.1). Raises
        NotConfigured if there is no digest.
        """
        if not HEXADECIMAL.fullmatch(self._sha256):
            raise NotConfigured(UNSET)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return False
        # digests have one length, so that the comparison's time says nothing about the token
        return hmac.compare_digest(digest(token), self._sha256)

    def check(self, authorization: str) -> None:
        """Raises Unauthorized without a header, Forbidden for a wrong one, and what `allow` does.

        authorization: the header's value; empty without one.
        """
        if not authorization:
            raise Unauthorized(NEEDED)
        if not self.allow(authorization):
            raise Forbidden(WRONG)


def digest(token: str) -> str:
    """Returns the SHA-256 of a token, in hexadecimal digits. Blanks around it do not count."""
    return sha256(token.strip().encode(errors="surrogatepass")).hexdigest()
