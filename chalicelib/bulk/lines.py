"""Read a manifest's bytes as numbered lines in UTF-8, whatever wrote the file."""

import codecs
import json
from collections.abc import Iterable, Iterator
from itertools import chain

MAX_LINE = 2 * 2**20
"""Bytes of a line: an address, or a small image in base64."""

_WIDE = ("utf-16", "utf-16-le", "utf-16-be")

Line = tuple[int, bytes | None]
"""Number, from 1, and bytes without the line break; None for a line over MAX_LINE."""


class UnknownEncoding(ValueError):
    """A file in neither UTF-8 nor UTF-16; the message names its encoding."""


def lines(blocks: Iterable[bytes]) -> Iterator[Line]:
    """Yields the lines of UTF-8 or UTF-16, with or without a BOM, that end in LF, CRLF or CR.

    Damaged UTF-16 becomes the byte 0xFF, which UTF-8 does not have, so only its line is lost.
    Raises UnknownEncoding.
    """
    pending, number, too_long = b"", 0, False
    for block in _utf8(blocks):
        block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *whole, pending = (pending + block).split(b"\n")
        for line in whole:
            number += 1
            yield number, None if too_long or len(line) > MAX_LINE else line
            too_long = False
        if len(pending) > MAX_LINE:
            pending, too_long = b"", True
    if pending or too_long:
        yield number + 1, None if too_long else pending


def _utf8(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Converts text to UTF-8 without a BOM. No block ends right after a CR."""
    pending = b""
    for block in _decoded(blocks):
        block = pending + block
        pending = b"\r" if block.endswith(b"\r") else b""
        yield block.removesuffix(pending)
    yield pending


def _decoded(blocks: Iterable[bytes]) -> Iterator[bytes]:
    stream, head = iter(blocks), b""
    while len(head) < 4 and (block := next(stream, None)) is not None:
        head += block
    # a BOM tells, or the place of the zeros in the first characters
    encoding = json.detect_encoding(head)
    if encoding in ("utf-8", "utf-8-sig"):
        yield head.removeprefix(codecs.BOM_UTF8)
        yield from stream
        return
    if encoding not in _WIDE:
        raise UnknownEncoding(encoding.upper())
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    for block in chain([head], stream):
        yield _marked(decoder.decode(block))
    yield _marked(decoder.decode(b"", final=True))


def _marked(text: str) -> bytes:
    return text.encode().replace("\ufffd".encode(), b"\xff")
