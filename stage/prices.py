"""What AWS charges: the one price table, prices.toml, for the benchmarks and for `tools.deploy`."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

PRICES = Path(__file__).with_name("prices.toml")


class Instance(msgspec.Struct, frozen=True):
    """A machine that runs all month. hour: its price."""

    name: str
    source: str
    vcpus: int
    hour: float


class Prices(msgspec.Struct, frozen=True):
    """Prices in dollars; prices.toml explains each."""

    region: str
    written_down: Any
    triggers_written_down: Any
    aws_lambda: dict[str, Any] = msgspec.field(name="lambda")
    api_gateway: dict[str, Any]
    s3: dict[str, Any]
    sqs: dict[str, Any]
    step_functions: dict[str, Any]
    cloudwatch: dict[str, Any]
    xray: dict[str, Any]
    sns: dict[str, Any]
    eventbridge: dict[str, Any]
    kinesis: dict[str, Any]
    dynamodb: dict[str, Any]
    lex: dict[str, Any]
    sagemaker_serverless: dict[str, Any]
    instances: list[Instance]

    def sources(self) -> list[str]:
        """Returns the pages that the prices come from."""
        plain = msgspec.to_builtins(self)
        tables = [table for table in plain.values() if isinstance(table, dict)]
        return sorted({table["source"] for table in [*tables, *plain["instances"]]})


def load(path: Path = PRICES) -> Prices:
    """Reads the prices. Raises msgspec.ValidationError if a section is missing."""
    return msgspec.convert(tomllib.loads(path.read_text()), Prices)
