"""`python -m tools.teaching.beside FOLDER`: teach beside the app, and say in a file how it goes."""

import signal
import sys
import time
from pathlib import Path

import msgspec

from chalicelib.errors import InceptionError
from chalicelib.files import put
from chalicelib.settings import ROOT, Settings
from stage import lifeline
from stage.teachjobs import STATUS, TABLE, WANTED, Figures, LabelFigures, Status, Wanted
from tools.console.refusals import Refused, of_file
from tools.evaluating.folder import PAGE, free, write
from tools.teaching.teaching import Taught, Wish, teach

SECONDS = 0.2
"""Least time between two writes of the file."""


class _Reporter:
    """Writes how the job goes into its folder."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / STATUS
        self._said: list[str] = []
        self._due = 0.0

    def say(self, line: str) -> None:
        self._said.append(line)

    def show(self, what: str, done: int, of: int) -> None:
        if (now := time.monotonic()) >= self._due:
            self._due = now + SECONDS
            self.write(Status("running", what, done, of))

    def write(self, status: Status) -> None:
        put(self._file, msgspec.json.encode(msgspec.structs.replace(status, said=self._said)))


def main(folder: Path) -> None:
    """Teach what the folder asks for. SIGTERM cancels it, and nothing is installed."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    reporter = _Reporter(folder)
    try:
        lifeline.hold()
        wanted = msgspec.json.decode((folder / WANTED).read_bytes(), type=Wanted)
        wish = Wish(wanted.base, reject=wanted.reject, title=wanted.title)
        settings = Settings.from_environment()
        taught = teach(wanted.name, folder / TABLE, wish, settings, reporter.say, reporter.show)
        report = free(None, wanted.name, ROOT / "build" / "evaluations")
        write(taught.evaluated, report)
        reporter.write(Status("finished", figures=_figures(taught, report / PAGE)))
    except (Refused, InceptionError) as error:
        reporter.write(Status("failed", error=str(error)))
    except OSError as error:
        reporter.write(Status("failed", error=of_file(error)))
    except MemoryError:
        reporter.write(Status("failed", error="The memory is full. Teach with fewer pictures."))
    except KeyboardInterrupt:
        reporter.write(Status("cancelled"))


def _figures(taught: Taught, report: Path) -> Figures:
    evaluation = taught.evaluated.evaluation
    (result,) = evaluation.results
    labels = [
        LabelFigures(share.name, share.top1.right, share.top1.of, share.taken_for)
        for share in result.by_class
    ]
    right, of, interval = result.top1.right, result.top1.of, result.top1.interval
    where = str(report.relative_to(ROOT))
    return Figures(right, of, interval, labels, [*evaluation.notes], where)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
