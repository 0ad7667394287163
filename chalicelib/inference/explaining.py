"""Say where in a picture a model saw its labels."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from chalicelib.answers.predictions import HeatMethod, Label
from chalicelib.images.decode import Image
from chalicelib.images.preprocessing import Preprocessing
from chalicelib.inference.classifier import Classifier, Features
from chalicelib.inference.explainable import EXPLAINED
from chalicelib.inference.heat import heat_map
from chalicelib.inference.occlusion import occlusion_maps
from chalicelib.inference.tensors import top


def with_heat_maps(
    classifier: Classifier,
    image: Image,
    how: Preprocessing,
    scores: NDArray[np.float32],
    features: Features | None,
    labels: list[Label],
) -> list[Label]:
    """Returns the labels, the first of them with heat maps.

    how: what was done to the image. scores, features: of it; without features, parts of the image
    are covered. labels: as the classifier ranks them.
    """
    first = labels[:EXPLAINED]
    classes = top(scores, len(first), classifier.info.background_class)
    method: HeatMethod
    if features is None:
        method, grids = (
            "occlusion",
            occlusion_maps(classifier.scores, image.pixels, scores, classes),
        )
    else:
        method, grids = "activation", class_activations(classifier, features, classes)
    picture = image.width, image.height
    view = how.view(picture, classifier.input_size)
    explained = [
        msgspec.structs.replace(label, heat_map=heat_map(grid, picture, view, method))
        for label, grid in zip(first, grids, strict=True)
    ]
    return explained + labels[EXPLAINED:]


def class_activations(
    classifier: Classifier, features: Features, classes: list[int]
) -> NDArray[np.float32]:
    """Returns what each place adds to the logits of classes: float32 [classes, height, width].

    Class activation maps (Zhou et al. 2016, https://arxiv.org/abs/1512.04150).
    """
    return np.moveaxis(features.map[0] @ classifier.evidence(features)[:, classes], -1, 0)
