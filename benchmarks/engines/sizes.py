"""What an engine takes in a deployment, with NumPy and Pillow, without what Lambda cannot use."""

import fnmatch
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from tools.bundling.sizes import Size
from tools.bundling.zips import NEEDLESS

KEPT = ("numpy/*", "numpy.libs/*", "PIL/*", "pillow.libs/*")
ENGINES = {
    "litert": (*KEPT, "ai_edge_litert/*", "flatbuffers/*", "google/*", "tqdm/*", "backports/*"),
    "onnxruntime": (*KEPT, "onnxruntime/capi/onnxruntime_pybind11_state*.so"),
    "openvino": (*KEPT, "openvino/*"),
}
"""Of ONNX Runtime the compiled module alone: libonnxruntime.so beside it is a second copy."""

OPENVINO_NEEDLESS = tuple(
    f"openvino/{name}"
    for name in (
        "libs/*gpu*", "libs/*npu*", "libs/*onnx_frontend*", "libs/*paddle*", "libs/*pytorch*",
        "libs/*tensorflow_frontend*", "libs/*jax*", "libs/*gguf*", "libs/*auto*", "libs/*hetero*",
        "libs/cache.json", "libs/*openvino_c.so*", "include/*", "cmake/*", "tools/*",
    )
)  # fmt: skip


def trimmed(python: Path, engine: str, whole: bool = False) -> Size:
    """Bytes of the files of an environment that a deployment would carry.

    whole: with the packages of the engine as they are published.
    """
    site = next((python.parent.parent / "lib").glob("python3*/site-packages"))
    kept = (*KEPT, f"{engine}/*", "ai_edge_litert/*") if whole else ENGINES[engine]
    needless = ("*/__pycache__/*",) if whole else (*NEEDLESS, *OPENVINO_NEEDLESS, "*/__pycache__/*")
    unpacked, file = 0, BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as zipped:
        for path in sorted(site.rglob("*")):
            name = str(path.relative_to(site))
            if path.is_file() and _any(name, kept) and not _any("/" + name, needless, name):
                unpacked += path.stat().st_size
                zipped.write(path, name)
    return Size(len(file.getvalue()), unpacked)


def _any(name: str, patterns: tuple[str, ...], other: str = "") -> bool:
    return any(fnmatch.fnmatch(name, each) or fnmatch.fnmatch(other, each) for each in patterns)
