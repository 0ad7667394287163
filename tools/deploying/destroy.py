"""Takes a stage down, except for people's data."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from chalicelib.wording import count
from tools.deploying.chalicerecord import described
from tools.deploying.deployment import Deployment
from tools.deploying.layer import delete_versions, versions
from tools.deploying.step import Tell
from tools.deploying.target import MANAGED_LAYER

Removal = Callable[[Tell], Any]


@dataclass(frozen=True)
class Part:
    """A part to remove. what: in words. names: everything that goes with it."""

    what: str
    names: list[str]
    remove: Removal


def parts(deployment: Deployment, client: Any) -> Iterator[Part]:
    """The stage's existing parts, in the order of removal. client: Lambda's."""
    resources = deployment.record().resources()
    url = deployment.function_url.url()
    if url:
        yield Part(f"the Function URL {url}", [], deployment.function_url.delete)
    names = [described(resource) for resource in resources if resource["name"] != MANAGED_LAYER]
    if names:
        functions = count(len(deployment.record().functions()), "function")
        what = f"the API, {functions}, their roles and events"
        yield Part(what, names, deployment.functions.delete)
    groups = list(deployment.retention.groups())
    if groups:
        remove = deployment.retention.delete
        yield Part(
            f"the logs of {count(len(groups), 'function')}", groups, lambda _: remove(groups)
        )
    for layer in deployment.target.layers:
        numbers = [str(version["Version"]) for version in versions(client, layer)]
        if numbers:
            what = f"the layer {layer}, version {', '.join(numbers)}"
            yield Part(what, [], lambda _, layer=layer: delete_versions(client, layer))  # type: ignore[misc]
    if deployment.token.exists():
        yield Part(f"the token {deployment.target.token}", [], lambda _: deployment.token.delete())
    if deployment.monitoring.exists():
        what = f"the stack {deployment.target.monitoring}: alarms, dashboard"
        yield Part(what, deployment.monitoring.contents(), deployment.monitoring.delete)
    if deployment.stack.exists():
        what = f"the stack {deployment.target.name}: queues with what waits in them, state machine"
        yield Part(what, deployment.stack.contents(), deployment.stack.delete)
