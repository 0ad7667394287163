"""Measures how often a model is right on labelled pictures, and what it gets wrong."""
