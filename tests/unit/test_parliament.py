"""The functions' policies before a linter that knows every action of AWS and what it is done to."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.unit.test_policies import ENVIRONMENT, TARGET
from tools.deploying.policies import rendered

EXTRAS = {
    "dynamodb:ListStreams": "of one table's streams, as SAM's DynamoDBStreamReadPolicy grants it",
    "states:ListExecutions": "of Map Runs too, which nothing here lists",
    "states:DescribeExecution": "of Express workflows too, and ours is a Standard one",
}
"""Actions on other resources than parliament knows of, which it takes for a mistake."""


Lint = Callable[[Any], list[tuple[str, str]]]
"""Returns the issues of a policy, and the action that each is about."""


@pytest.fixture(scope="module")
def lint() -> Lint:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its files open
        warnings.filterwarnings("ignore", "pkg_resources is deprecated")
        from parliament import (
            analyze_policy_string,  # takes a second: only one worker need spend it
        )

    def findings(policy: Any) -> list[tuple[str, str]]:
        told = []
        for finding in analyze_policy_string(json.dumps(policy)).findings:
            detail = finding.detail[0] if isinstance(finding.detail, list) else {}
            told.append((finding.issue, detail.get("action", str(finding.detail))))
        return told

    return findings


TEMPLATES = sorted((ROOT / "policies").glob("*.json"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_a_policy_makes_sense(lint: Lint, template: Path) -> None:
    policy = rendered(template, TARGET, ENVIRONMENT, traced=True)
    rest = [told for told in lint(policy) if told[1] not in EXTRAS]
    assert rest == []


@pytest.mark.parametrize(
    ("change", "issue"),
    [
        ({"Action": "s3:GetObjekt"}, "UNKNOWN_ACTION"),
        ({"Action": "s3:ListBucket"}, "RESOURCE_MISMATCH"),
        ({"Resource": "arn:aws:s3:::results"}, "RESOURCE_MISMATCH"),
        ({"Condition": {"StringLike": {"s3:prefix": "a"}}}, "UNKNOWN_CONDITION_FOR_ACTION"),
        ({"Effect": "Alow"}, "MALFORMED"),
    ],
)
def test_a_mistake_is_seen(lint: Lint, change: dict[str, Any], issue: str) -> None:
    right = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::results/*"}
    assert lint({"Version": "2012-10-17", "Statement": [right]}) == []
    wrong = lint({"Version": "2012-10-17", "Statement": [right | change]})
    assert issue in {told[0] for told in wrong}
