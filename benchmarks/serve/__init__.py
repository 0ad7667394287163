"""Requests a second of the app, and of the same network behind other servers."""
