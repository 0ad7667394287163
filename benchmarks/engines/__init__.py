"""Engines beside LiteRT: how fast on this processor, how right, how large, how soon ready."""
