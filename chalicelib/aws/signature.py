"""Sign requests as AWS wants them, without botocore."""

import hashlib
import hmac
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
"""What stands for the digest of a body; TLS protects it."""


def signed(
    url: str, service: str, env: Mapping[str, str], now: float | None = None
) -> dict[str, str]:
    """Returns the headers of a GET, by Signature Version 4
    (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html).

    url: quoted, its query sorted by name. env: has region and credentials. now: seconds since the
    epoch.
    """
    parts = urlsplit(url)
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    token = env.get("AWS_SESSION_TOKEN")
    headers = {
        "host": parts.netloc,
        "x-amz-content-sha256": UNSIGNED,
        "x-amz-date": moment,
        **({"x-amz-security-token": token} if token else {}),
    }
    names = ";".join(headers)
    lines = [f"{name}:{value}" for name, value in headers.items()]
    request = "\n".join(["GET", parts.path, parts.query, *lines, "", names, UNSIGNED])
    scope = [moment[:8], env["AWS_REGION"], service, "aws4_request"]
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join([ALGORITHM, moment, "/".join(scope), digest])
    key = b"AWS4" + env["AWS_SECRET_ACCESS_KEY"].encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    credential = "/".join([env["AWS_ACCESS_KEY_ID"], *scope])
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return headers | {
        "authorization": (
            f"{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
        )
    }
