"""The environment that leads to the local AWS and never to the real one."""

import os
from collections.abc import Mapping

from localcloud.listening import LOOPBACK

REGION = "us-east-1"
ACCOUNT = "123456789012"
"""The account that moto plays (its DEFAULT_ACCOUNT_ID)."""


def aws_environment(env: Mapping[str, str], port: int) -> dict[str, str]:
    """Returns `env` for a process that must find AWS on `port` of this machine.

    Of the user's own account it keeps only the region. The proxy stays for other hosts.
    """
    region = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or REGION
    # unbuffered, a line is two writes, and the lines of several processes mix
    kept = {
        name: value
        for name, value in env.items()
        if not name.startswith("AWS_") and name != "PYTHONUNBUFFERED"
    }
    no_proxy = ",".join(filter(None, (env.get("NO_PROXY") or env.get("no_proxy"), LOOPBACK)))
    return kept | {
        "AWS_ENDPOINT_URL": f"http://{LOOPBACK}:{port}",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",  # nosec B105 - moto takes any
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
    }
