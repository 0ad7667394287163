"""Parameters of a stage's stack, and environment variables of its functions."""

from collections.abc import Mapping

from chalicelib.subscriptions import VARIABLES
from tools.deploying.target import URL, Config, Target, Wishes, is_traced, visibility_timeout


def parameters(target: Target, config: Config, wishes: Wishes) -> dict[str, str]:
    """The parameters of the stack."""
    return {
        "Stage": target.stage,
        "VisibilityTimeout": str(visibility_timeout(config, target.stage)),
        "WithResultsQueue": str(wishes.results_queue).lower(),
        "UploadDays": str(wishes.upload_days),
        "NotifyEmail": wishes.notify_email,
        "WithTracing": str(is_traced(config, target.stage)).lower(),
    }


def monitoring_parameters(target: Target, wishes: Wishes) -> dict[str, str]:
    """The parameters of the stack of alarms."""
    return {
        "Stage": target.stage,
        "AlarmEmail": wishes.alarm_email,
        "WithUrl": str(wishes.front == URL).lower(),
    }


TOKEN = "TOKEN_SHA256"  # noqa: S105  # nosec B105 - the name of a variable
WISHES = ("MODEL", "ARMS", "PUBLIC", "IMAGE_BUCKETS", "FRONT", *VARIABLES.values())
"""Variables that record the options of a deployment."""
FORMER = ("DASHBOARD", "TOKEN_PARAMETER")
"""Variables that earlier deployments wrote."""


def variables_of(wishes: Wishes, outputs: Mapping[str, str], token: str) -> dict[str, str]:
    """The functions' environment, without the configuration's own variables.

    token: its digest.
    """
    access = {"PUBLIC": "true"} if wishes.public else {TOKEN: token}
    further = {"IMAGE_BUCKETS": " ".join(wishes.image_buckets)} if wishes.image_buckets else {}
    experiment = {"ARMS": wishes.arms} if wishes.arms else {}
    front = {"FRONT": URL} if wishes.front == URL else {}
    taken = wishes.subscriptions.variables()
    return {**outputs, "MODEL": wishes.model, **experiment, **access, **further, **front, **taken}
