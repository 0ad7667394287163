"""Send images through the whole local cloud, and check that each is in the results once.

    python -m benchmarks.cloud --images 2000

Starts `python -m localcloud`, uploads the images, runs a batch and reads the results. The seconds
say little about AWS: moto answers only some hundred calls a second.
"""

import json
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import urllib3

from benchmarks import findings
from benchmarks.findings import Figure
from chalicelib.settings import ROOT
from localcloud.starting import LocalCloud, running, wait_for

SAMPLES = [
    path.read_bytes()
    for path in sorted((ROOT / "vendor" / "models" / "doodle" / "samples").glob("*.jpg"))
]


def upload(cloud: LocalCloud, ids: list[str]) -> None:
    """Uploads a different image for each id."""
    s3 = cloud.client("s3")

    def put(number: int) -> None:
        body = SAMPLES[number % len(SAMPLES)] + str(number).encode()
        s3.put_object(Bucket=cloud.images, Key=f"batches/cloud/{ids[number]}", Body=body)

    with ThreadPoolExecutor(4) as pool, click.progressbar(length=len(ids), file=sys.stderr) as bar:
        for _ in pool.map(put, range(len(ids))):
            bar.update(1)
    s3.close()


def classify(cloud: LocalCloud, count: int) -> list[str]:
    """Runs a batch of the uploaded images, and returns the ids in its results."""
    body = {"prefix": f"s3://{cloud.images}/batches/cloud/"}
    batch = urllib3.request("POST", f"{cloud.url}/batches", json=body).json()["batch_id"]
    with click.progressbar(length=count, file=sys.stderr) as bar:

        def results() -> str:
            view = urllib3.request("GET", f"{cloud.url}/batches/{batch}").json()
            bar.update(view["counts"]["done"] - bar.pos)
            return str(view.get("results") or "")

        address = wait_for(results, 1800)
    lines = urllib3.request("GET", address).data.splitlines()
    return [json.loads(line)["id"] for line in lines]


@click.command(help=__doc__)
@click.option("--images", default=2000, show_default=True, help="Number of images.")
@click.option("--model", default="doodle", show_default=True, help="Model to run.")
@findings.options
def main(images: int, model: str, as_json: bool, save: bool) -> None:
    """Measure, and print."""
    ids = [f"{number:07d}.jpg" for number in range(images)]
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "log", model) as cloud:
        upload(cloud, ids)
        start = time.monotonic()
        results = classify(cloud, images)
        seconds = time.monotonic() - start
    counts = Counter(results)
    once, speed = sum(counts[id] == 1 for id in ids), images / seconds
    title = f"{images:,} images through the whole local cloud, {model}"
    figures = [
        Figure("exactly-once", "images that are in the results exactly once", once, f"{once:,}"),
        Figure("images", "images that went in", images, f"{images:,}"),
        Figure("speed", "of this laptop's AWS", speed, f"{speed:.0f} images a second"),
    ]
    findings.publish(findings.Record("cloud", title, figures), as_json, save)
    if results != ids:
        raise click.ClickException("An image is missing, doubled or out of its place.")


if __name__ == "__main__":
    main()
