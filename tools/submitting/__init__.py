"""The parts of `tools.submit`, which knows the service only through HTTP."""
