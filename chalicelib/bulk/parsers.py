"""Parse a line of a manifest in text or JSON; `csvform` has the third form."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

import msgspec

from chalicelib.bulk.lines import Line
from chalicelib.requests import Instance

NOT_ONE = "it must name an image in exactly one way"


class BadLine(ValueError):
    """A line that names no image; the message says why. id: the line's own, if it has one."""

    def __init__(self, why: str, id: str | None = None) -> None:
        super().__init__(why)
        self.id = id


class _JsonId(msgspec.Struct, frozen=True):
    """The id in a line of `.jsonl` that names no image."""

    id: str | int | None = None
    record_id: str | None = msgspec.field(default=None, name="recordId")


class _JsonLine(_JsonId, frozen=True):
    """A line of `.jsonl`: an instance, in our names, SageMaker's or Bedrock's."""

    url: str | None = None
    s3_uri: str | None = None
    source_ref: str | None = msgspec.field(default=None, name="source-ref")
    b64: str | None = None
    label: str | int | float | None = None

    @property
    def shown(self) -> str | None:
        """What the image shows; a number is a class index, as in SageMaker."""
        return None if self.label is None else str(self.label)


class _About(msgspec.Struct, frozen=True):
    class_name: str | None = msgspec.field(default=None, name="class-name")


class Named(NamedTuple):
    """The image that a line names, with its id and label."""

    instance: Instance
    id: str | None = None
    label: str | None = None


class Form(ABC):
    """How to read one file."""

    def records(self, numbered: Iterable[Line]) -> Iterable[Line]:
        """Joins lines, if a record may have several."""
        return numbered

    @abstractmethod
    def parse(self, text: str) -> Named | None:
        """Parses a record, with its blanks; None if it names nothing.

        Call it with the records in order. Raises BadLine.
        """


class TextForm(Form):
    """A manifest with an address on each line."""

    def parse(self, text: str) -> Named:
        """See Form."""
        return Named(address(text.strip()))


class JsonForm(Form):
    """A manifest with a JSON object on each line."""

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
    """Returns the image at an address: s3:// or a URL."""
    return Instance(s3_uri=text) if text.startswith("s3://") else Instance(url=text)


def class_name(text: str) -> str | None:
    """Returns the label of a Ground Truth labelling job, if there is only one
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
