"""Inference: a tensor in, ranked labels out."""
