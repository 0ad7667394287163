"""Makes moto's Step Functions fit for dozens of tasks at once on a few cores.

moto keeps the state machines of CloudFormation apart from those that it runs, may start two
executions of one name at once, makes a client for every task, and returns a history as one page.
Its tasks time out while they wait for a free function.
"""

import json
import os
import threading
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from botocore.config import Config
from moto.stepfunctions import models
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval import (
    resource_eval_s3,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_factory,
    state_task_service_lambda,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication
from moto.stepfunctions.parser.models import (
    StepFunctionsParserBackend,
    stepfunctions_parser_backends,
)
from moto.stepfunctions.responses import StepFunctionResponse

from localcloud import resources

HISTORY_EVENTS = 1000
"""The maximum of a page, and the default
(https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html)."""
LONGEST_TASK_SECONDS = 16 * 60


class StateMachines(StepFunctionsParserBackend):
    """Starts one execution of a name, even if several calls ask for it at once."""

    __module__ = StepFunctionsParserBackend.__module__  # where moto looks for addresses

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._lock = threading.Lock()

    def start_execution(  # noqa: D102
        self, state_machine_arn: str, name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        name = name or str(uuid.uuid4())
        self._validate_name(name)
        with self._lock:
            return super().start_execution(state_machine_arn, name, *args, **kwargs)

    def get_execution_history(self, execution_arn: str) -> Any:  # noqa: D102
        execution: Any = self.describe_execution(execution_arn)
        env = execution.exec_worker.env
        # moto copies each of thousands of events, which never change
        return {"events": list(env.event_manager._history_event_list) if env else []}


class LambdaTask(state_task_service_lambda.StateTaskServiceLambda):
    """Waits for its turn, in the order of the tasks, before its timeout starts."""

    room = threading.Semaphore()

    def _evaluate_with_timeout(self, env: Environment) -> None:
        with self.room:
            if env.is_running():
                super()._evaluate_with_timeout(env)


def _set_error(env: Environment, error: Any) -> None:
    """Ignores errors after the execution was stopped: they are not why it ended."""
    if not isinstance(env.program_state(), ProgramStopped):
        _moto_set_error(env, error)


_moto_set_error = Environment.set_error


def _reflect_execution_status(of: BaseExecutionWorkerCommunication) -> None:
    """Sets the output first: moto reports success before it has the output."""
    execution: Any = of.execution
    execution.output = execution.exec_worker.env.states.get_input()
    _moto_reflect_execution_status(of)


_moto_reflect_execution_status: Any = BaseExecutionWorkerCommunication._reflect_execution_status


def _get_execution_history(response: StepFunctionResponse) -> str:
    """Returns one page. moto's own JSON would take a second for a thousand events."""
    arn = response._get_param("executionArn")
    events = response.stepfunction_backend.get_execution_history(arn)["events"]
    size = response._get_int_param("maxResults") or HISTORY_EVENTS
    token = response._get_int_param("nextToken")
    if response._get_bool_param("reverseOrder"):
        end = len(events) if token is None else token
        rest = max(0, end - size)
        page, more = events[rest:end][::-1], rest > 0
    else:
        start = token or 0
        rest = start + size
        page, more = events[start:rest], rest < len(events)
    shown = [{**event, "timestamp": _epoch(event["timestamp"])} for event in page]
    return json.dumps({"events": shown, **({"nextToken": str(rest)} if more else {})})


def _epoch(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()


def install(concurrency: int) -> None:
    """Makes moto's Step Functions use these; call it before the first request.

    concurrency: how many functions, and so tasks, run at once.
    """
    LambdaTask.room = threading.Semaphore(concurrency)
    stepfunctions_parser_backends.backend = StateMachines
    client = _clients(concurrency)
    for owner, name, ours in (
        (models, "stepfunctions_backends", stepfunctions_parser_backends),
        (state_task_service_factory, "StateTaskServiceLambda", LambdaTask),
        (Environment, "set_error", _set_error),
        (BaseExecutionWorkerCommunication, "_reflect_execution_status", _reflect_execution_status),
        (StepFunctionResponse, "get_execution_history", _get_execution_history),
        (lambda_eval_utils, "boto_client_for", client),
        (resource_eval_s3, "boto_client_for", client),
    ):
        setattr(owner, name, ours)


def _clients(connections: int) -> Callable[..., Any]:
    """Returns a function that makes one client for each service, safe for all threads."""
    made: dict[str, Any] = {}
    lock = threading.Lock()
    config = Config(
        connect_timeout=3, read_timeout=LONGEST_TASK_SECONDS, max_pool_connections=connections,
        retries={"total_max_attempts": 1}, proxies={},
    )  # fmt: skip

    def client(region: str, service: str, state_credentials: Any = None) -> Any:
        with lock:
            if service not in made:
                made[service] = resources.client(service, os.environ, config)
            return made[service]

    return client
