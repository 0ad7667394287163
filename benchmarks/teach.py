"""What teaching a model costs, and a month of the pet adoption site of docs/pets.md.

    python -m benchmarks.teach

Teaches 20 labels with drawings, on the bundled model or another base, without features from
before, and multiplies its CPU time by Lambda's price of a vCPU. The month is reckoned from the
figures of benchmarks.cost, because a taught model's network is its base's.
"""

import tempfile
import time
from pathlib import Path

import click

from benchmarks import findings
from benchmarks.costing.pricing import gb_seconds
from benchmarks.findings import Figure, Record, Table, ratio
from chalicelib.settings import MEMORY_PER_CPU_MB, Settings
from stage.prices import load
from tools.doodle.drawings import LABELS, TEST_SEEDS, example
from tools.teaching.teaching import Wish, teach

TAUGHT, SIDE = LABELS[:20], 256
MONTH = 5000 * 30
ELSEWHERE = {"Rekognition Custom Labels": 2900, "a SageMaker endpoint": 600}
"""Dollars a month, by AWS Prescriptive Guidance, Image classification, Examples."""

WAYS = {"function-alone-x86-64": "Function URL", "api-x86-64": "API", "batch-x86-64": "batch"}


def taught(pictures: int, base: str) -> tuple[float, float, float]:
    """Returns seconds and CPU seconds to teach so many pictures, and how often it is right."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(folder / "pictures", pictures)
        settings = Settings.from_environment({"MODEL_DIR": str(folder / "models"), "THREADS": "2"})
        wish = Wish(base=base)
        start, cpu = time.perf_counter(), time.process_time()
        lesson = teach(
            "taught", folder / "pictures", wish, settings, lambda line: None, lambda *shown: None,
            folder / "features",
        )  # fmt: skip
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return seconds, cpu, lesson.evaluated.evaluation.results[0].top1.share


def draw(folder: Path, pictures: int) -> None:
    """Draws so many pictures, each into the folder of its label."""
    seeds = (seed for seed in TEST_SEEDS if LABELS[seed % len(LABELS)] in TAUGHT)
    for _, seed in zip(range(pictures), seeds, strict=False):
        image, place = example(seed, SIDE)
        (folder / LABELS[place]).mkdir(parents=True, exist_ok=True)
        image.save(folder / LABELS[place] / f"{seed}.jpg")


def month(of: str) -> tuple[list[Figure], Table]:
    """Returns the bill of 5,000 uploads a day, from the figures of a kind of processor."""
    costs = findings.load("cost", of)["figures"]
    bills = {way: costs[way]["value"] * MONTH / 1e6 for way in WAYS}
    figures = [
        Figure(f"pets-{way}", f"{WAYS[way]}: {MONTH:,} uploads a month", bill, f"${bill:.2f}")
        for way, bill in bills.items()
    ]
    for name, dollars in ELSEWHERE.items():
        key = f"{name.split()[-2].lower()}-over-pets"
        figures.append(ratio(key, f"{name}, over the API", dollars / bills["api-x86-64"]))
    rows = [[WAYS[way], f"{bill:.2f}"] for way, bill in bills.items()]
    rows += [[name, f"{dollars:,}"] for name, dollars in ELSEWHERE.items()]
    return figures, Table("5,000 uploads a day, dollars a month", ["", "dollars"], rows)


@click.command(help=__doc__)
@click.option("--pictures", default=1000, show_default=True, help="Drawings to teach with.")
@click.option("--base", default="doodle", show_default=True, help="The bundled base.")
@click.option(
    "--costs", default="avx2", show_default=True, help="Whose figures of benchmarks.cost."
)
@findings.options
def main(pictures: int, base: str, costs: str, as_json: bool, save: bool) -> None:
    """Measure, reckon, print."""
    seconds, cpu, right = taught(pictures, base)
    price = load().aws_lambda["gb_second_x86_64"]
    dollars = gb_seconds(MEMORY_PER_CPU_MB, cpu * 1000) * price
    figures, table = month(costs)
    what = f"{pictures:,} drawings of {len(TAUGHT)} labels, on {base}"
    notes = [
        f"Teaching takes {cpu:.1f} s of CPU time; {seconds:.1f} s passed. On Lambda, a vCPU "
        f"({MEMORY_PER_CPU_MB:,} MB, x86_64) would cost that much.",
        f"Right on {right:.1%} of the drawings when they were held out.",
        f"The month is reckoned with the dollars a million of Inception v3 by LiteRT on {costs}, "
        "logs included, without storage of the pictures.",
    ]
    record = Record(
        "teach",
        "What teaching costs, and a month of a pet adoption site",
        [
            Figure("cpu", f"teaching {what}: CPU time", cpu, f"{cpu:.0f} s"),
            Figure("dollars", f"teaching {what}, on Lambda", dollars, f"${dollars:.4f}"),
            *figures,
        ],
        [table],
        notes,
    )
    findings.publish(record, as_json, save)


if __name__ == "__main__":
    main()
