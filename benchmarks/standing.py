"""What a stage costs a month besides its predictions: idle, called, and traced.

    python -m benchmarks.standing

Runs the deployed function of the schedule here, and counts its requests. Takes the alarms and the
dashboard from monitoring.yaml, the metrics from `chalicelib.metrics`, and the prices from
stage/prices.toml.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping

import click

from benchmarks import findings
from benchmarks.costing.figures import in_dollars
from benchmarks.costing.metering import Billed, cloud_of, invoked
from benchmarks.costing.notes import price_notes
from benchmarks.costing.pricing import HOURS, Duration, Way, dollars
from benchmarks.findings import Figure, Record, Table
from chalicelib.inference.packages import read_package
from chalicelib.metrics import UNITS
from chalicelib.settings import MEMORY_PER_CPU_MB, ROOT
from localcloud.events import scheduled_event
from stage.prices import Prices, load
from tools.bundling.pythons import BundleError

SECONDS = HOURS * 3600
"""In a month."""

POLLERS = 5
POLL_SECONDS = 20
"""Lambda keeps this many requests waiting at an empty queue, each for so many seconds
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html)."""

TICK_SECONDS = 300

RESERVOIR = 1
SAMPLED = 0.05
"""X-Ray's default rule: the traces kept of each second, and the share kept of the rest
(https://docs.aws.amazon.com/xray/latest/devguide/xray-console-sampling.html)."""

CALLS = (100_000, 1_000_000, 10_000_000, 100_000_000)
"""Calls a month in the table of traces."""

TICKS = 5
"""Runs of the schedule here; the first is cold and does not count."""

ALARM = re.compile(
    r"^    Type: AWS::CloudWatch::Alarm\n(?:    Condition: (\w+)\n)?(.*?)(?=^  \w+:\n)", re.M | re.S
)


def traced(calls: float, seconds: float = SECONDS) -> float:
    """Returns how many of the calls X-Ray traces, if they are spread evenly over the time."""
    first = RESERVOIR * seconds * -math.expm1(-calls / seconds)
    return first + (calls - first) * SAMPLED


def alarm_metrics(template: str) -> Counter[str]:
    """Counts the metrics of alarms, by the condition of the alarm; "" for those without one."""
    counts: Counter[str] = Counter()
    for condition, alarm in ALARM.findall(template):
        counts[condition] += alarm.count("MetricName:")
    return counts


def tick_dollars(prices: Prices, tick: Billed) -> float:
    """Returns what the schedule costs a month if it has nothing to do."""
    way = Way(
        "tick", 1, Duration({1: tick.warm_ms}, tick.cpu_ms), Duration({1: 0.0}, 0), {},
        reads=tick.requests("reads"), writes=tick.requests("writes"),
        queue_requests=tick.requests("queue"), log_bytes=tick.log_bytes,
    )  # fmt: skip
    per_tick = sum(dollars(prices, way, MEMORY_PER_CPU_MB, "x86_64", 0).values())
    return per_tick * SECONDS / TICK_SECONDS


def idle(prices: Prices, tick: float, template: str) -> dict[str, float]:
    """Returns what a month without calls costs, by what is paid for."""
    cloudwatch = prices.cloudwatch
    polls = POLLERS * SECONDS / POLL_SECONDS
    return {
        "Lambda's looks into the empty work queue": polls * prices.sqs["million_requests"] / 1e6,
        "the schedule": tick,
        "the alarms that are always there": (
            alarm_metrics(template)[""] * cloudwatch["alarm_metric_month"]
        ),
        "the dashboard": cloudwatch["dashboard_month"],
    }


FREE = {
    "Lambda's looks into the empty work queue": "a million requests",
    "the schedule": "a million requests and 400,000 GB-seconds",
    "the alarms that are always there": "10 metrics",
    "the dashboard": "3",
    "the alarm of a Function URL": "of the same 10",
    "the alarms with an e-mail": "of the same 10",
    "the metrics of a stage that is called every hour": "10",
}
"""What an account gets free every month
(https://aws.amazon.com/free/, https://aws.amazon.com/cloudwatch/pricing/)."""


def reckoned(prices: Prices, tick: float, template: str) -> Record:
    """Returns the whole bill."""
    parts = idle(prices, tick, template)
    cloudwatch, watched = prices.cloudwatch, alarm_metrics(template)
    more = {
        "the alarm of a Function URL": watched["WithUrl"] * cloudwatch["alarm_metric_month"],
        "the alarms with an e-mail": watched["WithAlarmEmail"] * cloudwatch["alarm_metric_month"],
        "the metrics of a stage that is called every hour": len(UNITS) * cloudwatch["metric_month"],
    }
    return Record(
        name="standing",
        title="What a stage costs besides its predictions",
        figures=[
            in_dollars("idle", "a month without a call, before free tiers", sum(parts.values())),
            *(in_dollars(_key(name), name, cost) for name, cost in (parts | more).items()),
            *_traces(prices),
        ],
        tables=[_months(parts, more), _tracing(prices)],
        notes=[
            "AWS charges metrics and alarms by the hour; a metric counts in the hours in which "
            "it is sent. Buckets cost what is stored in them. The Parameter Store's token, the "
            "layers and the schedule's rule cost nothing.",
            "Traces: calls come at random and evenly over the month. X-Ray keeps the first call "
            f"of each second and {SAMPLED:.0%} of the rest.",
            *price_notes(prices),
        ],
    )


def _traces(prices: Prices) -> list[Figure]:
    kept = traced(1e6)
    cost = kept * prices.xray["million_traces"] / 1e6
    return [
        in_dollars("traces", "X-Ray, if a stage asks for it, of a million calls", cost),
        Figure("traced", "of these calls, traced", kept / 1e6, f"{kept / 1e6:.0%}"),
    ]


def _months(parts: Mapping[str, float], more: Mapping[str, float]) -> Table:
    rows = [[name, f"{cost:.2f}", FREE[name]] for name, cost in parts.items()]
    rows.append(["together, for a stage that nobody calls", f"{sum(parts.values()):.2f}", ""])
    rows += [[name, f"{cost:.2f}", FREE[name]] for name, cost in more.items()]
    return Table("A month, dollars", ["", "dollars", "free in an account"], rows)


def _tracing(prices: Prices) -> Table:
    rows = []
    for calls in CALLS:
        kept = traced(calls)
        cost = kept * prices.xray["million_traces"] / 1e6
        rows.append([f"{calls:,}", f"{kept / calls:.0%}", f"{cost:.2f}"])
    return Table("X-Ray, if a stage asks for it", ["calls a month", "traced", "dollars"], rows)


def _key(name: str) -> str:
    return name.split(" of ")[0].lower().replace("'", "").replace(" ", "-")


@click.command(help=__doc__)
@findings.options
def main(as_json: bool, save: bool) -> None:
    """Run the schedule's function, reckon, print."""
    prices, template = load(), (ROOT / "monitoring.yaml").read_text()
    try:
        with cloud_of(read_package(ROOT / "vendor" / "models" / "doodle")) as cloud:
            tick = invoked(cloud, "on_tick", [scheduled_event("tick", "eu-west-1")] * TICKS, 1)
    except BundleError as error:
        raise click.ClickException(str(error)) from error
    findings.publish(reckoned(prices, tick_dollars(prices, tick), template), as_json, save)


if __name__ == "__main__":
    main()
