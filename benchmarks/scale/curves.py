"""The pictures of `benchmarks.scale`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from benchmarks.plotting import COLOURS, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BATCHES = ("batch", "batch-most", "workflow")
REQUESTS = ("api-most", "api-raised")


def draw(series: Mapping[str, Any]) -> None:
    """Draws concurrency and backlog over time, and the time by the size of the account."""
    _over_time("scale", series["runs"], BATCHES, "chunks to do, of 100 images", 60, "minutes")
    _over_time("scale-api", series["runs"], REQUESTS, "callers waiting to try again", 1, "seconds")
    _accounts(series["accounts"])


def _over_time(
    name: str, runs: Mapping[str, Any], keys: tuple[str, ...], waiting: str, unit: int, time: str
) -> None:
    with picture(name, rows=2, size=(8.4, 6.2)) as (above, below):
        for colour, key in zip(COLOURS, keys, strict=False):
            run = runs[key]
            times = [seconds / unit for seconds in run["times"]]
            above.plot(times, run["running"], color=colour, label=run["name"])
            below.plot(times, run["waiting"], color=colour)
        above.set_title("Functions at once")
        below.set_title(waiting[0].upper() + waiting[1:])
        above.legend(loc="upper right", fontsize=9)
        below.set_xlabel(time)
        for axes in (above, below):
            axes.set_xlim(0)
            axes.set_ylim(0)
            axes.yaxis.set_major_formatter("{x:,.0f}")


def _accounts(accounts: Mapping[str, Any]) -> None:
    with picture("scale-accounts", size=(8.4, 4.2)) as (axes,):
        labels = {"deployed": "batch as deployed", "most": "batch, as many workers as allowed",
                  "workflow": "workflow"}  # fmt: skip
        for key, label in labels.items():
            axes.plot(accounts["sizes"], [s / 60 for s in accounts[key]], "o-", label=label)
        _logarithmic(axes)
        axes.set_xlabel("functions at once in the account")
        axes.set_ylabel("minutes")
        axes.set_title("A million images, by the size of the account")
        axes.legend()


def _logarithmic(axes: "Axes") -> None:
    for scale, axis in ((axes.set_xscale, axes.xaxis), (axes.set_yscale, axes.yaxis)):
        scale("log")
        axis.set_major_formatter("{x:,.0f}")
