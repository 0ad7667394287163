from pathlib import Path

import pytest

from chalicelib.settings import ROOT, Settings, SettingsError


def test_defaults_on_a_laptop() -> None:
    settings = Settings.from_environment({})
    assert settings.model == "inception-v3"
    assert settings.fallback_model == ""
    assert settings.allow_loopback is False
    assert settings.image_buckets == frozenset()
    assert settings.model_dirs == (
        ROOT / "vendor" / "models",
        Path("/opt/models"),
        ROOT / ".models",
    )
    assert settings.threads >= 1


def test_the_cache_is_the_writable_folder_on_lambda() -> None:
    settings = Settings.from_environment({"AWS_LAMBDA_FUNCTION_NAME": "f"})
    assert settings.model_dirs[-1] == Path("/tmp/models")


@pytest.mark.parametrize(
    ("megabytes", "threads"), [(128, 1), (1769, 1), (1770, 2), (3538, 2), (10240, 6)]
)
def test_threads_follow_the_memory_on_lambda(megabytes: int, threads: int) -> None:
    env = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(megabytes)}
    assert Settings.from_environment(env).threads == threads


def test_threads_can_be_given() -> None:
    env = {"THREADS": "3", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"}
    assert Settings.from_environment(env).threads == 3


@pytest.mark.parametrize("buckets", ["a,b", "a b", " a , b "])
def test_buckets_are_a_list(buckets: str) -> None:
    assert Settings.from_environment({"IMAGE_BUCKETS": buckets}).image_buckets == {"a", "b"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALLOW_LOOPBACK", "maybe"), ("THREADS", "0"), ("THREADS", "two"), ("THREADS", "-1")],
)
def test_an_error_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} must be"):
        Settings.from_environment({name: value})
