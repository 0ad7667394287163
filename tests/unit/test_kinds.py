"""A file of another tool is named, and what takes it."""

import io
import zipfile
from pathlib import Path

import pytest

from chalicelib.errors import ModelInvalid
from tools.inspecting.kinds import check_kind


def zipped(*names: str) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return file.getvalue()


FILES: dict[str, tuple[bytes, str]] = {
    "net.tflite": (b"\x1c\0\0\0TFL3", "tools.model add NAME {} --labels LABELS"),
    "net.h5": (b"\x89HDF\r\n\x1a\n", "export NAME --keras-file {} --labels LABELS"),
    "renamed.tflite": (b"\x89HDF\r\n\x1a\n", "export NAME --keras-file {}"),
    "net.keras": (zipped("config.json", "model.weights.h5", "metadata.json"), "--keras-file {}"),
    "graph.pb": (b"\n\x0e", "--frozen-graph {}"),
    "saved_model.pb": (b"\x08\x01", "--saved-model {parent} --labels"),
    "model.json": (b"{}", "--tfjs {}"),
    "net.onnx": (b"\x08\x07", "onnx2tf -i {}"),
    "net.pt": (zipped("net/data.pkl", "net/version"), "torch.onnx.export"),
    "net.pth": (b"\x80\x02", "torch.onnx.export"),
    "net.safetensors": (b"\x08\0\0\0\0\0\0\0{}", "torch.onnx.export"),
    "net.ort": (b"\x1c\0\0\0ORTM", "--onnxruntime"),
    "a.zip": (
        zipped("labels.txt", "keras_model.h5"),
        "export NAME --keras-file keras_model.h5 --la",
    ),
    "b.zip": (zipped("x/labels.txt", "x/model.tflite", "x/model.json"), "add NAME x/model.tflite"),
    "d.zip": (zipped("x/saved_model.pb", "x/variables/v"), "export NAME --saved-model x --la"),
    "c.zip": (zipped("photo.jpg"), "is a zip. Unpack it and name what is in it."),
}
"""The contents of a file, and what is said of it where another kind is wanted."""


def test_each_kind_is_named_with_what_takes_it(tmp_path: Path) -> None:
    for name, (data, said) in FILES.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(ModelInvalid) as refused:
            check_kind(path, "tflite" if name != "net.tflite" else "keras")
        said = said.format(path, parent=tmp_path)
        assert said in str(refused.value) and str(refused.value).endswith((".", "it."))


def test_an_empty_file_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").touch()
    with pytest.raises(ModelInvalid, match=r"net\.tflite is empty\. Copy or download it again"):
        check_kind(tmp_path / "net.tflite", "tflite")


def test_a_damaged_zip_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    whole = zipped("config.json", "model.weights.h5")
    path.write_bytes(whole.replace(b"PK\1\2", b"PK\1\3"))
    with pytest.raises(ModelInvalid, match=r"net\.keras is a damaged zip \(Bad magic number"):
        check_kind(path, "keras")


def test_what_is_wanted_or_unknown_passes(tmp_path: Path) -> None:
    wanted = {"net.tflite": "tflite", "net.h5": "keras", "net.keras": "keras",
              "graph.pb": "frozen_graph", "model.json": "tfjs"}  # fmt: skip
    for name, kind in wanted.items():
        (tmp_path / name).write_bytes(FILES[name][0])
        check_kind(tmp_path / name, kind)
    (tmp_path / "network").write_bytes(b"whatever")
    (tmp_path / "labelled.tflite").write_bytes(b"\x1c\0\0\0TFL3" + zipped("labels.txt"))
    for kind in ("tflite", "keras"):
        check_kind(tmp_path / "network", kind)
    check_kind(tmp_path / "labelled.tflite", "tflite")  # a zip begins where the network ends


def test_a_folder_is_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").touch()
    check_kind(tmp_path / "saved", "saved_model")
    with pytest.raises(ModelInvalid, match=r"--saved-model .*saved --labels"):
        check_kind(tmp_path / "saved", "tflite")
    (tmp_path / "model.json").touch()
    with pytest.raises(ModelInvalid, match=r"--tfjs .*model\.json --labels"):
        check_kind(tmp_path, "saved_model")
    for data, wanted, named in (
        ("saved/saved_model.pb", "saved_model", "saved"),
        ("", "tfjs", "model.json"),
    ):
        with pytest.raises(ModelInvalid) as refused:
            check_kind(tmp_path / data, wanted)
        assert str(refused.value) == f"Name {tmp_path / named} instead of {tmp_path / data}."
    (tmp_path / "network").write_bytes(b"whatever")
    with pytest.raises(ModelInvalid, match=r"Name the folder that has saved_model\.pb in it"):
        check_kind(tmp_path / "network", "saved_model")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelInvalid, match="is a folder"):
        check_kind(tmp_path / "empty", "tflite")
