"""An AWS on this machine, TensorFlow, and a folder of packages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.functional.deployer import ports, project, tool  # noqa: F401 - fixtures


@pytest.fixture(scope="session")
def aws() -> Iterator[dict[str, Any]]:
    """What boto3 needs to reach it."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "endpoint_url": f"http://{host}:{port}",
        "region_name": "eu-west-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }
    server.stop()


@pytest.fixture
def s3(aws: dict[str, Any]) -> Iterator[Any]:
    client = boto3.client("s3", **aws)
    yield client
    client.close()


@pytest.fixture(scope="session")
def tf() -> Any:
    """TensorFlow, which not every machine has."""
    return pytest.importorskip("tensorflow", reason="TensorFlow is not installed: make tensorflow")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Where the tools put packages."""
    return tmp_path / "cache"
