"""Blocks of bytes as a file, which is what uploads are read from."""

import io
from collections.abc import Iterable
from typing import Any


class Blocks(io.RawIOBase):
    """Reads the blocks one after the other; holds one of them."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill as much of the buffer as a block does; how many bytes, 0 at the end."""
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = memoryview(block)
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count
