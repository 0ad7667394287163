"""A line of a manifest -> the image that it names. Text and JSON; `csvform` has the third form."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

import msgspec

from chalicelib.bulk.lines import Line
from chalicelib.requests import Instance

NOT_ONE = "it must name an image in exactly one way"


class BadLine(ValueError):
    """A line that names no image; the message says why. id: the line's own, where it has one."""

    def __init__(self, why: str, id: str | None = None) -> None:
        super().__init__(why)
        self.id = id


class _JsonId(msgspec.Struct, frozen=True):
    """Of a line of `.jsonl` that names no image: what is left to tell it by."""

    id: str | int | None = None
    record_id: str | None = msgspec.field(default=None, name="recordId")


class _JsonLine(_JsonId, frozen=True):
    """A line of `.jsonl`: an instance, or what SageMaker and Bedrock call one; more is ignored."""

    url: str | None = None
    s3_uri: str | None = None
    source_ref: str | None = msgspec.field(default=None, name="source-ref")
    b64: str | None = None
    label: str | int | float | None = None

    @property
    def shown(self) -> str | None:
        """What the image shows; a number is a class index, as SageMaker has it."""
        return None if self.label is None else str(self.label)


class _About(msgspec.Struct, frozen=True):
    class_name: str | None = msgspec.field(default=None, name="class-name")


class Named(NamedTuple):
    """What a line names."""

    instance: Instance
    id: str | None = None
    label: str | None = None


class Form(ABC):
    """How to read one file."""

    def records(self, numbered: Iterable[Line]) -> Iterable[Line]:
        """The lines, put together where several make a record."""
        return numbered

    @abstractmethod
    def parse(self, text: str) -> Named | None:
        """What a record names, by its text, blanks and all; None for one that names nothing.

        To be called with the records in their order. Raises BadLine.
        """


class TextForm(Form):
    """An address a line."""

    def parse(self, text: str) -> Named:
        """See Form."""
        return Named(address(text.strip()))


class JsonForm(Form):
    """A JSON object a line."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(_JsonLine)

    def parse(self, text: str) -> Named:
        """See Form."""
        try:
            line = self._decoder.decode(text.strip())
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            why = f"it is not the JSON of an instance ({error})"
            raise BadLine(why, _json_id(text)) from None
        id, label = _id(line), line.shown
        if label is None and '"class-name"' in text:
            label = class_name(text)
        if line.source_ref:
            if line.url or line.s3_uri or line.b64:
                raise BadLine(NOT_ONE, id)
            return Named(address(line.source_ref), id, label)
        return Named(Instance(url=line.url, s3_uri=line.s3_uri, b64=line.b64), id, label)


def address(text: str) -> Instance:
    """The image at an address: s3:// or a URL."""
    return Instance(s3_uri=text) if text.startswith("s3://") else Instance(url=text)


def class_name(text: str) -> str | None:
    """The label that a labelling job of Ground Truth gave, where it was only one
    (https://docs.aws.amazon.com/sagemaker/latest/dg/sms-data-output.html#sms-output-class)."""
    line = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    names = []
    for key, value in line.items():
        if key.endswith("-metadata"):
            with suppress(msgspec.DecodeError):
                names.append(msgspec.json.decode(value, type=_About).class_name)
    labels = [name for name in names if name]
    return labels[0] if len(labels) == 1 else None


def _id(line: _JsonId) -> str | None:
    return (line.record_id if line.id is None else str(line.id)) or None


def _json_id(text: str) -> str | None:
    try:
        return _id(msgspec.json.decode(text, type=_JsonId))
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
