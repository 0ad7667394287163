"""What runs under emulation, for benchmarks/arm64.py."""
