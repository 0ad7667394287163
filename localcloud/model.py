"""The model package that the local stage serves."""

import click

from chalicelib.aws.s3 import S3Store
from chalicelib.errors import ModelInvalid, ModelNotFound
from chalicelib.inference.packages import ModelPackage, Models
from chalicelib.settings import Settings
from tools.catalogue import CATALOGUE, FetchError, fetch


def find_or_fetch(name: str) -> ModelPackage:
    """The package of that name: found, else fetched, else doodle."""
    settings = Settings.from_environment()
    models = Models(settings.model_dirs, "", S3Store(lambda: None))
    try:
        return models.find(name)
    except ModelInvalid as error:
        raise click.ClickException(str(error)) from error
    except ModelNotFound:
        if name not in CATALOGUE:
            raise click.ClickException(
                f"There is no model {name!r}; `python -m tools.model list` shows those there are."
            ) from None
    try:
        return fetch(name, settings.model_dirs[-1])
    except FetchError as error:
        click.secho(f"{error} Serving the bundled model doodle instead.", fg="yellow", err=True)
        return models.find("doodle")
