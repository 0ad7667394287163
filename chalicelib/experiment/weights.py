"""Read the weights in force: the environment's, until `experiment.json` says otherwise."""

import threading
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from chalicelib.aws.documents import Documents
from chalicelib.errors import InceptionError, ObjectTooLarge
from chalicelib.experiment.arms import Arms
from chalicelib.patience import Patient
from chalicelib.requests import ExperimentRequest
from chalicelib.trial import logger

FILE: Final = "experiment.json"
CACHE_SECONDS = 30.0
"""How long a container uses what it read, or does without what it could not read."""

_UNREADABLE = f"{FILE} cannot be read at the moment, so the last good weights stay."


class InForce(msgspec.Struct, frozen=True):
    """Arms, their source, and a sentence about what is wrong with `experiment.json`."""

    arms: Arms
    source: Literal["environment", "experiment.json"]
    problem: str = ""


class Weights:
    """The weights of one container, read again after `CACHE_SECONDS` or its own change.

    arms: the environment's. patience: seconds that a caller waits for a bucket.
    """

    def __init__(
        self, documents: Documents, arms: Arms, clock: Callable[[], float], patience: float
    ) -> None:
        self._documents, self._clock = documents, clock
        self._environment = self._last = InForce(arms, "environment")
        self._read_at = float("-inf")
        self._changes = 0
        # guards the three above; is never held while a bucket is read
        self._lock = threading.Lock()
        self._read = Patient(self._load, patience)

    def get(self, fresh: bool = False) -> InForce:
        """Returns what is in force. If the bucket fails, the last good weights stay.

        fresh: without the cache, to see what another container changed.
        """
        now = self._clock()
        with self._lock:
            if not fresh and 0 <= now - self._read_at < CACHE_SECONDS:
                return self._last
            self._read_at = now  # whoever comes during this read uses what was read before
        try:
            self._read()
        except TimeoutError:
            with self._lock:
                return InForce(self._last.arms, self._last.source, _UNREADABLE)
        with self._lock:
            return self._last

    def put(self, arms: Arms) -> None:
        """Writes other weights. Raises what the store does."""
        self._documents.put(FILE, ExperimentRequest(arms.weights))
        with self._lock:
            self._changes += 1
            self._last, self._read_at = InForce(arms, FILE), self._clock()

    def _load(self) -> None:
        """Reads the file. A change that was made here meanwhile is newer."""
        with self._lock:
            changes, last = self._changes, self._last
        loaded = self._loaded(last)
        with self._lock:
            if changes == self._changes:
                self._last, self._read_at = loaded, self._clock()

    def _loaded(self, last: InForce) -> InForce:
        try:
            request = self._documents.get(FILE, ExperimentRequest)
            return InForce(Arms(request.arms), FILE) if request else self._environment
        except (msgspec.DecodeError, ValueError, RecursionError, ObjectTooLarge) as error:
            why = str(error).rstrip(".")
            problem = (
                f"{FILE} is not valid ({why}), so the last good weights stay; "
                "PUT /experiment writes it anew."
            )
        except InceptionError as error:
            logger.error(f"{_UNREADABLE} {error.detail}")
            problem = _UNREADABLE
        return InForce(last.arms, last.source, problem)
