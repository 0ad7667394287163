"""Checks the lengths of what the functions get, before anything is changed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chalicelib.command import APP
from tools.deploying.configuration import POLICIES
from tools.deploying.parameters import WISHES, variables_of
from tools.deploying.policies import rendered
from tools.deploying.step import DeployError
from tools.deploying.target import (
    Config,
    Target,
    Wishes,
    handlers,
    is_traced,
    stage_environment,
)

POLICY = 10_240
"""Characters of a role's policies, blanks left out
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""
ENVIRONMENT = 4096
"""Bytes of a function's variables, which Lambda measures as JSON
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""
SHORTER = "Name fewer buckets with --image-bucket."


def check(project: Path, target: Target, config: Config, wishes: Wishes) -> None:
    """Raise DeployError for an environment or a policy that AWS would refuse as too long."""
    kept = {
        name: value
        for name, value in stage_environment(config, target.stage).items()
        if name not in WISHES
    }
    variables = kept | variables_of(wishes, _outputs(target), "0" * 64)
    size = len(_text(variables).encode())
    if size > ENVIRONMENT:
        raise DeployError(
            f"The environment of the functions would have {size:,} bytes, but Lambda takes "
            f"{ENVIRONMENT:,}. {SHORTER}"
        )
    for handler in handlers(config, wishes.subscriptions):
        template = project / POLICIES / f"{handler}.json"
        policy = rendered(template, target, variables, is_traced(config, target.stage))
        size = len(_text(policy))
        if size > POLICY:
            raise DeployError(
                f"The policy of {handler} would have {size:,} characters, but a role takes "
                f"{POLICY:,}. {SHORTER}"
            )


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


def _outputs(target: Target) -> dict[str, str]:
    """What the stack will say of its resources."""
    images, results, models = target.buckets
    place = f"{target.partition}:states:{target.region}:{target.account}"
    return {
        "IMAGES_BUCKET": images,
        "RESULTS_BUCKET": results,
        "MODELS_BUCKET": models,
        "WORK_QUEUE": f"{target.name}-work",
        "DEAD_LETTER_QUEUE": target.dead_letters,
        "RESULTS_QUEUE": f"{target.name}-results",
        "EVENT_SOURCE": f"{APP}.{target.stage}",
        "WORKFLOW": f"arn:{place}:stateMachine:{target.name}-workflow",
    }
