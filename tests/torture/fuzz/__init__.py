"""Coverage-guided fuzzing with Atheris: `python -m tests.torture.fuzz --help`."""
