"""Read and write a run's objects in the results bucket.

    workflows/NAME/workflow.json            the plan; written once all chunks are there
    workflows/NAME/manifest.TOKEN.EXT       the images, as they were at the start
    workflows/NAME/manifest.json            the name of that manifest, and the request's digest
    workflows/NAME/chunks/000001.jsonl      the unit of work
    workflows/NAME/champion/000001.jsonl    a chunk's records by that arm; likewise challenger
    workflows/NAME/partial/ARM-000001.json  records of a task that ran out of time
    workflows/NAME/items.json               the chunks' numbers, if they are too many for a state
    workflows/NAME/judgement.json, results.jsonl
    workflows/inputs/DIGEST.jsonl           instances of a request, by their content
    reports/NAME.{json,md,svg}
    outcomes/                               empty objects: runs, newest first; see `outcomes`

Run, arm and chunk fix every key, so work that is done twice rewrites the same object.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import msgspec

from chalicelib.aws.documents import Documents
from chalicelib.aws.store import ObjectStore
from chalicelib.bulk.chunks import chunked, grouped, held
from chalicelib.bulk.manifests import Entry
from chalicelib.bulk.records import Record
from chalicelib.errors import NotFound, ObjectMissing
from chalicelib.workflow.judge import Row
from chalicelib.workflow.judgement import Judgement

Arm = Literal["champion", "challenger"]
ARMS: tuple[Arm, ...] = ("champion", "challenger")

OBJECTS_AT_ONCE = 32
"""Objects that are written or read at the same time. S3 answers in some 15 ms."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of a run.

    total: images. chunks: numbered from 1. source: of the images. labels: of each model, by its
    name; none in older runs.
    """

    name: str
    source: str
    champion: str
    challenger: str | None
    promote: bool
    max_error_rate: float
    max_labels: int
    total: int
    chunks: int
    created_at: float
    labels: dict[str, list[str]] = {}


class Kept(msgspec.Struct, frozen=True):
    """The manifest of a run, by its name among the run's objects. request: digest of what was asked
    for."""

    manifest: str
    request: str


class Run(Documents):
    """The objects of one run."""

    def __init__(self, store: ObjectStore, bucket: str, name: str) -> None:
        super().__init__(store, bucket)
        self.name = name

    def key(self, name: str) -> str:
        """Returns the key of an object of the run."""
        return f"workflows/{self.name}/{name}"

    def report_key(self, suffix: str) -> str:
        """Returns the key of a form of the report: json, md or svg."""
        return f"reports/{self.name}.{suffix}"

    def report_keys(self) -> dict[str, str]:
        """Returns the keys of the run's reports and results, by their names in answers."""
        return {
            "json": self.report_key("json"),
            "markdown": self.report_key("md"),
            "picture": self.report_key("svg"),
            "results": self.key("results.jsonl"),
        }

    def plan(self) -> Plan:
        """Returns the plan. Raises NotFound before the run is prepared."""
        plan = self.get(self.key("workflow.json"), Plan)
        if plan is None:
            raise NotFound(f"The workflow run {self.name} has not been prepared.")
        return plan

    def write_chunks(self, entries: Iterator[Entry], size: int) -> int:
        """Writes the entries in chunks of up to `size`, in constant memory. Returns how many."""
        chunks = 0
        with ThreadPoolExecutor(OBJECTS_AT_ONCE) as writers:
            for group in held(chunked(entries, lambda before: size), OBJECTS_AT_ONCE):
                keys = [self._numbered("chunks", chunks + n) for n in range(1, len(group) + 1)]
                list(writers.map(self.put_lines, keys, group))
                chunks += len(group)
        return chunks

    def chunk(self, number: int) -> list[Entry]:
        """Returns a chunk's entries. Raises NotFound."""
        entries = self.lines(self._numbered("chunks", number), Entry)
        if not entries:
            raise NotFound(f"There is no chunk {number} in the workflow run {self.name}.")
        return entries

    def write_part(self, arm: Arm, chunk: int, records: list[Record]) -> list[Record]:
        """Writes a chunk's records, unless someone was faster. Returns what is there."""
        if self.put_lines(self._numbered(arm, chunk), records, only_new=True):
            return records
        return self.part(arm, chunk)

    def part(self, arm: Arm, chunk: int, sure: bool = True) -> list[Record]:
        """Returns a chunk's records by that arm. sure: see Documents.

        Raises ObjectMissing if records must exist and do not.
        """
        records = self.lines(self._numbered(arm, chunk), Record, sure)
        if sure and not records:
            raise ObjectMissing(detail=f"chunk {chunk} of {self.name} has no records of the {arm}")
        return records

    def parts_done(self, arm: Arm) -> int:
        """Returns the chunks that have records by that arm."""
        return sum(1 for _ in self.store.list(self.bucket, self.key(f"{arm}/")))

    def partial_key(self, arm: Arm, chunk: int) -> str:
        """Returns the key of the records of a task that ran out of time."""
        return self.key(f"partial/{arm}-{chunk:06d}.json")

    def rows(self, plan: Plan) -> Iterator[Row]:
        """Yields every image with its records, in the manifest's order."""
        numbers = iter(range(1, plan.chunks + 1))
        with ThreadPoolExecutor(OBJECTS_AT_ONCE) as readers:
            for group in grouped(numbers, OBJECTS_AT_ONCE):
                for rows in readers.map(lambda number: self._rows(plan, number), group):
                    yield from rows

    def _rows(self, plan: Plan, number: int) -> list[Row]:
        entries, champion = self.chunk(number), self.part("champion", number)
        challenger: list[Record] | list[None] = [None] * len(entries)
        if plan.challenger is not None:
            challenger = self.part("challenger", number)
        return list(zip(entries, champion, challenger, strict=True))

    def judgement(self) -> Judgement:
        """Returns the judgement. Raises NotFound before there is one."""
        judgement = self.get(self.key("judgement.json"), Judgement)
        if judgement is None:
            raise NotFound(f"The workflow run {self.name} has not been judged.")
        return judgement

    def _numbered(self, folder: str, chunk: int) -> str:
        return self.key(f"{folder}/{chunk:06d}.jsonl")
