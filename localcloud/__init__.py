"""The laptop's AWS: what `make run` starts."""
