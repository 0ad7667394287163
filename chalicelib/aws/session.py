"""Make the boto3 session of all clients, with a faster reader of times."""

from datetime import datetime
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def session() -> Any:
    """Returns a boto3 session with the credentials and region of the environment.

    botocore takes 40 µs to read a time, and a listing has a thousand: over half of its CPU time
    (docs/figures/avx2/batch.md).
    """
    import boto3
    import botocore.session

    core = botocore.session.get_session()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=read_time)
    return boto3.session.Session(botocore_session=core)


def read_time(value: Any) -> datetime:
    """Reads the time in an answer: ISO 8601 here, other forms as botocore does."""
    if isinstance(value, str) and value[10:11] == "T":
        return datetime.fromisoformat(value)
    from botocore.utils import parse_timestamp

    time: datetime = parse_timestamp(value)
    return time
