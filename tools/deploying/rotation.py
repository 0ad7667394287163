"""Replaces the token of a stage that runs."""

from typing import Any

from tools.deploying.deployment import Deployment
from tools.deploying.parameters import TOKEN
from tools.deploying.step import DeployError, Tell
from tools.deploying.waiting import POLL_SECONDS, settle


class Rotation:
    """A new token in Parameter Store, and its digest in the functions.

    session: of boto3. poll_seconds: between two looks at a function that is still changing. Raises
    DeployError if no function of the stage asks for a token.
    """

    def __init__(
        self, deployment: Deployment, session: Any, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._deployment = deployment
        self._lambda, self._gateway = session.client("lambda"), session.client("apigateway")
        self._poll = poll_seconds
        self._environments = {
            arn: variables
            for arn in deployment.record().functions().values()
            if TOKEN in (variables := self._variables(arn))
        }
        if not self._environments:
            stage = deployment.target.stage
            raise DeployError(
                f"No function of stage {stage} requires a token. Deploy the stage without --public."
            )

    @property
    def size(self) -> int:
        """How many functions know the token."""
        return len(self._environments)

    def apply(self, tell: Tell) -> None:
        """Replace it. If this is interrupted, do it again: each time there is a new token."""
        digest = self._deployment.token.replace()
        tell("a new token is in Parameter Store")
        self._deployment.configuration.change(TOKEN, digest)
        for arn, variables in self._environments.items():
            self._settle(arn)
            self._lambda.update_function_configuration(
                FunctionName=arn, Environment={"Variables": variables | {TOKEN: digest}}
            )
        for arn in self._environments:
            self._settle(arn)
        tell(f"{self.size} functions accept only the new token")
        # API Gateway would let the old token in for five more minutes
        self._gateway.flush_stage_authorizers_cache(
            restApiId=self._deployment.api(), stageName=self._deployment.stage
        )

    def _variables(self, arn: str) -> dict[str, str]:
        answer = self._lambda.get_function_configuration(FunctionName=arn)
        variables: dict[str, str] = answer.get("Environment", {}).get("Variables", {})
        return variables

    def _settle(self, arn: str) -> None:
        what = f"The function {arn.rpartition(':')[2]}"
        settle(self._lambda, "FunctionSettled", what, self._poll, FunctionName=arn)
