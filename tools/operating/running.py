"""A stage that runs, as its account shows it."""

from dataclasses import dataclass
from typing import Any

from chalicelib.settings import ROOT
from chalicelib.subscriptions import HANDLERS
from tools.deploying import checks
from tools.deploying.chalicerecord import Record
from tools.deploying.region import lives_here
from tools.deploying.step import DeployError
from tools.deploying.target import Config, Target, read_config


@dataclass(frozen=True)
class Running:
    """A stage. functions: ARNs by handler. session: gives the clients."""

    session: Any
    target: Target
    config: Config
    functions: dict[str, str]

    def client(self, service: str) -> Any:
        """A client of AWS."""
        return self.session.client(service)


def where(session: Any, stage: str) -> Target:
    """Where the stage is. Raises DeployError if it has no name here, or is in another region."""
    read_config(ROOT, stage)
    target, _ = checks.account(session, stage)
    lives_here(session.client("s3"), target)
    return target


def running(session: Any, stage: str) -> Running:
    """The stage. Raises DeployError if it is not deployed."""
    target = where(session, stage)
    record = Record(session, target, HANDLERS.values(), lambda: "", lambda: True)
    functions = record.functions()
    if not functions:
        raise DeployError(
            f"Stage {stage} is not deployed in {target.region} of account {target.account}. "
            f"Deploy it: make deploy STAGE={stage}. If it is elsewhere, give --region or --profile."
        )
    return Running(session, target, read_config(ROOT, stage), dict(sorted(functions.items())))
