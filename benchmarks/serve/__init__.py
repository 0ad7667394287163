"""Requests a second of the app on this machine, and of the same network behind other servers."""
