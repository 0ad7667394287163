"""Read a multipart form: its files, in fields of any name, and its options."""

import io
from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.errors import BadRequest
from chalicelib.requests import MAX_ID

if TYPE_CHECKING:
    from multipart import MultipartPart


class FormFile(NamedTuple):
    """A file of a form. id: its name, if it has one."""

    id: str | None
    data: bytes


def read_form(
    parameters: str, body: bytes, options: Collection[str]
) -> tuple[list[FormFile], dict[str, list[str]]]:
    """Returns a form's files, and its other fields by name. Raises BadRequest.

    parameters: of the Content-Type. options: names of fields that are never files.
    """
    # imported here, because most requests have no form
    from multipart import MultipartError, MultipartParser, parse_options_header

    _, named = parse_options_header(f"multipart/form-data;{parameters}")
    boundary = named.get("boundary")
    if not boundary:
        raise BadRequest("The form's Content-Type has no boundary; let your client set it.")
    most = len(body) + 1  # all of it is in memory already
    form = MultipartParser(
        io.BytesIO(body), boundary, spool_limit=most, memory_limit=most, part_limit=32
    )
    files: list[FormFile] = []
    fields: dict[str, list[str]] = {}
    try:
        for part in form:
            if part.name in options or not _is_file(part):
                fields.setdefault(part.name, []).append(part.value)
            elif part.raw or part.filename:  # browsers send an empty field if no file is chosen
                files.append(FormFile((part.filename or "")[-MAX_ID:] or None, part.raw))
    except (UnicodeDecodeError, LookupError) as error:  # LookupError: an unknown charset
        raise BadRequest("An option of the form is not text; write it in UTF-8.") from error
    except (MultipartError, ValueError) as error:
        raise BadRequest(f"The multipart form is not valid: {str(error)[:500]}.") from error
    return files, fields


def _is_file(part: "MultipartPart") -> bool:
    """Whether a field of a form is a file. Some clients give a file no name, or no type."""
    named = part.filename is not None or not part.content_type.startswith("text/")
    return named or part.name == "image" or not is_text(part.raw)


def is_text(data: bytes) -> bool:
    """Whether the bytes are UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
