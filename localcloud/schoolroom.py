"""Teachings on this machine: a folder for each, which pictures fill, and a process that works."""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from threading import Lock

import msgspec

from chalicelib.errors import BadRequest, Conflict, NotFound, ServiceUnavailable
from chalicelib.files import put
from chalicelib.inference.packages import NAME
from chalicelib.requests import MAX_LABEL
from stage.lifeline import Lifeline
from stage.teachjobs import STATUS, TABLE, WANTED, Job, JobList, Status, Wanted

PICTURES = "pictures"
MOST_PICTURES = 20_000
NEWEST = 20
"""Jobs that are listed."""
ABANDONED_SECONDS = 24 * 60 * 60
"""How long pictures wait for more, or for the start."""
STOP_SECONDS = 30
"""A job ends after the picture that it looks at."""
INTERRUPTED = "The teaching was interrupted, as when its server ends or the disk is full."
STARTABLE = ("collecting", "failed", "cancelled")
COMMAND = (sys.executable, "-m", "tools.teaching.beside")

_ID = re.compile("[0-9]{6}-[0-9a-f]{8}")


class _Line(msgspec.Struct, frozen=True):
    """A line of the table of pictures."""

    image: str
    label: str


@dataclass
class _Run:
    id: str
    process: subprocess.Popen[bytes]
    lifeline: Lifeline


class Schoolroom:
    """Keeps the jobs in a folder, and runs one at a time.

    command: runs a job; its folder comes last. The job ends with this process. keep: writes a file.
    """

    def __init__(
        self,
        folder: Path,
        command: tuple[str, ...] = COMMAND,
        keep: Callable[[Path, bytes], None] = put,
    ) -> None:
        self._folder, self._command, self._keep = folder, command, keep
        self._lock = Lock()
        self._run: _Run | None = None
        self._pictures: dict[str, int] = {}
        self._cancelled: set[str] = set()  # of which a full disk keeps no word

    def open(self) -> Job:
        """Makes a job without pictures; removes those that were abandoned before their start.

        Raises ServiceUnavailable.
        """
        with self._lock:
            self._sweep()
            numbers = [int(id.partition("-")[0]) for id in self._ids()[:1]]
            id = f"{sum(numbers) + 1:06}-{token_hex(4)}"
            with _kept():
                (self._folder / id / PICTURES).mkdir(parents=True)
                (self._folder / id / TABLE).touch()
        return self.job(id)

    def add(self, id: str, name: str, label: str, data: bytes) -> None:
        """Adds a picture. Raises BadRequest, Conflict, NotFound or ServiceUnavailable."""
        label = label.strip()
        if not 1 <= len(label) <= MAX_LABEL:
            raise BadRequest(f"A label has 1 to {MAX_LABEL} characters.")
        if not data:
            raise BadRequest("The picture is empty. Send its bytes as the body.")
        with self._lock:
            folder = self._found(id)
            if self._status(id).state != "collecting":
                raise Conflict("This teaching has begun; open another for more pictures.")
            if id not in self._pictures:
                self._pictures[id] = (folder / TABLE).read_bytes().count(b"\n")
            number = self._pictures[id] + 1
            if number > MOST_PICTURES:
                raise BadRequest(
                    f"More than {MOST_PICTURES:,} pictures are too many for the page. Use "
                    "`.venv/bin/python -m tools.model teach`."
                )
            # a name is for people: only what every file system takes is kept of it
            plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[-60:]
            image = f"{PICTURES}/{number:05}-{plain}"
            with _kept():
                self._keep(folder / image, data)
                _append(folder / TABLE, msgspec.json.encode(_Line(image, label)))
            self._pictures[id] = number

    def start(self, id: str, wanted: Wanted) -> Job:
        """Starts the job; one that failed or was cancelled begins anew, with its pictures.

        Raises Conflict if one runs or this one is finished, BadRequest, NotFound or
        ServiceUnavailable.
        """
        if not NAME.fullmatch(wanted.name):
            raise BadRequest(
                "The name of a model has up to 64 of a-z, 0-9, '.', '_' and '-', and starts with a "
                "letter or digit."
            )
        with self._lock:
            folder = self._found(id)
            if self._running():
                raise Conflict("Another teaching runs. Wait for its end, or cancel it.")
            if self._status(id).state not in STARTABLE:
                raise Conflict("This teaching is finished; open another.")
            with _kept():
                self._keep(folder / WANTED, msgspec.json.encode(wanted))
                self._write(id, Status("running", "beginning"))
            self._cancelled.discard(id)
            lifeline = Lifeline()
            process = subprocess.Popen(  # noqa: S603
                [*self._command, str(folder)],
                env=os.environ | lifeline.env,
                stdin=subprocess.DEVNULL,
                pass_fds=lifeline.fds,
                start_new_session=True,  # Ctrl-C is for who started it
            )
            self._run = _Run(id, process, lifeline)
        return self.job(id)

    def cancel(self, id: str) -> Job:
        """Ends the job; nothing is installed then. One that has ended stays as it is."""
        self._found(id)
        with self._lock:
            if self._run and self._run.id == id and self._running():
                self._run.process.terminate()
                try:
                    self._run.process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    self._run.process.kill()
                    self._run.process.wait()
            if self._written(id).state in ("collecting", "running"):
                try:
                    self._write(id, Status("cancelled"))
                except OSError:
                    self._cancelled.add(id)
        return self.job(id)

    def job(self, id: str) -> Job:
        """Returns the job. Raises NotFound."""
        folder = self._found(id)
        counts = Counter(_labels((folder / TABLE).read_bytes()))
        wanted = None
        with suppress(FileNotFoundError, msgspec.DecodeError):
            wanted = msgspec.json.decode((folder / WANTED).read_bytes(), type=Wanted)
        return Job(id, dict(counts), wanted, self._status(id))

    def all(self) -> JobList:
        """Lists the jobs, newest first, without those that only collect."""
        jobs = (self.job(id) for id in self._ids() if (self._folder / id / WANTED).exists())
        return JobList(list(islice((job for job in jobs if job.wanted), NEWEST)))

    def _sweep(self) -> None:
        for folder in (self._folder / id for id in self._ids()):
            with suppress(OSError):  # what cannot be removed is in nobody's way
                unused = time.time() - (folder / TABLE).stat().st_mtime
                if unused > ABANDONED_SECONDS and not (folder / WANTED).exists():
                    rmtree(folder / PICTURES, ignore_errors=True)
                    rmtree(folder)  # with the table, by which a later sweep would find the rest

    def _ids(self) -> list[str]:
        with suppress(FileNotFoundError):
            names = [path.name for path in self._folder.iterdir()]
            return sorted(filter(_ID.fullmatch, names), reverse=True)
        return []

    def _found(self, id: str) -> Path:
        if not _ID.fullmatch(id) or not (self._folder / id / TABLE).is_file():
            raise NotFound("There is no such teaching.")
        return self._folder / id

    def _running(self) -> bool:
        run = self._run
        if run and run.process.poll() is not None:
            run.lifeline.close()
            self._run = run = None
        return run is not None

    def _status(self, id: str) -> Status:
        """How the job goes; one whose process is gone without a word was interrupted."""
        status = self._written(id)
        run = self._run if self._run and self._run.id == id else None
        if status.state != "running":
            if run:  # it has said its last word
                run.process.wait(STOP_SECONDS)
            return status
        if run and run.process.poll() is None:
            return status
        status = self._written(id)  # it may have ended between the two looks
        if status.state != "running":
            return status
        return Status("failed", error=INTERRUPTED)

    def _written(self, id: str) -> Status:
        if id in self._cancelled:
            return Status("cancelled")
        try:
            return msgspec.json.decode((self._folder / id / STATUS).read_bytes(), type=Status)
        except FileNotFoundError:
            return Status("collecting")
        except msgspec.DecodeError:  # the machine stopped before the disk had it
            return Status("failed", error=INTERRUPTED)

    def _write(self, id: str, status: Status) -> None:
        self._keep(self._folder / id / STATUS, msgspec.json.encode(status))


def _labels(table: bytes) -> Iterator[str]:
    """The label of each line, without lines that a full disk or a killed server tore."""
    for line in table.splitlines():
        with suppress(msgspec.DecodeError):
            yield msgspec.json.decode(line, type=_Line).label


def _append(table: Path, line: bytes) -> None:
    """Adds a line, which also ends one that was torn."""
    with table.open("rb+") as file:
        if size := file.seek(0, os.SEEK_END):
            file.seek(size - 1)
            line = line if file.read(1) == b"\n" else b"\n" + line
        file.write(line + b"\n")


@contextmanager
def _kept() -> Iterator[None]:
    """Raises ServiceUnavailable where the disk is full, or may not be written to."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise ServiceUnavailable(f"This machine cannot keep it: {why}.", str(error)) from error
