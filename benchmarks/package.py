"""The size of a deployment, package by package, against Lambda's limits.

    python -m benchmarks.package

Builds the zips of both architectures as `make package` does, with the model's layer, and measures
each package in them.
"""

import sys
from collections.abc import Iterator
from typing import Any

import click

from benchmarks import findings, subject
from benchmarks.findings import Figure, Record, Table
from tools.bundling import enginelayer
from tools.bundling.build import ARCHITECTURES, WORK, bundle, model_layer
from tools.bundling.pythons import BundleError
from tools.bundling.sizes import UNPACKED_LIMIT, ZIPPED_LIMIT, Measured, Size, measure

SHOWN = 5
"""Packages with their own colour in the picture: the largest."""

LIMITS = (
    "Lambda accepts a zip of 50 MB in a direct upload, of a function or of a layer, and 250 MB "
    "of a function and all its layers unpacked. Its own message says 262,144,000 bytes: "
    "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html. Megabytes here are "
    "millions of bytes, so the limits are 52.4 and 262.1."
)


def built(model: str) -> dict[str, Measured]:
    """Builds and measures the zips of a deployment, by architecture."""
    package = subject.model(model)
    measured = {}
    with click.progressbar(ARCHITECTURES, label="builds", file=sys.stderr) as architectures:
        for architecture in architectures:
            zips = bundle(architecture)
            zips["model layer"] = model_layer(package, WORK / f"{model}.zip")
            zips |= enginelayer.layers(architecture, package)
            measured[architecture] = measure(zips)
    return measured


def parts(measured: Measured) -> dict[str, Size]:
    """Returns every package, the largest first; the function's own files are the package "app"."""
    sizes = {"app": measured.zips["function"], "model": measured.zips["model layer"]}
    sizes |= measured.packages["layer"] | measured.packages.get("engine layer", {})
    return dict(sorted(sizes.items(), key=lambda pair: -pair[1].unpacked))


def figures(builds: dict[str, Measured]) -> Iterator[Figure]:
    """Yields the shares of the limits, and what is left of them."""
    for name, measured in builds.items():
        for kind, used, limit in [
            ("zipped", measured.largest, ZIPPED_LIMIT),
            ("unpacked", measured.unpacked, UNPACKED_LIMIT),
        ]:
            key = f"{name.replace('_', '-')}-{kind}"
            what = "largest zip" if kind == "zipped" else "all, unpacked"
            share = used / limit
            yield Figure(f"{key}-share", f"{name}: {what}, of the limit", share, f"{share:.0%}")
            yield _megabytes(key, f"{name}: {what}", used)
            yield _megabytes(f"{key}-margin", f"{name}: {what}, left of the limit", limit - used)
        if engine_layer := measured.zips.get("engine layer"):
            key, says = f"{name.replace('_', '-')}-engine-layer", f"{name}: ONNX Runtime's layer"
            yield _megabytes(f"{key}-zipped", f"{says}, zipped", engine_layer.zipped)
            yield _megabytes(f"{key}-unpacked", f"{says}, unpacked", engine_layer.unpacked)


def _megabytes(key: str, says: str, count: int) -> Figure:
    return Figure(key, says, count / 1e6, f"{count / 1e6:.1f} MB")


def table(name: str, measured: Measured) -> Table:
    """Returns the table of one architecture's packages."""
    sizes = parts(measured)
    total = sum(measured.zips.values(), Size())
    rows = [_row(*row) for row in [*sizes.items(), ("together", total)]]
    return Table(f"Packages, {name}", ["package", "zipped MB", "unpacked MB"], rows)


def _row(name: str, size: Size) -> list[str]:
    return [name, f"{size.zipped / 1e6:.2f}", f"{size.unpacked / 1e6:.2f}"]


def series(builds: dict[str, Measured]) -> dict[str, Any]:
    """Returns the picture's megabytes by package: of the layer's zip, and of all unpacked."""
    bars: dict[str, dict[str, dict[str, float]]] = {"zipped": {}, "unpacked": {}}
    for name, measured in builds.items():
        layer = {part: size.zipped for part, size in measured.packages["layer"].items()}
        layer["names"] = measured.zips["layer"].zipped - sum(layer.values())
        bars["zipped"][name] = {part: size / 1e6 for part, size in layer.items()}
        bars["unpacked"][name] = {part: s.unpacked / 1e6 for part, s in parts(measured).items()}
    return {
        "bars": bars,
        "limits": {"zipped": ZIPPED_LIMIT / 1e6, "unpacked": UNPACKED_LIMIT / 1e6},
    }


def draw(series: dict[str, Any]) -> None:
    """Draws stacked bars by package, against the limits."""
    from benchmarks.plotting import COLOURS, INK, picture  # matplotlib, which nothing else needs

    names = list(next(iter(series["bars"]["unpacked"].values())))
    shown = [name for name in names if name != "app"][:SHOWN]
    titles = {"zipped": "The dependencies' layer, zipped", "unpacked": "Everything, unpacked"}
    with picture("package", rows=2, size=(8.4, 4.6)) as axes:
        for panel, (kind, title) in zip(axes, titles.items(), strict=True):
            for place, sizes in enumerate(reversed(series["bars"][kind].values())):
                left, rest = 0.0, sum(sizes.values())
                for colour, name in zip(COLOURS, shown, strict=False):
                    width = _named(sizes, name)
                    panel.barh(place, width, 0.6, left, color=colour)
                    left, rest = left + width, rest - width
                panel.barh(place, rest, 0.6, left, color=COLOURS[len(shown)])
                panel.text(left + rest, place, f" {left + rest:.1f} MB", va="center")
            panel.set_yticks(range(2), list(reversed(series["bars"][kind])))
            limit = series["limits"][kind]
            panel.axvline(limit, color=INK, linestyle="--")
            panel.text(limit, 1.45, f"limit {limit:.1f} MB ", ha="right", va="bottom", fontsize=9)
            panel.set_xlim(0, limit * 1.02)
            panel.set_title(title)
            panel.grid(axis="y", visible=False)
        handles = [
            axes[0].barh(0, 0, color=colour, label=label)
            for colour, label in zip(
                COLOURS, [*(name.split(" ")[0] for name in shown), "the rest"], strict=False
            )
        ]
        axes[0].figure.legend(
            handles=handles, loc="outside lower center", ncols=len(handles), columnspacing=1.2,
            fontsize=9, handlelength=1.2,
        )  # fmt: skip


def _named(sizes: dict[str, float], name: str) -> float:
    """Returns the size of a package, in whatever version."""
    return sum(size for part, size in sizes.items() if part.split(" ")[0] == name.split(" ")[0])


@click.command(help=__doc__)
@click.option("--model", default=subject.MODEL, show_default=True, help="Model in the layer.")
@findings.options
def main(model: str, as_json: bool, save: bool) -> None:
    """Build, measure, print."""
    try:
        builds = built(model)
    except BundleError as error:
        raise click.ClickException(str(error)) from error
    kept = Record(
        name="package",
        title="Size of a deployment",
        figures=list(figures(builds)),
        tables=[table(name, measured) for name, measured in builds.items()],
        notes=[
            LIMITS,
            "\"app\" is the function's own zip: `app.py`, `chalicelib` and Chalice's runtime. "
            '"model" is the layer that `make deploy` publishes through a bucket, so the limit of '
            'a direct upload does not apply. "onnxruntime" is a layer too, only if a model has a '
            "`model.ort`.",
        ],
        series=series(builds),
    )
    if save:
        draw(dict(kept.series))
    findings.publish(kept, as_json, save)


if __name__ == "__main__":
    main()
