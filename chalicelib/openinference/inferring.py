"""Serve the Open Inference Protocol (KServe v2, REST): tensors to images, scores to tensors.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol, with Triton's
extensions for binary tensors in requests and for classification, so that its client works as it is:
https://github.com/triton-inference-server/server/tree/main/docs/protocol
"""

import numpy as np
from numpy.typing import NDArray

from chalicelib.answers.protocol import (
    InferAnswer,
    InferParameters,
    ModelMetadata,
    OutputTensor,
    TensorMetadata,
)
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.tensors import top
from chalicelib.openinference.imagetensors import images_of, refuse
from chalicelib.requests import InferRequest, Output

INPUT, SCORES, LABEL, EMBEDDING = "image", "scores", "label", "embedding"
"""Names of the tensors: images in; scores by class index, the best label and, of models that have
features, their average out."""


def metadata(classifier: Classifier) -> ModelMetadata:
    """Describes a model: its tensors, its preprocessing and its scores."""
    info, (width, height) = classifier.info, classifier.input_size
    outputs = [
        TensorMetadata(SCORES, "FP32", [-1, len(classifier.labels)]),
        TensorMetadata(LABEL, "BYTES", [-1]),
    ]
    if info.has_features:
        outputs.append(TensorMetadata(EMBEDDING, "FP32", [-1, classifier.features]))
    return ModelMetadata(
        name=info.name,
        versions=[info.version],
        platform="litert",
        inputs=[TensorMetadata(INPUT, "UINT8", [-1, height, width, 3])],
        outputs=outputs,
        preprocessing=info.preprocessing,
        scores=info.scores,
        multi_label=info.multi_label,
    )


def infer(classifier: Classifier, request: InferRequest, binary: bytes) -> InferAnswer:
    """Classifies the request's images.

    binary: what followed the JSON part of the body, under the binary tensor extension.
    Raises BadRequest if the tensor does not hold images, and ImageUnreadable if an image cannot be
    read.
    """
    (tensor,) = request.inputs
    if tensor.name != INPUT:
        refuse(f"the input must be named {INPUT!r}, not {tensor.name[:64]!r}")
    wanted = request.outputs if request.outputs is not None else [Output(SCORES), Output(LABEL)]
    names = {output.name for output in wanted}
    if unknown := names - {SCORES, LABEL, EMBEDDING}:
        refuse(
            f"the outputs are {SCORES!r}, {LABEL!r} and {EMBEDDING!r}, not {min(unknown)[:64]!r}"
        )
    truncated: list[int] = []
    images = images_of(tensor, binary, classifier, truncated)
    seen = [_seen(classifier, image, EMBEDDING in names) for image in images]
    places = ",".join(map(str, truncated))
    return InferAnswer(
        model_name=classifier.info.name,
        model_version=classifier.info.version,
        outputs=[_output(output, seen, classifier) for output in wanted],
        parameters=InferParameters(places) if places else None,
        id=request.id,
    )


def _seen(
    classifier: Classifier, image: NDArray[np.uint8], embedded: bool
) -> dict[str, NDArray[np.float32]]:
    """Returns an image's scores and, if asked for, its embedding, by the names of the tensors."""
    if not embedded:
        return {SCORES: classifier.scores(image)}
    scores, features = classifier.featured(image)
    return {SCORES: scores, EMBEDDING: features.pooled[0]}


def _output(
    output: Output, seen: list[dict[str, NDArray[np.float32]]], classifier: Classifier
) -> OutputTensor:
    count = output.parameters.get("classification", 0)
    if output.name == EMBEDDING:
        rows = np.stack([image[EMBEDDING] for image in seen])
        return OutputTensor(EMBEDDING, "FP32", list(rows.shape), rows.ravel().tolist())
    scores = [image[SCORES] for image in seen]
    if output.name == LABEL:
        data = [classifier.labels[int(row.argmax())] for row in scores]
        return OutputTensor(LABEL, "BYTES", [len(scores)], data)
    if not count:
        flat = [float(score) for row in scores for score in row]
        shape = [len(scores), len(classifier.labels)]
        return OutputTensor(SCORES, "FP32", shape, flat)
    if not isinstance(count, int) or not 1 <= count <= len(classifier.labels):
        refuse(f"classification must be a number of labels, 1 to {len(classifier.labels)}")
    data = [
        f"{row[i]:f}:{i}:{classifier.labels[i]}" for row in scores for i in top(row, count, None)
    ]
    return OutputTensor(SCORES, "BYTES", [len(scores), count], data)
