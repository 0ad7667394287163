import pytest

from chalicelib.command import local_host

CHALICE = {"AWS_CHALICE_CLI_MODE": "true"}


@pytest.mark.parametrize(
    ("arguments", "host"),
    [
        ("chalice local", "127.0.0.1"),
        ("/home/somebody/.venv/bin/chalice local --port 8001", "127.0.0.1"),
        ("chalice --debug --project-dir deploy local --stage dev", "127.0.0.1"),
        ("chalice local --no-autoreload --host 0.0.0.0", "0.0.0.0"),
        ("chalice local --host=127.0.0.1 --port 8001 --host=::", "::"),
    ],
)
def test_chalice_local_serves_on_an_address(arguments: str, host: str) -> None:
    assert local_host(arguments.split(), CHALICE) == host


@pytest.mark.parametrize(
    "arguments",
    [
        "chalice deploy",
        "chalice deploy --stage local",
        "chalice --project-dir local deploy",
        "chalice package local",
        "chalice delete",
        "pytest local",
        "-c local",
    ],
)
def test_any_other_command_serves_nowhere(arguments: str) -> None:
    assert local_host(arguments.split(), CHALICE) is None


def test_without_chalices_word_nothing_is_served() -> None:
    assert local_host(["chalice", "local"], {}) is None
