"""Teaches a base package labels of one's own."""
