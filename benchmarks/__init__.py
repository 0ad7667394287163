"""A script for each figure in docs/figures. `make .venv/test` installs what they need."""

from benchmarks.needs import check

check()
