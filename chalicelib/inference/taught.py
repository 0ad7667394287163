"""Score pictures by the head of a taught package, on the features of its base."""

import numpy as np
from numpy.typing import NDArray

from chalicelib.inference.head import Familiar, Head
from chalicelib.inference.tensors import to_probabilities

NONE = "none of these"
"""The last label of a package that was taught to refuse what is unlike its pictures."""


def rooted(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the square roots of features [n, features], with their signs, scaled to length 1.

    Roots keep a few strong features from outweighing the rest, as in Perronnin, Sánchez & Mensink
    (2010), Improving the Fisher Kernel, ECCV; Arandjelović & Zisserman (2012), CVPR.
    """
    roots: NDArray[np.float32] = np.sign(features) * np.sqrt(np.abs(features))
    roots /= _lengths(roots)
    return roots


def to_label_scores(head: Head, pooled: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the scores of one picture's average features [1, features]: float32 [labels], 0..1.

    Their sum is 1. Where the head can refuse, its last label stands for pictures unlike those that
    it was taught with: it gets what the picture is strange by, and the other labels share the rest.
    """
    row = rooted(pooled)
    logits = (row @ head.weights + head.bias)[0]
    if head.familiar is None:
        return to_probabilities(logits, multi_label=False)
    strange = strangeness(head.familiar, familiarity(head.familiar, row))
    labels = to_probabilities(logits[:-1], multi_label=False)
    return np.concatenate([labels * (1 - strange), strange])


def familiarity(familiar: Familiar, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the cosine of each row with the most similar reference: [n], -1..1.

    rows: rooted features [n, features].
    """
    moved = rows - familiar.centre
    nearest: NDArray[np.float32] = (moved @ familiar.references.T / _lengths(moved)).max(axis=1)
    return nearest


def strangeness(familiar: Familiar, nearest: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns how likely pictures show none of the labels, by their familiarity: [n], 0..1."""
    threshold, width = familiar.bounds
    return to_probabilities((threshold - nearest)[:, np.newaxis] / width, multi_label=True)[:, 0]


def picture_weights(head: Head, pooled: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the weights by which one picture's own features add up to its logits, less the bias.

    float32 [features, labels]: a class activation map is the feature map times these.
    pooled: float32 [1, features], the picture's.
    """
    roots = np.sqrt(np.abs(pooled))
    scale = np.maximum(roots, np.finfo(np.float32).tiny) * _lengths(roots)
    return (head.weights / scale.T * (roots.T > 0)).astype(np.float32)


def _lengths(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths: NDArray[np.float32] = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.maximum(lengths, np.finfo(np.float32).tiny)
