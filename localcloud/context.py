"""The context object that Lambda gives to a function."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class LambdaContext:
    """The context of one invocation (https://docs.aws.amazon.com/lambda/latest/dg/python-context.html).

    deadline: when the function is stopped, in seconds since the epoch.
    """

    function_name: str
    invoked_function_arn: str
    memory_limit_in_mb: int
    aws_request_id: str
    log_stream_name: str
    deadline: float
    function_version: str = "$LATEST"
    identity: None = None
    client_context: None = None

    @property
    def log_group_name(self) -> str:
        """The group of its logs on AWS."""
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Returns the milliseconds until the function is stopped."""
        return max(0, int((self.deadline - time.time()) * 1000))
