"""The page with the figures of each kind of processor side by side."""

import json
from pathlib import Path
from typing import Any

from benchmarks import bykind, findings


def record(machine: str, **texts: str) -> dict[str, Any]:
    figures = {key: {"says": f"what {key} is", "text": text} for key, text in texts.items()}
    return {"title": "A title", "machine": machine, "date": "2026-11-30", "figures": figures}


BOTH = {"avx2": record("an old one", speed="1.5×"), "vnni": record("a new one", speed="3.0×")}
SIZE = {"any": record("a new one", size="5 MB")}


def test_both_kinds_stand_side_by_side_with_machine_and_date() -> None:
    page = bykind.page({"predict": BOTH, "package": SIZE})
    lines = page.splitlines()
    assert "|  | [avx2](avx2/predict.md) | [vnni](vnni/predict.md) |" in lines
    assert "| machine | an old one | a new one |" in lines
    assert "| date | 2026-11-30 | 2026-11-30 |" in lines
    assert "| what speed is | 1.5× | 3.0× |" in lines
    assert "|  | [any](any/package.md) |" in lines
    assert "| what size is | 5 MB |" in lines
    assert "only" not in page


def test_a_script_of_one_kind_only_is_named() -> None:
    records = {"predict": BOTH, "serve": {"vnni": record("a new one", rate="9")}, "package": SIZE}
    assert bykind.incomplete(records) == {"vnni": "serve"}
    page = bykind.page(records)
    assert "Measured on vnni only: serve." in page
    assert "| what rate is | not measured | 9 |" in page


def test_a_figure_of_one_kind_only_is_not_left_out() -> None:
    newer = record("a new one", speed="3.0×", added="1 ms")
    page = bykind.page({"predict": BOTH | {"vnni": newer}})
    assert "| what added is | not measured | 1 ms |" in page


def test_figures_that_say_different_things_have_rows_of_their_own() -> None:
    larger = record("a new one", speed="3.0×")
    larger["figures"]["speed"]["says"] = "speed with more memory"
    page = bykind.page({"cost": BOTH | {"vnni": larger}})
    assert "| what speed is | 1.5× | not measured |" in page
    assert "| speed with more memory | not measured | 3.0× |" in page


def test_what_was_kept_is_read_from_the_folders(tmp_path: Path) -> None:
    for kind, kept in (BOTH | SIZE).items():
        (tmp_path / kind).mkdir()
        name = "package" if kind == "any" else "predict"
        (tmp_path / kind / f"{name}.json").write_text(json.dumps(kept))
    assert bykind.kept(tmp_path) == {"package": SIZE, "predict": BOTH}


def test_a_figure_of_any_processor_has_one_folder() -> None:
    assert findings.folder("package", "avx2") == findings.folder("package", "vnni")
    assert findings.folder("predict", "avx2") != findings.folder("predict", "vnni")


def test_what_does_not_depend_on_the_processor_is_kept_once() -> None:
    for name, kinds in bykind.kept().items():
        assert (set(kinds) == {findings.ANY}) is (name in findings.INDEPENDENT), name
