"""The session that all clients are made from: boto3's, which reads times faster."""

from datetime import datetime
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def session() -> Any:
    """A boto3 session with the credentials and region of the environment.

    botocore reads a time in 40 µs and a listing has a thousand: more than half of its CPU time
    (docs/figures/batch.md).
    """
    import boto3
    import botocore.session

    core = botocore.session.get_session()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=read_time)
    return boto3.session.Session(botocore_session=core)


def read_time(value: Any) -> datetime:
    """The time in an answer: ISO 8601 at once, and every other form as botocore reads it."""
    if isinstance(value, str) and value[10:11] == "T":
        return datetime.fromisoformat(value)
    from botocore.utils import parse_timestamp

    time: datetime = parse_timestamp(value)
    return time
