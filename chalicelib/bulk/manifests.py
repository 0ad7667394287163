"""Read manifests, files that list images, entry by entry and never whole."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import NamedTuple

import msgspec

from chalicelib.bulk.csvform import CsvForm
from chalicelib.bulk.lines import MAX_LINE, Line, UnknownEncoding, lines
from chalicelib.bulk.parsers import NOT_ONE, BadLine, Form, JsonForm, Named, TextForm
from chalicelib.errors import BadRequest
from chalicelib.requests import MAX_ID, MAX_LABEL, Instance

FORMS: dict[str, type[Form]] = {
    ".txt": TextForm,
    ".csv": CsvForm,
    ".jsonl": JsonForm,
    ".manifest": JsonForm,
}
"""The forms by a manifest's ending; the last is SageMaker's."""

ENDINGS = ".txt, .csv, .jsonl or .manifest"

PEEKED = 25
"""Lines that are read ahead, to see whether the file's own ids are numbers."""

CHECKED = 1000
"""Lines of which one must name an image."""

ADDRESSES = ("http://", "https://", "data:", "s3://")
"""How addresses begin that may lead to an image."""

_FORMS = ("{}", "line {}", "line {} of the manifest")
"""Forms of ids made from a line's number, the first preferred."""
_OWN = [re.compile(form.format("([1-9][0-9]{0,14})")) for form in _FORMS]
_LAST = len(_FORMS) - 1


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """An entry of a manifest: an image, or the `problem` of a line that names none.

    position: 0 for the first entry. id: the line's own, or else its number from 1. If the
    manifest's own ids are numbers it is "line 1"; if some look like that, "line 1 of the manifest".
    label: what the image is known to show, if the line says so. alone: it shares no chunk.
    """

    position: int
    id: str
    instance: Instance = Instance()
    problem: str | None = None
    label: str | None = None
    alone: bool = False

    @property
    def source(self) -> str:
        """The image's address in results."""
        return self.instance.url or self.instance.s3_uri or "inline"

    @property
    def is_usable(self) -> bool:
        """Whether the line names an image in a way that can lead to one."""
        url = self.instance.url
        return self.problem is None and (url is None or url.lower().startswith(ADDRESSES))


class _Told(NamedTuple):
    """The content of a line: its number, its own id, and an image or a problem."""

    number: int
    named: Named
    problem: str | None = None


def is_manifest(key: str) -> bool:
    """Whether the key has the ending of a manifest."""
    return not key.endswith("/") and PurePosixPath(key.lower()).suffix in FORMS


def entries(key: str, blocks: Iterable[bytes], max_id: int = MAX_ID) -> Iterator[Entry]:
    """Yields the entries of a manifest. The key's ending tells its form.

    blocks: its bytes. A BOM, CRLF, blank lines, empty rows and comments (#) are skipped. A bad line
    becomes an entry with a `problem` that names the line. max_id: characters of an id.
    Raises BadRequest if the ending is unknown.
    """
    suffix = PurePosixPath(key.lower()).suffix
    if suffix not in FORMS:
        raise BadRequest(f"A manifest must be a {ENDINGS} file.")
    told = _told(lines(blocks), FORMS[suffix](), max_id)
    head = list(islice(told, PEEKED))
    numbers = _Numbers(line.named.id for line in head)
    for position, line in enumerate(chain(head, told)):
        yield numbers.entry(position, line)


def check_manifest(name: str, blocks: Iterable[bytes]) -> None:
    """Raises BadRequest for a file that is no manifest: a picture, prose, a CSV without addresses.

    A file is refused if none of its first CHECKED lines names an image, or if it has no line. Its
    single bad lines become errors of their own.
    """
    problem = ""
    for entry in islice(entries(name, blocks), CHECKED):
        if entry.is_usable:
            return
        problem = problem or entry.problem or _without_address(entry)
    problem = problem or "It is empty."
    raise BadRequest(f"{PurePosixPath(name).name} names no image. {problem}")


def _without_address(entry: Entry) -> str:
    shown = repr(entry.source[:80])
    return f"Entry {entry.id} is {shown}, which is no http(s):// or s3:// address."


class _Numbers:
    """Gives every line an id: its own, or its number in a form that no own id has.

    ids: own ids that are known beforehand.
    """

    def __init__(self, ids: Iterable[str | None]) -> None:
        self._last = [0] * len(_FORMS)  # by form, the last line that got such an id
        self._taken = {form for form, _ in filter(None, map(_form, ids))}

    def entry(self, position: int, line: _Told) -> Entry:
        """Makes a line's entry. Call it for every line, in order."""
        id, problem = line.named.id, line.problem
        if own := _form(id):
            form, number = own
            self._taken.add(form)
            # the last form is reserved for lines without an id, which have no other form left
            if form == _LAST or number <= self._last[form]:
                id, problem = (
                    None,
                    f"its id {id} is one that a line without an id may get; choose another",
                )
        if not id:
            form = next(
                form for form in range(_LAST + 1) if form == _LAST or form not in self._taken
            )
            self._last[form] = line.number
            id = _FORMS[form].format(line.number)
        if problem is not None:
            return Entry(position, id, problem=f"Line {line.number} of the manifest: {problem}.")
        return Entry(position, id, line.named.instance, label=line.named.label)


def _form(id: str | None) -> tuple[int, int] | None:
    """Returns the form of an own id and the line number in it; None if it has no such form."""
    matches = ((form, own.fullmatch(id or "")) for form, own in enumerate(_OWN))
    return next(((form, int(match[1])) for form, match in matches if match), None)


def _told(numbered: Iterable[Line], form: Form, max_id: int) -> Iterator[_Told]:
    """Yields the content of every line that has any."""
    try:
        for number, line in form.records(numbered):
            try:
                named = _parsed(line, form, max_id)
            except BadLine as error:
                id = error.id if len(error.id or "") <= max_id else None
                yield _Told(number, Named(Instance(), id), str(error))
            else:
                if named is not None:
                    yield _Told(number, named)
    except UnknownEncoding as error:
        yield _Told(1, Named(Instance()), f"it is {error}; save the file in UTF-8")


def _parsed(line: bytes | None, form: Form, max_id: int) -> Named | None:
    if line is None:
        raise BadLine(f"it is longer than {MAX_LINE} bytes")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise BadLine("it is neither UTF-8 nor UTF-16") from None
    if not text.strip() or text.lstrip().startswith("#"):
        return None
    named = form.parse(text)
    if named is None:
        return None
    instance = named.instance
    if len(named.id or "") > max_id:
        raise BadLine(f"its id is longer than {max_id} characters")
    if len(named.label or "") > MAX_LABEL:
        raise BadLine(f"its label is longer than {MAX_LABEL} characters", named.id)
    ways = [way for way in (instance.url, instance.s3_uri, instance.b64) if way]
    if len(ways) != 1:
        raise BadLine(NOT_ONE, named.id)
    return named
