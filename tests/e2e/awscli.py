"""A stand-in for the AWS CLI where it is not installed: the commands that README and docs use."""

import sys
from pathlib import Path
from typing import Any

import boto3


def client(service: str) -> Any:
    """As the CLI makes one: endpoint, region and credentials are in the environment."""
    return boto3.client(service)


def place(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def copy(source: str, target: str) -> None:
    """`aws s3 cp`: a file or standard input to a bucket, or an object to standard output."""
    if target == "-":
        bucket, key = place(source)
        print(client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode())
        return
    bucket, key = place(target)
    name = key + Path(source).name if not key or key.endswith("/") else key
    if source == "-":
        client("s3").put_object(Bucket=bucket, Key=name, Body=sys.stdin.buffer.read())
    else:
        client("s3").upload_file(source, bucket, name)


def options(arguments: list[str]) -> dict[str, str]:
    """`--state-machine-arn X` as boto3 calls it: `stateMachineArn`."""
    names = [name.removeprefix("--").split("-") for name in arguments[::2]]
    words = [first + "".join(map(str.title, rest)) for first, *rest in names]
    return dict(zip(words, arguments[1::2], strict=True))


def main(service: str, command: str, *arguments: str) -> None:
    if (service, command) == ("s3", "cp"):
        copy(*arguments)
    elif (service, command) == ("s3api", "wait"):
        state, *rest = arguments
        where = {name.title(): value for name, value in options(rest).items()}
        waiter = client("s3").get_waiter(state.replace("-", "_"))
        waiter.wait(**where, WaiterConfig={"Delay": 1, "MaxAttempts": 100})
    else:
        getattr(client(service), command.replace("-", "_"))(**options(list(arguments)))


if __name__ == "__main__":
    main(*sys.argv[1:])
