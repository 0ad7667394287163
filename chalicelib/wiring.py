"""The one place that builds clients, stores and classifiers, once per container.

Each part is imported and built when it is first asked for: no answer waits for another's.
"""

import threading
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

from chalicelib.aws.s3 import S3Store
from chalicelib.classification import Classification
from chalicelib.errors import NotConfigured
from chalicelib.files import is_read_only
from chalicelib.inference import engines
from chalicelib.inference.packages import Models
from chalicelib.inference.pool import Classifiers
from chalicelib.predict import Predictor
from chalicelib.settings import Settings, SettingsError
from chalicelib.sources.read import Sources

if TYPE_CHECKING:
    from chalicelib.batch.batches import BatchService
    from chalicelib.batch.inbox import BatchEvents
    from chalicelib.bulk.deadline import Remaining
    from chalicelib.experiment.experiment import Experiment
    from chalicelib.sources.fetch import Fetcher
    from chalicelib.tokens import Tokens
    from chalicelib.workflow.tasks import WorkflowTasks
    from chalicelib.workflow.workflows import WorkflowService

T = TypeVar("T")


class Services:
    """What the entry points call. What is not set up raises NotConfigured, which says why.

    Nothing is loaded or connected to before it is used. Two threads that ask first, and at once,
    may build a part twice, which costs little: only classifiers are heavy, and there is one set.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._store = S3Store(_s3_client)
        self.models = Models(
            settings.model_dirs,
            settings.models_bucket,
            self._store,
            reads=lambda info: engines.chosen(info, settings.engine).file(info),
            is_sealed=lambda folder: settings.on_lambda and is_read_only(folder),
        )
        self._sources = Sources(
            fetch=lambda url: self._fetcher(url),
            read_object=self._store.read,
            image_buckets=settings.image_buckets,
        )
        names = (settings.model, settings.fallback_model)
        # the API is tuned for latency, chunks for throughput; a Lambda container does only one
        self.classifiers = Classifiers(
            self.models, settings.threads, *names, copies=settings.at_once, engine=settings.engine
        )
        self._most = Classifiers(
            self.models, 1, *names, copies=settings.threads, engine=settings.engine
        )

    def prepare(self) -> None:
        """Import the inference stack early, so that the first request does not wait for it."""
        from chalicelib.images import decode  # noqa: F401

        package = self.models.here(self.settings.model)
        engines.chosen(package, self.settings.engine).prepare()

    @cached_property
    def _fetcher(self) -> "Fetcher":
        from chalicelib.sources.fetch import Fetcher

        return Fetcher(allow_loopback=self.settings.allow_loopback)

    @cached_property
    def tokens(self) -> "Tokens":
        """Who may call."""
        from chalicelib.aws.ssm import Parameter
        from chalicelib.tokens import Tokens

        return Tokens(Parameter(_ssm_client, self.settings.token_parameter).read)

    @cached_property
    def predictor(self) -> Predictor:
        """What classifies for a caller."""
        return Predictor(Classification(self._sources, self.classifiers), self._experiment)

    @property
    def batches(self) -> "BatchService":
        """What callers ask of batches."""
        return _there(self._batch, BATCH_MISSING)[0]

    @property
    def events(self) -> "BatchEvents":
        """What events bring to batches."""
        return _there(self._batch, BATCH_MISSING)[1]

    @property
    def experiment(self) -> "Experiment":
        """The arms, and what feedback says of them."""
        return _there(self._experiment, EXPERIMENT_MISSING)

    @property
    def workflows(self) -> "WorkflowService":
        """What callers ask of workflows."""
        return _there(self._workflow, WORKFLOW_MISSING)[0]

    @property
    def tasks(self) -> "WorkflowTasks":
        """What the state machine calls."""
        return _there(self._workflow, WORKFLOW_MISSING)[1]

    def tick(self, remaining: "Remaining") -> None:
        """What the schedule sees to; trouble with the one does not hold up the other."""
        try:
            if self._batch is not None:
                self.events.on_tick(remaining)
        finally:
            if self._experiment is not None:
                self._experiment.fold()

    @cached_property
    def _batch(self) -> "tuple[BatchService, BatchEvents] | None":
        settings, store = self.settings, self._store
        images, results = settings.images_bucket, settings.results_bucket
        if not (images and results and settings.work_queue):
            return None
        from chalicelib.aws.sqs import SqsQueue
        from chalicelib.batch.batches import BatchService
        from chalicelib.batch.inbox import BatchEvents
        from chalicelib.bulk.recorder import Recorder

        sqs = partial(_client, "sqs")
        queue = SqsQueue(sqs, settings.work_queue)
        answers = SqsQueue(sqs, settings.results_queue) if settings.results_queue else None
        service = BatchService(store, queue, images, results, self.models.find)
        recorder = Recorder(Classification(self._sources, self._most))
        return service, BatchEvents(service, store, queue, recorder, results, answers)

    @cached_property
    def _experiment(self) -> "Experiment | None":
        settings = self.settings
        if not (settings.arms and settings.results_bucket):
            return None
        from chalicelib.aws.documents import Documents
        from chalicelib.experiment.arms import Arms
        from chalicelib.experiment.experiment import Experiment

        try:
            arms = Arms.parse(settings.arms)
        except ValueError as error:
            raise SettingsError(f"ARMS: {error}") from error
        documents = Documents(self._store, settings.results_bucket)
        # answers wait for it, and can do without
        soon = partial(_s3_client, connect_timeout=1, read_timeout=2, attempts=2)
        quick = Documents(S3Store(soon), settings.results_bucket)
        return Experiment(documents, arms, settings.model, self.models.find, quick=quick)

    @cached_property
    def _workflow(self) -> "tuple[WorkflowService, WorkflowTasks] | None":
        settings, store = self.settings, self._store
        images, results = settings.images_bucket, settings.results_bucket
        if not (images and results and settings.workflow):
            return None
        from chalicelib.aws.stepfunctions import StepFunctions
        from chalicelib.bulk.recorder import Recorder
        from chalicelib.workflow.request import Rules
        from chalicelib.workflow.tasks import WorkflowTasks
        from chalicelib.workflow.workflows import WorkflowService

        rules = Rules(
            images,
            results,
            labels_of=lambda name: self.models.find(name).labels(),
            default_model=lambda: self.classifiers.get().info.name,
            can_promote=self._experiment is not None,
        )
        executions = StepFunctions(partial(_client, "stepfunctions"), settings.workflow)
        alone = Recorder(Classification(self._sources, self.classifiers), alone=True)
        tasks = WorkflowTasks(store, rules, alone, self.classifiers.get, self._experiment)
        return WorkflowService(executions, store, rules), tasks


BATCH_MISSING = (
    "Batch is not set up here: it needs IMAGES_BUCKET, RESULTS_BUCKET and WORK_QUEUE; "
    "`make run` sets them."
)
EXPERIMENT_MISSING = (
    "There is no experiment here: it needs RESULTS_BUCKET, and in ARMS the models and their shares "
    "of the traffic, such as inception-v3=0.9 inception-v1=0.1; `make run` sets both."
)
WORKFLOW_MISSING = (
    "Workflows are not set up here: they need IMAGES_BUCKET, RESULTS_BUCKET and WORKFLOW, the ARN "
    "of the state machine; `make run` sets them."
)


def _there(part: T | None, missing: str) -> T:
    if part is None:
        raise NotConfigured(missing)
    return part


_lock = threading.Lock()


def services() -> Services:
    """The services of this container, from its environment. Raises SettingsError."""
    with _lock:
        return _services()


@lru_cache(maxsize=1)
def _services() -> Services:
    return Services(Settings.from_environment())


def _s3_client(**limits: Any) -> Any:
    # Forms and links are signed as buckets made since 2020 want it, for the bucket's own region:
    # the global endpoint redirects there at first, which a signature does not outlive
    # (https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html).
    address = {"addressing_style": "virtual"}
    return _client("s3", signature_version="s3v4", s3=address, **limits)


def _ssm_client() -> Any:
    # a caller waits for it before anything else is done; all attempts fit into ten seconds
    return _client("ssm", read_timeout=2, connect_timeout=2, attempts=3)


def _client(
    service: str,
    connect_timeout: float = 3,
    read_timeout: float = 10,
    attempts: int = 4,
    **options: Any,
) -> Any:
    from botocore.config import Config

    from chalicelib.aws.session import session

    config = Config(
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        max_pool_connections=32,
        **options,
    )
    return session().client(service, config=config)
