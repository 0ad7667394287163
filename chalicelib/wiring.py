"""The one place that builds clients, stores and classifiers, once per container."""

import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from chalicelib.batch.events import BatchEvents
from chalicelib.batch.fanout import Remaining
from chalicelib.batch.service import BatchService
from chalicelib.batch.worker import Recorder
from chalicelib.classifier import Classifiers
from chalicelib.documents import Documents
from chalicelib.errors import NotConfigured
from chalicelib.executions import StepFunctions
from chalicelib.experiment.arms import Arms
from chalicelib.experiment.service import Experiment
from chalicelib.fetch import Fetcher
from chalicelib.models import Models
from chalicelib.predict import Predictor
from chalicelib.queue import SqsQueue
from chalicelib.settings import Settings, SettingsError
from chalicelib.sources import Sources
from chalicelib.storage import S3Store
from chalicelib.tokens import Parameter, Tokens
from chalicelib.workflow.request import Rules
from chalicelib.workflow.service import WorkflowService
from chalicelib.workflow.tasks import WorkflowTasks

T = TypeVar("T")


@dataclass(frozen=True)
class Services:
    """What the entry points call. What is not set up raises NotConfigured, which says why."""

    settings: Settings
    tokens: Tokens
    models: Models
    classifiers: Classifiers
    predictor: Predictor
    _batch: tuple[BatchService, BatchEvents] | None
    _experiment: Experiment | None
    _workflow: tuple[WorkflowService, WorkflowTasks] | None

    @property
    def batches(self) -> BatchService:
        """What callers ask of batches."""
        return _there(self._batch, BATCH_MISSING)[0]

    @property
    def events(self) -> BatchEvents:
        """What events bring to batches."""
        return _there(self._batch, BATCH_MISSING)[1]

    @property
    def experiment(self) -> Experiment:
        """The arms, and what feedback says of them."""
        return _there(self._experiment, EXPERIMENT_MISSING)

    @property
    def workflows(self) -> WorkflowService:
        """What callers ask of workflows."""
        return _there(self._workflow, WORKFLOW_MISSING)[0]

    @property
    def tasks(self) -> WorkflowTasks:
        """What the state machine calls."""
        return _there(self._workflow, WORKFLOW_MISSING)[1]

    def tick(self, remaining: Remaining) -> None:
        """What the schedule sees to; trouble with the one does not hold up the other."""
        try:
            if self._batch is not None:
                self.events.on_tick(remaining)
        finally:
            if self._experiment is not None:
                self._experiment.fold()


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


def build(settings: Settings) -> Services:
    """The services of one container; nothing is loaded or connected to yet."""
    store = S3Store(_s3_client)
    models = Models(settings.model_dirs, settings.models_bucket, store)
    sources = Sources(
        fetch=Fetcher(allow_loopback=settings.allow_loopback),
        read_object=store.read,
        image_buckets=settings.image_buckets,
    )
    names = (settings.model, settings.fallback_model)
    # a caller waits for one answer, a chunk for all of them; no container does both
    soonest = Classifiers(models, settings.threads, *names)
    most = Classifiers(models, 1, *names, copies=settings.threads)
    experiment = _experiment(settings, store, models)
    predictor = Predictor(sources, soonest, experiment)
    alone = Recorder(Predictor(sources, soonest), alone=True)
    return Services(
        settings,
        Tokens(Parameter(_ssm_client, settings.token_parameter).read),
        models,
        soonest,
        predictor,
        _batch(settings, store, models, Recorder(Predictor(sources, most))),
        experiment,
        _workflow(settings, store, models, soonest, alone, experiment),
    )


def _batch(
    settings: Settings, store: S3Store, models: Models, recorder: Recorder
) -> tuple[BatchService, BatchEvents] | None:
    images, results = settings.images_bucket, settings.results_bucket
    if not (images and results and settings.work_queue):
        return None
    queue = SqsQueue(_sqs_client, settings.work_queue)
    answers = SqsQueue(_sqs_client, settings.results_queue) if settings.results_queue else None
    service = BatchService(store, queue, images, results, models.find)
    return service, BatchEvents(service, store, queue, recorder, results, answers)


def _experiment(settings: Settings, store: S3Store, models: Models) -> Experiment | None:
    if not (settings.arms and settings.results_bucket):
        return None
    try:
        arms = Arms.parse(settings.arms)
    except ValueError as error:
        raise SettingsError(f"ARMS: {error}") from error
    documents = Documents(store, settings.results_bucket)
    return Experiment(documents, arms, settings.model, models.find)


def _workflow(
    settings: Settings,
    store: S3Store,
    models: Models,
    classifiers: Classifiers,
    recorder: Recorder,
    experiment: Experiment | None,
) -> tuple[WorkflowService, WorkflowTasks] | None:
    images, results = settings.images_bucket, settings.results_bucket
    if not (images and results and settings.workflow):
        return None
    rules = Rules(
        images,
        results,
        find_model=models.find,
        default_model=lambda: classifiers.get().info.name,
        can_promote=experiment is not None,
    )
    executions = StepFunctions(_stepfunctions_client, settings.workflow)
    tasks = WorkflowTasks(store, rules, recorder, classifiers.get, experiment)
    return WorkflowService(executions, store, rules), tasks


_lock = threading.Lock()


def services() -> Services:
    """The services of this container, from its environment. Raises SettingsError."""
    with _lock:
        return _services()


@lru_cache(maxsize=1)
def _services() -> Services:
    return build(Settings.from_environment())


def _s3_client() -> Any:
    return _client("s3")


def _sqs_client() -> Any:
    return _client("sqs")


def _stepfunctions_client() -> Any:
    return _client("stepfunctions")


def _ssm_client() -> Any:
    # a caller waits for it before anything else is done; all attempts fit into ten seconds
    return _client("ssm", read_timeout=2, connect_timeout=2, attempts=3)


def _client(
    service: str, connect_timeout: float = 3, read_timeout: float = 10, attempts: int = 4
) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        max_pool_connections=32,
    )
    return boto3.client(service, config=config)
