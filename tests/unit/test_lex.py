"""What Lex is told: labels in words, a question back, or a refusal in words."""

from typing import Any

import pytest

from chalicelib.errors import SourceInvalid, SourceRefused
from tests.sampleimages import picture
from tests.wired import wired


def question(url: str | None = None, typed: str = "", **session: Any) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lexv2/latest/dg/lambda-input-format.html."""
    value = None if url is None else {
        "shape": "Scalar",
        "value": {"originalValue": url, "interpretedValue": url, "resolvedValues": [url]},
    }  # fmt: skip
    intent = {"name": "WhatIsIt", "slots": {"url": value}, "state": "ReadyForFulfillment",
              "confirmationState": "None"}  # fmt: skip
    return {
        "messageVersion": "1.0", "invocationSource": "FulfillmentCodeHook", "inputMode": "Text",
        "responseContentType": "text/plain; charset=utf-8", "sessionId": "s-1",
        "inputTranscript": typed, "bot": {"name": "Pictures", "version": "1"},
        "interpretations": [{"intent": intent, "interpretationSource": "Lex"}],
        "sessionState": {"intent": intent, "originatingRequestId": "r-1", **session},
    }  # fmt: skip


def fetch(url: str) -> bytes:
    if url.endswith("gone"):
        raise SourceRefused("The host says 404.")
    if not url.startswith("http"):
        raise SourceInvalid("Not a URL.")
    if "/Picture" in url or "/picture" in url:
        assert url == "https://h/Picture", "the case of a URL matters"
    return picture("blue")


def said(event: dict[str, Any]) -> tuple[str, str, str]:
    """The kind of the answer, the state of the intent, and the words."""
    answer = wired(fetch=fetch).conversation.answer(event)
    state = answer["sessionState"]
    (message,) = answer["messages"]
    assert message["contentType"] == "PlainText" and 0 < len(message["content"]) <= 1024
    assert state["intent"]["name"] == "WhatIsIt" and "url" in state["intent"]["slots"]
    return state["dialogAction"]["type"], state["intent"]["state"], message["content"]


def test_a_picture_is_described_in_words() -> None:
    assert said(question("http://h/a")) == (
        "Close", "Fulfilled", "It looks like this: blue (100%).",
    )  # fmt: skip


def test_a_url_that_was_typed_keeps_its_letters() -> None:
    typed = "what is in https://h/Picture please"
    for event in (question(None, typed), question("https://h/picture", typed)):
        assert said(event)[1] == "Fulfilled"


@pytest.mark.parametrize("typed", [
    "What is in https://h/Picture?", "Look at https://h/Picture.", "(https://h/Picture)",
    "<https://h/Picture>", "'https://h/Picture', please", "\"https://h/Picture\"!",
])  # fmt: skip
def test_the_sentence_around_a_url_is_no_part_of_it(typed: str) -> None:
    for slot in (None, "https://h/picture", typed.lower()):
        assert said(question(slot, typed))[1] == "Fulfilled"


def test_brackets_within_a_url_are_a_part_of_it() -> None:
    assert said(question(None, "see https://h/a(gone"))[1] == "Failed"
    assert said(question(None, "see https://h/gone)"))[1] == "Failed"
    assert said(question(None, "see https://h/gone_(b)."))[1] == "Fulfilled"


def test_without_a_picture_lex_asks_for_one() -> None:
    event = question(None, "what is in this picture?")
    kind, state, text = said(event)
    assert (kind, state) == ("ElicitSlot", "InProgress") and "URL" in text
    answer = wired(fetch=fetch).conversation.answer(event)
    assert answer["sessionState"]["dialogAction"]["slotToElicit"] == "url"
    del event["sessionState"]["intent"]["slots"]
    assert wired(fetch=fetch).conversation.answer(event)["messages"]


def test_what_lex_leaves_empty_is_no_error() -> None:
    event = question("http://h/a", sessionAttributes={"customer": None})
    event["inputTranscript"] = None
    slots = event["sessionState"]["intent"]["slots"]
    slots["other"] = {"shape": "Composite", "value": {"interpretedValue": 5}, "subSlots": {}}
    assert said(event)[1] == "Fulfilled"
    for value in (None, 5):
        slots["url"]["value"]["interpretedValue"] = value
        assert said(event)[:2] == ("ElicitSlot", "InProgress")


@pytest.mark.parametrize(("url", "why"), [
    ("http://h/gone", "The host says 404."), ("ftp://h/a", "Not a URL."),
    ("x\n" * 900, "Not a URL."),
])  # fmt: skip
def test_a_refusal_is_said_in_words(url: str, why: str) -> None:
    assert said(question(url)) == ("Close", "Failed", f"I cannot tell. {why}")


def test_the_session_goes_on_as_it_was() -> None:
    event = question("http://h/a", sessionAttributes={"customer": "7"})
    state = wired(fetch=fetch).conversation.answer(event)["sessionState"]
    assert state["sessionAttributes"] == {"customer": "7"}
    state = wired(fetch=fetch).conversation.answer(question("http://h/a"))["sessionState"]
    assert state["sessionAttributes"] == {}


def test_a_doubtful_answer_says_so() -> None:
    services = wired(fetch=lambda url: picture("#505a55"))
    (message,) = services.conversation.answer(question("http://h/a"))["messages"]
    assert message["content"].startswith("I am not sure. Perhaps it is green (35")
    assert ", or blue (33" in message["content"] and message["content"].endswith("%).")
