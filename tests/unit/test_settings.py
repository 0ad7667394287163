from pathlib import Path

import numpy
import pytest

from chalicelib.settings import ROOT, Settings, SettingsError


def test_defaults_on_a_laptop() -> None:
    settings = Settings.from_environment({})
    assert settings.model == "inception-v3"
    assert settings.fallback_model == "doodle"
    assert settings.allow_loopback is True
    assert settings.allow_slow_kernels is True
    assert settings.engine == "auto"
    assert settings.public is False and settings.token_sha256 == ""
    assert settings.image_buckets == frozenset()
    assert settings.model_dirs == (
        ROOT / "vendor" / "models",
        Path("/opt/models"),
        ROOT / ".models",
    )
    assert settings.threads >= 1


def test_lambda_has_none_of_a_laptops_defaults() -> None:
    settings = Settings.from_environment({"AWS_LAMBDA_FUNCTION_NAME": "f"})
    assert settings.fallback_model == ""
    assert settings.allow_loopback is False
    assert settings.allow_slow_kernels is False
    assert settings.public is False


def test_folders_on_lambda_are_those_of_a_deployment() -> None:
    settings = Settings.from_environment({"AWS_LAMBDA_FUNCTION_NAME": "f"})
    beside_dependencies = Path(numpy.__file__).parents[1] / "models"
    assert settings.model_dirs == (beside_dependencies, Path("/opt/models"), Path("/tmp/models"))


@pytest.mark.parametrize(
    ("megabytes", "threads"), [(128, 1), (1769, 1), (1770, 2), (3538, 2), (10240, 6)]
)
def test_threads_follow_the_memory_on_lambda(megabytes: int, threads: int) -> None:
    env = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(megabytes)}
    assert Settings.from_environment(env).threads == threads


@pytest.mark.parametrize(("threads", "at_once"), [("1", 1), ("2", 2), ("16", 4)])
def test_callers_share_the_threads_on_a_laptop(threads: str, at_once: int) -> None:
    env = {"THREADS": threads}
    assert Settings.from_environment(env).at_once == at_once
    assert Settings.from_environment(env | {"AWS_LAMBDA_FUNCTION_NAME": "f"}).at_once == 1


@pytest.mark.parametrize(
    ("value", "engine"),
    [("", "auto"), ("auto", "auto"), ("litert", "litert"), (" OnnxRuntime ", "onnxruntime")],
)
def test_an_engine_can_be_given(value: str, engine: str) -> None:
    assert Settings.from_environment({"ENGINE": value}).engine == engine


def test_threads_can_be_given() -> None:
    env = {"THREADS": "3", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"}
    assert Settings.from_environment(env).threads == 3


@pytest.mark.parametrize(
    ("value", "public"), [("1", True), ("true", True), ("0", False), ("", False)]
)
def test_only_a_clear_yes_opens_a_stage(value: str, public: bool) -> None:
    assert Settings.from_environment({"PUBLIC": value}).public is public


@pytest.mark.parametrize("variable", ["TOKEN_SHA256", "TOKEN_PARAMETER"])
def test_a_stage_with_a_token_is_closed_whatever_else_is_set(variable: str) -> None:
    """The shell of who deploys may have a PUBLIC of its own. The second variable is of before."""
    assert Settings.from_environment({"PUBLIC": "true", variable: "any"}).public is False


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "app.localhost"])
def test_a_server_on_loopback_asks_nobody_for_a_token_unless_told_to(host: str) -> None:
    env = {"TOKEN_SHA256": "0" * 64}
    for variables in ({}, env):
        assert Settings.from_environment(variables, host).public is True
        assert Settings.from_environment(variables | {"PUBLIC": "false"}, host).public is False


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "laptop", "127.0.0.1.nip.io"])
def test_a_server_that_others_reach_is_closed_unless_told_otherwise(host: str) -> None:
    assert Settings.from_environment({}, host).public is False
    assert Settings.from_environment({"PUBLIC": "true"}, host).public is True


@pytest.mark.parametrize("buckets", ["a,b", "a b", " a , b "])
def test_buckets_are_a_list(buckets: str) -> None:
    assert Settings.from_environment({"IMAGE_BUCKETS": buckets}).image_buckets == {"a", "b"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLOW_LOOPBACK", "maybe"),
        ("PUBLIC", "open"),
        ("THREADS", "0"),
        ("THREADS", "two"),
        ("THREADS", "-1"),
        ("ENGINE", "tensorrt"),
    ],
)
def test_an_error_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} must be"):
        Settings.from_environment({name: value})
