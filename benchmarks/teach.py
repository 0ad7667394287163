"""What teaching costs, a cold start of what was taught, and a month of docs/pets.md.

    python -m benchmarks.teach

Teaches 20 labels with drawings, on the bundled model or another base, without features from
before, and multiplies its CPU time by Lambda's price of a vCPU. The zips with what was taught, and
with its base beside it, start in turn as in benchmarks.coldstart. The month is reckoned from the
figures of benchmarks.cost, because a taught model's network is its base's.
"""

import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import click

from benchmarks import findings
from benchmarks.coldstart import MEASURES, medians
from benchmarks.costing.pricing import gb_seconds
from benchmarks.deployed import cases, measured, unpacked, with_token
from benchmarks.findings import Figure, Record, Table, ratio
from benchmarks.subject import photograph
from chalicelib.inference.packages import ModelPackage
from chalicelib.settings import MEMORY_PER_CPU_MB, Settings
from stage.prices import load
from tools.doodle.drawings import LABELS, TEST_SEEDS, example
from tools.teaching.teaching import Taught, Wish, teach

TAUGHT, SIDE = LABELS[:20], 256
MONTH = 5000 * 30
ELSEWHERE = {"Rekognition Custom Labels": 2900, "a SageMaker endpoint": 600}
"""Dollars a month, by AWS Prescriptive Guidance, Image classification, Examples."""

Times = Mapping[str, Mapping[str, float]]

WAYS = {"function-url-x86-64": "Function URL", "api-x86-64": "API", "batch-x86-64": "batch"}


def taught(folder: Path, pictures: int, base: str) -> tuple[Taught, float, float]:
    """Teaches so many pictures in an empty folder. Returns seconds and CPU seconds, too."""
    draw(folder / "pictures", pictures)
    settings = Settings.from_environment({"MODEL_DIR": str(folder / "models"), "THREADS": "2"})
    start, cpu = time.perf_counter(), time.process_time()
    lesson = teach(
        "taught", folder / "pictures", Wish(base=base), settings, lambda line: None,
        lambda *shown: None, folder / "features",
    )  # fmt: skip
    return lesson, time.perf_counter() - start, time.process_time() - cpu


def cold(package: ModelPackage, runs: int) -> Times:
    """Returns the medians of cold starts of a taught package, and of its base, in turn."""
    with unpacked(package) as disk, with_token() as aws:
        ways = {"taught": package.info.name, "base": package.info.base or ""}
        starts = {
            way: cases(disk, disk, aws | {"MODEL": name}, photograph())["predict"]
            for way, name in ways.items()
        }
        return medians({way: partial(measured, start) for way, start in starts.items()}, runs)


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


def starts_table(times: Times) -> Table:
    """Returns every measure of some cold starts."""
    rows = [(name, *(f"{case[key]:.3g}" for key in MEASURES)) for name, case in times.items()]
    return Table("Cold starts", ("", *MEASURES.values()), rows)


@click.command(help=__doc__)
@click.option(
    "--pictures", default=1000, show_default=True, help="Number of drawings to teach with."
)
@click.option("--base", default="doodle", show_default=True, help="The bundled base.")
@click.option(
    "--costs",
    default="avx2",
    show_default=True,
    help="Kind of processor for the figures of benchmarks.cost.",
)
@click.option(
    "--starts", default=25, show_default=True, help="Number of counted cold starts of each."
)
@findings.options
def main(pictures: int, base: str, costs: str, starts: int, as_json: bool, save: bool) -> None:
    """Measure, reckon, print."""
    with tempfile.TemporaryDirectory() as folder:
        lesson, seconds, cpu = taught(Path(folder), pictures, base)
        times = cold(lesson.package, starts)
    right = lesson.evaluated.evaluation.results[0].top1.share
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
        f"Cold starts are medians of {starts} rounds in turn, up to the first answer.",
    ]
    record = Record(
        "teach",
        "What teaching costs, and a month of a pet adoption site",
        [
            Figure("cpu", f"teaching {what}: CPU time", cpu, f"{cpu:.0f} s"),
            Figure("dollars", f"teaching {what}, on Lambda", dollars, f"${dollars:.4f}"),
            ratio(
                "taught-over-base-cold",
                f"a cold start of what was taught, over one of {base}: CPU time",
                times["taught"]["cpu_s"] / times["base"]["cpu_s"],
            ),
            *figures,
        ],
        [table, starts_table({"what was taught": times["taught"], base: times["base"]})],
        notes,
    )
    findings.publish(record, as_json, save)


if __name__ == "__main__":
    main()
