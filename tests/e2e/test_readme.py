"""The shell examples of README and docs, run as they stand in a fresh clone."""

import json
import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.clone import clone
from tests.conftest import ROOT
from tests.e2e.conftest import LocalCloud

PAGES = [
    ROOT / "README.md",
    *(
        ROOT / "docs" / f"{name}.md"
        for name in ("api", "batch", "experiment", "explain", "workflow")
    ),
]
LOCAL = ("http://127.0.0.1", "tools.submit vendor/")
"""What an example says that is about this machine, and not about a deployed stage."""


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of a page's code blocks."""
    return re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def examples(page: Path) -> list[str]:
    shell = [text for language, text in blocks(page) if language == "sh"]
    return [text for text in shell if any(word in text for word in LOCAL) and "make " not in text]


def answers_shown(page: Path) -> list[tuple[str, str]]:
    """The examples that are followed by their answer."""
    pairs = pairwise(blocks(page))
    return [(text, answer) for (a, text), (b, answer) in pairs if (a, b) == ("sh", "json")]


@pytest.fixture(scope="module")
def folder(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone with an installed `.venv`, and the picture that api.md takes to be there."""
    folder = clone(tmp_path_factory.mktemp("clone"))
    program(folder / ".venv" / "bin" / "python", "")
    if shutil.which("aws") is None:
        program(folder / ".venv" / "bin" / "aws", "-m tests.e2e.awscli")
    picture = folder / "vendor/models/doodle/samples/umbrella.jpg"
    s3 = cloud.client("s3")
    s3.upload_file(picture, cloud.images, "batches/umbrella.jpg")
    s3.close()
    return folder


def program(path: Path, options: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nPYTHONPATH="$LIBRARY" exec "{sys.executable}" {options} "$@"\n')
    path.chmod(0o755)


def run(example: str, cloud: LocalCloud, folder: Path) -> list[Any]:
    """Every JSON object that an example prints."""
    command = example.replace("http://127.0.0.1:8000", cloud.url)
    command = command.replace("http://127.0.0.1:4566", cloud.aws)
    ours = {"API_URL": cloud.url, "no_proxy": "127.0.0.1", "LIBRARY": str(ROOT)}
    path = f"{os.environ['PATH']}:{folder / '.venv' / 'bin'}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env={**os.environ, **ours, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    printed, rest = [], done.stdout
    while "{" in rest:
        answer, end = json.JSONDecoder().raw_decode(rest, start := rest.index("{"))
        printed.append(answer)
        rest = rest[max(end, start + 1) :]
    return printed


def seen(answer: dict[str, Any]) -> list[str]:
    """The best label, or the error, of each image of an answer."""
    if "outputs" in answer:
        return list(answer["outputs"][0].get("data", []))
    records = answer.get("predictions", [answer])
    return [
        record["error"]["code"] if "error" in record else record["labels"][0]["name"]
        for record in records
    ]


def steady(answer: Any) -> Any:
    """An answer without what differs between machines and calls: ids, times, smaller scores."""
    if not isinstance(answer, dict):
        return answer
    answer = {key: type(value) if key == "inference_id" else value for key, value in answer.items()}
    answer["timing_ms"] = sorted(answer.get("timing_ms", ()))
    for prediction in answer.get("predictions", ()):
        best = prediction["labels"][0]
        prediction["labels"] = [best["name"], round(best["score"], 1), len(prediction["labels"])]
    return answer


def pretty(value: Any, indent: str = "") -> str:
    """JSON in which what fits into a line is in a line."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or (indent and len(indent + flat) < 90):
        return flat
    inner = indent + "  "
    if isinstance(value, dict):
        parts = [f'{inner}"{key}": {pretty(item, inner)}' for key, item in value.items()]
    else:
        parts = [inner + pretty(item, inner) for item in value]
    start, end = "{}" if isinstance(value, dict) else "[]"
    return f"{start}\n" + ",\n".join(parts) + f"\n{indent}{end}"


@pytest.mark.parametrize("page", PAGES[:2], ids=lambda page: page.stem)
def test_the_answers_shown_are_those_that_come(
    cloud: LocalCloud, folder: Path, page: Path, pytestconfig: pytest.Config
) -> None:
    shown = answers_shown(page)
    assert shown
    for example, answer in shown:
        (printed,) = run(example, cloud, folder)
        if pytestconfig.getoption("--update-answers"):
            text = pretty(printed)
            page.write_text(page.read_text().replace(answer, text + "\n"))
        else:
            assert steady(printed) == steady(json.loads(answer)), "run with --update-answers"


@pytest.mark.parametrize(
    ("page", "example"),
    [pytest.param(page, text, id=f"{page.stem}-{i}") for page in PAGES
     for i, text in enumerate(examples(page))],
)  # fmt: skip
def test_an_example_does_what_its_page_says(
    request: pytest.FixtureRequest, folder: Path, page: Path, example: str
) -> None:
    divides = page.stem == "experiment"
    cloud = request.getfixturevalue("divided_cloud" if divides else "cloud")
    printed = run(example, cloud, folder)
    assert len(printed) >= len(re.findall(r"\bcurl (?!-s )", example))
    assert not any("Code" in answer for answer in printed if "robots.txt" not in example)
    if "umbrella.jpg" in example and re.search("/predict|/infer|uploads/", example):
        expected = ["umbrella", "SourceRefused"] if "no-such-file" in example else ["umbrella"]
        assert "/feedback" in example or seen(printed[-1]) == expected
    if "results.csv" in example:
        samples = list((folder / "vendor/models/doodle/samples").iterdir())
        assert len((folder / "results.csv").read_text().splitlines()) == len(samples) + 1


def test_there_are_five_examples_in_a_readme_that_is_short() -> None:
    text = PAGES[0].read_text()
    assert len(examples(PAGES[0])) == len(re.findall(r"^### \d\.", text, re.MULTILINE)) == 5
    assert len(text.splitlines()) <= 200


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_example_needs_gnu(page: Path) -> None:
    flags = re.compile(r"base64 -|sed -i|sed -z|readlink -f|grep -P|date -d|\bnproc\b|xargs -d")
    assert not [text for language, text in blocks(page) if language == "sh" and flags.search(text)]
