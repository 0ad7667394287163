"""Answer Amazon Lex: what is in a picture, in words.

https://docs.aws.amazon.com/lexv2/latest/dg/lambda-input-format.html
"""

import re
from typing import Any

import msgspec

from chalicelib.classification import Classification
from chalicelib.errors import InceptionError
from chalicelib.inference.labels import LIKELY_SCORE
from chalicelib.requests import Instance, Options
from chalicelib.wording import percent, plain

SLOT = "url"
"""The slot of the intent that holds the picture's URL."""
MAX_MESSAGE = 1000
"""Characters of an answer; Lex takes 1,024."""
_URL = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_ENDS = ".,;:!?'"
"""Characters that more likely end a sentence or a quotation than a URL."""


class _Value(msgspec.Struct, rename={"interpreted": "interpretedValue"}):
    interpreted: object = None


class _Slot(msgspec.Struct):
    value: _Value | None = None


class _Intent(msgspec.Struct):
    name: str
    slots: dict[str, _Slot | None] | None = None


class _SessionState(msgspec.Struct):
    intent: _Intent


class _Question(msgspec.Struct, rename={"state": "sessionState", "transcript": "inputTranscript"}):
    state: _SessionState
    transcript: str | None = None

    def url(self) -> str:
        """Returns the URL in the slot, or else in what was typed; empty if there is none.

        Lex may change a slot's letters to lower case; what was typed is as it was.
        """
        slot = (self.state.intent.slots or {}).get(SLOT)
        value = slot.value.interpreted if slot and slot.value else ""
        interpreted = value if isinstance(value, str) else ""
        typed = _url_in(self.transcript or "")
        if typed and typed.lower() == _url_in(interpreted).lower():
            return typed
        return interpreted or typed


def _url_in(text: str) -> str:
    """Returns the first URL in a text, without the sentence around it; empty without one."""
    match = _URL.search(text)
    url = match[0].rstrip(_ENDS) if match else ""
    return url.rstrip(")" + _ENDS) if "(" not in url else url


class Conversation:
    """Answers questions about pictures with the service's own model."""

    def __init__(self, classification: Classification) -> None:
        self._classification = classification

    def answer(self, event: dict[str, Any]) -> dict[str, Any]:
        """Returns what Lex says. A refusal is an answer in words too, and never an exception."""
        question = msgspec.convert(event, _Question)
        url = question.url()
        if not url:
            asking = {"type": "ElicitSlot", "slotToElicit": SLOT}
            return _said(event, asking, "InProgress", "Which picture? Send its URL.")
        try:
            text, state = self._describe(url), "Fulfilled"
        except InceptionError as error:
            text, state = f"I cannot tell. {error}", "Failed"
        return _said(event, {"type": "Close"}, state, text)

    def _describe(self, url: str) -> str:
        data = self._classification.load(Instance(url=url))
        outcome = self._classification.classify(data, Options(max_labels=3))
        shown = [f"{plain(label.name)} ({percent(label.score)})" for label in outcome.labels]
        if not shown:
            return "I see nothing that I know."
        best, *others = shown
        if outcome.labels[0].score >= LIKELY_SCORE:
            return f"It looks like this: {best}."
        return f"I am not sure. Perhaps it is {best}" + "".join(f", or {o}" for o in others) + "."


def _said(event: dict[str, Any], action: dict[str, str], state: str, text: str) -> dict[str, Any]:
    """Returns the answer in Lex's form, with the session's attributes as they were
    (https://docs.aws.amazon.com/lexv2/latest/dg/lambda-response-format.html).
    """
    session = event["sessionState"]
    intent = {**session["intent"], "state": state}
    kept = session.get("sessionAttributes") or {}
    return {
        "sessionState": {"dialogAction": action, "intent": intent, "sessionAttributes": kept},
        "messages": [{"contentType": "PlainText", "content": plain(text, MAX_MESSAGE)}],
    }
