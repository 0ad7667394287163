"""What a model can tell beside its scores, and what that takes. Importing this loads no NumPy."""

from chalicelib.errors import BadRequest, FeaturesMissing
from chalicelib.inference.packages import ModelInfo
from chalicelib.requests import Options

GRID, REFINED = 5, 4
"""Cells across a picture that occlusion covers at first, and cells that it covers by quarters."""
OCCLUSIONS = 1 + GRID**2 + 4 * REFINED
"""Inferences that occlusion takes for an image, the one that classifies it included."""
MOST_INFERENCES = 130
"""Inferences in a request: 3 images by occlusion. An Inception v4 takes some 15 s for them."""
EXPLAINED = 5
"""Labels of an image that get a heat map."""


def inferences(info: ModelInfo) -> int:
    """How many inferences an explained image takes: 1 if the model has feature maps."""
    return 1 if info.has_features else OCCLUSIONS


def check_asked(info: ModelInfo, options: Options, images: int | None = None) -> None:
    """Raises FeaturesMissing if a model has no embeddings, BadRequest if heat maps take too long.

    images: in the request; None in a batch, which takes no further inferences.
    """
    if info.has_features:
        return
    if options.embedding:
        raise no_features(info.name)
    if options.explain and (images is None or images * OCCLUSIONS > MOST_INFERENCES):
        raise BadRequest(
            f"Model {info.name} gives no feature maps, so it is explained by covering parts of the "
            f"picture: {OCCLUSIONS} inferences an image. Send at most "
            f"{MOST_INFERENCES // OCCLUSIONS} images to POST /predict, or leave explain out."
        )


def no_features(name: str) -> FeaturesMissing:
    """The error of a network that gives scores alone."""
    return FeaturesMissing(
        f"Model {name} gives no features: its network does not end in an average of feature maps "
        "and one linear layer, or was added before these were looked for. Add or fetch it again, "
        "or ask for another model."
    )
