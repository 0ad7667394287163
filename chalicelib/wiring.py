"""Build the service, only here and once per container.

Each part is imported and built when it is first asked for, so no answer waits for another's part.
"""

import threading
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Unpack

from chalicelib.classification import Classification
from chalicelib.files import is_read_only
from chalicelib.inference import engines
from chalicelib.inference.finder import Models
from chalicelib.inference.pool import Classifiers, Load
from chalicelib.parts import BATCHES, EXPERIMENT, WORKFLOWS
from chalicelib.ports import Overrides, Ports
from chalicelib.predict import Predictor
from chalicelib.settings import Settings, SettingsError
from chalicelib.sources.read import Sources

if TYPE_CHECKING:
    from chalicelib.batch.batches import BatchService
    from chalicelib.batch.inbox import BatchEvents
    from chalicelib.batch.inlet import Inlet
    from chalicelib.bulk.deadline import Remaining
    from chalicelib.experiment.experiment import Experiment
    from chalicelib.lex import Conversation
    from chalicelib.tokens import Tokens
    from chalicelib.workflow.rules import Rules
    from chalicelib.workflow.tasks import WorkflowTasks
    from chalicelib.workflow.workflows import WorkflowService


class Services:
    """The whole service, for the entry points.

    Nothing is loaded or connected before it is used. A part without settings raises NotConfigured,
    which says what to set.

    A test or a benchmark gets the same service on ports of its own, as here in memory:

    >>> store, queue = MemoryStore(), MemoryQueue()
    >>> services = Services(
    ...     settings, store=store, queue=queue, fetch=lambda url: picture("red"),
    ...     models=models, load=models.load,
    ... )
    >>> request = BatchRequest(instances=[Instance(id="a", url="http://host/a.png")])
    >>> batch_id = services.batches.create(request).batch_id
    >>> while queue.bodies:  # the first message cuts the batch into chunks, the second is a chunk
    ...     services.events.on_message(queue.bodies.pop(0), lambda: 900.0)
    >>> services.batches.view(batch_id).status
    'finished'

    overrides: the ports. models: the packages there are. load: makes a classifier of one of them.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        models: Models | None = None,
        load: Load | None = None,
        **overrides: Unpack[Overrides],
    ) -> None:
        self.settings, self._ports = settings, Ports(settings, **overrides)
        self.models = models or Models(
            settings.model_dirs,
            settings.models_bucket,
            self._ports.store,
            reads=lambda info: engines.chosen(info, settings.engine).file(info),
            is_sealed=lambda folder: settings.on_lambda and is_read_only(folder),
        )
        self._sources = Sources(
            fetch=lambda url: self._ports.fetch(url),
            read_object=self._ports.store.read,
            image_buckets=settings.image_buckets,
        )
        classifiers = partial(
            Classifiers,
            self.models,
            model=settings.model,
            fallback=settings.fallback_model,
            load=load,
            engine=settings.engine,
        )
        # callers want the least latency, chunks the most throughput; a Lambda container does one.
        # made here, because two threads that ask first could build a part twice
        self.classifiers = classifiers(threads=settings.threads, copies=settings.at_once)
        self.chunk_classifiers = classifiers(threads=1, copies=settings.threads)

    def prepare(self) -> None:
        """Imports the inference stack early, so that the first request does not wait for it."""
        from chalicelib.images import decode  # noqa: F401

        package = self.models.here(self.settings.model)
        engines.chosen(package, self.settings.engine).prepare()

    @cached_property
    def tokens(self) -> "Tokens":
        """Decides who may call."""
        from chalicelib.tokens import Tokens

        return Tokens(self.settings.token_sha256)

    @cached_property
    def predictor(self) -> Predictor:
        """Answers a caller's request."""
        return Predictor(Classification(self._sources, self.classifiers), self.trial)

    @cached_property
    def conversation(self) -> "Conversation":
        """Answers Lex."""
        from chalicelib.lex import Conversation

        return Conversation(Classification(self._sources, self.classifiers))

    @cached_property
    def batches(self) -> "BatchService":
        """Answers callers about batches."""
        BATCHES.check(self.settings)
        from chalicelib.batch.batches import BatchService

        ports, settings = self._ports, self.settings
        buckets = settings.images_bucket, settings.results_bucket
        models = self.models.info, self.classifiers.default
        return BatchService(ports.store, ports.queue, *buckets, *models, ports.clock)

    @cached_property
    def events(self) -> "BatchEvents":
        """Handles events for batches."""
        batches, ports = self.batches, self._ports
        from chalicelib.batch.inbox import BatchEvents
        from chalicelib.bulk.recorder import Recorder

        classification = Classification(self._sources, self.chunk_classifiers)
        recorder = Recorder(classification, sleep=ports.sleep)
        places = ports.store, ports.queue, recorder, self.settings.results_bucket
        return BatchEvents(batches, *places, ports.answers, ports.bus, ports.items)

    @cached_property
    def inlet(self) -> "Inlet":
        """Handles the events of other services."""
        BATCHES.check(self.settings)
        from chalicelib.batch.inlet import Inlet

        return Inlet(self._ports.queue)

    @cached_property
    def experiment(self) -> "Experiment":
        """Assigns arms, and counts feedback on them."""
        EXPERIMENT.check(self.settings)
        from chalicelib.aws.documents import Documents
        from chalicelib.experiment.arms import Arms
        from chalicelib.experiment.experiment import Experiment

        settings, ports = self.settings, self._ports
        try:
            arms = Arms.parse(settings.arms)
        except ValueError as error:
            raise SettingsError(f"ARMS: {error}") from error
        documents = Documents(ports.store, settings.results_bucket)
        quick = Documents(ports.quick_store, settings.results_bucket)
        return Experiment(documents, arms, settings.model, self.models.check, ports.clock, quick)

    @property
    def trial(self) -> "Experiment | None":
        """The experiment, if there is one."""
        return self.experiment if EXPERIMENT.is_in(self.settings) else None

    @cached_property
    def workflows(self) -> "WorkflowService":
        """Answers callers about workflows."""
        rules, ports = self._rules, self._ports
        from chalicelib.workflow.workflows import WorkflowService

        return WorkflowService(ports.executions, ports.store, rules, ports.clock)

    @cached_property
    def tasks(self) -> "WorkflowTasks":
        """The tasks that the state machine calls."""
        rules, ports = self._rules, self._ports
        from chalicelib.bulk.recorder import Recorder
        from chalicelib.workflow.tasks import WorkflowTasks

        classification = Classification(self._sources, self.classifiers)
        alone = Recorder(classification, alone=True, sleep=ports.sleep)
        models = rules, alone, self.classifiers.get, self.trial
        return WorkflowTasks(ports.store, *models, ports.clock, ports.bus)

    @cached_property
    def _rules(self) -> "Rules":
        WORKFLOWS.check(self.settings)
        from chalicelib.workflow.rules import Rules

        return Rules(
            self.settings.images_bucket,
            self.settings.results_bucket,
            labels_of=self.models.labels,
            default_model=self.classifiers.default,
            can_promote=EXPERIMENT.is_in(self.settings),
        )

    def tick(self, remaining: "Remaining") -> None:
        """Does the work of the schedule. An error in one part does not stop the other."""
        try:
            if BATCHES.is_in(self.settings):
                self.events.on_tick(remaining)
        finally:
            if EXPERIMENT.is_in(self.settings):
                self.experiment.fold()


_lock = threading.Lock()


def services() -> Services:
    """Returns the services of this container, from its environment. Raises SettingsError."""
    with _lock:
        return _services()


@lru_cache(maxsize=1)
def _services() -> Services:
    return Services(Settings.from_environment())
