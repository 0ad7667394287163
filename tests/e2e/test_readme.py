"""Every shell example of the README's API part, run as it stands against the running app."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from chalicelib.site import WEB
from tests.conftest import ROOT
from tests.e2e.conftest import running

README = (ROOT / "README.md").read_text()
API = README[README.index("\n## API") : README.index("\n## Your own model")]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", API, re.DOTALL)
SHELL = [text for language, text in BLOCKS if language == "sh"]


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app with a bucket, as the README takes it to be."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    env = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    session = boto3.session.Session("test", "test", region_name="us-east-1")
    s3 = session.client("s3", endpoint_url=env["AWS_ENDPOINT_URL"])
    s3.create_bucket(Bucket="my-images")
    s3.upload_file(WEB / "sample-umbrella.jpg", "my-images", "sample-umbrella.jpg")
    s3.close()
    log = tmp_path_factory.mktemp("readme") / "log"
    with running(log, "doodle", IMAGE_BUCKETS="my-images", **env) as url:
        yield url
    server.stop()


def run(example: str, server: str) -> list[Any]:
    """What each command of an example answers."""
    command = example.replace("http://127.0.0.1:8000", server)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=ROOT,
        env={**os.environ, "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=True,
    )
    answers, position = [], 0
    while position < len(done.stdout):
        answer, position = json.JSONDecoder().raw_decode(done.stdout, position)
        answers.append(answer)
    return answers


def seen(answer: dict[str, Any]) -> list[str]:
    """The best label, or the error, of each image of an answer."""
    if "predictions" in answer:
        return [
            prediction["error"]["code"]
            if "error" in prediction
            else prediction["labels"][0]["name"]
            for prediction in answer["predictions"]
        ]
    if "outputs" in answer:
        return list(answer["outputs"][0].get("data", []))
    return []


@pytest.mark.parametrize("example", SHELL, ids=lambda text: text.split("\n")[0][-60:])
def test_an_example_does_what_the_readme_says(documented: str, example: str) -> None:
    answers = run(example, documented)
    assert len(answers) == len(re.findall(r"\bcurl ", example))
    if "umbrella" in example:
        expected = ["umbrella", "SourceRefused"] if "no-such-file" in example else ["umbrella"]
        assert seen(answers[-1]) == expected


def shape(value: Any) -> Any:
    """The keys of an answer, all the way down, whatever the values."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value)


def test_the_answers_shown_are_those_that_come(documented: str) -> None:
    shown = [
        (text, json.loads(answer))
        for (language, text), (kind, answer) in pairwise(BLOCKS)
        if (language, kind) == ("sh", "json")
    ]
    assert len(shown) == 2
    (first, classified), (second, refused) = shown
    assert shape(run(first, documented)[0]) == shape(classified)
    assert run(second, documented)[0] == refused


def test_every_setting_is_documented() -> None:
    source = (ROOT / "chalicelib" / "settings.py").read_text()
    read = set(re.findall(r'(?:get\(|\(env, )"([A-Z_]+)"', source))
    described = set(re.findall(r"^\| `([A-Z_]+)` ", README, re.MULTILINE))
    assert described == {name for name in read if not name.startswith("AWS_")}


def test_every_file_it_names_exists() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (Path(ROOT) / link).exists()] == []
