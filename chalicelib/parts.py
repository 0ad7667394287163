"""The parts that a deployment may lack, and the settings that they need."""

from typing import NamedTuple

from chalicelib.errors import NotConfigured
from chalicelib.settings import Settings


class Part(NamedTuple):
    """A part of the service. needs: names of its settings. missing: the message without them."""

    needs: tuple[str, ...]
    missing: str

    def is_in(self, settings: Settings) -> bool:
        """Whether all its settings are set."""
        return all(getattr(settings, name) for name in self.needs)

    def check(self, settings: Settings) -> None:
        """Raises NotConfigured unless all its settings are set."""
        if not self.is_in(settings):
            raise NotConfigured(self.missing)


BATCHES = Part(
    ("images_bucket", "results_bucket", "work_queue"),
    "Batch is not set up here. It needs IMAGES_BUCKET, RESULTS_BUCKET and WORK_QUEUE; `make run` "
    "sets them.",
)
EXPERIMENT = Part(
    ("arms", "results_bucket"),
    "There is no experiment here. It needs RESULTS_BUCKET and, in ARMS, the models and their "
    "shares of the traffic, such as inception-v3=0.9 inception-v1=0.1; `make run` sets both.",
)
WORKFLOWS = Part(
    ("images_bucket", "results_bucket", "workflow"),
    "Workflows are not set up here. They need IMAGES_BUCKET, RESULTS_BUCKET and WORKFLOW, the "
    "ARN of the state machine; `make run` sets them.",
)
