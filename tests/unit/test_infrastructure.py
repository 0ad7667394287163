"""The stacks: valid CloudFormation, and nothing in them that is open to the world."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.batch.announcement import KIND, BatchFinished
from chalicelib.workflow.publish import ENDED, RunFinished
from stage.template import assembled, variable, with_bucket_names
from tests.conftest import ROOT
from tools.deploying.target import Target

CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())
TEXT = assembled(ROOT / "infrastructure.yaml")
TEMPLATE_BYTES = 51_200
"""Of a template that does not lie in a bucket
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html)."""
STATES_ARN = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:"
WORKFLOW = "serverless-inception-${Stage}-workflow"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("stack") / "template.yaml"
    made.write_text(TEXT)
    return made


@pytest.fixture(scope="module")
def template(file: Path) -> Any:
    from cfnlint.decode import cfn_yaml

    return cfn_yaml.load(str(file))


def resources(template: Any, kind: str) -> dict[str, Any]:
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def lint(path: Path) -> list[Any]:
    from cfnlint import lint_file  # takes a second, which only one worker need spend

    return list(lint_file(path))


@pytest.mark.parametrize("name", ["infrastructure.yaml", "monitoring.yaml"])
def test_cfn_lint_has_nothing_to_say(name: str, tmp_path: Path) -> None:
    """Neither with the names of buckets as expressions nor written out, as they are deployed."""
    text = assembled(ROOT / name)
    sent = with_bucket_names(text, "a" * 16, "123456789012")
    for number, variant in enumerate({text, sent}):
        path = tmp_path / f"{number}.yaml"
        path.write_text(variant)
        assert [str(match) for match in lint(path)] == []
    assert len(sent.encode()) < TEMPLATE_BYTES


def definition_text(template: Any) -> str:
    (machine,) = resources(template, "AWS::StepFunctions::StateMachine").values()
    return str(machine["DefinitionString"]["Fn::Sub"])


def definition(template: Any) -> Any:
    """The state machine's, as CloudFormation would fill it in."""
    text = definition_text(template)
    known = {
        "AWS::Partition": "aws", "AWS::Region": "eu-west-1", "AWS::AccountId": "123456789012",
        "Stage": "dev",
    }  # fmt: skip
    return json.loads(re.sub(r"\$\{(.*?)\}", lambda match: known[match[1]], text))


def complaints(definitions: list[Any], folder: Path) -> list[list[str]]:
    """What cfn-lint's rule for state machines says of each; it passes over one that is to be filled
    in."""
    role, kind = "arn:aws:iam::123456789012:role/any", "AWS::StepFunctions::StateMachine"
    machines = {
        f"Machine{number}": {
            "Type": kind,
            "Properties": {"Definition": definition, "RoleArn": role},
        }
        for number, definition in enumerate(definitions)
    }
    path = folder / "machines.json"
    path.write_text(json.dumps({"Resources": machines}))
    told: dict[str, list[str]] = {name: [] for name in machines}
    for match in lint(path):
        told[str(match.path[1])].append(f"{match.rule.id} {match.message}")
    return list(told.values())


CHANGES = [
    ("StartAt", "Nowhere"),
    ("States/Prepare/Type", "Tsak"),
    ("States/Prepare/Retries", []),
    ("States/Classify/MaxConcurrency", "forty"),
    ("States/Classify/ItemProcessor/StartAt", "Nowhere"),
    ("States/Judge/Catch/0", {"ErrorEquals": ["States.ALL"]}),
]  # fmt: skip


def test_the_state_machine_is_valid_and_cfn_lint_would_notice(
    template: Any, tmp_path: Path
) -> None:
    valid = definition(template)
    wrong = [changed(valid, path, value) for path, value in CHANGES]
    none, *told = complaints([valid, *wrong], tmp_path)
    assert none == []
    for change, report in zip(CHANGES, told, strict=True):
        assert report and all(complaint.startswith("E3601") for complaint in report), change


@pytest.mark.parametrize(("path", "value"), [
    ("States/Prepare/Retry/0/JitterStrategy", "HALF"),
    ("States/Decide/Choices/0/Variable", 5),
    ("States/Classify many/ItemProcessor/States/Chunk (many)/Branches/0/StartAt", 1),
    ("States/Classify many/ItemReader/Resource", None),
])  # fmt: skip
def test_the_interpreters_grammar_goes_deeper(template: Any, path: str, value: Any) -> None:
    """The local one's, which cfn-lint's schema leaves such things to."""
    from moto.stepfunctions.parser.asl.parse.asl_parser import (
        AmazonStateLanguageParser,
        ASLParserException,
    )

    valid = definition(template)
    AmazonStateLanguageParser.parse(json.dumps(valid))
    with pytest.raises(ASLParserException):
        AmazonStateLanguageParser.parse(json.dumps(changed(valid, path, value)))


def changed(definition: Any, path: str, value: Any) -> Any:
    """A copy with another value at that path."""
    copied = json.loads(json.dumps(definition))
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("/"))
    place = copied
    for part in parents:
        place = place[part]
    place[last] = value
    return copied


def test_every_bucket_is_private_encrypted_and_kept(template: Any) -> None:
    buckets = resources(template, "AWS::S3::Bucket")
    policies = resources(template, "AWS::S3::BucketPolicy")
    assert set(buckets) == {"ImagesBucket", "ResultsBucket", "ModelsBucket"}
    assert {policy["Bucket"]["Ref"] for policy in policies.values()} == set(buckets)
    for name, bucket in buckets.items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["BucketEncryption"]
        assert template["Resources"][name]["DeletionPolicy"] == "Retain"
        assert template["Resources"][name]["UpdateReplacePolicy"] == "Retain"
    for policy in policies.values():
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Effect"] == "Deny"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_nothing_is_deleted_but_uploads_where_that_is_asked_for(template: Any) -> None:
    deleted = []
    for name, bucket in resources(template, "AWS::S3::Bucket").items():
        tidy, *others = bucket["LifecycleConfiguration"]["Rules"]
        assert tidy["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1
        assert "ExpirationInDays" not in tidy
        for other in others:
            if "Fn::If" not in other:
                assert "ExpirationInDays" not in other, "what is current stays"
                continue
            condition, rule, otherwise = other["Fn::If"]
            assert (condition, otherwise) == ("WithUploadDays", {"Ref": "AWS::NoValue"})
            deleted.append((name, rule["Prefix"]))
    assert deleted == [("ImagesBucket", "uploads/"), ("ImagesBucket", "batches/")]
    assert template["Parameters"]["UploadDays"]["Default"] == 0


def test_what_fails_five_times_is_a_dead_letter(template: Any) -> None:
    redrive = resources(template, "AWS::SQS::Queue")["WorkQueue"]["RedrivePolicy"]
    assert redrive["maxReceiveCount"] == 5
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}


def test_a_message_stays_hidden_for_six_times_as_long_as_a_worker_may_take(template: Any) -> None:
    assert resources(template, "AWS::SQS::Queue")["WorkQueue"]["VisibilityTimeout"] == {
        "Ref": "VisibilityTimeout"
    }
    worker = CONFIG["lambda_functions"]["on_work"]["lambda_timeout"]
    default = template["Parameters"]["VisibilityTimeout"]["Default"]
    assert default >= 6 * worker


def test_outputs_are_environment_variables(template: Any) -> None:
    assert {variable(name) for name in template["Outputs"]} == {
        "IMAGES_BUCKET", "RESULTS_BUCKET", "MODELS_BUCKET", "WORK_QUEUE", "DEAD_LETTER_QUEUE",
        "RESULTS_QUEUE", "WORKFLOW", "EVENT_SOURCE",
    }  # fmt: skip


def test_what_holds_data_is_tagged(template: Any) -> None:
    kinds = ("AWS::S3::Bucket", "AWS::SQS::Queue")
    held = [resource for kind in kinds for resource in resources(template, kind).values()]
    assert len(held) == 6
    for resource in held:
        tags = {tag["Key"]: tag["Value"] for tag in resource["Tags"]}
        assert tags == {"application": "serverless-inception", "stage": {"Ref": "Stage"}}


def test_the_api_has_the_log_group_that_lambda_writes_to(template: Any) -> None:
    logs = resources(template, "AWS::Logs::LogGroup")["ApiLogs"]
    name = Target("${Stage}", "123456789012", "eu-west-1").function("api_handler")
    assert logs["LogGroupName"]["Fn::Sub"] == f"/aws/lambda/{name}"
    assert logs["RetentionInDays"] == CONFIG["log_retention_in_days"]
    assert CONFIG["lambda_functions"]["api_handler"]["log_retention_in_days"] == 0


def test_a_model_that_was_overwritten_can_be_had_back_for_a_month(template: Any) -> None:
    buckets = resources(template, "AWS::S3::Bucket")
    kept = {name for name, bucket in buckets.items() if "VersioningConfiguration" in bucket}
    assert kept == {"ModelsBucket"}
    assert buckets["ModelsBucket"]["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = buckets["ModelsBucket"]["LifecycleConfiguration"]["Rules"]
    (forgets,) = [rule for rule in rules if "NoncurrentVersionExpiration" in rule]
    assert forgets["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}


def granted(template: Any) -> dict[str, tuple[set[str], set[str]]]:
    """What the state machine's role allows, by statement: the actions, and on what."""
    (role,) = resources(template, "AWS::IAM::Role").values()
    (policy,) = role["Policies"]
    statements = map(if_asked, policy["PolicyDocument"]["Statement"])
    return {
        statement["Sid"]: (set(listed(statement["Action"])), set(listed(statement["Resource"])))
        for statement in statements
    }


def if_asked(value: Any) -> Any:
    """What the template has where all that can be asked of a stage is asked."""
    return value["Fn::If"][1] if "Fn::If" in value else value


def listed(value: Any) -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        yield item["Fn::Sub"] if isinstance(item, dict) else item


def test_the_state_machine_may_do_what_it_does_and_no_more(template: Any) -> None:
    grants = granted(template)
    logs, _ = grants.pop("DeliverLogs")
    traces, _ = grants.pop("Trace")
    assert {action.split(":")[0] for action in logs} == {"logs"}
    assert {action.split(":")[0] for action in traces} == {"xray"}
    assert not [action for action in logs | traces if "*" in action]
    functions = set(re.findall(r'"FunctionName":"(.*?)"', definition_text(template)))
    assert len(functions) == 6
    execution = f"{STATES_ARN}execution:{WORKFLOW}"
    assert grants == {
        "CallTasks": ({"lambda:InvokeFunction"}, functions),
        "ReadItems": ({"s3:GetObject"}, {"${ResultsBucket.Arn}/workflows/*"}),
        "RunItsChunks": ({"states:StartExecution"}, {f"{STATES_ARN}stateMachine:{WORKFLOW}"}),
        "WatchItsChunks": (
            {"states:DescribeExecution", "states:StopExecution"},
            {f"{execution}:*", f"{execution}/chunks:*"},
        ),
    }


def test_only_step_functions_of_this_account_takes_the_role(template: Any) -> None:
    (role,) = resources(template, "AWS::IAM::Role").values()
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "states.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }


def test_what_fails_is_logged_without_its_data_and_kept_a_month(template: Any) -> None:
    (machine,) = resources(template, "AWS::StepFunctions::StateMachine").values()
    group = resources(template, "AWS::Logs::LogGroup")["WorkflowLogs"]
    logging = machine["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)
    assert group["RetentionInDays"] == 30


def test_ends_are_told_by_e_mail_only_of_this_stage(template: Any) -> None:
    (policy,) = resources(template, "AWS::SNS::TopicPolicy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    rules = resources(template, "AWS::Events::Rule")
    sources = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert len(sources) == len(rules) == 2
    for rule, source in zip(rules.values(), sources, strict=True):
        assert source["Fn::Sub"].endswith(f":rule/{rule['Name']['Fn::Sub']}")
        assert rule["EventPattern"]["source"] == [template["Outputs"]["EventSource"]["Value"]]
    kinds = {kind for rule in rules.values() for kind in rule["EventPattern"]["detail-type"]}
    assert kinds == {KIND, ENDED}
    for rule, detail in zip(rules.values(), (BatchFinished, RunFinished), strict=True):
        ((_, transformer),) = [
            (target["Arn"], target["InputTransformer"]) for target in rule["Targets"]
        ]
        paths = transformer["InputPathsMap"]
        fields = {path.split(".")[2] for path in paths.values()}
        assert fields <= {*detail.__struct_fields__}
        text = transformer["InputTemplate"]["Fn::Sub"]
        assert {*re.findall(r"<(\w+)>", text)} == {*paths}
