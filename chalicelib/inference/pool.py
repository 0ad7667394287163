"""The loaded classifiers of a process. Importing this loads no LiteRT, NumPy or model."""

import logging
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from chalicelib.errors import InceptionError, ModelInvalid, ModelNotFound, SlowKernels
from chalicelib.inference import engines
from chalicelib.inference.finder import Models
from chalicelib.inference.packages import ModelPackage

if TYPE_CHECKING:
    from chalicelib.inference.classifier import Classifier
    from chalicelib.inference.engines import Network
    from chalicelib.inference.turns import Turns
    from chalicelib.settings import EngineName

Load = Callable[[ModelPackage, int, int], "Classifier"]

logger = logging.getLogger("serverless-inception.classifier")
"""A child of the logger of `app.py`, which writes JSON."""

LOADED_AT_ONCE = 2
"""Classifiers kept in memory: an experiment's two arms. An 8-bit Inception v3 takes about 65 MB."""

SLOW = (
    "Model {} runs without XNNPACK, several times slower than it could: LiteRT did not "
    f"recognise the processor of this {platform.machine()} host. docs/arm64.md says what to do; "
    "ALLOW_SLOW_KERNELS=true accepts it."
)
"""The log line about such a model."""


class Classifiers:
    """Keeps classifiers in memory, and loads each at its first use.

    model: the package that answers if a request names none.
    fallback: the package that answers if `model` cannot be found; empty for none.
    threads, copies, engine: of each classifier. load: makes a classifier; None for `Classifier`.
    """

    def __init__(
        self,
        models: Models,
        threads: int,
        model: str,
        fallback: str,
        copies: int = 1,
        load: Load | None = None,
        engine: "EngineName" = "litert",
    ) -> None:
        self._models = models
        self._threads, self._copies = threads, copies
        self._model = model
        self._fallback = fallback
        self._make, self._engine = load or self._classifier, engine
        self._ready: dict[str, Classifier] = {}
        self._loading: dict[str, threading.Lock] = {}
        self._networks: WeakValueDictionary[str, Turns[Network]] = WeakValueDictionary()
        self._lock = threading.Lock()  # guards these; is never held while a model loads

    def get(self, name: str | None = None, version: str | None = None) -> "Classifier":
        """Returns the classifier of that name, or the default classifier.

        version: the version that the package must have; None for any.
        Raises ModelNotFound if no such package exists, and ModelInvalid if it, or the default
        package, cannot be served.
        """
        if name is not None:
            classifier = self._loaded(name)
            if version not in (None, classifier.info.version):
                raise ModelNotFound(
                    f"Only version {classifier.info.version} of {name} is here; ask for that "
                    "version, or for none."
                )
            return classifier
        try:
            return self._loaded(self._model)
        except ModelNotFound as error:
            stand_in = self._stand_in(error)
        if self._recalled(stand_in) is None:
            text = "There is no model %r here: %s answers in its place."
            logger.warning(text, self._model, stand_in)
        return self._loaded(stand_in)

    def default(self) -> str:
        """Returns the name of the default classifier, without loading it.

        Raises what `get` does, except for a damaged network.
        """
        try:
            self._models.check(self._model)
        except ModelNotFound as error:
            stand_in = self._stand_in(error)
            self._models.check(stand_in)
            return stand_in
        return self._model

    def _stand_in(self, error: ModelNotFound) -> str:
        """Returns the fallback's name, for a service whose own model cannot be found."""
        if self._fallback:
            return self._fallback
        raise ModelInvalid(
            f"The model of this service, {self._model!r}, is not deployed with it; fetch it "
            "with `make model`, or set MODEL to a model that is installed."
        ) from error

    def healthy(self, allow_slow: bool) -> "Classifier":
        """Returns the default classifier.

        Raises what `get` does, and SlowKernels if it is slow and that is not allowed.
        """
        classifier = self.get()
        if classifier.slow and not allow_slow:
            raise SlowKernels(SLOW.format(classifier.info.name))
        return classifier

    def _loaded(self, name: str) -> "Classifier":
        """Returns the classifier, loaded by one thread; other models' loads do not wait."""
        if (classifier := self._recalled(name)) is not None:
            return classifier
        with self._loading_alone(name):
            if (classifier := self._recalled(name)) is not None:
                return classifier
            classifier = self._load(name)
            with self._lock:
                self._ready[name] = classifier
                while len(self._ready) > LOADED_AT_ONCE:
                    del self._ready[next(iter(self._ready))]
        return classifier

    @contextmanager
    def _loading_alone(self, what: str) -> Iterator[None]:
        """Waits for the other threads that load the same."""
        with self._lock:
            turn = self._loading.setdefault(what, threading.Lock())
        with turn:
            try:
                yield
            finally:
                with self._lock:
                    self._loading.pop(what, None)

    def _recalled(self, name: str) -> "Classifier | None":
        """Returns the classifier in memory, which then becomes the last to be dropped."""
        with self._lock:
            classifier = self._ready.pop(name, None)
            if classifier is not None:
                self._ready[name] = classifier
            return classifier

    def _load(self, name: str) -> "Classifier":
        """Loads a classifier, and logs one line about it."""
        start = time.perf_counter()
        package = None
        while package is None or not package.is_current():  # again, if it was replaced meanwhile
            package = self._models.find(name)
            classifier = self._made(package)
        facts = {
            "model": name,
            "version": classifier.info.version,
            "kernels": classifier.kernels,
            "load": round((time.perf_counter() - start) * 1000, 2),
        }
        if classifier.slow:
            logger.error(SLOW.format(name), extra=facts)
        else:
            logger.info("model loaded", extra=facts)
        return classifier

    def _made(self, package: ModelPackage) -> "Classifier":
        """Raises ModelInvalid for whatever an engine says of a network: it says so every time."""
        try:
            return self._make(package, self._threads, self._copies)
        except (InceptionError, OSError, MemoryError):
            raise
        except Exception as error:
            logger.exception("model %r cannot be loaded", package.info.name)
            raise ModelInvalid(
                f"Model {package.info.name} cannot be loaded ({type(error).__name__}); export it "
                "again, or ask for another model. The log says more."
            ) from error

    def _classifier(self, package: ModelPackage, threads: int, copies: int) -> "Classifier":
        from chalicelib.inference.classifier import Classifier

        engine = engines.chosen(package.info, self._engine)
        network = f"{engine.name} {package.info.sha256}"
        with self._loading_alone(network):
            shared = self._networks.get(network)  # with a taught package's base, or another on it
            classifier = Classifier(package, threads, copies, engine.load, shared)
            self._networks[network] = classifier.networks
        return classifier
