"""A frozen GraphDef, such as the Inception graph of 2015, as a network that takes pixels."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import ModelInvalid

RESIZES = frozenset({"ResizeBilinear", "ResizeBicubic", "ResizeNearestNeighbor", "ResizeArea"})


class FrozenGraph:
    """A graph whose weights are constants, from a tensor of pixels to one of scores.

    input_name: of the tensor to feed. Where it takes an encoded image, as `DecodeJpeg/contents:0`
        does, the network is cut after the graph's own resizing, which gives pixels 0..255.
    output_name: of the scores. Both with ":0" or without.
    Raises ModelInvalid if there is no such graph or tensor.
    """

    def __init__(self, tf: Any, path: Path, input_name: str, output_name: str) -> None:
        self._tf = tf
        self._graph_def = tf.compat.v1.GraphDef()
        input_name, self._output = map(_tensor_name, (input_name, output_name))
        try:
            self._graph_def.ParseFromString(path.read_bytes())
            with tf.Graph().as_default() as graph:
                tf.graph_util.import_graph_def(self._graph_def, name="")
            self._feed = graph.get_tensor_by_name(input_name)
            self.scores = graph.get_tensor_by_name(self._output)
        except (KeyError, ValueError) as error:
            raise ModelInvalid(
                f"{path} has no {input_name} or no {self._output}; name its tensors with --input "
                f"and --output. {_suggestion(self._graph_def)}"
            ) from error
        except Exception as error:  # of protobuf's and TensorFlow's own kinds
            raise ModelInvalid(f"{path} is not a frozen GraphDef of TensorFlow.") from error
        self.encoded = self._feed.dtype == tf.string
        self.pixels = self._resized() if self.encoded else self._feed
        self._session = tf.compat.v1.Session(graph=graph)

    def call(self, pixels: Any) -> Any:
        """The scores of a tensor put in the place of `pixels`; to be traced by TensorFlow."""
        return self._tf.graph_util.import_graph_def(
            _modern(self._tf, self._graph_def, self.pixels, self.scores),
            input_map={self.pixels.name: self._tf.cast(pixels, self.pixels.dtype)},
            return_elements=[self._output],
            name="",
        )[0]

    def reference(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """The whole graph's own scores for one image [height, width, 3], unchanged by us.

        An encoded input gets a PNG, which DecodeJpeg reads as well, and which loses nothing.
        """
        if self.encoded:
            return self.scores_of(self._tf.io.encode_png(image.astype(np.uint8)).numpy())
        return self.scores_of(image[np.newaxis].astype(self._feed.dtype.as_numpy_dtype))

    def scores_of(self, feed: bytes | NDArray[Any]) -> NDArray[np.float32]:
        """The whole graph's own scores for what it is fed with: a file, where it takes these."""
        scores: NDArray[np.float32] = self._session.run(self.scores, {self._feed: feed})
        return scores

    def _resized(self) -> Any:
        """The first resized image after the encoded one."""
        queue, seen = list(self._feed.consumers()), set()
        while queue:
            operation = queue.pop(0)
            if operation.type in RESIZES:
                return operation.outputs[0]
            seen.add(operation)
            queue += [
                user
                for tensor in operation.outputs
                for user in tensor.consumers()
                if user not in seen
            ]
        raise ModelInvalid(
            f"{self._feed.name} takes an encoded image that the graph does not resize; give "
            "--input the tensor that takes pixels."
        )


def _modern(tf: Any, graph_def: Any, pixels: Any, scores: Any) -> Any:
    """The part of the graph from `pixels` to `scores`, in operations that LiteRT knows.

    Graphs of 2015 normalise with BatchNormWithGlobalNormalization, since removed, and check for
    NaN on the way (https://www.tensorflow.org/api_docs/python/tf/raw_ops).
    """
    nodes = {node.name: node for node in graph_def.node}
    part = tf.compat.v1.GraphDef()
    part.versions.CopyFrom(graph_def.versions)
    waiting, seen = [scores.op.name], {pixels.op.name}
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        node = part.node.add()
        node.CopyFrom(nodes[name])
        node.device = ""
        inputs = [source for source in node.input if not source.startswith("^")]
        del node.input[:]
        node.input.extend(inputs)
        if node.op == "CheckNumerics":
            node.op = "Identity"
            del node.attr["message"]
        elif node.op == "BatchNormWithGlobalNormalization":
            _fuse(tf, part, node, scores.graph)
        waiting += [source.partition(":")[0] for source in node.input]
        waiting = [source for source in waiting if source in nodes]
    return part


def _fuse(tf: Any, part: Any, node: Any, graph: Any) -> None:
    """Rewrite the batch normalisation of 2015 as FusedBatchNorm, in place."""
    image, mean, variance, beta, gamma = node.input
    if not node.attr["scale_after_normalization"].b:
        ones = part.node.add(name=f"{node.name}/ones", op="Const")
        channels = graph.get_operation_by_name(node.name).inputs[1].shape
        ones.attr["dtype"].type = node.attr["T"].type
        ones.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.ones(channels, np.float32)))
        gamma = ones.name
    epsilon = node.attr["variance_epsilon"].f
    del node.input[:]
    node.input.extend([image, gamma, beta, mean, variance])
    del node.attr["variance_epsilon"], node.attr["scale_after_normalization"]
    node.op = "FusedBatchNorm"
    node.attr["epsilon"].f = epsilon
    node.attr["is_training"].b = False
    node.attr["data_format"].s = b"NHWC"


def _tensor_name(name: str) -> str:
    """The name of a tensor; that of an operation stands for its first output."""
    return name if ":" in name else f"{name}:0"


def _suggestion(graph_def: Any) -> str:
    used = {
        source.lstrip("^").partition(":")[0] for node in graph_def.node for source in node.input
    }
    inputs = [n.name for n in graph_def.node if n.op == "Placeholder"]
    outputs = [n.name for n in graph_def.node if n.name not in used]
    return f"Placeholders: {', '.join(inputs[:5]) or 'none'}; ends: {', '.join(outputs[:5])}."
