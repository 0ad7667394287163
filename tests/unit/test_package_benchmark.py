"""How the sizes of a deployment are told."""

import pytest

from benchmarks.package import figures, parts, series, table
from tools.bundling.sizes import Measured, Size

MEASURED = Measured(
    zips={
        "function": Size(1_000_000, 2_000_000),
        "layer": Size(40_000_000, 120_000_000),
        "model layer": Size(24_000_000, 25_000_000),
    },
    packages={
        "function": {"app.py": Size(1_000_000, 2_000_000)},
        "layer": {
            "numpy 2": Size(30_000_000, 90_000_000),
            "pillow 13": Size(9_000_000, 30_000_000),
        },
        "model layer": {"models": Size(24_000_000, 25_000_000)},
    },
)


def test_the_parts_are_all_there_is_the_largest_first() -> None:
    assert list(parts(MEASURED)) == ["numpy 2", "pillow 13", "model", "app"]
    assert sum(size.unpacked for size in parts(MEASURED).values()) == MEASURED.unpacked


def test_margins_and_shares_of_the_limits() -> None:
    by_key = {figure.key: figure for figure in figures({"x86_64": MEASURED})}
    assert by_key["x86-64-zipped"].text == "40.0 MB"
    assert by_key["x86-64-zipped-margin"].text == "12.4 MB"  # of 52.4288
    assert by_key["x86-64-zipped-share"].value == pytest.approx(0.763, abs=0.001)
    assert by_key["x86-64-unpacked-margin"].text == "115.1 MB"  # 262.144 - 147


def test_the_table_ends_with_the_sum() -> None:
    assert table("x86_64", MEASURED).rows[-1] == ["together", "65.00", "147.00"]


def test_the_bars_are_as_long_as_the_zip() -> None:
    bars = series({"x86_64": MEASURED})["bars"]
    assert sum(bars["zipped"]["x86_64"].values()) == pytest.approx(40)
    assert sum(bars["unpacked"]["x86_64"].values()) == pytest.approx(147)
