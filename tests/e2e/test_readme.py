"""Every shell example of the README that calls the API, run as it stands against the app."""

import json
import os
import re
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from chalicelib.page import WEB
from tests.conftest import ROOT
from tests.e2e.conftest import LocalCloud

README = (ROOT / "README.md").read_text()
API = README[README.index("\n## API") : README.index("\n## Batch")]
LATER = README[README.index("\n## Batch") : README.index("\n## Your own model")]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", API, re.DOTALL)
SHELL = [text for language, text in BLOCKS if language == "sh"]
CURL = [text for text in re.findall(r"```sh\n(.*?)```", LATER, re.DOTALL) if "curl" in text]


@pytest.fixture(scope="module")
def documented(cloud: LocalCloud) -> str:
    """The app, with the picture in its bucket that the README takes to be there."""
    s3 = cloud.client("s3")
    s3.upload_file(WEB / "sample-umbrella.jpg", cloud.images, "batches/sample-umbrella.jpg")
    s3.close()
    return cloud.url


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
    answers, rest = [], done.stdout.strip()
    while rest:
        answer, end = json.JSONDecoder().raw_decode(rest)
        answers.append(answer)
        rest = rest[end:].strip()
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


@pytest.mark.parametrize("example", SHELL + CURL, ids=lambda text: text.split("\n")[0][-60:])
def test_an_example_does_what_the_readme_says(documented: str, example: str) -> None:
    answers = run(example, documented)
    assert len(answers) == len(re.findall(r"\bcurl (?!-s )", example))
    assert not any("Code" in answer for answer in answers if "style.css" not in example)
    if "umbrella" in example and "/predict" in example and "/feedback" not in example:
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
    rows = re.findall(r"^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \|", README, re.MULTILINE)
    described = set(re.findall(r"[A-Z_]+", " ".join(rows)))
    assert described == {name for name in read if not name.startswith("AWS_")}


def test_every_file_it_names_exists() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (Path(ROOT) / link).exists()] == []
