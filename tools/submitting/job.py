"""A batch from start to results, with the command's output and exit status."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import msgspec

from chalicelib.answers.batchviews import BatchView
from chalicelib.bulk.manifests import is_manifest
from chalicelib.requests import BatchRequest
from tools.submitting.batchapi import Api
from tools.submitting.follow import follow
from tools.submitting.inputs import count_entries, find_images
from tools.submitting.pace import Pace
from tools.submitting.results import save, summary
from tools.submitting.retrying import ApiError
from tools.submitting.upload import Uploaded, upload_images, upload_manifest

ENDED = {"cancelled": "was cancelled", "failed": "ended with an error"}
"""How a batch ended that did not finish."""

FAILED_IMAGES, INTERRUPTED = 3, 130
"""Exit statuses, besides 0 and click's 1 (error) and 2 (wrong usage)."""


@dataclass
class Job:
    """Starts or retries a batch, and follows it.

    form: ending of the file that it proposes for the results.
    """

    api: Api
    pace: Pace
    wait: bool
    out: Path | None
    form: str = ".csv"

    def start(self, sources: Sequence[str], options: BatchRequest) -> int:
        """Upload and start the sources, then follow the batch; returns the exit status.

        options: a request that names no images yet.
        """
        left_out, expected = 0, 0
        if sources[0].startswith("s3://"):
            uri = sources[0]
        elif len(sources) == 1 and is_manifest(sources[0]) and Path(sources[0]).is_file():
            expected = count_entries(Path(sources[0]))
            uri = upload_manifest(self.api, Path(sources[0]))
        else:
            paths = [Path(source) for source in sources]
            uploaded = upload_images(self.api, partial(find_images, paths), self.pace)
            _tell_left_out(uploaded)
            uri, left_out, expected = uploaded.manifest, uploaded.left_out, uploaded.images
        view = self._begin(uri, options, uploaded=uri != sources[0])
        status = self.follow(view, expected) if self.wait else self._leave(view)
        return status or (FAILED_IMAGES if left_out else 0)

    def retry(self, batch_id: str) -> int:
        """Classify failed and left-out images of a batch again; returns the exit status."""
        view = self.api.act(batch_id, "retry")
        return self.follow(view) if self.wait else self._leave(view)

    def _begin(self, uri: str, options: BatchRequest, uploaded: bool) -> BatchView:
        try:
            way = "prefix" if uri.endswith("/") else "manifest"
            return self.api.start(msgspec.structs.replace(options, **{way: uri}))
        except ApiError as error:
            if not uploaded:
                raise
            raise ApiError(
                f"{error}\nThe images are already uploaded. Submit {uri} instead."
            ) from error

    def follow(self, view: BatchView, expected: int = 0) -> int:
        """Follow a batch to its end and its results; returns the exit status."""
        try:
            view = follow(self.api, view, self.pace, expected)
            told = save(self.api, view, self.out)
        except KeyboardInterrupt:
            click.echo(
                f"\nThe batch continues. To follow it again:\n  {self._again(view)}", err=True
            )
            return INTERRUPTED
        except (ApiError, OSError) as error:
            raise ApiError(f"{error}\nTo follow the batch again: {self._again(view)}") from error
        counts = view.counts
        if view.status != "finished":
            raise ApiError(self._stopped(view))
        for line in summary(view, told):
            click.echo(line)
        if self.out:
            click.echo(f"\nResults: {self.out}")
            if told.is_more and self.out.suffix.lower() == ".csv":
                self.out = self.out.with_suffix(".jsonl")
                click.echo(
                    "A CSV holds labels and scores. Heat maps and embeddings are in the JSONL:\n  "
                    + self._again(view)
                )
        elif counts.total:
            click.echo(f"\nTo get the results: {self._again(view)} --out results{self.form}")
        return FAILED_IMAGES if counts.failed else 0

    def _stopped(self, view: BatchView) -> str:
        counts, why = view.counts, f" {view.error.message}" if view.error else ""
        lines = [
            f"Batch {view.batch_id} {ENDED[view.status]} when {counts.done} of {counts.total} "
            f"images were done.{why}"
        ]
        if counts.done:
            lines.append(
                f"Their results: {self.out}"
                if self.out
                else f"To get their results: {self._again(view)} --out results{self.form}"
            )
        if view.error is None or view.error.retryable:
            lines.append(f"To go on with it: --retry {view.batch_id}")
        return "\n".join(lines)

    def _leave(self, view: BatchView) -> int:
        click.echo(view.batch_id)
        click.echo(f"It is running. To follow it: {self._again(view)}", err=True)
        return 0

    def _again(self, view: BatchView) -> str:
        words = [".venv/bin/python", "-m", "tools.submit", "--follow", view.batch_id]
        out = ["--out", str(self.out)] if self.out else []
        return shlex.join([*words, "--api", self.api.url, *out])


def _tell_left_out(uploaded: Uploaded) -> None:
    for example in uploaded.examples:
        click.echo(f"Left out: {example}", err=True)
    if uploaded.left_out > len(uploaded.examples):
        click.echo(f"Left out: {uploaded.left_out} files in all.", err=True)
    if uploaded.others:
        named = ", ".join(uploaded.other_examples)
        more = ", …" if uploaded.others > len(uploaded.other_examples) else ""
        click.echo(f"Not pictures, and skipped: {uploaded.others} ({named}{more})", err=True)
