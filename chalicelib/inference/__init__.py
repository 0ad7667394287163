"""A tensor in, ranked labels out."""
