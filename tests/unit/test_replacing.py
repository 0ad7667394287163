"""A package that replaces another: whatever ends it, the old or the new one is found again."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chalicelib.errors import ModelInvalid
from chalicelib.files import staged
from chalicelib.inference.finder import Models
from chalicelib.inference.packages import folder_of, read_package
from chalicelib.settings import Settings
from tests.conftest import ROOT
from tests.fakes import MemoryStore
from tests.unit.test_models import files, put
from tools.catalogue import installed
from tools.newpackage import check_name
from tools.packagetable import table

REPLACING = """
import os, sys
from pathlib import Path
from chalicelib.files import staged

left = int(sys.argv[2])

def killed(event, _):
    global left
    left -= event == "os.rename"
    if not left:
        os._exit(9)

sys.addaudithook(killed)
with staged(Path(sys.argv[1])) as folder:
    (folder / "model.json").write_bytes(sys.stdin.buffer.read())
"""


def refused(cache: Path) -> None:
    with pytest.raises(ModelInvalid, match="replace it with --force"):
        check_name("m", [cache], force=False)


def listed(cache: Path) -> None:
    assert str(cache / "m") in "\n".join(table(settings_of(cache), {}))


def settings_of(cache: Path) -> Settings:
    return Settings.from_environment({"MODEL_DIR": str(cache)})


LOOKS: dict[str, Callable[[Path], object]] = {
    "a request": lambda cache: Models([cache], "", MemoryStore()).info("m"),
    "GET /models": lambda cache: Models([cache], "", MemoryStore()).list(),
    "list": listed,
    "add": refused,
    "fetch": lambda cache: installed("m", cache),
}


@pytest.mark.parametrize("rename", [1, 2, 3])
@pytest.mark.parametrize("look", LOOKS)
def test_a_package_outlives_a_kill_before_any_rename(
    tmp_path: Path, rename: int, look: str
) -> None:
    """Either the old or the new package is found again, whoever looks for it."""
    folder = put(tmp_path / "m", files("m"))
    new = files("m", version="2")["model.json"]
    command = [sys.executable, "-c", REPLACING, str(folder), str(rename)]
    assert subprocess.run(command, input=new, cwd=ROOT, timeout=60).returncode == 9
    LOOKS[look](tmp_path)
    version = "2" if rename == 3 else "1"
    assert read_package(folder).info.version == version
    with staged(folder) as fresh:
        (fresh / "model.json").write_bytes(files("m", version="3")["model.json"])
    assert read_package(folder).info.version == "3"
    assert not [*tmp_path.glob(".old-*")]


def test_a_replacement_in_progress_is_left_alone(tmp_path: Path) -> None:
    """Who looks for the package between the two renames waits for the second."""
    target, seen = put(tmp_path / "m", files("m")), []

    class Slow(type(Path())):  # type: ignore[misc]
        def replace(self, goal: Path) -> None:  # type: ignore[override]
            super().replace(goal)
            looks.submit(lambda: seen.append(folder_of("m", [tmp_path])))

    with ThreadPoolExecutor() as looks, staged(Slow(target)) as folder:
        (folder / "model.json").write_bytes(files("m", version="2")["model.json"])
    assert {*seen} == {target} and read_package(target).info.version == "2"


def test_a_linked_package_is_replaced_and_what_it_links_to_is_kept(tmp_path: Path) -> None:
    kept = put(tmp_path / "elsewhere" / "m", files("m"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "m").symlink_to(kept)
    with staged(tmp_path / "cache" / "m") as folder:
        (folder / "model.json").write_bytes(files("m", version="2")["model.json"])
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["m"]
    assert read_package(kept).info.version == "1"


def test_a_file_in_a_packages_place_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("no package")
    with staged(tmp_path / "m") as folder:
        (folder / "model.json").write_bytes(files("m")["model.json"])
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
