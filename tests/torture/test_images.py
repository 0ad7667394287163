"""No image takes the service down: each is classified or refused, in bounded time and memory."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import ROOT
from tests.torture.conftest import Outcome
from tests.torture.hostileimages import GROUPS, SEEDS, Kind
from tests.torture.mutations import mutated

MAX_SECONDS, MAX_MB = 5, 700
MUTATIONS, LONG_MUTATIONS = 300, 40_000
FEW = 1
"""Files of a kind, in the short form."""
STATUS = {"classified": 200, "ImageUnreadable": 422, "ImageTooLarge": 413}


class Answer(NamedTuple):
    """What became of a file; `peak` is the process's memory in MB, seconds the processor's."""

    file: str
    status: int | str
    code: str
    message: str
    seconds: float
    peak: float


def write(folder: Path, kinds: Iterable[Kind], most: int | None) -> dict[str, Kind]:
    """Write that many files of each kind, with an index of them; the kind of each file's name."""
    folder.mkdir()
    named = {}
    with (folder / "index.jsonl").open("w") as index:
        for number, kind in enumerate(kinds):
            for part, data in enumerate(itertools.islice(kind.files, most)):
                name = f"{number:03}-{part:03}"
                (folder / name).write_bytes(data)
                index.write(json.dumps({"file": name, "kind": kind.name}) + "\n")
                named[name] = kind
    return named


def run(*arguments: object) -> list[Answer]:
    """Give the files to a process of their own."""
    command = [sys.executable, "-m", "tests.torture.posting", *map(str, arguments)]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr[-3000:]
    return [Answer(**json.loads(line)) for line in process.stdout.splitlines()]


def check(answers: Sequence[Answer], named: dict[str, Kind]) -> None:
    __tracebackhide__ = True
    for answer in answers:
        kind = named[answer.file]
        assert answer.code in kind.allowed, f"{kind.name}: {answer}"
        assert answer.seconds <= MAX_SECONDS and answer.peak <= MAX_MB, f"{kind.name}: {answer}"
        assert answer.code == "classified" or answer.message.endswith("."), answer
    assert [answer.file for answer in answers] == list(named)


def worst(answers: Sequence[Answer]) -> str:
    seconds = max(answer.seconds for answer in answers)
    return f"worst {seconds:.1f} s, {max(answer.peak for answer in answers):.0f} MB"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, long: bool) -> dict[Path, dict[str, Kind]]:
    """A folder for each group of kinds, and the kinds of its files."""
    root = tmp_path_factory.mktemp("hostile")
    most = None if long else FEW
    return {root / group: write(root / group, GROUPS[group](), most) for group in GROUPS}


def test_kinds_of_hostile_images(files: dict[Path, dict[str, Kind]], outcome: Outcome) -> None:
    """Each group has a process, whose peak is the worst of its files."""
    kinds = {kind.name for named in files.values() for kind in named.values()}
    assert len(kinds) >= 60
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda folder: run("http", folder), files))
    for answers, named in zip(results, files.values(), strict=True):
        check(answers, named)
        assert all(answer.status == STATUS[answer.code] for answer in answers)
    every = [answer for answers in results for answer in answers]
    outcome(
        "A file that is not an image, or is truncated, corrupt, huge, a decompression bomb, or "
        "two files in one",
        "200 with labels, 422 `ImageUnreadable` or 413 `ImageTooLarge` with a sentence that says "
        "what to do; never a 5xx",
        f"{len(kinds)} kinds, {len(every)} files; {worst(every)}",
    )


def test_hostile_images_in_one_request(
    files: dict[Path, dict[str, Kind]], outcome: Outcome
) -> None:
    (folder,) = (folder for folder in files if folder.name == "many pixels")
    answers = run("together", folder)
    check(answers, files[folder])
    assert {answer.status for answer in answers} == {200}
    outcome(
        f"The {len(answers)} costliest images in one request, with heat maps and embeddings",
        "200; each has its labels or its error. The large ones are decoded one after the other",
        f"peak {answers[-1].peak:.0f} MB",
    )


def test_hostile_images_in_a_batch(files: dict[Path, dict[str, Kind]], outcome: Outcome) -> None:
    """All in one process and one batch: nothing is left behind that adds up."""
    answers = run("batch", *files)
    named = {
        f"{folder.name}/{name}": kind for folder in files for name, kind in files[folder].items()
    }
    check(answers, named)
    assert {answer.status for answer in answers} == {"finished"}
    failed = sum(answer.code != "classified" for answer in answers)
    outcome(
        "The same images in a batch, eight at a time, with heat maps and embeddings",
        "The batch finishes; each of them has its record, labels or an error, in its place",
        f"{len(answers)} records, {failed} of them errors; peak {answers[-1].peak:.0f} MB",
    )


def test_mutated_files(tmp_path: Path, long: bool, outcome: Outcome) -> None:
    """Mutation n is mutated(seeds, n): a failure tells its number."""
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    for number, data in enumerate(SEEDS.values()):
        (seeds / f"{number:03}").write_bytes(data)
    count = LONG_MUTATIONS if long else MUTATIONS
    half = count // 2
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda start: run("mutations", seeds, start, half), (0, half))
    answers = first + second
    for answer in answers:
        assert answer.code in STATUS and answer.status == STATUS[answer.code], answer
        assert answer.seconds <= MAX_SECONDS and answer.peak <= MAX_MB, answer
    assert [answer.file for answer in answers] == [str(number) for number in range(count)]
    classified = sum(answer.code == "classified" for answer in answers)
    assert count // 20 < classified < count  # neither left whole nor broken at the first byte
    outcome(
        f"Valid files of seven formats ({len(SEEDS)} of them) with 1 to 12 bytes or pieces changed",
        "200, 422 or 413; never a 5xx",
        f"{count:,} mutations (numbers 0 to {count - 1:,}), {classified:,} still classified; "
        f"{worst(answers)}",
    )


def test_a_mutation_is_told_by_its_number() -> None:
    seeds = list(SEEDS.values())
    assert [mutated(seeds, n) for n in range(50)] == [mutated(seeds, n) for n in range(50)]
