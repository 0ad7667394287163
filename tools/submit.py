"""`python -m tools.submit`: many images to the batch API, followed to their results."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from chalicelib.bulk.manifests import is_manifest
from chalicelib.requests import BatchRequest
from tools.console.columns import columns
from tools.console.ranges import Numeric
from tools.submitting.batchapi import Api
from tools.submitting.inputs import InputError
from tools.submitting.job import INTERRUPTED, Job
from tools.submitting.pace import Pace
from tools.submitting.retrying import ApiError


@contextmanager
def _one_line() -> Iterator[None]:
    """Turn expected errors into one line and an exit status."""
    try:
        yield
    except ApiError as error:
        raise click.ClickException(str(error)) from error
    except InputError as error:
        raise click.BadParameter(str(error), param_hint="SOURCES") from error
    except OSError as error:
        raise click.ClickException(f"{error}; check the path and its permissions.") from error
    except KeyboardInterrupt:
        click.echo("\nStopped. Check with --list whether a batch was started.", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None


def _sources(_: click.Context, __: click.Parameter, sources: tuple[str, ...]) -> tuple[str, ...]:
    for source in sources:
        if source.startswith("s3://"):
            if len(sources) > 1 or not (source.endswith("/") or is_manifest(source)):
                raise click.BadParameter(
                    "give one s3:// source alone: a manifest, or a prefix that ends in /."
                )
        elif source.startswith(("http://", "https://")):
            raise click.BadParameter(
                "write the URLs into a file such as urls.txt, one per line, and give that file."
            )
        elif not Path(source).exists():
            raise click.BadParameter(f"{source} does not exist.")
    return sources


def _out(_: click.Context, __: click.Parameter, out: Path | None) -> Path | None:
    if out and out.suffix.lower() not in (".csv", ".jsonl"):
        raise click.BadParameter("it must end in .csv or .jsonl.")
    if out and not out.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {out.parent}.")
    return out


def _api(_: click.Context, __: click.Parameter, url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter("it must begin with http:// or https://.")
    return url.rstrip("/")


def _token(_: click.Context, __: click.Parameter, token: str | None) -> str | None:
    token = (token or "").strip()
    if not (token.isascii() and token.isprintable()):
        raise click.BadParameter("it has characters that no token contains; copy the token again.")
    return token or None


@click.command(context_settings={"max_content_width": 100})
@click.argument("sources", nargs=-1, callback=_sources)
@click.option(
    "--api",
    default="http://127.0.0.1:8000",
    envvar="API_URL",
    callback=_api,
    show_default=True,
    show_envvar=True,
    help="URL of the service, including the stage if any.",
)
@click.option(
    "--token",
    envvar="SERVERLESS_INCEPTION_TOKEN",
    callback=_token,
    show_envvar=True,
    help="Token of a deployed stage. The variable keeps it out of the process list.",
)
@click.option(
    "--wait/--no-wait", default=True, show_default=True, help="Wait until the batch has ended."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_out,
    metavar="FILE",
    help="File for the results, .csv or .jsonl.",
)
@click.option("--model", help="Model to use.  [default: the service's own]")
@click.option("--max-labels", type=click.IntRange(1, 1000), help="Labels per image.  [default: 5]")
@click.option("--min-confidence", type=Numeric(0, 1), help="Minimum score of a label.")
@click.option("--explain", is_flag=True, help="Add heat maps of the first labels; .jsonl only.")
@click.option("--embedding", is_flag=True, help="Add an embedding of each image; .jsonl only.")
@click.option("--follow", metavar="BATCH_ID", help="Follow a batch that is still running.")
@click.option(
    "--retry",
    metavar="BATCH_ID",
    help="Classify failed images again, or continue a cancelled batch.",
)
@click.option("--cancel", metavar="BATCH_ID", help="Cancel the images that no worker has started.")
@click.option("--list", "list_", is_flag=True, help="Show the latest batches.")
@click.pass_context
def cli(
    context: click.Context,
    sources: tuple[str, ...],
    api: str,
    token: str | None,
    wait: bool,
    out: Path | None,
    model: str | None,
    max_labels: int | None,
    min_confidence: float | None,
    explain: bool,
    embedding: bool,
    follow: str | None,
    retry: str | None,
    cancel: str | None,
    list_: bool,
) -> None:
    """Classify many images: a folder, files, or a manifest (a list of URLs).

    SOURCES are folders and image files, which are uploaded; or one manifest: a .txt with a URL or
    S3 URI on each line, a .csv with a column url or s3_uri, a .jsonl or a .manifest; or the S3 URI
    of a manifest or of a prefix in the images bucket.

    Ctrl-C leaves the batch running. The exit status is 0 for success, 1 for an error, 2 for wrong
    usage, 3 if images failed, 130 after Ctrl-C.

    \b
    Examples:
      .venv/bin/python -m tools.submit photos/ --out results.csv
      .venv/bin/python -m tools.submit urls.txt --max-labels 1 --out results.jsonl
      .venv/bin/python -m tools.submit cat.jpg dog.png --api https://abc.execute-api.eu-west-1.amazonaws.com/api
      .venv/bin/python -m tools.submit photos/ --explain --embedding --out results.jsonl
      .venv/bin/python -m tools.submit photos/ --no-wait
      .venv/bin/python -m tools.submit --follow 20250601-093000-1a2b3c4d --out results.csv
      .venv/bin/python -m tools.submit --retry 20250601-093000-1a2b3c4d
    """
    options = {
        "model": model, "max_labels": max_labels, "min_confidence": min_confidence,
        "explain": explain or None, "embedding": embedding or None,
    }  # fmt: skip
    options = {name: value for name, value in options.items() if value is not None}
    _check(sources, follow, retry, cancel, list_, options)
    if out and (cancel or list_ or not (wait or follow)):
        raise click.UsageError(
            "Results exist only at the end of a batch; use --follow BATCH_ID --out FILE later."
        )
    pace = context.obj or Pace()
    job = Job(Api(api, token, pace), pace, wait, out, ".jsonl" if explain or embedding else ".csv")
    with _one_line():
        if sources:
            context.exit(job.start(sources, msgspec.convert(options, BatchRequest)))
        if retry:
            context.exit(job.retry(retry))
        if follow:
            context.exit(job.follow(job.api.view(follow, patient=False)))
        for line in _stopped(job.api, cancel) if cancel else _listed(job.api):
            click.echo(line)


def _check(
    sources: tuple[str, ...],
    follow: str | None,
    retry: str | None,
    cancel: str | None,
    list_: bool,
    options: Collection[str],
) -> None:
    """Raise UsageError unless one thing is asked for. options: names of those of a new batch."""
    if sum(map(bool, (sources, follow, retry, cancel, list_))) != 1:
        raise click.UsageError(
            "Give SOURCES, or exactly one of --follow, --retry, --cancel and --list."
        )
    if options and not sources:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in options)
        raise click.UsageError(f"Only for a new batch: {names}.")


def _stopped(api: Api, batch_id: str) -> Iterator[str]:
    view = api.act(batch_id, "cancel")
    counts = view.counts
    yield f"Batch {batch_id} is {view.status}: {counts.done} of {counts.total} images are done."
    yield f"To go on with it: --retry {batch_id}"


def _listed(api: Api) -> Iterator[str]:
    rows = [
        (view.batch_id, view.status, str(view.counts.total), str(view.counts.done),
         str(view.counts.failed), f"{view.created_at:%Y-%m-%d %H:%M} UTC", view.source)
        for view in api.recent()
    ]  # fmt: skip
    yield from columns(("BATCH", "STATUS", "TOTAL", "DONE", "FAILED", "CREATED", "SOURCE"), rows)


if __name__ == "__main__":
    cli(prog_name=".venv/bin/python -m tools.submit")
