"""The machine that a figure was measured on, with the instructions that its processes see.

A library can hide the newer instructions from a process; see docs/performance.md.
"""

import os
import platform
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import click

from chalicelib.inference.processors import flags
from localcloud.unzipped import HIDING

KINDS = ("amx", "vnni", "avx2")
"""Kinds of processors, the fastest at 8-bit networks first. Each has its own figures."""

FLAGS = ("avx2", "avx512_vnni", "avx_vnni", "amx_int8")
"""The instruction sets that decide an 8-bit network's speed, as /proc/cpuinfo names them."""


def kind() -> str:
    """Returns which of KINDS this processor is to a process, or else the architecture."""
    seen, _ = instructions(_able(), _features())
    return next((name for name in KINDS if name in " ".join(seen)), platform.machine())


def machine() -> str:
    """Returns the cores, the instruction sets of FLAGS, and which of them were hidden."""
    seen, hidden = instructions(_able(), _features())
    known = " ".join(seen) or "no known extensions"
    said = f"{platform.machine()}, {os.cpu_count()} CPUs, {known}"
    return f"{said} ({' '.join(hidden)} hidden from every process)" if hidden else said


def instructions(able: Collection[str], seen: Mapping[str, bool]) -> tuple[list[str], list[str]]:
    """Returns which of FLAGS a process sees, and which the processor has besides.

    able: flags by the kernel, from which nothing is hidden. seen: by NumPy, which asks the
    processor.
    NumPy does not know of AVX-VNNI and AMX: they count as hidden if AVX-512 is.
    """
    known = [name for name in FLAGS if name in able]
    if "avx512f" not in able or seen.get("AVX512F"):
        return known, []
    return known[:1], known[1:]


def check_hidden_from(process: int, own: Mapping[str, str] = os.environ) -> None:
    """Raises ClickException if instructions hidden from this process are not from that one.

    own: the environment of this process.
    """
    folder = Path("/proc") / str(process)
    paths = [path for name in HIDING[:2] for path in re.split("[ :]", own.get(name, "")) if path]
    loaded = (folder / "maps").read_text() if paths else ""
    lacking = [path for path in paths if os.path.realpath(path) not in loaded]
    if any(name in own for name in HIDING):
        theirs = os.fsdecode((folder / "environ").read_bytes()).split("\0")
        settings = [f"{name}={own[name]}" for name in HIDING if name in own]
        lacking += [setting for setting in settings if setting not in theirs]
    if lacking:
        raise click.ClickException(
            f"Instructions are hidden from this process, but not from one that it measured, "
            f"which lacks {' and '.join(lacking)}. Its figures would be another processor's."
        )


def _able() -> Collection[str]:
    path = Path("/proc/cpuinfo")
    return flags(path.read_text()) if path.exists() else ()


def _features() -> Mapping[str, bool]:
    # not above: a fan-out, whose memory is measured, would have NumPy in it
    from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

    features: Mapping[str, bool] = _multiarray_umath.__cpu_features__
    return features
