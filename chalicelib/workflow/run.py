"""A run's objects in the results bucket.

    workflows/NAME/workflow.json            what was asked for; written once all chunks are there
    workflows/NAME/manifest.TOKEN.EXT       the images, as they were at the start
    workflows/NAME/manifest.json            which manifest that is, and of what request
    workflows/NAME/chunks/000001.jsonl      the unit of work
    workflows/NAME/champion/000001.jsonl    a chunk's records by that arm; likewise challenger
    workflows/NAME/partial/ARM-000001.json  records of a task that ran out of time
    workflows/NAME/items.json               the chunks' numbers, where they are too many for a state
    workflows/NAME/judgement.json, results.jsonl
    workflows/inputs/DIGEST.jsonl           instances of a request, by their content
    reports/NAME.{json,md,svg}

Every key is fixed by run, arm and chunk, so doing a thing twice rewrites the same object.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import msgspec

from chalicelib.aws.documents import Documents
from chalicelib.aws.s3 import ObjectStore
from chalicelib.bulk.chunks import chunked, grouped, held
from chalicelib.bulk.manifests import Entry
from chalicelib.bulk.records import Record
from chalicelib.errors import NotFound, ObjectMissing
from chalicelib.workflow.judge import Row
from chalicelib.workflow.judgement import Judgement

Arm = Literal["champion", "challenger"]
ARMS: tuple[Arm, ...] = ("champion", "challenger")

OBJECTS_AT_ONCE = 32
"""Objects written or read at once; S3 answers in some 15 ms."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run does.

    total: images. chunks: numbered from 1. source: of the images. labels: of each model, by its
    name; none in runs of before they were kept.
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
    """One run's objects."""

    def __init__(self, store: ObjectStore, bucket: str, name: str) -> None:
        super().__init__(store, bucket)
        self.name = name

    def key(self, name: str) -> str:
        """The key of one of the run's objects."""
        return f"workflows/{self.name}/{name}"

    def report_key(self, suffix: str) -> str:
        """The key of one form of the report: json, md or svg."""
        return f"reports/{self.name}.{suffix}"

    def report_keys(self) -> dict[str, str]:
        """The keys of all that a run ends with, by what an answer calls it."""
        return {
            "json": self.report_key("json"),
            "markdown": self.report_key("md"),
            "picture": self.report_key("svg"),
            "results": self.key("results.jsonl"),
        }

    def plan(self) -> Plan:
        """What the run does. Raises NotFound before it is prepared."""
        plan = self.get(self.key("workflow.json"), Plan)
        if plan is None:
            raise NotFound(f"The workflow run {self.name} has not been prepared.")
        return plan

    def write_chunks(self, entries: Iterator[Entry], size: int) -> int:
        """Write the entries down in chunks of up to `size`; how many those are. Constant memory."""
        chunks = 0
        with ThreadPoolExecutor(OBJECTS_AT_ONCE) as writers:
            for group in held(chunked(entries, lambda before: size), OBJECTS_AT_ONCE):
                keys = [self._numbered("chunks", chunks + n) for n in range(1, len(group) + 1)]
                list(writers.map(self.put_lines, keys, group))
                chunks += len(group)
        return chunks

    def chunk(self, number: int) -> list[Entry]:
        """A chunk's entries. Raises NotFound."""
        entries = self.lines(self._numbered("chunks", number), Entry)
        if not entries:
            raise NotFound(f"There is no chunk {number} in the workflow run {self.name}.")
        return entries

    def write_part(self, arm: Arm, chunk: int, records: list[Record]) -> list[Record]:
        """Write a chunk's records by that arm, unless someone was faster; those that are there."""
        if self.put_lines(self._numbered(arm, chunk), records, only_new=True):
            return records
        return self.part(arm, chunk)

    def part(self, arm: Arm, chunk: int, sure: bool = True) -> list[Record]:
        """A chunk's records by that arm. sure: see Documents.

        Raises ObjectMissing where there must be some and are none.
        """
        records = self.lines(self._numbered(arm, chunk), Record, sure)
        if sure and not records:
            raise ObjectMissing(detail=f"chunk {chunk} of {self.name} has no records of the {arm}")
        return records

    def parts_done(self, arm: Arm) -> int:
        """Chunks that have their records by that arm."""
        return sum(1 for _ in self.store.list(self.bucket, self.key(f"{arm}/")))

    def partial_key(self, arm: Arm, chunk: int) -> str:
        """The key of what a task that ran out of time has done."""
        return self.key(f"partial/{arm}-{chunk:06d}.json")

    def rows(self, plan: Plan) -> Iterator[Row]:
        """Every image with its records, in the order of the manifest."""
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
        """What `judge` found. Raises NotFound before that."""
        judgement = self.get(self.key("judgement.json"), Judgement)
        if judgement is None:
            raise NotFound(f"The workflow run {self.name} has not been judged.")
        return judgement

    def _numbered(self, folder: str, chunk: int) -> str:
        return self.key(f"{folder}/{chunk:06d}.jsonl")
