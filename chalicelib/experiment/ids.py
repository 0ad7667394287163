"""Sign inference ids: an id carries all that a vote needs, and nobody can make one up."""

import base64
import hmac
import os
import struct
import time
from collections.abc import Callable

import msgspec

from chalicelib.aws.documents import Documents
from chalicelib.errors import (
    AccessRefused,
    BadRequest,
    NotConfigured,
    ObjectMissing,
    ObjectTooLarge,
    ServiceUnavailable,
)
from chalicelib.patience import Patient
from chalicelib.requests import MAX_LABEL

EXPIRY = 7 * 86400
"""How long an answer can be voted on."""

KEY = "experiment.key"
KEY_BYTES = 32
MAC_BYTES = 16
PATIENCE = 3.0
"""Seconds that an answer waits for a bucket. A healthy bucket takes a hundredth of them, and
importing boto3 a tenth."""

SKEW = 300
"""How far the clocks of two containers may differ, in seconds."""

_DOMAIN = b"serverless-inception inference id 1\0"  # a changed layout must have another domain
_HEAD = struct.Struct(">BI8sB")
_ASSIGNED, _VOTABLE, _MULTI_LABEL = 1, 2, 4


class Inference(msgspec.Struct, frozen=True):
    """What an id says about an answer.

    label: the first `MAX_LABEL` characters of the top label; None if nobody can vote.
    issued: seconds since the epoch. nonce: 16 random hexadecimal digits.
    assigned: whether the experiment chose the model, and not the caller.
    multi_label: whether other labels may be as right as the top one.
    """

    arm: str
    label: str | None
    issued: int
    nonce: str
    assigned: bool
    multi_label: bool = False


class InferenceIds:
    """Makes and reads ids, with a key that all containers find in the bucket.

    patience: seconds that a caller waits for the bucket. Every method raises what the store does,
    ServiceUnavailable if it takes longer, and NotConfigured if the key is damaged.
    """

    def __init__(
        self,
        documents: Documents,
        clock: Callable[[], float] = time.time,
        patience: float = PATIENCE,
    ) -> None:
        self._documents, self._clock = documents, clock
        self._key = b""
        self._ask_key = Patient(self._shared_key, patience)

    def issue(self, arm: str, label: str | None, assigned: bool, multi_label: bool = False) -> str:
        """Makes an id, URL-safe, of about 75 characters with a label of ten."""
        votable = label is not None
        flags = _ASSIGNED * assigned | _VOTABLE * votable | _MULTI_LABEL * multi_label
        name = arm.encode()
        head = _HEAD.pack(flags, int(self._clock()), os.urandom(8), len(name))
        payload = head + name + (label or "")[:MAX_LABEL].encode()
        return _text(payload + self._mac(payload))

    def read(self, text: str) -> Inference:
        """Reads an id. Raises BadRequest if it is not ours, or too old."""
        data = _bytes(text)
        payload, mac = data[:-MAC_BYTES], data[-MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(payload)):
            raise BadRequest(
                "This service did not issue that inference_id; send it exactly as you received it."
            )
        flags, issued, nonce, length = _HEAD.unpack_from(payload)
        age = self._clock() - issued
        if age > EXPIRY:
            raise BadRequest("The inference_id is over 7 days old; vote on a newer answer.")
        if age < -SKEW:
            raise BadRequest("The inference_id is dated in the future; send it again later.")
        end = _HEAD.size + length
        label = payload[end:].decode() if flags & _VOTABLE else None
        arm = payload[_HEAD.size : end].decode()
        assigned, multi_label = bool(flags & _ASSIGNED), bool(flags & _MULTI_LABEL)
        return Inference(arm, label, issued, nonce.hex(), assigned, multi_label)

    def _mac(self, payload: bytes) -> bytes:
        try:
            self._key = self._key or self._ask_key()
        except TimeoutError:
            raise ServiceUnavailable(
                "The key of the inference ids cannot be read at the moment; try again later."
            ) from None
        return hmac.digest(self._key, _DOMAIN + payload, "sha256")[:MAC_BYTES]

    def _shared_key(self) -> bytes:
        """Returns the key in the bucket. Whoever needs it first makes it."""
        store, bucket = self._documents.store, self._documents.bucket
        try:
            key = store.read(bucket, KEY, KEY_BYTES)
        except (AccessRefused, ObjectMissing):  # S3 tells them apart to whoever may list the key
            new = os.urandom(KEY_BYTES)
            store.put(bucket, KEY, new, "application/octet-stream", only_new=True)
            key = store.read(bucket, KEY, KEY_BYTES)  # perhaps the key of somebody who was faster
        except ObjectTooLarge:
            key = b""
        if len(key) != KEY_BYTES:
            raise NotConfigured(
                f"{KEY} in the results bucket is damaged; delete it, and a new key is made. Older "
                "answers can then not be voted on."
            )
        return key


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Returns the bytes of an id; none if `_text` does not write such text."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
    return data if _text(data) == text else b""
