"""Imports point down, and each foreign library has one home."""

import ast
import os
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from localcloud import sampleevents
from tests import sampleimages

ROOT = Path(__file__).parents[2]
LIB = ROOT / "chalicelib"
MODULES = {
    ".".join(path.relative_to(LIB).with_suffix("").parts): path for path in LIB.rglob("*.py")
} | {"app": ROOT / "app.py"}
SOURCES = [ROOT / "app.py"] + [
    path
    for part in ("chalicelib", "stage", "localcloud", "tools", "benchmarks", "tests")
    for path in (ROOT / part).rglob("*.py")
    if not path.is_relative_to(ROOT / "tests" / "data")
]
HOMES = {
    "chalice": {"app", "command"},  # where Chalice looks for its layer, asked while it deploys
    "boto3": {"aws"},
    "botocore": {"command", "stops", "aws"},
    "ai_edge_litert": {"inference.litert"},
    "onnxruntime": {"inference.onnx"},
    "PIL": {"images"},
    "urllib3": {"sources"},
    "aws_lambda_powertools": {"app"},
    "multipart": {"multipartform"},
}
FLOORS = [
    [
        "errors",
        "files",
        "metrics",
        "patience",
        "requests",
        "settings",
        "significance",
        "stopwatch",
        "subscriptions",
        "times",
        "wording",
    ],
    ["images", "sources", "aws", "command", "trial"],
    ["answers"],
    ["inference", "parts", "ports"],
    ["classification"],
    ["bulk"],
    ["predict", "openinference", "lex", "batch", "experiment", "workflow", "tokens"],
    ["multipartform"],
    ["page", "parsing", "stops", "urlevents", "wiring"],
    ["app"],
]
"""Rooms import from the floors below, and from their own room; never from the room beside."""


def imported(path: Path) -> set[str]:
    """Full names of all that a module imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return names


IMPORTED = {module: imported(path) for module, path in MODULES.items()}


def room(module: str) -> str:
    return module.partition(".")[0]


def known(names: set[str]) -> set[str]:
    """The modules of ours among full names, as `MODULES` has them."""
    return {name.removeprefix("chalicelib.") for name in names} & MODULES.keys()


def test_a_foreign_library_has_one_home() -> None:
    strangers = {
        (module, name.partition(".")[0]) for module, names in IMPORTED.items() for name in names
    }
    assert not {
        (module, root)
        for module, root in strangers
        if root in HOMES and not {module, room(module)} & HOMES[root]
    }


def test_imports_point_down() -> None:
    floor = {name: level for level, rooms in enumerate(FLOORS) for name in rooms}
    assert floor.keys() == {room(module) for module in MODULES} - {"__init__"}
    assert not {
        (module, name)
        for module, names in IMPORTED.items()
        for name in known(names)
        if room(name) != room(module) and floor[room(name)] >= floor[room(module)]
    }


@pytest.mark.parametrize("depth", range(1, 5))
def test_no_rooms_import_each_other(depth: int) -> None:
    """Nor do the project's parts, at depth 1, or its modules, at depth 4."""
    paths = [path for path in SOURCES if not path.is_relative_to(ROOT / "tests")]
    parts = {path: path.relative_to(ROOT).with_suffix("").parts for path in paths}
    names = {path: ".".join(part).removesuffix(".__init__") for path, part in parts.items()}
    arrows: dict[str, set[str]] = {}
    for path, name in names.items():
        goals = imported(path) & set(names.values())
        start, *ends = (".".join(room.split(".")[:depth]) for room in (name, *goals))
        arrows.setdefault(start, set()).update(set(ends) - {start})
    TopologicalSorter(arrows).prepare()


PAGE = LIB / "web"
PAGE_FLOORS = [["shared"], ["docs", "picture"], ["batch", "experiment", "teach"], ["app.js"]]


def test_the_pages_imports_point_down() -> None:
    """No modules of it import each other."""
    arrows = {
        path: {(path.parent / goal).resolve() for goal in GOALS.findall(path.read_text())}
        for path in PAGE.rglob("*.js")
        if not path.is_relative_to(PAGE / "dist")
    }
    TopologicalSorter(arrows).prepare()
    floor = {PAGE / name: level for level, rooms in enumerate(PAGE_FLOORS) for name in rooms}
    for path, goals in arrows.items():
        for room, beside in ((room_of(path), room_of(goal)) for goal in goals):
            assert room == beside or floor[beside] < floor[room], path


GOALS = re.compile(r'(?:from |import\()"(\..+?)"')


def room_of(path: Path) -> Path:
    return PAGE / path.relative_to(PAGE).parts[0]


def test_a_name_in_capitals_stands_for_one_thing() -> None:
    """Limits above all: a reader who knows one of them knows every module's."""
    meanings: dict[str, set[str]] = {}
    for path in MODULES.values():
        for node in ast.parse(path.read_text()).body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            names = [name for target in targets for name in ast.walk(target)]
            for name in names:
                if isinstance(name, ast.Name) and re.fullmatch("[A-Z][A-Z0-9_]+", name.id):
                    meanings.setdefault(name.id, set()).add(ast.unparse(node))
    assert not {name for name, assigned in meanings.items() if len(assigned) > 1}


def test_a_module_name_stands_for_one_thing() -> None:
    """No two modules or rooms are called alike, or differ by a plural alone.

    A benchmark or a test may bear the name of its subject, and a room's main module that of the
    room. No module hides one of the standard library.
    """
    places: dict[str, list[str]] = {}
    for path in (path.relative_to(ROOT) for path in SOURCES):
        thing = path.parent if path.name == "__init__.py" else path
        name, room = thing.stem.removesuffix("s"), thing.parent.name.removesuffix("s")
        named_for_subject = path.parent == Path("benchmarks") or path.name.startswith("test_")
        if not named_for_subject and name not in ("__main__", "conftest", room):
            places.setdefault(name, []).append(str(thing))
    assert not {name: alike for name, alike in places.items() if len(alike) > 1}
    assert not {path.stem for path in SOURCES} & sys.stdlib_module_names - {"__main__"}


FILLERS = {"each", "found", "given", "one", "there"}


def test_a_name_says_what_it_stands_for() -> None:
    """A filler noun makes a reader look up what it is: `entry`, `match` or `result` say it."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                assert node.name not in FILLERS, f"{path}:{node.lineno}"
            elif isinstance(node, ast.arg):
                assert node.arg not in FILLERS, f"{path}:{node.lineno}"
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                assert node.id not in FILLERS, f"{path}:{node.lineno}"


@pytest.mark.parametrize(
    ("part", "others"),
    [
        ("app.py", ("benchmarks", "localcloud", "stage", "tests", "tools")),
        ("chalicelib", ("benchmarks", "localcloud", "stage", "tests", "tools")),
        ("stage", ("benchmarks", "localcloud", "tests", "tools")),
        ("localcloud", ("benchmarks", "tests", "tools")),
        ("tools", ("benchmarks", "localcloud", "tests")),
        ("benchmarks", ("tests",)),
    ],
)
def test_a_part_of_the_project_imports_none_above_it(part: str, others: tuple[str, ...]) -> None:
    for path in (path for path in SOURCES if path.is_relative_to(ROOT / part)):
        assert not any(name.partition(".")[0] in others for name in imported(path)), path


@pytest.mark.parametrize(
    ("handler", "classifies"),
    [("app.app", False), ("app.authorize", False), ("app.on_tick", False), ("app.on_work", True)],
)
def test_a_function_imports_what_it_needs(handler: str, classifies: bool) -> None:
    modules = imported_by("import app", _HANDLER=handler)
    heavy = {"numpy", "PIL", "ai_edge_litert"}
    assert heavy & modules == (heavy if classifies else set())
    assert classifies or "hashlib" not in modules
    unneeded = {"boto3", "chalicelib.batch", "chalicelib.experiment", "chalicelib.workflow"}
    assert not (unneeded | NOT_FOR_A_PREDICTION) & modules


NOT_FOR_A_PREDICTION = {
    "concurrent.futures",
    "dataclasses",  # a frozen struct of msgspec is made in a tenth of the time
    "multipart",
    "onnxruntime",
    "urllib3",
    "zipfile",
    "chalicelib.answers.batchviews",
    "chalicelib.answers.workflowviews",
    "chalicelib.tokens",
    "chalicelib.aws.sqs",
    "chalicelib.aws.stepfunctions",
    "chalicelib.sources.fetch",
}


def test_a_cold_prediction_imports_what_it_needs() -> None:
    """Each module costs a first caller about a tenth of a millisecond, some of them several."""
    picture = sampleimages.file(sampleimages.quadrants(), "JPEG")
    event = sampleevents.rest("POST", "/predict", picture, {"Content-Type": "image/jpeg"})
    ask = f"import app; assert app.app({event!r}, None)['statusCode'] == 200"
    modules = imported_by(ask, _HANDLER="app.app", MODEL="doodle", PUBLIC="true")
    assert not NOT_FOR_A_PREDICTION & modules
    plugins = {name for name in modules if re.fullmatch(r"PIL\.\w+ImagePlugin", name)}
    assert plugins == {"PIL.JpegImagePlugin"}
    rooms = {room(name.removeprefix("chalicelib.")) for name in modules if "chalicelib." in name}
    assert not rooms & {"batch", "bulk", "experiment", "openinference", "workflow"}


def imported_by(code: str, **environment: str) -> set[str]:
    """The modules of a new process after `code`."""
    show = f"{code}\nimport sys; print('modules:', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", show],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.rpartition("modules:")[2].split())


@pytest.mark.parametrize("room", ["answers", "requests"])
def test_a_client_imports_what_goes_out_and_comes_in_alone(room: str) -> None:
    modules = [f"chalicelib.{name}" for name in MODULES if name.partition(".")[0] == room]
    imported = imported_by(f"import {', '.join(modules)}")
    roots = {name.partition(".")[0] for name in imported}
    assert "msgspec" in roots
    assert not roots & {"numpy", "PIL", "ai_edge_litert", "onnxruntime", "boto3", "botocore"}
