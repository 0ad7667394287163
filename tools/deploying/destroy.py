"""The way back: what a stage is made of is taken away, but for what people put into it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tools.deploying.deployment import Deployment
from tools.deploying.layer import delete_versions, versions
from tools.deploying.step import Tell

Removal = Callable[[Tell], Any]


@dataclass(frozen=True)
class Part:
    """Something that is there. what: in words. remove: takes it away."""

    what: str
    remove: Removal


def parts(deployment: Deployment, client: Any) -> Iterator[Part]:
    """What of the stage is there, in the order in which it goes. client: Lambda's."""
    resources = deployment.record().resources()
    if resources:
        functions = len(deployment.record().functions())
        yield Part(
            f"the API, {functions} functions, their roles and events", deployment.functions.delete
        )
    groups = deployment.retention.groups()
    if groups:
        yield Part(
            f"the logs of {len(groups)} functions", lambda tell: deployment.retention.delete()
        )
    for layer in (deployment.target.layer, deployment.target.engine_layer):
        published = versions(client, layer)
        if published:
            yield Part(
                f"{len(published)} versions of the layer {layer}",
                lambda tell, layer=layer: delete_versions(client, layer),  # type: ignore[misc]
            )
    if deployment.token.exists():
        yield Part(f"the token {deployment.target.token}", lambda tell: deployment.token.delete())
    if deployment.stack.describe():
        yield Part(
            f"the stack {deployment.target.name}: queues with what waits in them, state machine, "
            "alarms, dashboard",
            deployment.stack.delete,
        )
