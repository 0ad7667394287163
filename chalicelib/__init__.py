"""The library that the entry points of `app.py` call."""

__version__ = "1.0.0"
