"""Warns of what spoils taught models."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from chalicelib.wording import count, percent, plain
from tools.teaching.fitting import fitted
from tools.teaching.folds import parted
from tools.teaching.lessons import Classes, Lesson

FEW = 10
"""Pictures of a label."""

LARGER = 5
"""Times that the largest label may be as large as the smallest."""

MOSTLY = 0.9
"""What tells a label apart: this share of its pictures have it, and few others do."""

SHOWN = 3
"""How many examples are named."""

LONGEST = 100
"""Characters of a name or a pair of them."""

STRENGTH = 1e-2


def doubts(lesson: Lesson, groups: Classes) -> Iterator[str]:
    """Sentences about the pictures, each with what to do. groups: of near-same pictures."""
    yield from _numbers(lesson)
    yield from _repeated(lesson, groups)
    formats = [look.facts[0] for look in lesson.looks]
    yield from _given_away(lesson, formats, "are {}, and few others are", "file format")
    sizes = [f"{look.facts[1]} by {look.facts[2]} pixels" for look in lesson.looks]
    yield from _given_away(lesson, sizes, "have {}, and few others have", "size")
    yield from _backgrounds(lesson)


def _numbers(lesson: Lesson) -> Iterator[str]:
    few = [label for label, many in zip(lesson.labels, lesson.counts, strict=True) if many < FEW]
    if few:
        yield (
            f"Fewer than {FEW} pictures of {_named(few)}: the figures say little about "
            f"{'it' if len(few) == 1 else 'them'}. Bring more; 30 of each are a good start."
        )
    small, large = int(lesson.counts.argmin()), int(lesson.counts.argmax())
    if lesson.counts[large] >= LARGER * lesson.counts[small]:
        yield (
            f"{lesson.labels[large]} has {lesson.counts[large]} pictures, and "
            f"{lesson.labels[small]} {lesson.counts[small]}. Labels weigh the same here, but a "
            "label with few pictures is known less well: bring more of it."
        )


def _repeated(lesson: Lesson, groups: Classes) -> Iterator[str]:
    members: dict[int, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(int(group), []).append(place)
    alike = [places for places in members.values() if len(places) > 1]
    across = [places for places in alike if len({lesson.told[place] for place in places}) > 1]
    if across:
        pairs = [
            " and ".join(f"{lesson.called[place]} ({lesson.told[place]})" for place in places[:2])
            for places in across[:SHOWN]
        ]
        yield (
            f"Much the same picture has different labels, {count(len(across), 'time')}: "
            f"{_named(pairs, len(across))}. Keep the right label only."
        )
    if spare := sum(len(places) - 1 for places in alike):
        yield (
            f"{count(spare, 'picture')} much like another one, as of a series or a copy. They were "
            "held out together; more variety would teach more."
        )
    alone = [
        label
        for number, label in enumerate(lesson.labels)
        if len(np.unique(groups[lesson.classes == number])) == 1
    ]
    if alone:
        yield (
            f"All pictures of {_named(alone)} are much the same, so no figure says how well "
            f"{'it is' if len(alone) == 1 else 'they are'} known. Bring other pictures."
        )


def _given_away(lesson: Lesson, facts: Sequence[str], words: str, what: str) -> Iterator[str]:
    """Labels that a fact tells apart from all others."""
    for number, label in enumerate(lesson.labels):
        own = lesson.classes == number
        fact, times = Counter(np.array(facts)[own].tolist()).most_common(1)[0]
        others = np.array(facts)[~own] == fact
        if times >= MOSTLY * own.sum() and others.mean() <= 1 - MOSTLY:
            yield (
                f"{percent(times / own.sum())} of the pictures of {label} "
                f"{words.format(fact)}: the {what} may be what is learned. Bring pictures of all "
                f"labels in the same {what}."
            )


def _backgrounds(lesson: Lesson) -> Iterator[str]:
    """Labels that the colours of the pictures' edges tell apart, by cross-validation."""
    edges = np.stack([look.edge for look in lesson.looks])
    edges = (edges - edges.mean(axis=0)) / np.maximum(edges.std(axis=0), 1e-3)
    folds = parted(lesson.classes, np.arange(len(edges)))
    said = np.full(len(edges), -1)
    fit = partial(fitted, count=len(lesson.labels), strengths=[STRENGTH])
    for fold in np.unique(folds):
        own = folds == fold
        (head,) = fit(np.stack([edges[~own]] * 2), lesson.classes[~own])
        said[own] = (edges[own] @ head.weights + head.bias).argmax(axis=1)
    for number, label in enumerate(lesson.labels):
        own = lesson.classes == number
        right, wrong = (said[own] == number).mean(), (said[~own] == number).mean()
        if own.sum() >= LARGER and right >= MOSTLY and wrong <= 1 - MOSTLY:
            yield (
                f"{label} can be told by its background alone: the colours at the edges of the "
                f"pictures give away {percent(right)} of it. Bring pictures of {label} elsewhere, "
                "and of other labels in its place."
            )


def _named(names: Sequence[str], of: int = 0) -> str:
    """A few names, and how many more."""
    shown, more = [*names[:LARGER]], max(of, len(names)) - len(names[:LARGER])
    return ", ".join(plain(name, LONGEST) for name in shown) + (
        f" and {more} more" if more > 0 else ""
    )
