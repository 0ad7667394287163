"""What a process of any engine does: it answers once, then as often as its parent asks.

Run by the Python of the engine's own environment, which has NumPy and Pillow and nothing of ours.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image  # noqa: F401 - a function decodes, so Pillow is part of every start

Run = Callable[[Any], Any]


def serve(load: Callable[[str, dict[str, Any]], tuple[Run, int]]) -> None:
    """Run until the parent closes our input.

    load: takes a model's path and its options; gives what turns uint8 [1, size, size, 3] into
    scores [1, classes], and size. The first line out tells of the first answer; then a line
    "run" in gives its milliseconds out, and the path of a .npy of pictures their classes.
    """
    path, options = sys.argv[1], json.loads(sys.argv[2])
    run, size = load(path, options)
    pixels = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), np.uint8)
    run(pixels)
    _say({"peak_mb": _peak()})
    for line in sys.stdin:
        if line.strip() == "run":
            start = time.perf_counter()
            run(pixels)
            _say((time.perf_counter() - start) * 1000)
        else:
            images = np.load(line.strip(), mmap_mode="r")
            _say([int(np.argmax(run(image[None]))) for image in images])


def _peak() -> float:
    """Megabytes of memory at most so far; of this process, which getrusage is not sure of."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1000


def _say(found: Any) -> None:
    print(json.dumps(found), flush=True)
