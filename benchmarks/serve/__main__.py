"""Requests a second of the app, and of its network behind FastAPI, LitServe and BentoML.

    python -m benchmarks.serve

All decode a 720p JPEG with the app's code and run the same network on LiteRT. The servers have two
cores, the clients the others. All servers stay up; the clients ask one at a time. The figures are
medians of the rounds.
"""

import signal
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import click

from benchmarks import findings
from benchmarks.findings import Figure, Record, Table, ratio
from benchmarks.plotting import COLOURS, picture
from benchmarks.serve.contestants import OURS, PLAIN, others, ours
from benchmarks.serve.rounds import Readings, measured, median
from benchmarks.serve.servers import cores, installed
from benchmarks.subject import MODEL, model, photograph
from chalicelib.wording import count as counted

CLIENTS = (1, 8)
NOTES = (
    "`chalice local` is Chalice's server as it is. `make run` is the API process that it starts, "
    "without the local AWS. Both are one process.",
    "For the others, a × b means a processes with b threads for each inference: one process with "
    "all cores, or a process for each core. FastAPI runs the inference in its thread pool, "
    "LitServe in `workers_per_device`, BentoML in `workers`. Everything else is their default, "
    "without access logs.",
    "All of them run LiteRT: this compares servers, not engines.",
    '"The best of the others" is the best of both settings, for each number of clients.',
    "Every client keeps its connection and asks again as soon as it has an answer. p99 is the "
    "median of the rounds' p99.",
)


def over(readings: Readings, server: str, other: str, clients: int) -> float:
    """Returns a server's requests a second over another's: the median of the rounds."""
    pairs = zip(readings[server][clients], readings[other][clients], strict=True)
    return statistics.median(mine.rate / theirs.rate for mine, theirs in pairs)


def figures(readings: Readings) -> list[Figure]:
    """Compares our server with the best of the others, and with Chalice's own."""
    shown = []
    rivals = [title for title in readings if title not in (OURS, PLAIN)]
    for count in reversed(CLIENTS):
        words = counted(count, "client")
        if rivals:
            best = max(rivals, key=lambda title: median(readings[title][count]).rate)
            says = f"requests a second of {OURS} over the best of the others ({best}), {words}"
            shown.append(ratio(f"over-best-{count}", says, over(readings, OURS, best, count)))
        says = f"requests a second of {OURS} over plain {PLAIN}, {words}"
        shown.append(ratio(f"over-plain-{count}", says, over(readings, OURS, PLAIN, count)))
    for count in CLIENTS:
        rate = median(readings[OURS][count]).rate
        says = f"requests a second of {OURS}, {counted(count, 'client')}"
        shown.append(Figure(f"rate-{count}", says, rate, f"{rate:.1f}"))
    return shown


def table(readings: Readings, clients: int) -> Table:
    """Returns a row for each server, the fastest first."""
    medians = {title: median(by_clients[clients]) for title, by_clients in readings.items()}
    rows = [
        (title, f"{reading.rate:.1f}", f"{reading.p50:.1f}", f"{reading.p99:.1f}")
        for title, reading in sorted(medians.items(), key=lambda pair: -pair[1].rate)
    ]
    columns = ("server", "requests a second", "p50, ms", "p99, ms")
    return Table(counted(clients, "client"), columns, rows)


def notes(readings: Readings, name: str) -> list[str]:
    """Says how to read the figures, and on which cores everything ran."""
    of_servers, of_clients = cores()
    shared = "" if not set(of_servers) & set(of_clients) else (
        " There are too few cores here: servers and clients share them, so the figures are low."
    )  # fmt: skip
    busy = max(median(rounds).busy for by in readings.values() for rounds in by.values())
    pinned = (
        f"Servers are pinned to cores {_listed(of_servers)}, the clients to {_listed(of_clients)}; "
        f"these were busy for at most {busy:.0%} of one core.{shared}"
    )
    return [*NOTES, pinned, f"The model is {name}, the image a 1280 x 720 JPEG."]


def draw(series: Mapping[str, Any]) -> None:
    """Draws a bar for each server, and a panel for each number of clients."""
    with picture("serve", columns=len(series), size=(9.6, 4.2)) as panels:
        for axes, (clients, rates) in zip(panels, series.items(), strict=True):
            titles = list(reversed(rates))
            colours = [COLOURS[1] if title == OURS else COLOURS[0] for title in titles]
            bars = axes.barh(titles, [rates[title] for title in titles], color=colours)
            axes.bar_label(bars, fmt="%.1f", padding=3)
            axes.set_title(counted(int(clients), "client"))
            axes.set_xlabel("requests a second")
            axes.grid(axis="y", visible=False)
            axes.margins(x=0.15)
        for axes in panels[1:]:
            axes.set_yticklabels([])


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


@click.command(help=__doc__)
@click.option("--model", "name", default=MODEL, show_default=True, help="Model to run.")
@click.option("--rounds", default=7, show_default=True, help="Number of counted rounds.")
@click.option("--seconds", default=4.0, show_default=True, help="Seconds per server and round.")
@click.option("--only-ours", is_flag=True, help="Do not install or start the other servers.")
@findings.options
def main(
    name: str, rounds: int, seconds: float, only_ours: bool, as_json: bool, save: bool
) -> None:
    """Measure, and print."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    package = model(name)
    of_servers, _ = cores()
    rivals = [] if only_ours else others(package, installed(), len(of_servers))
    readings = measured([*ours(package), *rivals], photograph(), CLIENTS, rounds, seconds)
    series = {
        str(count): {title: round(median(by[count]).rate, 2) for title, by in readings.items()}
        for count in CLIENTS
    }
    if save:
        draw(series)
    tables = [table(readings, count) for count in reversed(CLIENTS)]
    title = "Requests a second on two cores"
    record = Record("serve", title, figures(readings), tables, notes(readings, name), series)
    findings.publish(record, as_json, save)


if __name__ == "__main__":
    main()
