"""`python -m tools.submit` as its users run it, against the app and its AWS on this machine."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.conftest import DOODLES, ROOT
from tests.e2e.conftest import LocalCloud, file_server

THINGS = ("balloon", "banana", "envelope", "hourglass", "strawberry", "umbrella")


def submit(cloud: LocalCloud, *arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.submit", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, "API_URL": cloud.url}, capture_output=True, text=True
    )


def batches(cloud: LocalCloud) -> dict[str, dict[str, Any]]:
    with urlopen(f"{cloud.url}/batches") as answer:
        return {view["batch_id"]: view for view in json.load(answer)["batches"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The page's samples: half of them in a subfolder, all of one name but for their folder."""
    for number, thing in enumerate(THINGS):
        target = tmp_path / "things" / ("half" if number % 2 else "") / thing / "photo.jpg"
        target.parent.mkdir(parents=True)
        shutil.copy(DOODLES / f"{thing}.jpg", target)
    return tmp_path / "things"


def test_a_folder_becomes_one_batch_and_a_table(
    cloud: LocalCloud, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "results.csv"
    before = batches(cloud)
    result = submit(cloud, folder, "--out", out, "--max-labels", 3)
    assert result.returncode == 0, result.stderr
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(THINGS)
    for row in rows:
        assert row["label_1"] == Path(row["id"]).parent.name and row["file"] == "photo.jpg"
        assert 0 < float(row["score_1"]) <= 1 and "label_4" not in row
    assert {row["id"] for row in rows} == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg")
    }
    assert len(batches(cloud).keys() - before.keys()) == 1
    assert "6 images, 0 failed" in result.stdout and "banana" in result.stdout


def test_a_manifest_of_addresses_is_picked_up_retried_and_listed(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    manifest, out = tmp_path / "urls.csv", tmp_path / "results.jsonl"
    with file_server(DOODLES.parent) as base:
        manifest.write_text(
            f"id,url\nfruit,{base}/samples/banana.jpg\nscript,{base}/labels.txt\ngone,{base}/none.jpg\n"
        )
        left = submit(cloud, manifest, "--no-wait")
        assert left.returncode == 0, left.stderr
        batch_id = left.stdout.strip()
        followed = submit(cloud, "--follow", batch_id, "--out", out)
        assert followed.returncode == 3, followed.stderr
        records = [json.loads(line) for line in out.read_text().splitlines()]
        assert [record["id"] for record in records] == ["fruit", "script", "gone"]
        assert records[0]["labels"][0]["name"] == "banana"
        assert "ImageUnreadable" in followed.stdout and "3 images, 2 failed" in followed.stdout

        again = submit(cloud, "--retry", batch_id)
        assert again.returncode == 3 and "3 images, 2 failed" in again.stdout, again.stderr
    listed = submit(cloud, "--list")
    assert listed.returncode == 0
    (line,) = [line for line in listed.stdout.splitlines() if line.startswith(batch_id)]
    assert line.split()[1:5] == ["finished", "3", "3", "2"]
    late = submit(cloud, "--cancel", batch_id)
    assert late.returncode == 1 and "nothing to cancel" in late.stderr


def test_what_the_service_refuses_is_told_in_a_line(cloud: LocalCloud) -> None:
    unknown = submit(cloud, "--follow", "nowhere")
    assert unknown.returncode == 1
    assert unknown.stderr.count("\n") == 1 and "There is no batch 'nowhere'" in unknown.stderr
    elsewhere = submit(cloud, "s3://elsewhere/a.csv")
    assert elsewhere.returncode == 1 and "must be in the bucket" in elsewhere.stderr
