"""The files of a teaching that runs beside the app: the page fills them, a job works on them."""

from typing import Literal

import msgspec

WANTED = "wanted.json"
TABLE = "pictures.jsonl"
STATUS = "status.json"

State = Literal["collecting", "running", "finished", "failed", "cancelled"]


class Wanted(msgspec.Struct, frozen=True):
    """What to teach: a new package `name`, on the features of package `base`.

    reject: whether pictures unlike all of these get "none of these".
    """

    name: str
    base: str
    title: str = ""
    reject: bool = False


class LabelFigures(msgspec.Struct, frozen=True):
    """How many of a label's held-out pictures were right, and what most others were taken for."""

    label: str
    right: int
    of: int
    taken_for: str


class Figures(msgspec.Struct, frozen=True):
    """How often a taught package is right on pictures that were held out.

    interval: 95% of the share. report: its page, as a path in the project.
    """

    right: int
    of: int
    interval: tuple[float, float]
    labels: list[LabelFigures]
    notes: list[str]
    report: str


class Status(msgspec.Struct, frozen=True):
    """How a job goes.

    what, done, of: of the step that runs. said: what was left out. figures: once it is finished.
    error: why it failed, in a sentence.
    """

    state: State
    what: str = ""
    done: int = 0
    of: int = 0
    said: list[str] = []
    figures: Figures | None = None
    error: str = ""


class Job(msgspec.Struct, frozen=True):
    """A job, as it is answered. pictures: by label. wanted: once it has started."""

    id: str
    pictures: dict[str, int]
    wanted: Wanted | None
    status: Status


class JobList(msgspec.Struct, frozen=True):
    """The jobs, newest first."""

    jobs: list[Job]
