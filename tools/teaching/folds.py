"""Parts pictures into folds that are held out in turn; near-same pictures stay together."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tools.teaching.lessons import Classes, Lesson, Rows

FOLDS = 5
NEVER = -1
"""The fold of pictures that are never held out, as their label has no others."""

NEAR, OF_USUAL = 0.08, 0.15
"""Pictures are near-same if their distance (1 - cosine) is at most NEAR, and at most this part of
the usual distance of two pictures of a label. Measured with MobileNet v2 and doodle: JPEGs written
again, resized, mirrored or cropped by 5% are mostly nearer; no two of 100 photographs or of 400
drawings are."""

SAMPLE, BLOCK = 200, 500


def near_same(lesson: Lesson) -> Classes:
    """The group of each picture; near-same pictures, and mirrored ones, share a group."""
    rows, mirrored = lesson.rows
    limit = 1 - min(NEAR, OF_USUAL * _usual_distance(rows, lesson.classes))
    groups: Classes = np.arange(len(rows))
    for at in range(0, len(rows), BLOCK):
        for side in (rows, mirrored):
            first, second = np.nonzero(rows[at : at + BLOCK] @ side.T >= limit)
            groups = _joined(groups, groups[first + at], groups[second])
    return groups


def _joined(groups: Classes, first: Classes, second: Classes) -> Classes:
    """The groups after each of `first` has met its partner in `second`.

    One block of pairs after the other: all pairs of a long series would fill the memory.
    """
    shape = len(groups), len(groups)
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=shape)
    components: Classes = connected_components(graph, directed=False)[1]
    return components[groups]


def _usual_distance(rows: Rows, classes: Classes) -> float:
    """The median distance of two pictures of the same label; OF_USUAL of any two's if it is less.

    It is less if most pictures are copies.
    """
    any_, distances = rows[:: -(-len(rows) // SAMPLE)], []
    among_all = np.median((1 - any_ @ any_.T)[np.triu_indices(len(any_), 1)])
    for label in np.unique(classes):
        some = rows[classes == label][:SAMPLE]
        distances.append((1 - some @ some.T)[np.triu_indices(len(some), 1)])
    return float(max(np.median(np.concatenate(distances)), OF_USUAL * among_all))


def parted(classes: Classes, groups: Classes) -> NDArray[np.int_]:
    """The fold of each picture, the same for a group; each label is spread over all folds.

    Labels with fewer than FOLDS groups decide how many folds there are, at least 2. A label of a
    single group is never held out: without it, the label would be unknown.
    """
    labels = np.unique(classes)
    several = [len(np.unique(groups[classes == label])) for label in labels]
    count = max(2, min([FOLDS, *(many for many in several if many > 1)]))
    alone = {int(label) for label, many in zip(labels, several, strict=True) if many == 1}
    folds = np.full(len(classes), NEVER)
    filled = np.zeros((count, len(labels)))
    place = {int(label): at for at, label in enumerate(labels)}
    chance = np.random.default_rng(0)
    for group in sorted(chance.permutation(np.unique(groups)), key=lambda g: -(groups == g).sum()):
        members = np.flatnonzero(groups == group)
        if {int(label) for label in classes[members]} & alone:
            continue
        at = [place[int(label)] for label in classes[members]]
        fold = min(range(count), key=lambda fold: (filled[fold, at].sum(), filled[fold].sum()))
        folds[members] = fold
        np.add.at(filled, (fold, at), 1)
    return folds
