"""Build the zips of a deployment, and compare their sizes with Lambda's limits.

The last zip, "single", is not deployed. Chalice would build it from the whole project by itself.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict

import click

from chalicelib.aws.s3 import S3Store
from chalicelib.errors import ModelInvalid, ModelNotFound
from chalicelib.inference.finder import Models
from chalicelib.inference.packages import ModelPackage
from chalicelib.settings import Settings
from tools.bundling import enginelayer
from tools.bundling.build import ARCHITECTURES, VERSION, VERSIONS, WORK, bundle, model_layer
from tools.bundling.pythons import BundleError
from tools.bundling.sizes import UNPACKED_LIMIT, ZIPPED_LIMIT, Measured, Size, measure, megabytes
from tools.console.columns import columns


@click.command(help=__doc__)
@click.option("--arch", default="x86_64", show_default=True, type=click.Choice(ARCHITECTURES))
@click.option("--python-version", default=VERSION, show_default=True, type=click.Choice(VERSIONS))
@click.option("--model", default="inception-v3", show_default=True, help="Model in the layer.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(arch: str, python_version: str, model: str, as_json: bool) -> None:
    """Build, and print."""
    try:
        deployed, single = _built(arch, python_version, model)
    except BundleError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        margin = {"margin": asdict(deployed.margin)}
        click.echo(json.dumps(asdict(deployed) | margin | {"single": asdict(single)["zips"]}))
    else:
        click.echo("\n".join(_lines(deployed, single)))
    if excess := deployed.excess():
        raise click.ClickException(excess)


def _built(architecture: str, version: str, model: str) -> tuple[Measured, Measured]:
    click.echo(f"Chalice builds for Python {version} on {architecture} …", err=True)
    zips = bundle(architecture, version)
    if package := _model(model):
        zips["model layer"] = model_layer(package, WORK / f"{model}.zip")
        zips |= enginelayer.layers(architecture, package, version=version)
    else:
        told = (
            f"{model} is not on this machine, so its layer is not counted. Fetch it: make model "
            f"NAME={model}"
        )
        click.echo(told, err=True)
    return measure(zips), measure(bundle(architecture, version, single=True))


def _model(name: str) -> ModelPackage | None:
    try:
        return Models(Settings.from_environment().model_dirs, "", S3Store(lambda: None)).find(name)
    except ModelNotFound:
        return None
    except ModelInvalid as error:
        raise BundleError(str(error)) from error


def _lines(deployed: Measured, single: Measured) -> Iterator[str]:
    rows = []
    for name, packages in deployed.packages.items():
        rows.append(_row(name, deployed.zips[name]))
        rows += [_row(f"  {package}", size) for package, size in packages.items()]
    rows += [_row(name, size) for name, size in single.zips.items()]
    yield from columns(("", "zipped MB", "unpacked MB"), rows)
    left = deployed.margin
    yield (
        f"The largest zip that is uploaded directly: {megabytes(left.zipped)} MB below the limit "
        f"of {megabytes(ZIPPED_LIMIT)} MB (50 MiB)."
    )
    yield (
        f"Unpacked together: {megabytes(deployed.unpacked)} MB, {megabytes(left.unpacked)} MB "
        f"below the limit of {megabytes(UNPACKED_LIMIT)} MB (250 MiB)."
    )


def _row(name: str, size: Size) -> tuple[str, str, str]:
    return name, f"{size.zipped / 1e6:9.2f}", f"{size.unpacked / 1e6:11.2f}"


if __name__ == "__main__":
    main(prog_name=".venv/bin/python -m tools.bundle")
