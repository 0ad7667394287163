"""`python -m localcloud.api`: `chalice local`, behind an edge like API Gateway's."""

import functools
import logging
import os
import sys

import chalice.local
import click
from chalice.cli import main as chalice_command

from localcloud import lifeline, resources
from localcloud.gateway import GatewayHandler


@click.command()
@click.option("--project", required=True)
@click.option("--stack-name", help="Is waited for: its outputs are part of the app's environment.")
@click.option("--host", required=True)
@click.option("--port", required=True)
def main(project: str, stack_name: str | None, host: str, port: str) -> None:
    """Serve until the end of the process that started this one. Without a stack, without AWS."""
    lifeline.hold()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    # Chalice has every logger write what is news to it, such as where boto3 found its credentials
    logging.getLogger("botocore").setLevel(logging.WARNING)
    if stack_name:
        os.environ.update(resources.wait_for_outputs(stack_name))
    # its command has no option for the handler
    server = chalice.local.LocalDevServer
    chalice.local.LocalDevServer = functools.partial(server, handler_cls=GatewayHandler)  # type: ignore[assignment, misc]
    sys.argv = ["chalice", "--project-dir", project, "local", "--stage", "local"]
    sys.argv += ["--no-autoreload", "--host", host, "--port", port]
    sys.exit(chalice_command())


if __name__ == "__main__":
    main()
