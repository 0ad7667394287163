"""What AWS would refuse as too long is refused before anything is changed."""

import pytest

from stage.template import outputs
from tests.conftest import ROOT
from tools import deploy
from tools.deploying import lengths
from tools.deploying.lengths import check
from tools.deploying.step import DeployError
from tools.deploying.target import Target, read_config

TARGET = Target("astageof16chars1", "123456789012", "ap-southeast-2")
STREAM = "arn:aws:dynamodb:ap-southeast-2:123456789012:table/photos/stream/2026-03-01T00:00:00.000"
LONGEST = 63
"""Letters of a bucket's name
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html)."""


def with_buckets(count: int) -> None:
    config = {**read_config(ROOT, "dev"), "xray": True, "stages": {TARGET.stage: {}}}
    asked = ["--stage", TARGET.stage, "--results-queue", "--front", "url", "--eventbridge",
             "--dynamodb", STREAM, "--labels"]  # fmt: skip
    for number in range(count):
        asked += ["--image-bucket", f"{number:0{LONGEST}}"]
    options = deploy.main.make_context("", asked).params
    check(ROOT, TARGET, config, deploy._wishes(config, TARGET.stage, options))


def test_as_many_buckets_as_the_docs_promise() -> None:
    with_buckets(40)
    assert "about 40" in (ROOT / "docs" / "deploy.md").read_text()


def test_a_policy_that_is_too_long_names_its_function() -> None:
    with pytest.raises(DeployError, match=r"The policy of \w+ would have 1\d,\d\d\d characters"):
        with_buckets(47)


def test_an_environment_that_is_too_long() -> None:
    with pytest.raises(DeployError, match=r"would have [4-9],\d\d\d bytes, .* 4,096\. Name fewer"):
        with_buckets(60)


def test_nothing_of_the_stack_is_forgotten() -> None:
    template = (ROOT / "infrastructure.yaml").read_text()
    assert set(lengths._outputs(TARGET)) == set(outputs(template))
