"""Classify a chunk, and write its part once: the records of its images."""

from chalicelib.aws.sqs import Queue
from chalicelib.batch.fanout import ChunkMessage, ImageMessage
from chalicelib.batch.ledger import Ledger
from chalicelib.batch.losses import SingleImages
from chalicelib.batch.objects import Batch
from chalicelib.bulk.deadline import Remaining, in_time
from chalicelib.bulk.recorder import IMAGE_MARGIN, Recorder
from chalicelib.errors import BadRequest


class Worker:
    """Classifies chunks."""

    def __init__(self, recorder: Recorder, queue: Queue) -> None:
        self._recorder, self._queue = recorder, queue

    def work(self, ledger: Ledger, batch: Batch, message: ChunkMessage, left: Remaining) -> bool:
        """Classifies the chunk and writes its part. Returns whether the part exists then.

        A chunk that is already done stays as it is, so a message may come twice. If time runs out,
        the records so far are kept and the chunk goes back to the queue. Kept records that cannot
        be read are made again. The first worker to write the part wins.
        """
        round, chunk = message.round, message.chunk
        if records := ledger.part(round, chunk, sure=False):
            ledger.tally(round, chunk, records)
            return True
        if ledger.cancelled(round, sure=False):
            return False
        entries = ledger.chunk(round, chunk)
        if not entries:
            raise BadRequest(f"There is no chunk {chunk} in batch {batch.batch_id}.")
        done = ledger.partial(round, chunk)
        todo = {place: entry for place, entry in enumerate(entries) if place not in done}
        done |= self._recorder.records(batch, todo, in_time(left, IMAGE_MARGIN))
        if len(done) < len(entries):
            ledger.write_partial(round, chunk, done)
            self._queue.send([message])
            return False
        ledger.complete(round, chunk, [done[place] for place in range(len(entries))])
        return True

    def work_alone(
        self, ledger: Ledger, batch: Batch, message: ImageMessage, left: Remaining
    ) -> bool:
        """Classifies one image of a lost chunk. Returns whether the chunk's part exists then."""
        round, chunk, place = message.round, message.of, message.place
        if records := ledger.part(round, chunk, sure=False):
            ledger.tally(round, chunk, records)
            return True
        if ledger.cancelled(round, sure=False):
            return False
        entries, singles = ledger.chunk(round, chunk), SingleImages(ledger, round, chunk)
        if place not in singles.places():
            record = self._recorder.record(batch, entries[place], in_time(left, IMAGE_MARGIN))
            if record is None:
                self._queue.send([message])
                return False
            singles.keep(place, record)
        return singles.join(entries)
