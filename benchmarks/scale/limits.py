"""The limits that AWS publishes, and the settings of this project below them."""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.settings import ROOT
from tools.deploy import main as deploy
from tools.deploying.eventsources import WORKERS
from tools.deploying.target import WORKER, read_config, setting, visibility_timeout


@dataclass(frozen=True)
class Limit:
    """A limit. says: what it limits. source: where AWS publishes it."""

    value: float
    unit: str
    says: str
    source: str


Limits = Mapping[str, Limit]


def limits() -> dict[str, Limit]:
    """Reads limits.toml, by name."""
    text = Path(__file__).with_name("limits.toml").read_text()
    return {name: Limit(**entry) for name, entry in tomllib.loads(text).items()}


@dataclass(frozen=True)
class Backoff:
    """Waits between tries: full jitter below `first` seconds, which doubles up to `most`.

    tries: how many more before giving up; None for no end.
    """

    first: float
    most: float
    tries: int | None = None

    def ceiling(self, attempt: int) -> float:
        """Returns the longest wait, in seconds, after so many earlier failures."""
        return min(self.most, self.first * 2.0 ** min(attempt, 60))


@dataclass(frozen=True)
class Ours:
    """The project's own settings.

    workers: MaximumConcurrency of the queue's mapping. receives: of a message before it becomes a
    dead letter. timeout, visibility: seconds, of the worker and its message. memory_gb: of the
    functions that classify. map_concurrency: chunks of a large workflow at once. retry: of a
    throttled task. rate, burst: of the API's stage.
    """

    workers: int
    receives: int
    timeout: float
    visibility: float
    memory_gb: float
    map_concurrency: int
    retry: Backoff
    rate: float
    burst: float


def ours() -> Ours:
    """Reads the settings of the stage dev from the repository."""
    config = read_config(ROOT, "dev")
    defaults: dict[str | None, Any] = {param.name: param.default for param in deploy.params}
    template = (ROOT / "infrastructure.yaml").read_text()
    receives = re.search(r"maxReceiveCount: (\d+)", template)
    assert receives, "the work queue has a redrive policy"
    many = json.loads((ROOT / "workflow.asl.json").read_text())["States"]["Classify many"]
    return Ours(
        workers=WORKERS,  # unless the account is small
        receives=int(receives[1]),
        timeout=float(setting(config, "dev", WORKER, "lambda_timeout", 60)),
        visibility=float(visibility_timeout(config, "dev")),
        memory_gb=setting(config, "dev", WORKER, "lambda_memory_size", 128) / 1024,
        map_concurrency=int(many["MaxConcurrency"]),
        retry=_throttle_retry(many),
        rate=float(defaults["rate"]),
        burst=float(defaults["burst"]),
    )


def _throttle_retry(state: Mapping[str, Any]) -> Backoff:
    """Returns how the champion's task retries in an account that is at its limit."""
    branch = state["ItemProcessor"]["States"]["Chunk (many)"]["Branches"][0]
    (rule,) = (
        retry
        for retry in branch["States"]["Champion (many)"]["Retry"]
        if "Lambda.TooManyRequestsException" in retry["ErrorEquals"]
    )
    assert rule["BackoffRate"] == 2 and rule["JitterStrategy"] == "FULL"
    return Backoff(rule["IntervalSeconds"], rule["MaxDelaySeconds"], rule["MaxAttempts"])
