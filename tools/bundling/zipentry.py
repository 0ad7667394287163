"""An entry of a zip whose same contents are the same bytes."""

from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

MOMENT = (1980, 1, 1, 0, 0, 0)
"""The time of every file."""


def add(zipped: ZipFile, name: str, data: bytes) -> None:
    """Write a file that everybody may read."""
    info = ZipInfo(name, MOMENT)
    info.external_attr, info.compress_type = 0o100644 << 16, ZIP_DEFLATED
    zipped.writestr(info, data)
