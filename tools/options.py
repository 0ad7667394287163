"""Options that commands of `tools.model` share, and what they make."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import click
import msgspec

from chalicelib.answers.predictions import Scores
from chalicelib.errors import ModelInvalid
from chalicelib.images.preprocessing import IMAGENET, WHOLE, Channels, Filter, Preprocessing
from chalicelib.inference.labels import is_imagenet
from chalicelib.inference.samples import MAX_SAMPLES
from chalicelib.requests import Resize
from chalicelib.wording import percent
from tools.console.ranges import Numeric

_Command = TypeVar("_Command", bound=Callable[..., Any])

ASKED = (
    "Give --mean and --std: the network gets (pixel - MEAN) / STD of pixels 0..255. 127.5 and "
    "127.5 give -1..1. 0 and 255 give 0..1. 0 and 1 leave 0..255, for a network that scales them "
    "inside. docs/models.md lists the values of common frameworks."
)
"""The message if a network does not show how its pixels are scaled."""


class Numbers(click.ParamType[tuple[float, ...]]):
    """One number, or three separated by commas."""

    name = "numbers"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, ...]:
        """One or three finite numbers."""
        try:
            numbers = tuple(float(part) for part in value.split(","))
        except ValueError:
            numbers = ()
        if len(numbers) not in (1, 3) or not all(map(math.isfinite, numbers)):
            self.fail(
                f"{value!r} is neither a number nor three numbers separated by commas.", param, ctx
            )
        return numbers


class Version(click.ParamType[str]):
    """A version that fits the path `/v2/models/{name}/versions/{version}`."""

    name = "text"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The version unchanged; a usage error if it does not fit a path."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
            self.fail(
                f"{value!r} cannot be part of a URL: use up to 64 letters, digits, '.', '_' and "
                "'-', starting with a letter or digit.",
                param,
                ctx,
            )
        return str(value)


def samples(command: _Command) -> _Command:
    """The option for the pictures that a package brings with it."""
    return click.option(
        "--samples", type=click.Path(exists=True, file_okay=False, path_type=Path),
        help=(
            f"Up to {MAX_SAMPLES} labelled sample pictures, which the page offers: a folder "
            "for each label, or a CSV, optionally with the columns licence and source."
        ),
    )(command)  # fmt: skip


def about(command: _Command) -> _Command:
    """Options about a network's origin and classes, for model.json."""
    return _with(command, [
        click.option("--title", default="", help="Title to show, such as 'Inception v3'."),
        click.option("--description", default="", help="Description in a sentence or two."),
        click.option("--source", default="", help="URL of its origin."),
        click.option("--licence", default="", help="Its licence, such as Apache-2.0."),
        click.option("--version", default="1", show_default=True, type=Version(),
                     help="Its version."),
        click.option("--background-class", default="auto", metavar="N|none|auto", show_default=True,
                     help=(
                         "Class to hide; auto hides the background class of ImageNet's 1,001."
                     )),
        click.option("--force", is_flag=True, help="Replace a package of that name."),
    ])  # fmt: skip


def outputs(command: _Command) -> _Command:
    """Options about a network's scores."""
    return _with(command, [
        click.option("--scores", type=click.Choice(["auto", *get_args(Scores)]),
                     help="Kind of the network's scores; auto detects it, or asks."),
        click.option("--multi-label/--one-label", default=None,
                     help="Whether several labels of a picture may be right, independently. "
                     "[several if the network ends in sigmoids]"),
    ])  # fmt: skip


def preprocessing(command: _Command) -> _Command:
    """Options about preprocessing."""
    return _with(command, [
        click.option("--resize", type=click.Choice(get_args(Resize)),
                     help="Squash the whole picture, crop its middle, or keep the whole with bars. "
                     "[crop for ImageNet's labels, else squash]"),
        click.option("--crop", type=Numeric(0, 1, min_open=True), metavar="PART",
                     help="Crop the middle of a picture, PART of its shorter side. [0.875]"),
        click.option("--colour", type=Numbers(), metavar="R,G,B",
                     help="Colour of the bars of --resize letterbox, 0 to 255 each. [0,0,0]"),
        click.option("--filter", type=click.Choice(get_args(Filter)),
                     help="Filter for resizing. [bilinear]"),
        click.option("--channels", type=click.Choice(get_args(Channels)),
                     help="Order of the channels; grey is the default for one channel. [rgb]"),
        click.option("--mean", type=Numbers(), metavar="N|N,N,N",
                     help="The network gets (pixel-MEAN)/STD of pixels 0..255: one number, or one "
                     "per channel in the order of --channels."),
        click.option("--std", type=Numbers(), metavar="N|N,N,N", help="See --mean."),
    ])  # fmt: skip


KEYS = ("resize", "crop", "colour", "filter", "channels", "mean", "std")


def chosen(before: Preprocessing, options: Mapping[str, Any]) -> Preprocessing:
    """That preprocessing, changed by the options.

    Raises ModelInvalid if they contradict each other.
    """
    changes = {key: options[key] for key in KEYS if options[key] is not None}
    if ("mean" in changes) != ("std" in changes):
        raise ModelInvalid("Give both --mean and --std, or neither.")
    for key, needs in (("crop", "crop"), ("colour", "letterbox")):
        if key in changes and changes.setdefault("resize", needs) != needs:
            raise ModelInvalid(f"--{key} is for --resize {needs}; leave one of them out.")
    if "colour" in changes:
        changes["colour"] = [int(part) for part in changes["colour"]]
    try:
        return msgspec.convert(msgspec.to_builtins(before) | changes, Preprocessing)
    except msgspec.ValidationError as error:
        raise ModelInvalid(f"These options do not go together: {error}.") from error


def for_labels(
    labels: Sequence[str],
    options: Mapping[str, Any],
    say: Callable[[str], None],
    imagenet: bool = False,
    usual: tuple[Preprocessing, str] | None = None,
) -> Preprocessing:
    """The preprocessing for a network with these labels: from the options, else the usual.

    imagenet: whether it was trained on ImageNet, whatever its labels are.
    usual: the preprocessing that its file shows, and why. say: told what was chosen, and why.
    """
    imagenet = imagenet or is_imagenet(labels)
    base, said = usual or (IMAGENET if imagenet else WHOLE, "")
    how = chosen(base, options)
    if options["resize"] or options["crop"] or options["colour"]:
        why = "as you said"
    elif said:
        why = said
    elif imagenet:
        why = "as ImageNet's networks are evaluated; --resize squash takes the whole"
    else:
        why = "the default; --crop 0.875 takes the middle, if it was trained so"
    say(f"Pictures: {told(how)}, {why}.")
    return how


def told(how: Preprocessing) -> str:
    """The part of a picture that is taken, in words."""
    return {
        "squash": "the whole, squashed to the input",
        "crop": f"the middle {percent(how.crop)} of the shorter side",
        "letterbox": f"the whole, with bars of colour {','.join(map(str, how.colour))}",
    }[how.resize]


def formula(how: Preprocessing) -> str:
    """The pixel scaling, in words."""
    order = {"rgb": "", "bgr": " in the order BGR", "grey": " made grey"}[how.channels]
    if how.mean is None or how.std is None:
        return f"as they are, 0..255{order}"
    return f"(pixel - {_written(how.mean)}) / {_written(how.std)}{order}"


def _written(numbers: Sequence[float]) -> str:
    text = ", ".join(f"{number:g}" for number in numbers)
    return f"({text})" if len(numbers) > 1 else text


def _with(command: _Command, options: Sequence[Callable[[_Command], _Command]]) -> _Command:
    for option in reversed(options):
        command = option(command)
    return command
