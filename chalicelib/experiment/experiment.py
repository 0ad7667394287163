"""Answer callers about the experiment: assignment, votes, standings, weights."""

import time
import uuid
from collections.abc import Callable

from chalicelib.answers.experimentviews import ArmView, ExperimentView, FeedbackAnswer
from chalicelib.answers.predictions import Traffic
from chalicelib.aws.documents import Documents
from chalicelib.errors import BadRequest, InceptionError
from chalicelib.experiment.arms import Arms
from chalicelib.experiment.comparison import Standing, compare, overall
from chalicelib.experiment.ids import PATIENCE, InferenceIds
from chalicelib.experiment.votes import Tally, Vote, Votes
from chalicelib.experiment.weights import CACHE_SECONDS, Weights
from chalicelib.inference.labels import is_right
from chalicelib.requests import ExperimentRequest, FeedbackRequest
from chalicelib.significance import wilson_interval
from chalicelib.times import moment
from chalicelib.trial import logger


class Experiment:
    """Arms, votes and standings in the results bucket.

    arms: the environment's, in force until `experiment.json` says otherwise.
    champion: the service's own model. check_model: raises ModelNotFound for a name no package has.
    quick: the same bucket, by a client that gives up soon, for the reads of `/predict`.
    patience: seconds that an answer waits for these reads at most.
    """

    def __init__(
        self,
        documents: Documents,
        arms: Arms,
        champion: str,
        check_model: Callable[[str], object],
        clock: Callable[[], float] = time.time,
        quick: Documents | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._check_model, self._clock = check_model, clock
        self._champion, self._votes = champion, Votes(documents)
        self._weights = Weights(quick or documents, arms, clock, patience)
        self._ids = InferenceIds(quick or documents, clock, patience)
        self._unsigned_until = float("-inf")

    def assign(self, subject: str | bytes) -> str:
        """Returns the arm of a client id, or of an image's address or bytes. Never raises."""
        return self._weights.get().arms.choose(subject)

    def traffic(self) -> Traffic:
        """Returns the champion, and each arm's share of requests without a model. Never raises.

        A change by another container shows after `CACHE_SECONDS`.
        """
        arms = self._weights.get().arms
        champion = _champion(_standings(arms, {}), self._champion, arms)
        return Traffic(champion.name, arms.weights)

    def issue(
        self, model: str, label: str | None, assigned: bool, multi_label: bool = False
    ) -> str:
        """Returns an id with which to vote on an answer of `model`, whose top label is `label`.

        label: None for an id that nobody can vote with. assigned: whether `assign` chose the model.
        multi_label: whether the model judges each label by itself.
        Never raises: without its key, the service gives ids that nobody can vote with.
        """
        if self._clock() >= self._unsigned_until:
            try:
                return self._ids.issue(model, label, assigned, multi_label)
            except InceptionError as error:
                logger.error(f"Answers cannot be voted on for now: {error.detail}")
                self._unsigned_until = self._clock() + CACHE_SECONDS
        return uuid.uuid4().hex

    def feedback(self, request: FeedbackRequest) -> FeedbackAnswer:
        """Stores a vote.

        Raises BadRequest for an id that is not ours, has expired or has no labels, and for a label
        if several may be right.
        """
        if (request.correct is None) == (request.label is None):
            raise BadRequest("Send exactly one of correct and label.")
        inference = self._ids.read(request.inference_id)
        if inference.label is None:
            raise BadRequest(
                "This inference_id belongs to an answer without labels; vote on an answer that "
                "has labels."
            )
        correct = request.correct
        if correct is None and inference.multi_label:
            raise BadRequest(
                f"The model {inference.arm} may find several labels in a picture, so one label "
                "does not tell whether its answer was right; send correct instead."
            )
        if correct is None:
            correct = is_right(request.label or "", inference.label)
        vote = Vote(
            inference_id=request.inference_id,
            nonce=inference.nonce,
            arm=inference.arm,
            predicted=inference.label,
            correct=correct,
            assigned=inference.assigned,
            issued_at=inference.issued,
            voted_at=self._clock(),
            label=request.label,
        )
        self._votes.cast(vote)
        return FeedbackAnswer(inference.arm, correct, inference.assigned)

    def view(self) -> ExperimentView:
        """Returns the experiment as `GET /experiment` shows it."""
        in_force, report = self._weights.get(fresh=True), self._votes.report()
        standings = _standings(in_force.arms, report.totals() if report else {})
        champion = _champion(standings, self._champion, in_force.arms)
        rivals = [
            arm for arm in standings if arm is not champion and (arm.weight or arm.tally.votes)
        ]
        comparisons = [compare(champion, rival, len(rivals)) for rival in rivals]
        return ExperimentView(
            arms=[_describe(arm) for arm in standings],
            champion=champion.name,
            comparisons=comparisons,
            verdict=f"{in_force.problem} {overall(champion, comparisons)}".strip(),
            source=in_force.source,
            updated_at=moment(report.updated_at) if report else None,
        )

    def change(self, request: ExperimentRequest) -> ExperimentView:
        """Changes the weights, for all containers within `CACHE_SECONDS`. Returns the view.

        Raises BadRequest for weights that do not fit, and ModelNotFound or ModelInvalid if a new
        arm, or an arm that is to get traffic, has no package. A lost model can always be removed.
        """
        try:
            arms = Arms(request.arms)
        except ValueError as error:
            raise BadRequest(str(error)) from error
        present = self._weights.get().arms.weights
        for name, weight in arms.weights.items():
            if weight or name not in present:
                self._check_model(name)
        self._weights.put(arms)
        return self.view()

    def promote(self, champion: str, challenger: str) -> dict[str, float]:
        """Gives all traffic to the challenger and none to the champion. Returns the weights.

        Raises ModelNotFound or ModelInvalid if the challenger has no package.
        """
        self._check_model(challenger)
        arms = Arms({champion: 0.0, challenger: 1.0})
        self._weights.put(arms)
        return arms.weights

    def fold(self) -> None:
        """Counts the votes, on schedule. Raises what the store does."""
        self._votes.fold(self._clock())


def _standings(arms: Arms, totals: dict[str, Tally]) -> list[Standing]:
    """Returns the arms, and after them former arms with votes."""
    weights = arms.weights | dict.fromkeys(sorted(totals.keys() - arms.weights), 0.0)
    return [Standing(name, share, totals.get(name, Tally())) for name, share in weights.items()]


def _champion(standings: list[Standing], configured: str, arms: Arms) -> Standing:
    """Returns the service's own model if it is an arm, else the arm with the most traffic."""
    if configured in arms.weights:
        return next(arm for arm in standings if arm.name == configured)
    return max(standings, key=lambda arm: arm.weight)


def _describe(arm: Standing) -> ArmView:
    votes, correct = arm.tally.votes, arm.tally.correct
    interval = wilson_interval(correct, votes) if votes else None
    return ArmView(arm.name, arm.weight, votes, correct, arm.accuracy, interval)
