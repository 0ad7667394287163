"""Make a request's log line CloudWatch metrics as well, in the embedded metric format
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).

A metric is a field of the line, so no number is there twice. Requests are the samples of `total`.
"""

import time
from collections.abc import Mapping
from typing import Any

UNITS = {
    "total": "Milliseconds",
    "fetch": "Milliseconds",
    "decode": "Milliseconds",
    "infer": "Milliseconds",
    "images": "Count",
    "faults": "Count",
    "lost_arms": "Count",
}
"""All metrics and their units. CloudWatch charges for each metric of a stage."""


def embedded(
    namespace: str, service: str, facts: Mapping[str, Any], now: float | None = None
) -> dict[str, Any]:
    """Returns the fields of a log line, with those that turn them into metrics.

    service: the function's name, which tells one stage from another. now: seconds since the epoch.
    """
    lost = {"lost_arms": 1} if "lost_arm" in facts else {}
    fields = {**facts, "faults": int(facts["status"] >= 500), **lost}
    metrics = [{"Name": name, "Unit": UNITS[name]} for name in UNITS if name in fields]
    directive = {"Namespace": namespace, "Dimensions": [["service"]], "Metrics": metrics}
    stamp = int((time.time() if now is None else now) * 1000)
    metadata = {"Timestamp": stamp, "CloudWatchMetrics": [directive]}
    return {**fields, "service": service, "_aws": metadata}
