"""Valid files, changed at random, but the same for the same number."""

import random
import struct
import zlib
from collections.abc import Sequence

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1)


def mutated(seeds: Sequence[bytes], number: int) -> bytes:
    """One of the seeds, changed in 1 to 12 places; the same for the same number."""
    chance = random.Random(number)
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 12)):
        _change(data, chance, seeds)
    result = bytes(data)
    return with_checksums(result) if chance.random() < 0.8 else result


def _change(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    """Mostly near the start, where the headers are."""
    end = min(len(data), 400) if chance.random() < 0.7 else len(data)
    at = chance.randrange(max(end, 1))
    some = slice(at, at + chance.randint(1, 16))
    match chance.randrange(8):
        case 0:
            data[at : at + 1] = bytes([chance.randrange(256)])
        case 1:
            value = chance.choice(INTERESTING).to_bytes(4, chance.choice(["big", "little"]))
            data[at : at + 4] = value
        case 2:
            value = (chance.choice(INTERESTING) & 0xFFFF).to_bytes(
                2, chance.choice(["big", "little"])
            )
            data[at : at + 2] = value
        case 3:
            del data[some]
        case 4:
            data[at:at] = chance.randbytes(chance.randint(1, 16))
        case 5:
            data[at:at] = data[some] * chance.randint(1, 200)
        case 6:
            other = chance.choice(seeds)
            start = chance.randrange(len(other))
            data[some] = other[start : start + chance.randint(1, 64)]
        case _:
            if chance.random() < 0.2:
                del data[max(at, 1) :]
            else:
                data[at : at + 1] = bytes(
                    [(data[at] if at < len(data) else 0) ^ 1 << chance.randrange(8)]
                )


def with_checksums(data: bytes) -> bytes:
    """A PNG with the checksums that its chunks ought to have; other files as they are."""
    if not data.startswith(PNG_MAGIC):
        return data
    out, position = bytearray(data), 8
    while position + 12 <= len(data):
        end = position + 8 + int.from_bytes(data[position : position + 4], "big")
        if end + 4 > len(data):
            break
        out[end : end + 4] = struct.pack(">I", zlib.crc32(data[position + 4 : end]))
        position = end + 4
    return bytes(out)
