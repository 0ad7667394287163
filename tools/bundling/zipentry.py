"""Reproducible zip entries: same contents, same bytes."""

from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

MOMENT = (1980, 1, 1, 0, 0, 0)
"""Every file's time."""


def add(zipped: ZipFile, name: str, data: bytes) -> None:
    """Add a file that everybody may read."""
    info = ZipInfo(name, MOMENT)
    info.external_attr, info.compress_type = 0o100644 << 16, ZIP_DEFLATED
    zipped.writestr(info, data)
