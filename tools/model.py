"""`python -m tools.model`: fetch, add, set, teach, evaluate, export and list model packages."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from chalicelib.settings import Settings
from tools import options
from tools.catalogue import CATALOGUE, CatalogueEntry, fetch, installed
from tools.console.ranges import Numeric
from tools.console.refusals import one_line
from tools.evaluate import evaluate_
from tools.packagetable import table
from tools.teach import teach_

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NETWORK = click.Path(exists=True, path_type=Path)
"""A file or a folder: `tools.inspecting.kinds` says what takes the other."""
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group(context_settings={"max_content_width": 100})
@click.pass_context
def cli(context: click.Context) -> None:
    """Manage model packages: fetch, add, export, teach, evaluate and change them.

    Packages are stored in the cache: .models/, or the folder in MODEL_DIR.
    """
    context.obj = context.obj or CATALOGUE


@cli.command("list")
@click.pass_obj
def list_(catalogue: Mapping[str, CatalogueEntry]) -> None:
    """List the installed packages, and those of the catalogue that you can fetch.

    A star marks the default model.
    """
    with one_line():
        for line in table(Settings.from_environment(), catalogue):
            click.echo(line)


@cli.command("fetch")
@click.argument("name", default="inception-v3")
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the package. [the cache]",
)
@click.option("--base-url", envvar="MODEL_BASE_URL", show_envvar=True,
              help="URL of a mirror of the catalogue's files.")  # fmt: skip
@click.option("--force", is_flag=True, help="Download the package even if it is installed.")
@click.pass_obj
def fetch_(
    catalogue: Mapping[str, CatalogueEntry],
    name: str, to: Path | None, base_url: str | None, force: bool,
) -> None:  # fmt: skip
    """Download and verify the package NAME of the catalogue (default inception-v3).

    An interrupted download continues where it stopped.

    \b
    Examples:
      .venv/bin/python -m tools.model fetch
      .venv/bin/python -m tools.model fetch inception-v1 --base-url https://mirror.example/coral
    """
    with one_line():
        cache = to or Settings.from_environment().model_dirs[-1]
        before = None if force else installed(name, cache)
        package = fetch(
            name, cache, base_url=base_url, force=force, catalogue=catalogue, say=click.echo
        )
        if before == package:
            click.echo(
                f"{name} is already here and verified: {package.folder}. --force fetches it again."
            )
            return
        click.echo(f"{package.info.title} is verified and ready: {package.folder}")


@cli.command("add")
@click.argument("name")
@click.argument("model", type=_NETWORK)
@click.option("--labels", type=_FILE, help="Text, CSV, JSON or pbtxt. [those inside MODEL]")
@click.option("--pictures", type=_FOLDER, help=(
    "Labelled pictures to find out how pixels are scaled: a folder for each class, or a CSV in "
    "the folder."
))  # fmt: skip
@options.samples
@options.preprocessing
@options.outputs
@options.about
def add_(name: str, model: Path, labels: Path | None, force: bool, **about: Any) -> None:
    """Add the image classifier in MODEL, a .tflite file, as package NAME.

    The command reads from the file how pixels are scaled and what the scores are. If the file does
    not show it, the command asks for --mean and --std, or for --scores. docs/models.md lists the
    values of common frameworks.

    \b
    Examples:
      .venv/bin/python -m tools.model add flowers flowers.tflite --labels flowers.txt
      .venv/bin/python -m tools.model add mine net.tflite --labels names.txt \\
        --mean 127.5 --std 127.5
      .venv/bin/python -m tools.model add mine net.tflite --labels names.txt --crop 0.875 \\
        --mean 123.675,116.28,103.53 --std 58.395,57.12,57.375
    """
    from tools.add import add

    with one_line():
        package = add(
            name, model, labels, Settings.from_environment().model_dirs, force, about, click.echo
        )
        _ready(package.folder, name)


@cli.command("set")
@click.argument("name")
@click.option(
    "--version", type=options.Version(), help="New version of the package, which answers name."
)
@options.samples
@options.preprocessing
@options.outputs
def set_(name: str, version: str | None, **changes: Any) -> None:
    """Change the preprocessing, the scores or the samples of package NAME.

    Settings that you do not name stay the same. The network does not change. Restart the service
    afterwards. Without options, the command prints the current settings.

    \b
    Examples:
      .venv/bin/python -m tools.model set flowers --crop 0.875
      .venv/bin/python -m tools.model set flowers --resize squash --filter bicubic --version 2
      .venv/bin/python -m tools.model set flowers --channels bgr \\
        --mean 103.939,116.779,123.68 --std 1
      .venv/bin/python -m tools.model set tags --scores logits --multi-label
    """
    from tools.change import change
    from tools.inspecting.outputs import told

    with one_line():
        dirs = Settings.from_environment().model_dirs
        package = change(name, dirs, version, changes, click.echo)
        info, how = package.info, package.info.preprocessing
        gives = told(info.scores, info.multi_label)
        click.echo(f"Pictures: {options.told(how)}, {how.filter}.\nPixels: {options.formula(how)}.")
        click.echo(f"Scores: {gives}.")


@cli.command("export")
@click.argument("name")
@click.option(
    "--keras", metavar="APPLICATION", help="A network of keras.applications, such as InceptionV3."
)
@click.option(
    "--weights",
    default="imagenet",
    show_default=True,
    help="For --keras: imagenet, none or a file.",
)
@click.option("--saved-model", type=_NETWORK, help="A SavedModel.")
@click.option(
    "--signature", help="For --saved-model. [serving_default, or the only one that takes images]"
)
@click.option("--keras-file", type=_NETWORK, help="A .keras or .h5 file, of Keras 2 or 3.")
@click.option("--tfjs", type=_NETWORK, help="model.json of a TensorFlow.js layers model.")
@click.option(
    "--frozen-graph",
    type=_NETWORK,
    help="A frozen GraphDef, .pb; defaults fit the Inception graph of 2015.",
)
@click.option("--input", "input_", help="Tensor for --frozen-graph. [DecodeJpeg/contents:0]")
@click.option(
    "--output",
    help="Tensor for --frozen-graph; or an output, if a signature has several. [softmax:0]",
)
@click.option(
    "--labels",
    type=_FILE,
    help="Text, CSV, JSON or pbtxt, with one entry for each class, in order.",
)
@click.option(
    "--size",
    type=click.IntRange(min=2),
    help="Width and height, if the network does not fix them.",
)
@click.option(
    "--float", "float_", is_flag=True, help="Keep 32-bit weights; the file is four times as large."
)
@click.option("--images", type=_FOLDER, help="Compare with TensorFlow on these images too.")
@click.option(
    "--onnxruntime",
    is_flag=True,
    help="Also create model.ort, for ONNX Runtime: faster on x86_64 with AVX2 and no VNNI.",
)
@click.option(
    "--pictures",
    type=_FOLDER,
    help=(
        "Images like those that you will classify; about 100 for --onnxruntime, at least 16. "
        "Labelled images (a folder for each class, or a CSV) also show how pixels are scaled."
    ),
)
@options.samples
@click.option(
    "--tolerance",
    type=Numeric(min=0),
    help="Largest allowed difference of probabilities. [0.1; --float 0.001; model.ort 0.3]",
)
@options.preprocessing
@options.outputs
@options.about
def export_(name: str, force: bool, **choices: Any) -> None:
    """Convert a TensorFlow network into package NAME, and compare both.

    Give one of --keras, --saved-model, --keras-file, --tfjs and --frozen-graph. The weights become
    8-bit unless you give --float. --channels, --mean and --std become part of the network. If the
    network does not show how pixels are scaled, the command asks for --mean and --std.

    \b
    Examples:
      .venv/bin/python -m tools.model export keras-v3 --keras InceptionV3
      .venv/bin/python -m tools.model export mine --keras-file net.keras --labels names.txt \\
        --mean 0 --std 255
      .venv/bin/python -m tools.model export mine --saved-model net/ --labels names.txt \\
        --images photos/
      .venv/bin/python -m tools.model export mine --tfjs model.json --labels names.txt \\
        --mean 0 --std 255
      .venv/bin/python -m tools.model export mine --keras-file net.keras --labels names.txt \\
        --mean 0 --std 255 --onnxruntime --pictures photos/
      .venv/bin/python -m tools.model export v3-2015 --frozen-graph classify_image_graph_def.pb \\
        --labels labels.txt
    """
    from tools.exporting.export import export

    with one_line():
        package = export(name, Settings.from_environment(), force, choices, click.echo)
        _ready(package.folder, name)


cli.add_command(evaluate_)
cli.add_command(teach_)


def _ready(folder: Path, name: str) -> None:
    click.echo(f"Ready: {folder}\nServe it: make run MODEL={name}")


if __name__ == "__main__":
    cli(prog_name=".venv/bin/python -m tools.model")
