"""All that an AWS holds, object for object, and to which stage each belongs."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

Client = Callable[[str], Any]
Inventory = dict[str, str]
"""By kind and name: the object as the AWS describes it, as JSON."""


def inventory(client: Client) -> Inventory:
    """Everything of the kinds that a deployment makes. client: gives the client of a service."""
    kinds = (_functions, _mappings, _layers, _roles, _rules, _logs, _parameters, _apis, _stacks,
             _buckets, _queues)  # fmt: skip
    return {
        f"{kind.__name__[1:]} {name}": json.dumps(_bare(resource), sort_keys=True, default=str)
        for kind in kinds
        for name, resource in kind(client)
    }


def of_stage(everything: Inventory, stage: str) -> Inventory:
    """What is named for the stage, or has to do with something that is."""
    ours = re.compile(rf"serverless-inception[-/]{stage}(?![a-z0-9])")
    return {key: text for key, text in everything.items() if ours.search(key + text)}


def differences(before: Inventory, after: Inventory) -> list[str]:
    """Of each object that is not as it was: before, and after."""
    keys = sorted(before.keys() | after.keys())
    changed = [key for key in keys if before.get(key) != after.get(key)]
    return [f"{key}: {before.get(key)} -> {after.get(key)}" for key in changed]


def _bare(answer: Any) -> Any:
    """Without what is of the call and not of the object: its id, and links that expire."""
    if isinstance(answer, dict):
        volatile = ("ResponseMetadata", "Location")
        return {key: _bare(value) for key, value in answer.items() if key not in volatile}
    return [_bare(item) for item in answer] if isinstance(answer, list) else answer


Found = Iterator[tuple[str, Any]]


def _functions(client: Client) -> Found:
    functions = client("lambda")
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            name = function["FunctionName"]
            parts: dict[str, Any] = {"function": functions.get_function(FunctionName=name)}
            for part, get in {
                "policy": functions.get_policy,
                "retries": functions.get_function_event_invoke_config,
            }.items():
                try:
                    parts[part] = get(FunctionName=name)
                except functions.exceptions.ResourceNotFoundException:
                    parts[part] = None
            yield name, parts


def _mappings(client: Client) -> Found:
    for mapping in client("lambda").list_event_source_mappings()["EventSourceMappings"]:
        yield mapping["UUID"], mapping


def _layers(client: Client) -> Found:
    functions = client("lambda")
    for layer in functions.list_layers()["Layers"]:
        name = layer["LayerName"]
        yield name, functions.list_layer_versions(LayerName=name)["LayerVersions"]


def _roles(client: Client) -> Found:
    iam = client("iam")
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            name = role["RoleName"]
            names = iam.list_role_policies(RoleName=name)["PolicyNames"]
            policies = [iam.get_role_policy(RoleName=name, PolicyName=policy) for policy in names]
            yield name, [iam.get_role(RoleName=name)["Role"], policies]


def _rules(client: Client) -> Found:
    events = client("events")
    for rule in events.list_rules()["Rules"]:
        yield rule["Name"], [rule, events.list_targets_by_rule(Rule=rule["Name"])["Targets"]]


def _logs(client: Client) -> Found:
    for group in client("logs").describe_log_groups()["logGroups"]:
        yield group["logGroupName"], group


def _parameters(client: Client) -> Found:
    ssm = client("ssm")
    for parameter in ssm.describe_parameters()["Parameters"]:
        yield parameter["Name"], ssm.get_parameter(Name=parameter["Name"], WithDecryption=True)


def _apis(client: Client) -> Found:
    gateway = client("apigateway")
    for api in gateway.get_rest_apis()["items"]:
        named = {"restApiId": api["id"]}
        parts = [
            gateway.get_resources(**named), gateway.get_authorizers(**named),
            gateway.get_gateway_responses(**named), gateway.get_stages(**named),
            gateway.get_deployments(**named),
        ]  # fmt: skip
        yield api["id"], [api, *parts]


def _stacks(client: Client) -> Found:
    formation = client("cloudformation")
    for stack in formation.describe_stacks()["Stacks"]:
        named = {"StackName": stack["StackName"]}
        resources = formation.list_stack_resources(**named)["StackResourceSummaries"]
        yield stack["StackName"], [stack, resources, formation.get_template(**named)]


def _buckets(client: Client) -> Found:
    s3 = client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=name).get("Contents", [])]
        yield name, [bucket, s3.get_bucket_notification_configuration(Bucket=name), keys]


def _queues(client: Client) -> Found:
    sqs = client("sqs")
    for url in sqs.list_queues().get("QueueUrls", []):
        yield url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn", "Policy"])
