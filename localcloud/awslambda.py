"""`python -m localcloud.awslambda`: plays Lambda and its triggers for a Chalice app.

Events that AWS keeps until they are handled (of S3, schedules and asynchronous invocations) wait in
a queue for each function, so none is lost while this process is down.
"""

import json
import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from botocore.config import Config

from localcloud import registry, resources, subscribed
from localcloud.containers import Containers
from localcloud.environment import ACCOUNT
from localcloud.invoke import InvokeApi
from localcloud.registry import Function
from localcloud.streams import Stream, StreamPoller, TableStream
from localcloud.triggers import ATTEMPTS, POLL_SECONDS, Poller, period, tick
from stage import lifeline

CLIENT = Config(
    connect_timeout=3,
    read_timeout=POLL_SECONDS + 10,
    max_pool_connections=64,
    retries={"total_max_attempts": 4, "mode": "standard"},
)


class Functions:
    """The app's functions with their queues and triggers."""

    def __init__(
        self, functions: list[Function], containers: Containers, visibility_timeout: int
    ) -> None:
        self._functions = functions
        self._containers = containers
        self._visibility_timeout = visibility_timeout
        self._sqs = resources.client("sqs", os.environ, CLIENT)
        self._s3 = resources.client("s3", os.environ, CLIENT)
        self._queues: dict[str, str] = {}
        self._region = os.environ["AWS_REGION"]

    def enqueue(self, function: Function, event: str) -> str:
        """Queues an event, in JSON, for its function. Returns the request's id."""
        url = self._queues[function.name]
        return str(self._sqs.send_message(QueueUrl=url, MessageBody=event)["MessageId"])

    def start(self, schedule_seconds: float | None) -> None:
        """Starts the triggers, each in a thread."""
        pollers = [poller for function in self._functions for poller in self._pollers(function)]
        self._notify()
        for function in self._functions:
            subscribed.connect(function, self._arn(self._queues[function.name]), subscribed.client)
        for poller in pollers:
            _thread(poller.run)
        for function in self._functions:
            if function.has_stream or function.has_table:
                _thread(self._stream_poller(function).run)
        for function in self._functions:
            if function.has_schedule:
                self._start_clock(function, schedule_seconds)
            elif function.is_unsupported:
                click.echo(f"{function.name} runs only if you invoke it.", err=True)

    def _pollers(self, function: Function) -> list[Poller]:
        self._queues[function.name] = self._async_queue(function)
        waiting = self._poller(function, self._queues[function.name], asynchronous=True)
        if not function.has_queue:
            return [waiting]
        url = self._sqs.get_queue_url(QueueName=function.queue)["QueueUrl"]
        return [waiting, self._poller(function, url, asynchronous=False)]

    def _poller(self, function: Function, url: str, asynchronous: bool) -> Poller:
        names = ["QueueArn", "VisibilityTimeout"]
        answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        hidden = int(answer["VisibilityTimeout"])
        limit = None if asynchronous else function.trigger.maximum_concurrency
        return Poller(
            sqs=self._sqs,
            url=url,
            arn=answer["QueueArn"],
            visibility_timeout=hidden,
            function=function,
            containers=self._containers,
            asynchronous=asynchronous,
            batch_size=1 if asynchronous else function.trigger.batch_size,
            room=threading.Semaphore(limit) if limit else None,
            failures=self._failures(function) if asynchronous else None,
        )

    def _stream_poller(self, function: Function) -> StreamPoller:
        if function.has_table:
            streams = subscribed.client("dynamodbstreams")
            stream: Stream = TableStream(streams, function.trigger.stream_arn)
        else:
            arn = f"arn:aws:kinesis:{self._region}:{ACCOUNT}:stream/{function.trigger.stream}"
            stream = Stream(subscribed.client("kinesis"), arn)
        failures = self._failures(function)
        return StreamPoller(stream, self._sqs, function, self._containers, failures)

    def _async_queue(self, function: Function) -> str:
        """Returns the URL of the queue for the function's events, and makes it if needed."""
        failed, most = self._failures(function), 2 * ATTEMPTS  # the poller sends it there sooner
        if failed is None:
            failed = self._sqs.create_queue(QueueName="localcloud-failed-events")["QueueUrl"]
            most = ATTEMPTS
        hidden = max(self._visibility_timeout, function.timeout + 1)
        attributes = {
            "VisibilityTimeout": str(hidden),
            "RedrivePolicy": json.dumps(
                {"deadLetterTargetArn": self._arn(failed), "maxReceiveCount": most}
            ),
        }
        name = f"localcloud-events-{function.handler}"
        return str(self._sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])

    def _failures(self, function: Function) -> str | None:
        """Returns the queue for events that failed, if the stack has one, as on AWS."""
        name = os.environ.get("DEAD_LETTER_QUEUE")
        if not name or function.trigger is None or function.has_queue or function.has_schedule:
            return None
        return str(self._sqs.get_queue_url(QueueName=name)["QueueUrl"])

    def _notify(self) -> None:
        """Makes the buckets send their events to the queues."""
        configurations: dict[str, list[dict[str, Any]]] = {}
        for function in self._functions:
            if function.has_bucket:
                notified = configurations.setdefault(function.trigger.bucket, [])
                notified.append(self._notification(function))
        for bucket, notified in configurations.items():
            self._s3.put_bucket_notification_configuration(
                Bucket=bucket, NotificationConfiguration={"QueueConfigurations": notified}
            )

    def _notification(self, function: Function) -> dict[str, Any]:
        rules = [
            {"Name": name, "Value": value}
            for name in ("prefix", "suffix")
            if (value := getattr(function.trigger, name))
        ]
        notification: dict[str, Any] = {
            "Id": function.name,
            "QueueArn": self._arn(self._queues[function.name]),
            "Events": function.trigger.events,
        }
        return notification | ({"Filter": {"Key": {"FilterRules": rules}}} if rules else {})

    def _start_clock(self, function: Function, seconds: float | None) -> None:
        every = seconds or period(function.schedule)
        if every is None:
            told = f"{function.name} is not called on schedule: no rate, but {function.schedule}."
            click.echo(told, err=True)
            return
        _thread(tick, function, every, self._region, self.enqueue)

    def _arn(self, url: str) -> str:
        answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])


def _thread(target: Any, *arguments: Any) -> None:
    threading.Thread(target=target, args=arguments, daemon=True).start()


@click.command()
@click.option("--project", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--stack-name", required=True)
@click.option("--port", required=True, type=int)
@click.option("--concurrency", required=True, type=click.IntRange(1))
@click.option("--visibility-timeout", required=True, type=click.IntRange(1))
@click.option("--schedule-seconds", type=click.FloatRange(0, min_open=True))
@click.option("--trigger", "triggers", multiple=True)
def main(
    project: Path,
    stack_name: str,
    port: int,
    concurrency: int,
    visibility_timeout: int,
    schedule_seconds: float | None,
    triggers: tuple[str, ...],
) -> None:
    """Run until the process ends that started this one."""
    lifeline.hold()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    os.environ.update(resources.wait_for_outputs(stack_name))
    os.environ.update(subscribed.made(triggers, subscribed.client).variables())
    declared, stage_env = registry.load(project)
    # a function that outlasts its queue's timeout would get its message a second time
    functions = [
        replace(item, timeout=min(item.timeout, visibility_timeout)) if item.trigger else item
        for item in declared
    ]
    containers = Containers(project, {**os.environ, **stage_env}, concurrency)
    played = Functions(functions, containers, visibility_timeout)
    by_name = {function.name: function for function in functions}
    try:
        played.start(schedule_seconds)
        api = InvokeApi(port, by_name, containers, played.enqueue)
        _thread(api.serve_forever)
        ended.wait()
    finally:
        containers.close()


if __name__ == "__main__":
    main()
