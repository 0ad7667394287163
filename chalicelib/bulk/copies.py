"""Read a manifest in a bucket, or copy it for a batch or a run."""

from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.aws.documents import Documents
from chalicelib.aws.store import ObjectStore
from chalicelib.errors import AccessRefused, NotFound, ObjectMissing
from chalicelib.sources.read import split_s3_uri


def copy_manifest(
    store: ObjectStore, source: str, to_bucket: str, to_key: str, etag: str | None = None
) -> bool:
    """Copies the manifest at `source`, if it still has `etag`. Returns whether it did.

    Raises what `stream_manifest` does.
    """
    with _looked_for(store, source) as (bucket, key):
        return store.copy(bucket, key, to_bucket, to_key, etag)


def stream_manifest(store: ObjectStore, source: str) -> Iterator[bytes]:
    """Returns the bytes of the manifest at `source`, in blocks.

    Raises NotFound if there is no such manifest, and AccessRefused if the bucket refuses, which is
    not the caller's fault.
    """
    with _looked_for(store, source) as (bucket, key):
        return store.stream(bucket, key)


@contextmanager
def _looked_for(store: ObjectStore, source: str) -> Iterator[tuple[str, str]]:
    bucket, key = split_s3_uri(source)
    try:
        yield bucket, key
    except (AccessRefused, ObjectMissing) as refusal:
        if not Documents(store, bucket).has(key):
            raise NotFound(f"There is no manifest {source}; upload it first.") from refusal
        raise
