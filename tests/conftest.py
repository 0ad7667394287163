"""Where the test material beside the project is, what this machine lacks, and whose desk it is."""

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from hypothesis import HealthCheck, settings

from localcloud.listening import held_port
from tests.isolation import isolate

ROOT = Path(__file__).parents[1]
DOODLES = ROOT / "vendor" / "models" / "doodle" / "samples"
TEST_DATA = Path(os.environ.get("TEST_DATA") or ROOT.parent / "shared" / "data")

TORTURE_SECONDS = 3600
"""The limit of one test of the long form; of the others, `timeout` in pyproject.toml."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make torture` takes its time."""
    parser.addoption("--torture", action="store_true", help="run tests/torture in the long form")
    parser.addoption(
        "--soak-seconds",
        type=float,
        default=1200,
        help="how long the soak of the long form goes on",
    )
    parser.addoption(
        "--update-answers", action="store_true", help="write what comes into README and docs"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Before anything of ours is imported: nothing of the caller's reaches the product."""
    folder = tempfile.TemporaryDirectory(prefix="serverless-inception-tests-")
    config.add_cleanup(folder.cleanup)
    isolate(os.environ, Path(folder.name))
    torture = bool(config.getoption("--torture"))
    if torture and not config.getoption("--timeout"):
        config.option.timeout = TORTURE_SECONDS
    # a busy machine is no fault, and what chance finds is for `make torture` to find
    settings.register_profile(
        "ours", deadline=None, derandomize=not torture, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("ours")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what this machine cannot run."""
    lacking = {
        "tensorflow": None
        if importlib.util.find_spec("tensorflow")
        else "TensorFlow is not installed: make tensorflow",
        "chromium": None if shutil.which("chromium") else "Chromium is not installed",
        "shared": None if TEST_DATA.is_dir() else f"the test material {TEST_DATA} is absent",
    }
    for item in items:
        for marker, reason in lacking.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port that nothing listens on, and that nobody else is given during the test."""
    with held_port() as port:
        yield port


@pytest.fixture
def hides(tmp_path: Path) -> Path:
    """A library to preload, in place of a library that hides instructions. It changes nothing."""
    maps = Path("/proc/self/maps")
    loaded = maps.read_text().split() if maps.exists() else []
    libm = next((path for path in loaded if "/libm.so" in path or "/libm-" in path), None)
    if not libm:
        pytest.skip("this machine has no libm to preload")
    copy = tmp_path / "hides.so"
    shutil.copyfile(libm, copy)
    return copy


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """One that nobody else trusts."""
    return trustme.CA()


@pytest.fixture
def roots(authority: trustme.CA, tmp_path: Path) -> str:
    """The file of its certificate, for who is to trust it."""
    path = tmp_path / "roots.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="session")
def photos() -> Path:
    """Real photographs, named as in their README."""
    return TEST_DATA / "photos"
