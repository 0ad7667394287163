"""The stack: valid CloudFormation, and nothing in it that is open to the world."""

from typing import Any

import pytest
from cfnlint import lint_file
from cfnlint.decode import cfn_yaml

from localcloud.stack import variable
from tests.conftest import ROOT

TEMPLATE = ROOT / "infrastructure.yaml"


@pytest.fixture(scope="module")
def template() -> Any:
    return cfn_yaml.load(str(TEMPLATE))


def resources(template: Any, kind: str) -> dict[str, Any]:
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def test_cfn_lint_has_nothing_to_say() -> None:
    assert [str(match) for match in lint_file(TEMPLATE)] == []


def test_every_bucket_is_private_encrypted_and_tidied(template: Any) -> None:
    buckets = resources(template, "AWS::S3::Bucket")
    policies = resources(template, "AWS::S3::BucketPolicy")
    assert set(buckets) == {"ImagesBucket", "ResultsBucket", "ModelsBucket"}
    assert {policy["Bucket"]["Ref"] for policy in policies.values()} == set(buckets)
    for bucket in buckets.values():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["BucketEncryption"]
        (rule,) = bucket["LifecycleConfiguration"]["Rules"]
        assert rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1
    for policy in policies.values():
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Effect"] == "Deny"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_what_fails_five_times_is_a_dead_letter(template: Any) -> None:
    redrive = resources(template, "AWS::SQS::Queue")["WorkQueue"]["RedrivePolicy"]
    assert redrive["maxReceiveCount"] == 5
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}


def test_outputs_are_environment_variables(template: Any) -> None:
    assert {variable(name) for name in template["Outputs"]} == {
        "IMAGES_BUCKET", "RESULTS_BUCKET", "MODELS_BUCKET",
        "WORK_QUEUE", "DEAD_LETTER_QUEUE", "RESULTS_QUEUE",
    }  # fmt: skip
