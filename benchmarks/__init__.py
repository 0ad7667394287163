"""A script for each figure in docs/figures. `make .venv/test` installs what they need."""

import sys

from benchmarks.needs import check

if sys.argv[0] == "-m":  # Python is about to run one of them; tests import some without TensorFlow
    check()
