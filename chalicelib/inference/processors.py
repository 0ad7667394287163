"""Detect the processor, and list it for libraries where the host does not, as on Lambda's arm64.

pytorch/cpuinfo, by which LiteRT recognises a processor, reads two lists in /sys and gives up
without them (https://github.com/pytorch/cpuinfo/issues/143); LiteRT then goes on without XNNPACK,
its fast kernels, and says so only on standard error. Only these lists are missing; all else is in
/proc/cpuinfo. So this module points the two paths inside the loaded library at a list of our own.
If that fails, nothing is lost, and `Classifier.slow` shows it.
"""

import ctypes
import mmap
import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

LISTS = ("/sys/devices/system/cpu/possible", "/sys/devices/system/cpu/present")


def unlisted() -> bool:
    """Whether this host needs the lists and lacks them. x86-64 does not need them."""
    return platform.machine() == "aarch64" and not any(Path(path).exists() for path in LISTS)


NEWER_THAN_AVX2 = {"avx512_vnni", "avx_vnni", "amx_int8"}
"""Flags of instructions that add up products of bytes. LiteRT has kernels for them."""


def flags(cpuinfo: str) -> frozenset[str]:
    """Returns the flags of the first processor in /proc/cpuinfo; empty except on x86-64."""
    listed = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    return frozenset(listed.partition(":")[2].split())


def at_most_avx2(machine: str, able: frozenset[str]) -> bool:
    """Whether a processor with these flags has AVX2 and nothing newer for bytes."""
    return machine == "x86_64" and "avx2" in able and not able & NEWER_THAN_AVX2


@lru_cache(maxsize=1)
def avx2_at_most() -> bool:
    """Whether this host has at most AVX2. Then ONNX Runtime is faster (docs/engines.md).

    /proc/cpuinfo says what the processor itself would on Lambda, and costs a cold start less to
    read. Instructions hidden from this process alone are in it; benchmarks name their engine.
    """
    with suppress(OSError):
        return at_most_avx2(platform.machine(), flags(Path("/proc/cpuinfo").read_text()))
    return False


def list_for(library: str) -> int:
    """Points the shared libraries with `library` in their path at our lists.

    Call it after they are loaded and before they look. Returns how many paths were rewritten.
    """
    led = 0
    with suppress(OSError):
        # a file without a name, open until the process ends
        descriptor = os.memfd_create("processors")
        os.write(descriptor, f"0-{(os.cpu_count() or 1) - 1}\n".encode())
        ours = f"/proc/self/fd/{descriptor}".encode()
        for address, path in _places(library):
            _overwrite(address, ours.ljust(len(path), b"\0"))
            led += 1
    return led


def _places(library: str) -> Iterator[tuple[int, bytes]]:
    """Finds the paths of the lists in memory, among the constants of those libraries."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, access, offset, _, _, *file = line.split(maxsplit=5)
        if access != "r--p" or not file or library not in file[0]:
            continue
        start, end = (int(bound, 16) for bound in span.split("-"))
        first = int(offset, 16)
        with Path(file[0]).open("rb") as opened:
            constants = mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ)
        for path in (file.encode() for file in LISTS):
            at = constants.find(b"\0" + path + b"\0", first, first + end - start)
            if at >= 0:
                yield start + at + 1 - first, path


def _overwrite(address: int, data: bytes) -> None:
    """Overwrites constants in memory. This process gets its own copy of the page."""
    libc = ctypes.CDLL(None, use_errno=True)
    page = address & -mmap.PAGESIZE
    size = ctypes.c_size_t(address + len(data) - page)
    if libc.mprotect(ctypes.c_void_p(page), size, mmap.PROT_READ | mmap.PROT_WRITE):
        raise OSError(ctypes.get_errno(), "memory cannot be made writable")
    ctypes.memmove(address, data, len(data))
    libc.mprotect(ctypes.c_void_p(page), size, mmap.PROT_READ)
