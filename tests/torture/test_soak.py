"""Twenty minutes of everything at once, on the real processes of the local cloud."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.e2e.conftest import file_server, running
from tests.torture.conftest import Outcome
from tests.torture.soak import Soak


def test_soak(tmp_path: Path, long: bool, outcome: Outcome, request: pytest.FixtureRequest) -> None:
    """Batches beside single URLs, while functions and AWS are killed, a tenth of the reads and
    writes of S3 go wrong, messages are lost and doubled, and two schedules run."""
    if not long:
        pytest.skip("it takes minutes in any form; make torture runs it")
    seconds = request.config.getoption("--soak-seconds")
    options = ("--visibility-timeout", "20", "--schedule-seconds", "3", "--concurrency", "4")
    options += ("--parameter", "WithResultsQueue=true", "--aws", "tests.torture.faultyaws")
    with (
        file_server(ROOT / "chalicelib" / "web") as host,
        running(tmp_path / "log", "doodle", *options) as cloud,
    ):
        soak = Soak(cloud, host, seconds)
        soak.run()
    figures = ", ".join(f"{count:,} {what}" for what, count in sorted(soak.counts.items()))
    outcome(
        "soak: batches of 300 beside single URLs, kills of functions and of AWS, a tenth of S3's "
        "reads and writes refused or too late, messages lost and doubled, two schedules",
        "every batch that says it has finished balances, and every one ends; "
        "what the local AWS held in memory is lost with it",
        f"{seconds:.0f} s and until the last had ended: {figures}",
    )
