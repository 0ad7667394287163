from pathlib import Path

import pytest

from chalicelib.errors import ModelInvalid
from chalicelib.inference.engines import LITERT, ONNXRUNTIME, chosen
from chalicelib.inference.packages import ModelInfo, ModelPackage
from chalicelib.inference.processors import at_most_avx2, flags
from chalicelib.settings import EngineName

ONE = ModelInfo("one", "1", "0" * 64)
BOTH = ModelInfo("both", "1", "0" * 64, ort_sha256="1" * 64)


def cpuinfo(*able: str) -> str:
    processor = f"model name\t: Some CPU\nflags\t\t: fpu {' '.join(able)}\nbogomips\t: 1\n\n"
    return processor + processor.replace("fpu", "fpu avx_vnni")


@pytest.mark.parametrize(
    ("able", "machine", "suits"),
    [
        ("avx avx2", "x86_64", True),
        ("avx avx2 avx512f avx512bw", "x86_64", True),
        ("avx", "x86_64", False),
        ("", "x86_64", False),
        ("avx2 avx512_vnni", "x86_64", False),
        ("avx2 avx_vnni", "x86_64", False),
        ("avx2 amx_int8", "x86_64", False),
        ("avx2", "aarch64", False),
    ],
)
def test_a_processor_with_avx2_and_nothing_newer(able: str, machine: str, suits: bool) -> None:
    assert at_most_avx2(machine, flags(cpuinfo(*able.split()))) is suits


def test_a_host_that_says_nothing_of_its_flags() -> None:
    assert flags("Features\t: fp asimd\n") == flags("") == frozenset()


@pytest.mark.parametrize(
    ("info", "engine", "suits", "expected"),
    [
        (BOTH, "auto", True, "onnxruntime"),
        (BOTH, "auto", False, "litert"),
        (ONE, "auto", True, "litert"),
        (BOTH, "litert", True, "litert"),
        (BOTH, "onnxruntime", False, "onnxruntime"),
        (ONE, "onnxruntime", False, "onnxruntime"),
    ],
)
def test_the_engine_that_is_chosen(
    info: ModelInfo, engine: EngineName, suits: bool, expected: str
) -> None:
    assert chosen(info, engine, lambda: suits).name == expected


def test_a_host_is_not_looked_at_for_a_package_that_leaves_no_choice() -> None:
    def never() -> bool:
        raise AssertionError

    assert chosen(ONE, "auto", never) is LITERT
    assert chosen(None, "auto", never) is LITERT


def test_the_file_that_is_read() -> None:
    assert ONNXRUNTIME.file(BOTH) == "model.ort"
    assert ONNXRUNTIME.file(ONE) == LITERT.file(BOTH) == "model.tflite"


def test_an_engine_that_the_package_has_no_file_for_is_told_so() -> None:
    with pytest.raises(ModelInvalid, match=r"one has no model\.ort.*ENGINE=litert"):
        ONNXRUNTIME.load(ModelPackage(Path("one"), ONE), 1)
