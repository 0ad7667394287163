"""`python -m localcloud`: serve the app on this machine until Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
import time

import click
import urllib3

from chalicelib.errors import ModelInvalid, ModelNotFound
from chalicelib.models import ModelPackage, Models
from chalicelib.settings import ROOT, Settings
from chalicelib.storage import S3Store
from tools.catalogue import CATALOGUE, FetchError, fetch

START_SECONDS = 60


@click.command(context_settings={"show_default": True, "max_content_width": 100})
@click.option("--model", default="inception-v3", envvar="MODEL", help="Package to serve.")
@click.option("--host", default="127.0.0.1", envvar="HOST", help="Address to listen on.")
@click.option("--port", default=8000, envvar="PORT", type=click.IntRange(1, 65535), help="Port.")
def main(model: str, host: str, port: int) -> None:
    """Serve the app on this machine until Ctrl-C.

    The model is fetched first where the catalogue has it and this machine does not. Where its host
    cannot be reached, the bundled model `doodle` answers instead.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _check_free(host, port)
    package = _package(model)
    process = _start(package.info.name, host, port)
    try:
        _wait_until_served(process, host, port)
        what = f"{package.info.title} ({package.info.name})" if package.info.title else model
        click.secho(f"\n  http://{host}:{port} serves {what}. Ctrl-C ends it.\n", bold=True)
        process.wait()
    except KeyboardInterrupt:
        click.echo("\nStopped.")
    finally:
        process.terminate()
        process.wait()
    if process.returncode > 0:
        raise click.ClickException(f"`chalice local` ended with status {process.returncode}.")


def _check_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise click.ClickException(
                f"Port {port} of {host} cannot be used ({error.strerror}); "
                "choose another, for example: make run PORT=8001"
            ) from error


def _package(name: str) -> ModelPackage:
    """The package to serve: found, else fetched, else doodle."""
    settings = Settings.from_environment()
    models = Models(settings.model_dirs, "", S3Store(lambda: None))
    try:
        return models.find(name)
    except ModelInvalid as error:
        raise click.ClickException(str(error)) from error
    except ModelNotFound:
        if name not in CATALOGUE:
            raise click.ClickException(
                f"There is no model {name!r}; `tools.model list` shows those there are."
            ) from None
    try:
        return fetch(name, settings.model_dirs[-1])
    except FetchError as error:
        click.secho(f"{error} Serving the bundled model doodle instead.", fg="yellow", err=True)
        return models.find("doodle")


def _start(model: str, host: str, port: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "localcloud.api", "--host", host, "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "MODEL": model},
        start_new_session=True,  # Ctrl-C is for this process, which ends the other in good order
    )


def _wait_until_served(process: "subprocess.Popen[bytes]", host: str, port: int) -> None:
    """Return once the app answers that it can classify."""
    address = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104
    deadline = time.monotonic() + START_SECONDS
    with urllib3.PoolManager(retries=False, timeout=5) as http:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                answer = http.request("GET", f"http://{address}:{port}/health")
            except urllib3.exceptions.HTTPError:
                time.sleep(0.05)
                continue
            if answer.status == 200:
                return
            raise click.ClickException(f"The app does not answer: {answer.data.decode()}")
    raise click.ClickException("The app did not start; the lines above say why.")


if __name__ == "__main__":
    main()
