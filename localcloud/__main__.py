"""`python -m localcloud`: serve the app on this machine, with an AWS of its own, until Ctrl-C."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from chalicelib.settings import ROOT
from chalicelib.subscriptions import VARIABLES
from localcloud import registry
from localcloud.cloud import Cloud, Options
from localcloud.listening import DEFAULTS, LOOPBACK, check_port, held_port
from localcloud.served import find_or_fetch
from stage import lifeline

PORT = click.IntRange(0, 65535)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path, resolve_path=True)


def _parameters(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Parses NAME=VALUE pairs."""
    pairs = [pair.partition("=") for pair in values]
    if not all(separator for _, separator, _ in pairs):
        raise click.BadParameter("must be NAME=VALUE")
    return {name: value for name, _, value in pairs}


@click.command(context_settings={"show_default": True, "max_content_width": 100})
@click.option("--model", default="inception-v3", envvar="MODEL", help="Model to serve.")
@click.option("--host", default=LOOPBACK, envvar="HOST", help="Address that the app listens on.")
@click.option("--port", default=DEFAULTS["PORT"], envvar="PORT", type=PORT, help="Port of the app.")
@click.option(
    "--url-port", default=0, envvar="URL_PORT", type=PORT,
    help="Port of the function URL (no API Gateway), on loopback; 0 for a free port.",
)  # fmt: skip
@click.option(
    "--aws-port", default=DEFAULTS["AWS_PORT"], envvar="AWS_PORT", type=PORT,
    help="Port of the emulated AWS.",
)  # fmt: skip
@click.option(
    "--functions-port", default=0, envvar="FUNCTIONS_PORT", type=PORT,
    help="Port of Lambda's Invoke API, also reachable by the AWS port; 0 for a free port.",
)  # fmt: skip
@click.option(
    "--concurrency", default=os.cpu_count() or 1, envvar="CONCURRENCY",
    type=click.IntRange(1), help="Number of functions that run at once.",
)  # fmt: skip
@click.option(
    "--visibility-timeout", envvar="LOCAL_VISIBILITY_TIMEOUT", type=click.IntRange(1, 43200),
    help=(
        "Seconds until a failed message is delivered again; must exceed the longest function.  "
        "[default: enough for the app]"
    ),
)  # fmt: skip
@click.option(
    "--schedule-seconds", envvar="LOCAL_SCHEDULE_SECONDS", type=click.FloatRange(0, min_open=True),
    default=10, help="Seconds between runs of a schedule; replaces the app's own interval.",
)  # fmt: skip
@click.option(
    "--trigger", "triggers", multiple=True, envvar="TRIGGERS", type=click.Choice(list(VARIABLES)),
    help="A service that may send images; see docs/triggers.md.",
)  # fmt: skip
@click.option("--project", default=ROOT, type=FOLDER, help="The Chalice app.", hidden=True)
@click.option("--aws", default="localcloud.motoserver", help="What plays AWS.", hidden=True)
@click.option(
    "--template",
    type=FILE,
    help=("The stack's template.  [default: the project's infrastructure.yaml]"),
)
@click.option(
    "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", callback=_parameters,
    help="A parameter of the stack.",
)  # fmt: skip
def main(model: str, **said: Any) -> None:
    """Serve the app on this machine, with an emulated AWS, until Ctrl-C.

    A model that is missing is downloaded from the catalogue first. If the download fails, the
    bundled model `doodle` answers instead. The emulated AWS is in memory: its buckets and queues
    are lost when the command ends.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    lifeline.hold()
    with ExitStack() as ports:
        _serve(model, _options(ports, **said))


def _serve(model: str, options: Options) -> None:
    """Serves until Ctrl-C."""
    package = find_or_fetch(model)
    arms = os.environ.get("ARMS") or f"{package.info.name}=1"
    # whoever names a token wants to be asked for it
    public = "false" if os.environ.get("TOKEN_SHA256", "").strip() else "true"
    served = package.info.name
    asked = {"MODEL": served} | ({"STANDS_IN_FOR": model} if served != model else {})
    environment = {"PUBLIC": public, **os.environ, **asked, "ARMS": arms}
    cloud = Cloud(options, environment)
    try:
        outputs = cloud.start()
        title = package.info.title
        _tell(options, outputs, f"{title} ({package.info.name})" if title else model)
        cloud.watch()
    except KeyboardInterrupt:
        click.echo("\nStopped.")
    finally:
        cloud.stop()


def _options(
    ports: ExitStack,
    host: str,
    project: Path,
    template: Path | None,
    visibility_timeout: int | None,
    **rest: Any,
) -> Options:
    """Returns the options, with ports that can be used. Raises ClickException.

    ports: holds those that were chosen here.
    """
    for name in ("port", "url_port", "aws_port", "functions_port"):
        where = host if name == "port" else LOOPBACK
        asked = rest[name]
        rest[name] = asked or ports.enter_context(held_port(where))
        if asked:
            _check(name.upper(), where, asked)
    return Options(
        host=host,
        project=project,
        template=template or project / "infrastructure.yaml",
        stack_name=f"{registry.app_name(project)}-{registry.STAGE}",
        visibility_timeout=visibility_timeout or max(30, registry.longest_timeout(project)),
        **rest,
    )


def _check(variable: str, host: str, port: int) -> None:
    try:
        check_port(variable, host, port)
    except OSError as error:
        raise click.ClickException(str(error)) from error


def _tell(options: Options, outputs: dict[str, str], what: str) -> None:
    address = f"http://{options.host}:{options.port}"
    click.secho(f"\n  {address} serves {what}. Ctrl-C ends it.", bold=True)
    bucket = outputs.get("IMAGES_BUCKET")
    if bucket:
        aws = f"aws --endpoint-url http://{LOOPBACK}:{options.aws_port}"
        click.echo(f"  {aws} s3 cp photo.jpg s3://{bucket}/")
        click.echo(
            "  Any credentials work: AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any "
            "AWS_DEFAULT_REGION=us-east-1"
        )
    click.echo(f"  http://{LOOPBACK}:{options.url_port} is the function URL, without API Gateway.")
    click.echo()


if __name__ == "__main__":
    main()
