"""What a stage did in the last 24 hours by CloudWatch's metrics, and about what that cost."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from stage.prices import Prices

HOUR = 3600
BATCH = 100
"""Metrics in a request. CloudWatch allows 500."""
QUEUE_REQUESTS = (
    "NumberOfMessagesSent", "NumberOfMessagesDeleted", "NumberOfEmptyReceives",
    "NumberOfMessagesReceived",
)  # fmt: skip
"""About a request each: workers take one message at a time."""


class Metric(NamedTuple):
    """A metric of CloudWatch, of one dimension or more."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Function:
    """A function. memory: in MB. architecture: `x86_64` or `arm64`."""

    handler: str
    name: str
    memory: int
    architecture: str

    def metric(self, name: str) -> Metric:
        """Its metric of that name."""
        return Metric("AWS/Lambda", name, (("FunctionName", self.name),))

    @property
    def logs(self) -> Metric:
        """The bytes that it logged."""
        group = ("LogGroupName", f"/aws/lambda/{self.name}")
        return Metric("AWS/Logs", "IncomingBytes", (group,))


def sums(cloudwatch: Any, metrics: Iterable[Metric], end: datetime) -> dict[Metric, float]:
    """The sums of metrics over the 24 hours before `end`. A metric without data is 0."""
    wanted = list(dict.fromkeys(metrics))
    totals = dict.fromkeys(wanted, 0.0)
    for start in range(0, len(wanted), BATCH):
        group = wanted[start : start + BATCH]
        queries = [
            {
                "Id": f"m{number}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": metric.namespace, "MetricName": metric.name,
                        "Dimensions": [{"Name": k, "Value": v} for k, v in metric.dimensions],
                    },
                    "Period": HOUR, "Stat": "Sum",
                },
            }
            for number, metric in enumerate(group)
        ]  # fmt: skip
        pages = cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=end - timedelta(days=1), EndTime=end
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                totals[group[int(result["Id"][1:])]] += sum(result["Values"])
    return totals


class LastDay:
    """The calls and costs of a stage. end: the end of the 24 hours.

    api: dimensions of the REST API's metrics. queue: the name of the work queue.
    """

    def __init__(
        self,
        cloudwatch: Any,
        functions: list[Function],
        api: Mapping[str, str],
        queue: str,
        end: datetime,
    ) -> None:
        self._functions = functions
        self._requests = Metric("AWS/ApiGateway", "Count", tuple(api.items()))
        self._queue = [Metric("AWS/SQS", name, (("QueueName", queue),)) for name in QUEUE_REQUESTS]
        names = ("Invocations", "Duration", "Errors")
        ours = [function.metric(name) for function in functions for name in names]
        logs = [function.logs for function in functions]
        self._sums = sums(cloudwatch, [self._requests, *self._queue, *ours, *logs], end)

    def busy(self) -> list[tuple[Function, int, int, float]]:
        """The functions that were called: calls, errors, and seconds in all."""
        return [
            (
                function,
                int(self._sums[function.metric("Invocations")]),
                int(self._sums[function.metric("Errors")]),
                self._sums[function.metric("Duration")] / 1000,
            )
            for function in self._functions
            if self._sums[function.metric("Invocations")]
        ]

    def dollars(self, prices: Prices) -> dict[str, float]:
        """What it cost, by what is paid for, without what no metric tells."""
        calls = sum(called for _, called, _, _ in self.busy())
        time = sum(
            function.memory / 1024 * seconds * prices.aws_lambda[gb_second(function)]
            for function, _, _, seconds in self.busy()
        )
        asked = sum(self._sums[metric] for metric in self._queue)
        requests = self._sums[self._requests]
        logged = sum(self._sums[function.logs] for function in self._functions)
        return {
            "Lambda, time": time,
            "Lambda, requests": calls * prices.aws_lambda["million_requests"] / 1e6,
            "API Gateway": requests * prices.api_gateway["million_requests"] / 1e6,
            "SQS": asked * prices.sqs["million_requests"] / 1e6,
            "Logs": logged * prices.cloudwatch["log_gb"] / 1e9,
        }


def gb_second(function: Function) -> str:
    """The name of the price of its time."""
    return f"gb_second_{function.architecture}"
