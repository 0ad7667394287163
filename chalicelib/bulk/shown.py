"""Link to a picture in the images bucket, so that whoever may see its labels can see it too.

A link leads to what has been classified as an image, in the images bucket, and to nothing else:
results name every address that a caller gave, the service's own keys in other buckets among them.
It is answered as an image to save, whatever the object's own type is.
"""

from pathlib import PurePosixPath

from chalicelib.aws.store import ObjectStore

PICTURE_SECONDS = 300
"""How long a link to a picture works, which a browser follows at once."""

_UNSHOWN = {".tif", ".tiff"}
"""Endings of what is classified here and shown by few browsers."""

_TYPES = {
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".png": "image/png",
    ".webp": "image/webp",
}
_OTHER_TYPE = "image/jpeg"
"""Of any other ending. Browsers look into the bytes of an image for its real type
(https://mimesniff.spec.whatwg.org/#sniffing-in-an-image-context)."""


def picture_link(store: ObjectStore, images: str, source: str, is_classified: bool) -> str | None:
    """Returns a link to the picture at `source`, for PICTURE_SECONDS; None if it gets none.

    images: the bucket's name. is_classified: whether it has labels.
    """
    start = f"s3://{images}/"
    key = source.removeprefix(start)
    ending = PurePosixPath(key.lower()).suffix
    if not source.startswith(start) or not is_classified or ending in _UNSHOWN:
        return None
    return store.link(images, key, PICTURE_SECONDS, _TYPES.get(ending, _OTHER_TYPE))
