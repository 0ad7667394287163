"""Put a comparison into a sentence or two that claim no more than the figures."""

from collections.abc import Sequence

from chalicelib.answers.judged import Agreement, LeftOut, McNemar
from chalicelib.wording import count, interval, p_value, percent, plain, points
from chalicelib.workflow.judgement import ArmResult

SIGNIFICANT = 0.05
"""A p-value below this counts as a difference between the models."""

FEWEST_DISCORDANT = 6
"""With fewer, the exact test cannot go below SIGNIFICANT: 2 * 0.5**5 = 0.0625."""


def is_better(champion: ArmResult, challenger: ArmResult, test: McNemar | None) -> bool:
    """See `Judgement.better`."""
    if test is None or test.p_value >= SIGNIFICANT or _is_easier(challenger, champion):
        return False
    return test.only_challenger > test.only_champion and challenger.correct > champion.correct


def _is_easier(asked: ArmResult, other: ArmResult) -> bool:
    """Whether `asked` is right with any of several labels, and `other` only with its top one."""
    return asked.multi_label and not other.multi_label


def verdict(
    images: int,
    labelled: int,
    arms: Sequence[ArmResult],
    agreement: Agreement | None,
    test: McNemar | None,
    unknown: Sequence[LeftOut] = (),
) -> str:
    """What the comparison says, in a sentence or two.

    arms: the champion, and the challenger if there is one. unknown: answers that were left out.
    """
    wanted = _wanted(labelled, unknown, len(arms))
    if not images:
        return "There was no image to judge."
    if len(arms) == 1:
        (champion,) = arms
        return _alone(images, champion, wanted)
    if agreement is None:
        return _incomparable(images, arms)
    if test is None:
        return _unlabelled(agreement, wanted)
    champion, challenger = arms
    return _compared(champion, challenger, test, agreement)


def _alone(images: int, arm: ArmResult, wanted: str) -> str:
    name = plain(arm.model)
    if not arm.answered:
        return f"{name} answered none of {count(images, 'image')}. {_reason(arm)}."
    if arm.accuracy is None or arm.interval is None:
        return (
            f"{name} answered {arm.answered:,} of {count(images, 'image')}. "
            f"To learn how often it is right, {wanted}."
        )
    return (
        f"{name} is right on {percent(arm.accuracy)} of {count(arm.labelled, 'labelled image')} "
        f"(95% interval {interval(arm.interval)})."
    )


def _incomparable(images: int, arms: Sequence[ArmResult]) -> str:
    silent = [arm for arm in arms if not arm.answered]
    if not silent:
        return "No image was answered by both models, so they cannot be compared."
    all_of_them = count(images, "image")
    if len(silent) == 2:
        return f"Neither model answered any of {all_of_them}. {_reason(silent[0])}."
    name = plain(silent[0].model)
    return f"{name} answered none of {all_of_them}, so nothing was compared. {_reason(silent[0])}."


def _reason(arm: ArmResult) -> str:
    """Returns the arm's most frequent error."""
    code, number = next(iter(arm.errors.items()))
    return f"The most frequent error is {plain(code)} ({count(number, 'image')})"


def _unlabelled(agreement: Agreement, wanted: str) -> str:
    return (
        f"The models agree on {percent(agreement.rate)} of {count(agreement.pairs, 'image')}. "
        f"To learn which model is right more often, {wanted}."
    )


def _wanted(labelled: int, unknown: Sequence[LeftOut], models: int) -> str:
    if labelled:
        return "give labels of images that can be answered"
    if unknown:
        who = "both models know" if models == 2 else "it knows"
        return f"give labels that {who}; “{plain(unknown[0].label)}” is not such a label"
    return "give labels"


def _compared(
    champion: ArmResult, challenger: ArmResult, test: McNemar, agreement: Agreement
) -> str:
    ahead, behind = plain(challenger.model), plain(champion.model)
    if test.difference < 0:
        ahead, behind = behind, ahead
    images = count(test.pairs, "image" if test.pairs == agreement.pairs else "labelled image")
    if not test.discordant:
        right = f"{test.both:,}"
        return f"{ahead} and {behind} are right on exactly the same {right} of {images}."
    if test.discordant < FEWEST_DISCORDANT:
        return (
            f"Too few images to tell whether {ahead} or {behind} is better. "
            f"Only one of them is right on {test.discordant} of {images}; "
            f"it takes at least {FEWEST_DISCORDANT} such images."
        )
    evidence = f"({p_value(test.p_value)}, {images})"
    if not test.difference:
        return f"{ahead} and {behind} are right equally often {evidence}."
    return _unequal(champion, challenger, test, evidence)


def _unequal(champion: ArmResult, challenger: ArmResult, test: McNemar, evidence: str) -> str:
    """Returns the verdict on two models of which one is right more often."""
    worse, better = (challenger, champion) if test.difference < 0 else (champion, challenger)
    ahead, behind = plain(better.model), plain(worse.model)
    more = f"{ahead} is right {points(test.difference)} more often than {behind}"
    if test.p_value >= SIGNIFICANT:
        return f"No clear winner. {more}, but that may be chance {evidence}."
    if _is_easier(better, worse):
        return (
            f"{more} {evidence}. But it may find several labels in an image, and {behind} gives "
            "only one. So it is right more easily, and this does not tell which model is better."
        )
    if test.difference > 0 and not is_better(champion, challenger, test):
        return (
            f"{more} on images that both answer {evidence}. But it fails so often that in all it "
            f"is right on {count(challenger.correct, 'image')}, and {behind} on "
            f"{champion.correct:,}."
        )
    return f"{more} {evidence}."
