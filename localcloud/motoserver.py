"""`python -m localcloud.motoserver`: moto's server with the stack of a template.

Everything is in memory, and is lost when it ends. It passes calls of Lambda's Invoke API on to the
functions process, so that one endpoint is all of AWS, for Step Functions too.
"""

import logging
import os
import re
import sys
import threading
import urllib.parse
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
import urllib3
from moto.core.config import default_user_config
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from localcloud import changesets, queues, resources, statemachines, swagger
from localcloud.listening import LOOPBACK
from localcloud.visitors import WSGI, Visitors, guarded
from stage import lifeline

INVOCATIONS = re.compile(r"/2015-03-31/functions/[^/]+/invocations")
PASSED_ON = (
    "Content-Type", "Content-Length", "X-Amzn-RequestId", "X-Amzn-ErrorType",
    "X-Amz-Function-Error", "X-Amz-Executed-Version",
)  # fmt: skip
LONGEST_INVOCATION_SECONDS = 15 * 60 + 60
DOOR_POLL_SECONDS = 0.02
"""How soon a server ends after `shutdown`; all requests wait for that."""


class Dispatcher:
    """moto's WSGI application, except that the functions process answers the Invoke API."""

    def __init__(self, moto: WSGI, functions_port: int, concurrency: int) -> None:
        self._moto = moto
        self._http = urllib3.HTTPConnectionPool(
            LOOPBACK, functions_port, maxsize=max(32, concurrency), retries=False,
            timeout=urllib3.Timeout(connect=3, read=LONGEST_INVOCATION_SECONDS),
        )  # fmt: skip

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answers a request."""
        if INVOCATIONS.fullmatch(environ["PATH_INFO"]) and environ["REQUEST_METHOD"] == "POST":
            return self._invoke(environ, start_response)
        return self._moto(environ, start_response)

    def _invoke(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        kind = environ.get("HTTP_X_AMZ_INVOCATION_TYPE", "RequestResponse")
        path = urllib.parse.quote(environ["PATH_INFO"])
        try:
            answer = self._http.request(
                "POST", path, body=body, headers={"X-Amz-Invocation-Type": kind}
            )
        except urllib3.exceptions.HTTPError:
            start_response("503 Service Unavailable", [("x-amzn-ErrorType", "ServiceException")])
            return [b'{"Message": "The functions are being started; try again."}']
        headers = [(name, answer.headers[name]) for name in PASSED_ON if name in answer.headers]
        start_response(f"{answer.status} {answer.reason}", headers)
        return [answer.data]


def _quiet() -> None:
    # requests are no news, nor are resources that moto ignores, such as a bucket's policy
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    logging.getLogger("moto").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="moto.*")


@click.command()
@click.option("--port", required=True, type=int)
@click.option("--functions-port", required=True, type=int)
@click.option("--concurrency", required=True, type=click.IntRange(1))
@click.option("--app", nargs=2, type=(str, int), default=(LOOPBACK, 0), help="Its host and port.")
@click.option("--template", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--stack-name", required=True)
@click.option("--parameter", "parameters", multiple=True, type=(str, str))
def main(**options: Any) -> None:
    """Serve until the process ends that started this one."""
    serve(**options)


def serve(
    port: int,
    functions_port: int,
    concurrency: int,
    app: tuple[str, int],
    template: Path,
    stack_name: str,
    parameters: tuple[tuple[str, str], ...],
    around: Callable[[WSGI], WSGI] = lambda app: app,
) -> None:
    """Serves the stack of a template; see `main`.

    around: wraps the application, once the stack is made.
    """
    lifeline.hold()
    _quiet()
    swagger.install()
    changesets.install()
    queues.install()
    statemachines.install(concurrency)
    os.environ["MOTO_PORT"] = str(port)  # where moto's Step Functions find the rest of AWS
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    # headers and body are two writes: Nagle's algorithm holds the second up for 40 ms
    MotoRequestHandler.disable_nagle_algorithm = True
    moto = DomainDispatcherApplication(create_backend_app)
    server = make_server(
        LOOPBACK, port,
        guarded(around(Dispatcher(moto, functions_port, concurrency)), Visitors(*app)),
        threaded=True, request_handler=MotoRequestHandler,
    )  # fmt: skip
    try:
        _create_stack(moto, stack_name, template, dict(parameters))
    except resources.StackError as error:
        raise click.ClickException(str(error)) from error
    server.serve_forever()


def _create_stack(moto: WSGI, name: str, template: Path, parameters: dict[str, str]) -> None:
    """Makes the stack through a private port, while all other requests wait. Raises StackError.

    moto makes a resource when it is first asked about it. A client that looks at an unfinished
    stack would make moto do so twice.
    """
    door = make_server(
        LOOPBACK, 0, guarded(moto, Visitors()), threaded=True, request_handler=MotoRequestHandler
    )
    serving = threading.Thread(target=door.serve_forever, args=(DOOR_POLL_SECONDS,))
    serving.start()
    try:
        endpoint = {"AWS_ENDPOINT_URL": f"http://{LOOPBACK}:{door.server_port}"}
        resources.create(name, template, parameters, {**os.environ, **endpoint})
    finally:
        door.shutdown()
        serving.join()
        door.server_close()


if __name__ == "__main__":
    sys.exit(main())
