"""Recognises network files of many tools, and says what to do with each."""

import zipfile
from pathlib import Path

from chalicelib.errors import ModelInvalid

SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")
_PARTS = ("config.json", "model.weights.h5")
_WORTH = {
    ".tflite": "tflite", ".keras": "keras", ".h5": "keras", "saved_model.pb": "saved_model",
    "model.json": "tfjs", ".pb": "frozen_graph",
}  # fmt: skip
"""What to look for in a zip that people download, the best first."""

_MODEL = ".venv/bin/python -m tools.model"
_EXPORT = f"`{_MODEL} export NAME {{}} {{}} --labels LABELS` makes a package of it."
STEPS = {
    "tflite": f"a .tflite file. `{_MODEL} add NAME {{}} --labels LABELS` adds it.",
    "keras": f"a file of Keras. {_EXPORT.format('--keras-file', '{}')}",
    "saved_model": f"a SavedModel. {_EXPORT.format('--saved-model', '{}')}",
    "frozen_graph": f"a graph of TensorFlow. {_EXPORT.format('--frozen-graph', '{}')}",
    "tfjs": f"a model of TensorFlow.js. {_EXPORT.format('--tfjs', '{}')}",
    "onnx": "of ONNX. `onnx2tf -i {}` (pip install onnx2tf) writes a .tflite file; add that.",
    "pytorch": "of PyTorch, which is not read here. Export it there with torch.onnx.export, then "
    "`onnx2tf -i net.onnx` (pip install onnx2tf) writes a .tflite file; add that.",
    "ort": "for ONNX Runtime. A package has a .tflite file first; export the network that it was "
    "made of, with --onnxruntime.",
}
"""Of each kind: what a file of it is, and the command that takes it; {} stands for its path."""


def check_kind(path: Path, wanted: str) -> None:
    """Raise ModelInvalid, with the command to use, if a path holds a network of another kind.

    Unknown kinds pass: loading them gives the better message. wanted: a key of STEPS.
    """
    named, (kind, path) = path, _kind(path)
    if kind == wanted and path != named:
        raise ModelInvalid(f"Name {path} instead of {named}.")
    if kind == "zip":
        raise ModelInvalid(f"{path} is a zip. {_unpacked(path)}")
    if kind not in ("", wanted):
        raise ModelInvalid(f"{path} is {STEPS[kind].format(path)}")
    if not kind and path.is_dir() and wanted != "saved_model":
        raise ModelInvalid(f"{path} is a folder, but not a SavedModel. Name the network's file.")
    if not kind and wanted == "saved_model" and not path.is_dir():
        raise ModelInvalid(f"{path} is a file. Name the folder that has saved_model.pb in it.")


def _kind(path: Path) -> tuple[str, Path]:
    """A key of STEPS, "zip", or "" if unknown; and the path that the user should name.

    Raises ModelInvalid if the file is empty, or a damaged zip.
    """
    if path.is_dir():
        return _of_folder(path)
    with path.open("rb") as file:
        head = file.read(8)
    if head[4:] == b"TFL3":
        return "tflite", path
    if head[4:] == b"ORTM":
        return "ort", path
    if head == b"\x89HDF\r\n\x1a\n":
        return "keras", path
    if zipfile.is_zipfile(path):
        names = _names(path)
        if set(_PARTS) <= set(names):
            return "keras", path
        return ("pytorch" if any(n.endswith("data.pkl") for n in names) else "zip"), path
    if path.name in SAVED_MODEL:
        return "saved_model", path.parent
    if not head:
        raise ModelInvalid(f"{path} is empty. Copy or download it again.")
    by_name = {
        ".pb": "frozen_graph", ".json": "tfjs", ".onnx": "onnx", ".pt": "pytorch",
        ".pth": "pytorch", ".safetensors": "pytorch", ".h5": "keras", ".keras": "keras",
    }  # fmt: skip
    return by_name.get(path.suffix.lower(), ""), path


def _of_folder(path: Path) -> tuple[str, Path]:
    if any((path / name).is_file() for name in SAVED_MODEL):
        return "saved_model", path
    if (path / "model.json").is_file():
        return "tfjs", path / "model.json"
    return "", path


def _unpacked(path: Path) -> str:
    """What to unpack from a zip, and the command for it."""
    names = _names(path)
    for ending, kind in _WORTH.items():
        for name in names:
            if name.endswith(ending):
                inside = Path(name).parent if kind == "saved_model" else name
                return f"Unpack it; {name} in it is {STEPS[kind].format(inside)}"
    return "Unpack it and name what is in it."


def _names(path: Path) -> list[str]:
    """The names of the files in a zip. Raises ModelInvalid if it is damaged."""
    try:
        with zipfile.ZipFile(path) as files:
            return files.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ModelInvalid(
            f"{path} is a damaged zip ({error}). Copy or download it again."
        ) from error
