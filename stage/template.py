"""The CloudFormation template: its text for CloudFormation, and the names of its outputs."""

import json
import re
import string
from pathlib import Path

BUCKET_NAME = re.compile(r"(?<=BucketName: )!Sub (\S+)")
PLACE = re.compile(r"(?<=!Sub )\S+\.asl\.json$", re.MULTILINE)


def assembled(template: Path) -> str:
    """Returns the template's text, with the file's text for each `!Sub NAME.asl.json`.

    That text is JSON without blanks, in a single-quoted scalar of YAML
    (https://yaml.org/spec/1.2.2/#732-single-quoted-style).
    Raises OSError if a file cannot be read, and ValueError if it is not JSON.
    """
    return PLACE.sub(lambda place: _scalar(template.with_name(place[0])), template.read_text())


def with_bucket_names(template: str, stage: str, account: str) -> str:
    """Returns the template with the names of its buckets written out.

    CloudFormation takes over existing buckets only if their names are no expressions.
    """

    def name(match: re.Match[str]) -> str:
        expression = match[1].replace("${AWS::AccountId}", "${Account}")
        return string.Template(expression).substitute(Stage=stage, Account=account)

    return BUCKET_NAME.sub(name, template)


def _scalar(definition: Path) -> str:
    try:
        parsed = json.loads(definition.read_text())
    except ValueError as error:
        raise ValueError(f"{definition} is not JSON: {error}") from error
    minified = json.dumps(parsed, separators=(",", ":"), ensure_ascii=False)
    return "'" + minified.replace("'", "''") + "'"


def variable(output: str) -> str:
    """Returns the environment variable of an output: IMAGES_BUCKET for ImagesBucket."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", output).upper()


def outputs(template: str) -> list[str]:
    """Returns the environment variables of all outputs that the template may have."""
    section = template[template.index("\nOutputs:") :]
    return [variable(name) for name in re.findall(r"^  (\w+):$", section, re.MULTILINE)]
