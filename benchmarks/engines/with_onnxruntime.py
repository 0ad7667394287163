"""ONNX Runtime's binding alone: its Python wrapper costs a cold start and decides nothing here."""

import importlib.util
import sys
import types
from pathlib import Path

from child import serve


def binding():
    """The compiled module, without running the packages around it."""
    root = Path(importlib.util.find_spec("onnxruntime").origin).parent
    for name, folder in (("onnxruntime", root), ("onnxruntime.capi", root / "capi")):
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    return importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")


def load(path, options):
    """options: "wrapper" (import it as usual), "config" (the session's)."""
    if options.get("wrapper"):
        import onnxruntime

        engine = onnxruntime.capi._pybind_state
    else:
        engine = binding()
    session_options = engine.SessionOptions()
    session_options.intra_op_num_threads = 1
    session_options.inter_op_num_threads = 1
    session_options.enable_cpu_mem_arena = options.get("arena", False)
    session_options.log_severity_level = 3
    for key, value in options.get("config", {}).items():
        session_options.add_session_config_entry(key, value)
    session = engine.InferenceSession(session_options, path, True, False)
    session.initialize_session(["CPUExecutionProvider"], [{}], set())
    given, found = session.inputs_meta[0], session.outputs_meta[0].name

    def run(pixels):
        if given.type == "tensor(float)":
            pixels = pixels.astype("float32")
        return session.run([found], {given.name: pixels}, None)[0]

    return run, int(given.shape[1])


serve(load)
