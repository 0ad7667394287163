"""Read blocks of bytes as a file, for uploads."""

import io
from collections.abc import Iterable
from typing import Any


class Blocks(io.RawIOBase):
    """A file that reads block after block, and holds only one."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """Always true."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Copies up to one block into the buffer. Returns how many bytes, 0 at the end."""
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = memoryview(block)
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count
