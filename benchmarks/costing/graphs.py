"""The pictures of `benchmarks.cost`."""

from typing import Any

from benchmarks.plotting import COLOURS, INK, picture


def draw(series: dict[str, Any]) -> None:
    """A month's dollars by predictions, and what memory size buys."""
    _months(series["months"])
    _memory(series["memory"])


def _months(months: dict[str, Any]) -> None:
    with picture("cost", size=(8.4, 5.2)) as (axes,):
        for colour, (name, dollars) in zip(COLOURS, months["lines"].items(), strict=True):
            on = "always on" in name
            line = axes.step if on else axes.plot
            style = "--" if on else ":" if "Serverless" in name else "-"
            line(months["images"], dollars, style, color=colour, label=name, linewidth=2)
        for marked in months["crossings"][:1]:
            axes.plot(marked["images"], marked["dollars"], "o", color=INK, markersize=7, zorder=4)
            text = f"{marked['images'] / 1e6:.1f} million a month:\n{marked['name']} costs as much"
            axes.annotate(
                text,
                (marked["images"], marked["dollars"]),
                xytext=(24, -58),
                textcoords="offset points",
                arrowprops={"arrowstyle": "-", "color": INK},
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(1e4, months["images"][-1])
        axes.set_ylim(0.03, 20_000)
        axes.set_xlabel("predictions a month")
        axes.set_ylabel("dollars a month")
        axes.set_title("What a month costs, x86_64")
        axes.legend(loc="upper left", fontsize=9)


def _memory(memory: dict[str, Any]) -> None:
    with picture("cost-memory", columns=2, size=(8.4, 3.8)) as (time, money):
        time.plot(memory["sizes"], memory["ms"], "o-", markersize=4)
        time.set_title("A prediction, milliseconds")
        time.set_ylim(0)
        ends = {"x86_64": "x86_64", "arm64": "arm64, same ms assumed"}
        for name, dollars in memory["dollars"].items():
            money.plot(memory["sizes"], dollars, "o-", markersize=4, label=ends[name])
        money.set_title("A million, dollars, without API Gateway", fontsize=11)
        money.set_ylim(0)
        money.legend(fontsize=9)
        for axes in (time, money):
            axes.set_xscale("log", base=2)
            axes.set_xticks([256, 512, 1024, 1769, 3538, 10240])
            axes.set_xticklabels(["256", "512", "1,024", "1,769", "3,538", "10,240"], fontsize=8)
            axes.minorticks_off()
            axes.set_xlabel("memory, MB")
