"""The classifiers of a container. Who only asks for them pays for no LiteRT, NumPy or model."""

import logging
import platform
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.errors import ModelInvalid, ModelNotFound, SlowKernels
from chalicelib.inference import engines
from chalicelib.inference.models import Models
from chalicelib.inference.packages import ModelPackage

if TYPE_CHECKING:
    from chalicelib.inference.classifier import Classifier
    from chalicelib.settings import EngineName

Load = Callable[[ModelPackage, int, int], "Classifier"]

logger = logging.getLogger("serverless-inception.classifier")
"""A child of the one that `app.py` makes, and so written as JSON by it."""

LOADED_AT_ONCE = 2
"""Classifiers kept in memory: an experiment's two arms. An 8-bit Inception v3 takes about 65 MB."""

SLOW = (
    "Model {} runs without XNNPACK, several times slower than it could: LiteRT did not "
    f"recognise the processor of this {platform.machine()} host. docs/arm64.md says what to do; "
    "ALLOW_SLOW_KERNELS=true accepts it."
)
"""What to say of a model of that name."""


class Classifiers:
    """The classifiers in memory, each loaded at its first use.

    model: name of the package that answers where none is asked for.
    fallback: answers where `model` is not to be found; empty for none.
    threads, copies, engine: of each classifier. load: makes one of them; `Classifier` where none is
        given.
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
        self._lock = threading.Lock()  # of the two above; nobody loads with it

    def get(self, name: str | None = None, version: str | None = None) -> "Classifier":
        """The classifier of that name, or the default one.

        version: what the package of that name must be; None for whichever it is.
        Raises ModelNotFound where no such package exists, and ModelInvalid where it, or the default
        one, cannot be served.
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
        """The name of the model that `get` answers with where none is asked for; nothing is loaded.

        Raises what `get` does, but for a network that is damaged.
        """
        try:
            self._models.check(self._model)
        except ModelNotFound as error:
            stand_in = self._stand_in(error)
            self._models.check(stand_in)
            return stand_in
        return self._model

    def _stand_in(self, error: ModelNotFound) -> str:
        """The fallback, which answers where the service's own model is not to be found."""
        if self._fallback:
            return self._fallback
        raise ModelInvalid(
            f"The model of this service, {self._model!r}, is not deployed with it; fetch it "
            "with `make model`, or set MODEL to a model that is installed."
        ) from error

    def healthy(self, allow_slow: bool) -> "Classifier":
        """The default classifier.

        Raises what `get` does, and SlowKernels where it is slow and that is not allowed.
        """
        classifier = self.get()
        if classifier.slow and not allow_slow:
            raise SlowKernels(SLOW.format(classifier.info.name))
        return classifier

    def _loaded(self, name: str) -> "Classifier":
        """The classifier in memory, else loaded by one thread; who wants another does not wait."""
        if (classifier := self._recalled(name)) is not None:
            return classifier
        with self._lock:
            turn = self._loading.setdefault(name, threading.Lock())
        with turn:
            if (classifier := self._recalled(name)) is not None:
                return classifier
            try:
                classifier = self._load(name)
                with self._lock:
                    self._ready[name] = classifier
                    while len(self._ready) > LOADED_AT_ONCE:
                        del self._ready[next(iter(self._ready))]
            finally:
                with self._lock:
                    self._loading.pop(name, None)
        return classifier

    def _recalled(self, name: str) -> "Classifier | None":
        """The one in memory, which is then the last to be let go."""
        with self._lock:
            classifier = self._ready.pop(name, None)
            if classifier is not None:
                self._ready[name] = classifier
            return classifier

    def _load(self, name: str) -> "Classifier":
        """Load, and write one line of log about it."""
        start = time.perf_counter()
        package = None
        while package is None or not package.is_current():  # or it was replaced meanwhile
            package = self._models.find(name)
            classifier = self._make(package, self._threads, self._copies)
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

    def _classifier(self, package: ModelPackage, threads: int, copies: int) -> "Classifier":
        from chalicelib.inference.classifier import Classifier

        engine = engines.chosen(package.info, self._engine)
        return Classifier(package, threads, copies, engine.load)
