"""Make clients of AWS. The first client imports boto3, which takes a while."""

from functools import partial
from typing import Any


def client(
    service: str,
    connect_timeout: float = 3,
    read_timeout: float = 10,
    attempts: int = 4,
    **options: Any,
) -> Any:
    """Makes a client of that service. Timeouts are in seconds, for each attempt."""
    from botocore.config import Config

    from chalicelib.aws.session import session

    config = Config(
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        max_pool_connections=32,
        **options,
    )
    return session().client(service, config=config)


def s3(**limits: Any) -> Any:
    """Makes a client of S3. limits: see `client`."""
    # Forms and links are signed as buckets made since 2020 want it, for the bucket's own region:
    # the global endpoint redirects there at first, which a signature does not outlive
    # (https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html).
    address = {"addressing_style": "virtual"}
    return client("s3", signature_version="s3v4", s3=address, **limits)


quick_s3 = partial(s3, connect_timeout=1, read_timeout=2, attempts=2)
"""Makes a client of S3 that gives up soon, for data that an answer can do without."""
