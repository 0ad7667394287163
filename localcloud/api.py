"""`python -m localcloud.api`: `chalice local`, behind both fronts that a stage can have."""

import logging
import os
import sys
import threading
from pathlib import Path

import chalice.local
import click
from chalice.app import Chalice
from chalice.cli import main as chalice_command
from chalice.config import Config
from chalice.local import LocalDevServer

from chalicelib.settings import ROOT
from localcloud import resources
from localcloud.gateway import GatewayHandler
from localcloud.listening import LOOPBACK
from localcloud.schoolroom import Schoolroom
from localcloud.teachroutes import LOCAL_NAMES, add
from localcloud.urlfront import UrlHandler
from stage import lifeline


@click.command()
@click.option("--project", required=True)
@click.option("--stack-name", help="Is waited for: its outputs are part of the app's environment.")
@click.option("--host", required=True)
@click.option("--port", required=True)
@click.option("--url-port", type=int, help="Port of the function URL.  [default: none]")
def main(project: str, stack_name: str | None, host: str, port: str, url_port: int | None) -> None:
    """Serve until the end of the process that started this one. Without a stack, without AWS."""
    lifeline.hold()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    # Chalice has every logger write what is news to it, such as where boto3 found its credentials
    logging.getLogger("botocore").setLevel(logging.WARNING)
    # all requests share the connections that Lambda gives one: some too many are no fault
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    if stack_name:
        os.environ.update(resources.wait_for_outputs(stack_name))
    if teaches := host in LOCAL_NAMES and (Path(project) / "tools").is_dir():
        os.environ["TEACHES"] = "true"  # the page asks

    def serve(app: Chalice, config: Config, host: str, port: int) -> LocalDevServer:
        if teaches:
            folder = os.environ.get("TEACHINGS_DIR") or ROOT / "build" / "teachings"
            add(app, Schoolroom(Path(folder)))
        if url_port is not None:
            url = LocalDevServer(app, config, LOOPBACK, url_port, handler_cls=UrlHandler)
            threading.Thread(target=url.server.serve_forever, daemon=True).start()
        return LocalDevServer(app, config, host, port, handler_cls=GatewayHandler)

    # its command has no option for the handler
    chalice.local.LocalDevServer = serve  # type: ignore[assignment, misc]
    sys.argv = ["chalice", "--project-dir", project, "local", "--stage", "local"]
    sys.argv += ["--no-autoreload", "--host", host, "--port", port]
    sys.exit(chalice_command())


if __name__ == "__main__":
    main()
