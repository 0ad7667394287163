"""The fuzzer's own process: `python -m tests.torture.fuzz.child TARGET LIBFUZZER-ARGUMENTS`."""

import logging
import sys
import warnings

import atheris

from tests.torture.mutations import with_checksums

INSTRUMENTED = {"images": ["chalicelib", "PIL"], "bodies": ["chalicelib", "multipart"]}
"""By target; of the rest, our own code alone. Each module costs a start of the fuzzer time."""


def _mutate_image(data: bytes, max_size: int, seed: int) -> bytes:
    """With the checksums of a PNG put right, or nearly all would be refused for these."""
    changed = atheris.Mutate(data, max_size)
    return changed if seed % 5 == 0 else with_checksums(bytes(changed))


def main() -> None:
    target, *arguments = sys.argv[1:]
    with atheris.instrument_imports(include=INSTRUMENTED.get(target, ["chalicelib"])):
        from tests.torture.fuzz.fuzzed import TARGETS
    logging.disable()
    warnings.simplefilter("ignore")
    options = {"custom_mutator": _mutate_image} if target == "images" else {}
    atheris.Setup([target, *arguments], TARGETS[target], **options)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
