"""Fits a linear layer to rooted features: multinomial logistic regression."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax

from chalicelib.inference.head import Head
from tools.teaching.lessons import Classes, Rows

STRENGTHS = (1e-2, 1e-3, 1e-4, 1e-5)
"""Weights of the penalty on large weights, to choose from."""

MIRRORED = 1000
"""With more pictures than this, their mirror images add time and nothing else."""

AXES = 256
"""Of the features, the axes along which pictures differ most. More add time and nothing else."""

STEPS, PRECISION = 60, 1e-6
"""Of the search for the least loss."""
TEMPERATURES = (-3.0, 3.0)
"""Bounds of the logarithm of what logits are divided by."""

Logits = NDArray[np.float64]


def fitted(rows: Rows, classes: Classes, count: int, strengths: Sequence[float]) -> Iterator[Head]:
    """The layers for these strengths, strongest first.

    Every label weighs the same, however many pictures it has.
    rows: of pictures and their mirror images, [2, pictures, features]. count: of labels.
    """
    sides = 2 if rows.shape[1] <= MIRRORED else 1
    both, truth = rows[:sides].reshape(-1, rows.shape[2]), np.tile(classes, sides)
    centre = both.mean(axis=0)
    scale = np.sqrt(((both - centre) ** 2).sum(axis=1).mean()) or 1.0
    moved = (both - centre) / scale
    axes = _axes(moved)
    layers = _path((moved @ axes).astype(np.float32), truth, count, strengths)
    for inner, bias in layers:
        weights = axes @ inner / scale
        yield Head(weights.astype(np.float32), (bias - centre @ weights).astype(np.float32))


def _axes(moved: Rows) -> Rows:
    """The principal axes of the rows: [features, axes], at most AXES."""
    tall = len(moved) > moved.shape[1]
    strengths, axes = np.linalg.eigh(moved.T @ moved if tall else moved @ moved.T)
    kept = np.flatnonzero(strengths > 1e-6 * strengths[-1])[-AXES:]
    if tall:
        return axes[:, kept]
    spanned: Rows = moved.T @ axes[:, kept] / np.sqrt(strengths[kept])
    return spanned


def _path(
    rows: Rows, classes: Classes, count: int, strengths: Sequence[float]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Weights [axes, labels] and bias [labels] by strength, each from where the last ended."""
    truth = np.eye(count, dtype=np.float32)[classes]
    weight = (1 / np.bincount(classes, minlength=count)[classes])[:, np.newaxis]
    weight = (weight / weight.sum()).astype(np.float32)
    shape = rows.shape[1] + 1, count
    layer = np.zeros(shape)
    for strength in strengths:

        def loss(flat: NDArray[np.float64], strength: float = strength) -> tuple[float, Logits]:
            layer = flat.reshape(shape)
            said = log_softmax(rows @ layer[:-1].astype(np.float32) + layer[-1], axis=1)
            off = ((np.exp(said) - truth) * weight).astype(np.float32)
            slope = np.vstack([rows.T @ off + strength * layer[:-1], off.sum(axis=0)])
            penalty = strength / 2 * (layer[:-1] ** 2).sum()
            return float(-(weight * truth * said).sum() + penalty), slope.ravel()

        done = minimize(
            loss, layer.ravel(), jac=True, method="L-BFGS-B",
            options={"maxiter": STEPS, "ftol": PRECISION},
        )  # fmt: skip
        layer = done.x.reshape(shape)
        yield layer[:-1], layer[-1]


def temperature(logits: Logits, classes: Classes) -> tuple[float, float]:
    """What to divide logits by so that they are as sure as they are right, and the loss then.

    Guo et al. (2017), https://arxiv.org/abs/1706.04599; the truth is taken for a little less than
    certain, as in Platt (1999), so that a few right answers do not prove that all will be.
    """
    pictures, labels = logits.shape
    doubt = 1 / (pictures + 2)
    truth = np.full(logits.shape, doubt / (labels - 1))
    truth[np.arange(pictures), classes] = 1 - doubt

    def loss(log: float) -> float:
        return float(-(truth * log_softmax(logits / np.exp(log), axis=1)).sum(axis=1).mean())

    best = minimize_scalar(loss, bounds=TEMPERATURES, method="bounded")
    return float(np.exp(best.x)), float(best.fun)


def probabilities(logits: Logits) -> Logits:
    """Softmax of logits [pictures, labels]."""
    shares: Logits = softmax(logits, axis=1)
    return shares
