"""Lets a bot of Amazon Lex call its function, which Chalice does not know."""

import json
from collections.abc import Callable
from typing import Any

from chalicelib.subscriptions import HANDLERS
from tools.deploying.chalicerecord import Record
from tools.deploying.step import DeployError, Tell

STATEMENT = "Lex"
HANDLER = HANDLERS["lex"]


class LexStep:
    """Gives the permission to one alias of a bot. bot: its ARN; empty for none."""

    title = "Permission of the bot"

    def __init__(self, client: Any, record: Callable[[], Record], bot: str) -> None:
        self._client = client
        self._record = record
        self._bot = bot

    def changes(self) -> list[str]:  # noqa: D102
        if not self._bot or self._allowed() == self._bot:
            return []
        return [f"let {self._bot} call {HANDLER}"]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        arn = self._record().functions().get(HANDLER)
        if arn is None:
            raise DeployError(f"There is no function {HANDLER}. Run the same command again.")
        if self._allowed():
            self._client.remove_permission(FunctionName=arn, StatementId=STATEMENT)
        self._client.add_permission(
            FunctionName=arn,
            StatementId=STATEMENT,
            Action="lambda:InvokeFunction",
            Principal="lexv2.amazonaws.com",
            SourceArn=self._bot,
        )

    def _allowed(self) -> str:
        """The ARN of the alias that may call; empty for none."""
        arn = self._record().functions().get(HANDLER)
        if arn is None:
            return ""
        try:
            policy = json.loads(self._client.get_policy(FunctionName=arn)["Policy"])
        except self._client.exceptions.ResourceNotFoundException:
            return ""
        sources = [
            statement["Condition"]["ArnLike"]["AWS:SourceArn"]
            for statement in policy["Statement"]
            if statement["Sid"] == STATEMENT
        ]
        return str(sources[0]) if sources else ""
