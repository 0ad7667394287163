"""A manifest in a bucket -> a copy of a batch's or a run's own."""

from chalicelib.documents import Documents
from chalicelib.errors import NotFound, SourceRefused, SourceUnreachable
from chalicelib.sources import split_s3_uri
from chalicelib.storage import ObjectStore


def copy_manifest(
    store: ObjectStore, source: str, to_bucket: str, to_key: str, etag: str | None = None
) -> bool:
    """Copy the manifest at the address `source`; whether it was, which `etag` decides.

    Raises NotFound where there is none, which the caller may be told, and SourceUnreachable where a
    bucket of ours refuses, which is no doing of the caller's.
    """
    bucket, key = split_s3_uri(source)
    try:
        return store.copy(bucket, key, to_bucket, to_key, etag)
    except SourceRefused as refusal:
        if not Documents(store, bucket).has(key):
            raise NotFound(f"There is no manifest {source}; upload it first.") from refusal
        raise SourceUnreachable(f"{source} could not be copied; try again later.") from refusal
