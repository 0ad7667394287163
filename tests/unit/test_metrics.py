"""The metrics of a request."""

import json
import subprocess
import sys

import pytest

from chalicelib.metrics import embedded
from tests.conftest import ROOT

CALL = """
from chalice.test import Client
import app
with Client(app.app) as client:
    assert client.http.get("/openapi.json").status_code == 200
    assert client.http.get("/static/none.js").status_code == 404
"""


def test_a_request_is_one_line_that_is_its_metrics_too() -> None:
    run = [sys.executable, "-c", CALL]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)
    page, missing = map(json.loads, done.stdout.splitlines())
    assert (page["message"], page["level"], page["status"]) == ("GET /openapi.json", "INFO", 200)
    assert missing["error"] == "NotFound" and missing["status"] == 404
    for line in (page, missing):
        assert line["request_id"] and line["timestamp"]
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "serverless-inception"
        assert [metric["Name"] for metric in directive["Metrics"]] == ["total", "faults"]
        assert line["total"] > 0 and line["faults"] == 0 and line["service"]


def test_a_metric_is_a_field_of_the_line_and_has_its_unit() -> None:
    facts = {"status": 503, "total": 12.5, "infer": 8.25, "images": 3, "lost_arm": "a"}
    fields = embedded("app", "app-dev", facts, now=1_800_000_000.25)
    metadata = fields.pop("_aws")
    assert fields == {**facts, "service": "app-dev", "faults": 1, "lost_arms": 1}
    assert metadata["Timestamp"] == 1_800_000_000_250
    (directive,) = metadata["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["service"]]
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert units == {
        "total": "Milliseconds", "infer": "Milliseconds", "images": "Count", "faults": "Count",
        "lost_arms": "Count",
    }  # fmt: skip


@pytest.mark.parametrize(("status", "faults"), [(200, 0), (499, 0), (500, 1), (503, 1)])
def test_a_fault_is_ours_from_500_on(status: int, faults: int) -> None:
    assert embedded("app", "app-dev", {"status": status}, now=0)["faults"] == faults
