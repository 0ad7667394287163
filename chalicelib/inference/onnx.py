"""ONNX Runtime, faster than LiteRT on processors with AVX2 and nothing newer (docs/engines.md).

Only this module imports it, and only its compiled binding. The Python code around the binding would
take a good part of a cold start, and a deployment does not have it.
"""

import sys
import threading
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid
from chalicelib.inference import processors
from chalicelib.inference.explainable import no_features
from chalicelib.inference.kernels import ONNXRUNTIME_KERNELS
from chalicelib.inference.tensors import Tensor, check_classifier

BINDING = "onnxruntime.capi.onnxruntime_pybind11_state"
DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(uint8)": np.dtype(np.uint8),
    "tensor(float)": np.dtype(np.float32),
}
"""The types that `model.ort` may take and give."""
ERRORS_ONLY = 3
"""ONNX Runtime's log level, of five (https://onnxruntime.ai/docs/api/python/api_summary.html)."""

_lock = threading.Lock()


class OnnxRuntime:
    """The network of a `.ort` file, mapped into memory.

    threads: CPU threads of an inference.
    Raises ModelInvalid if the file is not an image classifier that takes pixels as they are, or if
    ONNX Runtime is not installed.
    """

    kernels, slow, gives_features = ONNXRUNTIME_KERNELS, False, False

    def __init__(self, path: Path, threads: int) -> None:
        self._name = f"{path.name} of {path.parent.name}"
        runtime = binding()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = ERRORS_ONLY
        options.add_session_config_entry("session.use_memory_mapped_ort_model", "1")
        # threads that wait must not take processor time from threads that work
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = runtime.InferenceSession(options, str(path), True, False)
            self._session.initialize_session(["CPUExecutionProvider"], [{}], set())
            inputs = [_tensor(meta) for meta in self._session.inputs_meta]
            outputs = [_tensor(meta) for meta in self._session.outputs_meta]
        except Exception as error:  # its errors are all plain subclasses of Exception
            raise ModelInvalid(
                f"{path.name} of {path.parent.name} is not a network that this version of ONNX "
                "Runtime reads; export it again, or set ENGINE=litert."
            ) from error
        self.input, self.output = check_classifier(path.parent.name, inputs, outputs)
        if self.input.dtype != np.uint8 or min(self.input.shape) < 1:
            raise ModelInvalid(f"{self._name} must take uint8 pixels of a fixed size.")

    def run(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """Returns the raw output. array: has the shape and dtype of `input`.

        Raises ModelInvalid if the network turns out to be one that cannot be computed.
        """
        raw: NDArray[np.generic]
        try:
            (raw,) = self._session.run([self.output.name], {self.input.name: array}, None)
        except Exception as error:  # each kind of its own is a plain Exception
            raise ModelInvalid(
                f"{self._name} cannot be computed by ONNX Runtime; export it again, or set "
                "ENGINE=litert."
            ) from error
        return raw

    def map(self) -> NDArray[np.float32]:
        """Raises FeaturesMissing: a `model.ort` gives scores alone."""
        raise no_features(self._name)

    pooled = map


def installed() -> bool:
    """Whether a binding for this Python is installed. Does not load it."""
    return BINDING in sys.modules or _spec() is not None


def binding() -> Any:
    """Loads the compiled module. Raises ModelInvalid if it is missing or would abort here."""
    with _lock:
        if BINDING in sys.modules:
            return sys.modules[BINDING]
        spec = _spec()
        if spec is None or spec.loader is None:
            raise ModelInvalid(
                "ENGINE is onnxruntime, but that is not installed here; run `pip install "
                "onnxruntime` on x86_64, or set ENGINE=litert."
            )
        if processors.unlisted():  # ONNX Runtime was seen to abort there
            raise ModelInvalid("ONNX Runtime does not run on this host; set ENGINE=litert.")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[BINDING] = module  # the whole package, if ever imported, looks for it there
        return module


def _spec() -> ModuleSpec | None:
    """Finds the binding without importing the packages around it."""
    package = find_spec("onnxruntime")
    places = package.submodule_search_locations if package else None
    return PathFinder.find_spec(BINDING, [str(Path(place) / "capi") for place in places or ()])


def _tensor(meta: Any) -> Tensor:
    shape = tuple(side if isinstance(side, int) else -1 for side in meta.shape)  # -1: left open
    return Tensor(0, meta.name, shape, DTYPES[meta.type], 0.0, 0)
