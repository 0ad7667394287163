"""The model package that the local stage serves."""

import subprocess
import sys

import click

from chalicelib.aws.s3 import S3Store
from chalicelib.errors import ModelInvalid, ModelNotFound
from chalicelib.inference.finder import Models
from chalicelib.inference.packages import ModelPackage
from chalicelib.settings import Settings

FETCH = [sys.executable, "-m", "tools.model", "fetch"]
NO_SUCH_MODEL = 2
"""The exit status of `fetch` for a name that is not in the catalogue."""


def find_or_fetch(name: str) -> ModelPackage:
    """Finds the package, fetches it if needed, or else returns doodle."""
    models = Models(Settings.from_environment().model_dirs, "", S3Store(lambda: None))
    try:
        return models.find(name)
    except ModelInvalid as error:
        raise click.ClickException(str(error)) from error
    except ModelNotFound:
        status = subprocess.run([*FETCH, name]).returncode  # noqa: S603 - ours, no shell's
    if status == NO_SUCH_MODEL:
        raise click.ClickException(
            f"There is no model {name!r}; `.venv/bin/python -m tools.model list` shows the models."
        )
    if status:
        click.secho("Serving the bundled model doodle instead.", fg="yellow", err=True)
        return models.find("doodle")
    return models.find(name)
