"""Simulate a million images or requests at once, with the limits that AWS publishes."""
