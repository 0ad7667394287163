"""Read the bytes of the image that a request names."""

import base64
import binascii
import re
from collections.abc import Callable

from chalicelib.errors import (
    AccessRefused,
    ImageTooLarge,
    ObjectMissing,
    ObjectTooLarge,
    ServiceUnavailable,
    SourceInvalid,
    SourceRefused,
    SourceUnreachable,
)
from chalicelib.requests import Instance

MAX_BYTES = 20 * 10**6
"""Bytes of an encoded image, from any source."""

MAX_KEY_BYTES = 1024
"""S3's limit (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html)."""

# RFC 2397's "urlchar", each escape complete; possessive, or megabytes of it take gigabytes.
_DATA = re.compile(r"(?:[A-Za-z0-9\-_.!~*'();/?:@&=+$,\[\]]++|%[0-9A-Fa-f]{2})*+")


class Sources:
    """Gets an instance's bytes, at most MAX_BYTES.

    fetch: http or https URL -> bytes. read_object: bucket, key, limit in bytes -> bytes.
    image_buckets: the buckets that an s3_uri may name.
    """

    def __init__(
        self,
        fetch: Callable[[str], bytes],
        read_object: Callable[[str, str, int], bytes],
        image_buckets: frozenset[str],
    ) -> None:
        self._fetch = fetch
        self._read_object = read_object
        self._image_buckets = image_buckets

    def load(self, instance: Instance) -> bytes:
        """Returns the encoded image.

        Raises SourceInvalid if the instance does not name one image properly, ImageTooLarge, what
        `fetch` raises, and SourceRefused or SourceUnreachable for a bucket that the caller named.
        """
        _check_one_way(instance)
        if instance.b64 is not None:
            is_url = instance.b64[:5].lower() == "data:"
            return _decode_data_url(instance.b64[5:]) if is_url else _decode_base64(instance.b64)
        if instance.s3_uri is not None:
            return self._read(*self._parse_s3_uri(instance.s3_uri))
        url = instance.url or ""
        if url[:5].lower() == "data:":
            return _decode_data_url(url[5:])
        return self._fetch(url)

    def _read(self, bucket: str, key: str) -> bytes:
        uri = f"s3://{bucket}/{key}"
        try:
            return self._read_object(bucket, key, MAX_BYTES)
        except (AccessRefused, ObjectMissing) as error:
            # S3 tells the two apart only to those who may list the bucket: see `aws.s3answers`
            raise SourceRefused(
                f"{uri} does not exist or may not be read; check its bucket, key and policy."
            ) from error
        except ObjectTooLarge as error:
            raise ImageTooLarge(str(error)) from error
        except ServiceUnavailable as error:
            raise SourceUnreachable(f"{uri} could not be read; try again later.") from error

    def _parse_s3_uri(self, s3_uri: str) -> tuple[str, str]:
        bucket, key = split_s3_uri(s3_uri)
        if bucket not in self._image_buckets:
            raise SourceInvalid(
                "Images are not read from the s3_uri's bucket; the service's owner can allow it "
                "by adding its name to the setting IMAGE_BUCKETS."
            )
        return bucket, key


def split_s3_uri(s3_uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`. Raises SourceInvalid."""
    bucket, _, key = s3_uri.removeprefix("s3://").partition("/")
    if not s3_uri.startswith("s3://") or not bucket or not key:
        raise SourceInvalid("An s3_uri must have the form s3://bucket/key.")
    if len(key.encode(errors="replace")) > MAX_KEY_BYTES or not _is_unicode(key):
        raise SourceInvalid(
            f"The key of an s3_uri may have at most {MAX_KEY_BYTES} bytes of UTF-8."
        )
    return bucket, key


def _check_one_way(instance: Instance) -> None:
    ways = [name for name in ("url", "s3_uri", "b64") if getattr(instance, name) is not None]
    if len(ways) != 1:
        raise SourceInvalid(
            "Give each image exactly one of url, s3_uri and b64; this one has "
            f"{' and '.join(ways) or 'none of them'}."
        )


def _is_unicode(text: str) -> bool:
    """Whether the text can be UTF-8. JSON can escape half of a surrogate pair, which cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _decode_base64(text: str) -> bytes:
    """Decodes strictly: the standard alphabet, padding, nothing else (RFC 4648 section 4)."""
    size = len(text) // 4 * 3 - text.count("=")
    if size > MAX_BYTES:
        raise _too_large()
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = None
    if data is None or len(data) != size:  # b64decode takes surplus padding
        raise SourceInvalid(
            "The base64 is not valid; use the standard alphabet with padding and no line breaks "
            "(base64 < FILE | tr -d '\\n')."
        )
    return _checked_size(data)


def _decode_data_url(rest: str) -> bytes:
    """Decodes what follows `data:` (RFC 2397): [media type][;base64],data."""
    header, comma, data = rest.partition(",")
    if not comma:
        raise SourceInvalid("A data: url needs a comma before its data.")
    if len(data) > 3 * MAX_BYTES:  # every byte escaped
        raise _too_large()
    if not _DATA.fullmatch(data):
        raise SourceInvalid("The data: url's data has characters that must be percent-encoded.")
    # quoted-printable with another sign: unquote_to_bytes takes 230 MB for a million escapes
    decoded = binascii.a2b_qp(data.replace("=", "=3D").replace("%", "="))
    if header.lower().endswith(";base64"):
        return _decode_base64(decoded.decode("latin-1"))
    return _checked_size(decoded)


def _checked_size(data: bytes) -> bytes:
    if not data:
        raise SourceInvalid("The image has no bytes; send the whole file.")
    if len(data) > MAX_BYTES:
        raise _too_large()
    return data


def _too_large() -> ImageTooLarge:
    return ImageTooLarge(f"The image is over {MAX_BYTES / 1e6:g} MB; use a smaller one.")
