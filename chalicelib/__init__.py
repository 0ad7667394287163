"""The library that the entry points of `app.py` call."""

__version__ = "0.1.0"
