"""SavedModels: finds the signature that classifies images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.errors import ModelInvalid
from tools.exporting import inside
from tools.exporting.networks import Source, classes_of, image_of, row
from tools.exporting.reasons import quoted

USUAL = "serving_default"
SEVERAL_TAGS = "tags="


@dataclass(frozen=True)
class Signature:
    """A signature, and one of its outputs."""

    name: str
    function: Any
    output: str

    @property
    def input(self) -> tuple[str, Any]:
        """Its first argument, and the TensorSpec of that."""
        inputs: dict[str, Any] = self.function.structured_input_signature[1]
        return next(iter(inputs.items()))

    def problem(self) -> str:
        """Why it takes no image; "" if it may take one."""
        inputs = self.function.structured_input_signature[1]
        if len(inputs) != 1:
            return f"takes {len(inputs)} tensors, not one image"
        spec = self.input[1]
        if spec.dtype.name == "string" or (spec.shape.rank is not None and spec.shape.rank != 4):
            return f"takes {spec.dtype.name} {spec.shape}, not an image"
        return ""


def saved_model(
    tf: Any,
    folder: Path,
    signature: str | None,
    output: str | None,
    side: int | None,
    say: Callable[[str], None],
) -> Source:
    """The signature of a SavedModel that classifies images.

    signature: its name; None for the only one that fits, or serving_default.
    output: the name of the scores; None for the only output. say: told of a choice.
    Raises ModelInvalid if none fits, or several do.
    """
    loaded = _load(tf, folder)
    chosen = _chosen(loaded.signatures, folder, signature, output, say)
    if _is_random(chosen.function.graph.as_graph_def()):
        raise ModelInvalid(
            f"{folder} changes pictures at random, as layers that augment do, so its answers "
            "differ from call to call. Export the .keras file with --keras-file, or save it "
            "without these layers."
        )
    argument, spec = chosen.input
    image = image_of(spec.shape, side, str(folder))

    def call(pixels: Any) -> Any:
        loaded.signatures  # noqa: B018 - keeps the variables alive for as long as the function
        return chosen.function(**{argument: tf.cast(pixels, spec.dtype)})[chosen.output]

    return Source(
        str(folder),
        image,
        classes_of(chosen.function.structured_outputs[chosen.output].shape),
        call,
        lambda values: row(call(tf.constant(values))),
        lambda: "rgb" if spec.dtype == tf.uint8 else inside.scales_itself(tf, call, image.shape),
    )


def _load(tf: Any, folder: Path) -> Any:
    """Load the graph; of several, the one for serving."""
    with quoted(f"{folder} could not be loaded", "Name the folder that has saved_model.pb in it."):
        try:
            return tf.saved_model.load(str(folder))
        except ValueError as error:
            if SEVERAL_TAGS not in str(error):
                raise
            return tf.saved_model.load(str(folder), tags=["serve"])


def _chosen(
    signatures: Any,
    folder: Path,
    name: str | None,
    output: str | None,
    say: Callable[[str], None],
) -> Signature:
    if not signatures:
        raise ModelInvalid(
            f"{folder} has no signature. Save it with a signature, with Keras's "
            '`model.export("net")` or with the `signatures` of tf.saved_model.save.'
        )
    known = sorted(signatures)
    if name is not None and name not in known:
        raise ModelInvalid(
            f"{folder} has no signature {name!r}; --signature takes {', '.join(known)}."
        )
    names = [name] if name else known
    offered = [Signature(key, signatures[key], "") for key in names]
    fit = [signature for signature in offered if not signature.problem()]
    if not fit:
        why = "; ".join(f"{signature.name} {signature.problem()}" for signature in offered)
        raise ModelInvalid(f"No signature of {folder} classifies images: {why}.")
    usual = [signature for signature in fit if signature.name == USUAL]
    if len(fit) > 1 and not usual:
        raise ModelInvalid(
            f"{folder} has several signatures; name one with --signature: {_listed(fit)}."
        )
    chosen = (usual or fit)[0]
    chosen = Signature(chosen.name, chosen.function, _output(chosen, output))
    if len(signatures) > 1 and not name:
        others = ", ".join(key for key in known if key != chosen.name)
        say(f"Signature: {chosen.name}; --signature takes another: {others}.")
    return chosen


def _listed(signatures: Sequence[Signature]) -> str:
    return ", ".join(
        f"{signature.name} ({signature.input[1].dtype.name} {signature.input[1].shape} -> "
        f"{', '.join(sorted(signature.function.structured_outputs))})"
        for signature in signatures
    )


def _output(signature: Signature, name: str | None) -> str:
    """The name of the output that has the scores."""
    outputs = signature.function.structured_outputs
    if name is None and len(outputs) == 1:
        return str(next(iter(outputs)))
    if name is not None and name in outputs:
        return name
    listed = ", ".join(
        f"{key} ({tensor.dtype.name} {tensor.shape})" for key, tensor in sorted(outputs.items())
    )
    asked = f"has no output {name!r}" if name else f"has {len(outputs)} outputs"
    raise ModelInvalid(f"Signature {signature.name} {asked}; --output takes {listed}.")


def _is_random(graph_def: Any) -> bool:
    """Whether a graph, or a function that it calls, draws random numbers."""
    nodes = [graph_def.node, *(function.node_def for function in graph_def.library.function)]
    return any("Random" in node.op for part in nodes for node in part)
