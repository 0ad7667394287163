"""Classify entries into records: fetch and decode side by side while the classifier runs."""

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from chalicelib.answers.predictions import ErrorInfo
from chalicelib.bulk.deadline import InTime
from chalicelib.bulk.manifests import Entry
from chalicelib.bulk.records import Record
from chalicelib.classification import Classification, Outcome
from chalicelib.errors import BadRequest, InceptionError
from chalicelib.requests import Options

IMAGES_AT_ONCE = 8
"""Images of a chunk in work at the same time: enough to hide waits for hosts and buckets."""

TRIES = 3
"""Tries of an image whose error may pass. The waits double from RETRY_WAIT seconds."""

RETRY_WAIT = 0.5

IMAGE_MARGIN = 20.0
"""Seconds before Lambda's deadline after which no image is begun: 10 to fetch it, and as many to
decode it and write the chunk's records."""

REMEMBERED = 4096
"""Images whose outcome a container remembers by digest; a few hundred bytes each."""


class Memo:
    """Remembers outcomes by key. Each is computed once, however many ask at the same time."""

    def __init__(self, size: int = REMEMBERED) -> None:
        self._size = size
        self._futures: dict[object, Future[Outcome]] = {}
        self._lock = threading.Lock()

    def __call__(self, key: object, work: Callable[[], Outcome]) -> Outcome:
        """Returns the outcome of `work`, or the remembered outcome of that key. Forgets errors."""
        with self._lock:
            mine = key not in self._futures
            future = self._futures.setdefault(key, Future())
            while len(self._futures) > self._size:
                self._futures.pop(next(iter(self._futures)))
        if mine:
            try:
                future.set_result(work())
            except BaseException as error:
                with self._lock:
                    self._futures.pop(key, None)
                future.set_exception(error)
        return future.result()


class Recorder:
    """Classifies entries into records. A failure becomes a record too.

    alone: whether images are decoded and classified one at a time. Each then takes as long as for a
        caller. Side by side, each takes longer and all of them less.
    """

    def __init__(
        self,
        classification: Classification,
        alone: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._classification, self._sleep = classification, sleep
        self._memo = Memo()
        self._turn: AbstractContextManager[object] = threading.Lock() if alone else nullcontext()

    def records(
        self, options: Options, todo: Mapping[int, Entry], go_on: InTime
    ) -> dict[int, Record]:
        """Returns the records of entries, by key, as far as there is time.

        If the model can never answer, every image gets that error at once.
        Raises ServiceUnavailable if the model's bucket does not answer now.
        """
        refusal = self._refusal(options)
        with ThreadPoolExecutor(IMAGES_AT_ONCE) as pool:
            work = partial(self._record, options, go_on, refusal)
            records = zip(todo, pool.map(work, todo.values()), strict=True)
            return {place: record for place, record in records if record is not None}

    def record(self, options: Options, entry: Entry, go_on: InTime) -> Record | None:
        """Returns the record of one entry; None if there is no time to begin it. See `records`."""
        return self._record(options, go_on, self._refusal(options), entry)

    def _refusal(self, options: Options) -> ErrorInfo | None:
        """Loads the model. Returns the error if it can never be loaded."""
        try:
            self._classification.model(options.model)
        except InceptionError as error:
            if error.retryable:
                raise
            return ErrorInfo.of(error)
        return None

    def _record(
        self, options: Options, go_on: InTime, refusal: ErrorInfo | None, entry: Entry
    ) -> Record | None:
        if entry.problem is not None:
            problem = ErrorInfo.of(BadRequest(entry.problem))
            return Record(entry.id, entry.source, error=problem)
        if refusal is not None:
            return Record(entry.id, entry.source, error=refusal)
        for number in range(TRIES):
            if not go_on():
                return None
            try:
                outcome = self._outcome(options, entry)
                ms = round(sum(outcome.timing_ms.values()), 2)
                model = outcome.model
                return Record(
                    entry.id, entry.source, outcome.labels, model.name, ms,
                    multi_label=model.multi_label, truncated=outcome.image.truncated,
                    embedding=outcome.embedding,
                )  # fmt: skip
            except InceptionError as error:
                if not error.retryable or number == TRIES - 1:
                    return Record(entry.id, entry.source, error=ErrorInfo.of(error))
                self._sleep(RETRY_WAIT * 2**number)
        raise AssertionError("the last try returns")

    def _outcome(self, options: Options, entry: Entry) -> Outcome:
        data = self._classification.load(entry.instance)
        if options.explain or options.embedding:
            return self._classify(data, options)  # too large to be remembered
        digest = hashlib.sha256(data).digest()
        key = (digest, options.model, options.max_labels, options.min_confidence)
        return self._memo(key, lambda: self._classify(data, options))

    def _classify(self, data: bytes, options: Options) -> Outcome:
        with self._turn:
            return self._classification.classify(data, options)
