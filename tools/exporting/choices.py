"""The options of `tools.model export` -> the network, its pixel scaling, its labels."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid
from chalicelib.images.preprocessing import WHOLE, Preprocessing
from chalicelib.inference.packages import LABELS
from chalicelib.inference.tensors import to_input
from tools.catalogue import CATALOGUE
from tools.console.refusals import Refused
from tools.evaluating.deciding import Trial, decided, doubted, second_above, tried, unknown
from tools.exporting import inside, keras_files, networks, ortexport, tfjs
from tools.exporting.frozen_graph import FrozenGraph
from tools.exporting.networks import Network, Source, with_preprocessing
from tools.exporting.saved_models import saved_model
from tools.fetching.download import blob_id
from tools.inspecting.kinds import check_kind
from tools.inspecting.scaling import in_order
from tools.labelling.labelfile import LabelFile, read
from tools.options import chosen, formula

SOURCES = {
    "keras": "--keras",
    "saved_model": "--saved-model",
    "keras_file": "--keras-file",
    "frozen_graph": "--frozen-graph",
    "tfjs": "--tfjs",
}
KINDS = {"keras_file": "keras"}
"""What `tools.inspecting.kinds` calls it, where that is another name."""
GRAPH_INPUT, GRAPH_OUTPUT = "DecodeJpeg/contents:0", "softmax:0"
"""Of the Inception graph of 2015."""
Told = tuple[Preprocessing, str]
"""What is known of a network, and how it is known."""


def check(options: Mapping[str, Any]) -> None:
    """Raise ModelInvalid if the options contradict each other. Loads nothing."""
    sources = [flag for key, flag in SOURCES.items() if options[key]]
    if len(sources) != 1:
        raise ModelInvalid(
            f"Give exactly one of {', '.join(SOURCES.values())}, "
            f"not {' and '.join(sources) or 'none'}."
        )
    for key in SOURCES.keys() - {"keras"}:
        if options[key]:
            check_kind(options[key], KINDS.get(key, key))
    if sources != ["--keras"] and not options["labels"] and not _teachable(options):
        raise ModelInvalid(f"{sources[0]} needs --labels, a file with one class a line, in order.")
    chosen(WHOLE, options)
    if sources == ["--keras"] and any(options[key] for key in ("mean", "std", "channels")):
        raise ModelInvalid(
            "--keras brings its own preprocessing; leave out --mean, --std and --channels."
        )
    _check_onnxruntime(options)


def _check_onnxruntime(options: Mapping[str, Any]) -> None:
    if not options["onnxruntime"]:
        return
    if not options["pictures"]:
        raise ModelInvalid(
            "--onnxruntime needs --pictures, a folder of some 100 images like those that the "
            "network will see. They give the ranges of its 8-bit values."
        )
    if options["float_"]:
        raise ModelInvalid(
            "--onnxruntime makes 8-bit values; leave out either --float or --onnxruntime."
        )
    ortexport.check_machine()
    ortexport.check_packages()


def prepared(
    tf: Any,
    source: Source,
    own: Told | None,
    options: Mapping[str, Any],
    labels: Sequence[str],
    part: Preprocessing,
    say: Callable[[str], None],
) -> Network:
    """The network with its pixel scaling in front, so that it takes RGB pixels.

    own: the publisher's scaling, and why it applies. part: what of a picture `pictures` show.
    say: told how pixels are scaled, and why.
    Raises ModelInvalid if the scaling is unknown.
    """
    how = _of_part(part, chosen(own[0] if own else WHOLE, options))
    trial = _tried(tf, source, options, labels, how)
    if options["mean"] is not None:
        why = "as you said"
        if (how.mean, how.std) != ((0.0,), (1.0,)) and source.takes_pixels():
            why += "; but it scales them itself as well, so leave --mean and --std out if you can"
    elif own:
        why = own[1]
    elif order := source.takes_pixels():
        how, why = in_order(how, order, options["channels"])
    elif trial:
        how, why = decided(trial, source.name)
    else:
        raise unknown(source.name, options["pictures"])
    say(f"Pixels: {formula(how)}, {why}.")
    if trial:
        say(doubted(trial, how))
    return with_preprocessing(tf, source, how)


def _of_part(part: Preprocessing, how: Preprocessing) -> Preprocessing:
    """That part of a picture, with its pixels scaled."""
    return msgspec.structs.replace(part, channels=how.channels, mean=how.mean, std=how.std)


def _tried(
    tf: Any, source: Source, options: Mapping[str, Any], labels: Sequence[str], how: Preprocessing
) -> Trial | None:
    """How often the usual scalings are right on labelled pictures; None if none are labelled."""
    if not options["pictures"] or options["multi_label"] or source.reference:
        return None
    above = None
    if source.classes == 1:
        end = inside.ending(tf, source.call, source.image.shape)
        above = second_above(end, options["scores"])
        if above is None:
            return None

    def answer(pixels: NDArray[np.uint8], way: Preprocessing) -> NDArray[np.float32]:
        return source.answer(to_input(pixels, source.image, way)[np.newaxis])

    size, depth = source.image.size, source.image.depth
    try:
        return tried(options["pictures"], labels, how, size, depth, answer, above)
    except Refused:
        return None


def load(
    tf: Any, options: Mapping[str, Any], say: Callable[[str], None]
) -> tuple[Source, Told | None]:
    """The network that the options name, its publisher's pixel scaling, and why it applies.

    say: told what was chosen. Raises ModelInvalid if there is no such network.
    """
    side = options["size"]
    if options["keras"]:
        name = options["keras"]
        classes = len(read(options["labels"]).names) if options["labels"] else None
        source, how = networks.keras_application(tf, name, options["weights"], side, classes)
        return source, (how, f"as keras.applications.{name} was published")
    if options["keras_file"] or options["tfjs"]:
        path = options["keras_file"] or options["tfjs"]
        model = tfjs.load(path) if options["tfjs"] else keras_files.load(tf, path)
        source = networks.keras_model(tf, keras_files.in_32_bits(model, say), path.name, side)
        how = tfjs.TEACHABLE_MACHINE
        return source, (how, "as Teachable Machine scales them") if _teachable(options) else None
    if options["saved_model"]:
        named = options["saved_model"], options["signature"], options["output"]
        return saved_model(tf, *named, side, say), None
    names = options["input_"] or GRAPH_INPUT, options["output"] or GRAPH_OUTPUT
    return networks.frozen_graph(tf, FrozenGraph(tf, options["frozen_graph"], *names), side), None


def usual_pictures(options: Mapping[str, Any]) -> Told | None:
    """The part of a picture that a network was trained on, and why, if its file says so."""
    if not _teachable(options):
        return None
    return msgspec.structs.replace(tfjs.TEACHABLE_MACHINE, mean=None, std=None), (
        "as Teachable Machine crops them"
    )


def _teachable(options: Mapping[str, Any]) -> tuple[str, ...]:
    """The labels that Teachable Machine wrote beside the model, if it made it."""
    return tfjs.teachable_labels(options["tfjs"]) if options["tfjs"] else ()


def labels_for(
    options: Mapping[str, Any], classes: int, dirs: Sequence[Path], say: Callable[[str], None]
) -> list[str]:
    """The labels given, else ImageNet's from a fetched package, else class_000 and so on.

    Raises ModelInvalid if the labels file cannot be read.
    """
    labels_file = None
    if options["labels"]:
        labels_file = read(options["labels"]).fitted(classes)
    elif labels := _teachable(options):
        labels_file = LabelFile(list(labels), "Teachable Machine's metadata.json")
    if labels_file:
        say(labels_file.told())
        return labels_file.names
    if options["weights"] != "none" and classes == 1000:
        for parent in dirs:
            for name, entry in CATALOGUE.items():
                path = parent / name / LABELS
                if path.is_file() and blob_id(path) == entry.labels_blob:
                    say(f"Labels: the 1,000 classes of ImageNet, from {path.parent}.")
                    return read(path).names[1:]
        say("Labels: class_000 to class_999. For ImageNet's names, give --labels or fetch a model.")
    else:
        say(f"Labels: class_000 to class_{classes - 1:03}. For other names, give --labels.")
    return [f"class_{index:03}" for index in range(classes)]
