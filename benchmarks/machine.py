"""The machine that a figure was measured on."""

import os
import platform
from pathlib import Path

KINDS = ("amx", "vnni", "avx2")
"""Kinds of processors, the fastest at 8-bit networks first. Each has its own figures."""


def kind() -> str:
    """Returns which of KINDS this processor is, or else the architecture."""
    return next((name for name in KINDS if name in machine()), platform.machine())


def machine() -> str:
    """Returns the cores, and the instruction sets that decide an 8-bit network's speed."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    known = [name for name in ("avx2", "avx512_vnni", "avx_vnni", "amx_int8") if name in flags]
    return (
        f"{platform.machine()}, {os.cpu_count()} CPUs, {' '.join(known) or 'no known extensions'}"
    )
