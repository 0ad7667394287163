"""Check the request for a workflow."""

import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from chalicelib.bulk.manifests import ENDINGS, is_manifest
from chalicelib.errors import BadRequest, SourceInvalid
from chalicelib.requests import WorkflowRequest
from chalicelib.sources.read import split_s3_uri

INPUTS = "workflows/inputs/"
"""Prefix in the results bucket of manifests made from `instances`."""
OWN_INPUT = re.compile(rf"{INPUTS}[0-9a-f]{{64}}\.jsonl")
"""The key of such a manifest, by the digest of its content."""


class Rules:
    """The rules for requests.

    images, results: names of the buckets. labels_of: the labels of a model; raises ModelNotFound
    for a name that no package has. default_model: the service's own. can_promote: whether there is
    an experiment.
    """

    def __init__(
        self,
        images: str,
        results: str,
        labels_of: Callable[[str], Sequence[str]],
        default_model: Callable[[], str],
        can_promote: bool,
    ) -> None:
        self.images, self.results = images, results
        self._labels_of, self._default_model = labels_of, default_model
        self._can_promote = can_promote

    def check(self, request: WorkflowRequest, name: str) -> dict[str, Sequence[str]]:
        """Checks the request. Returns the labels of its models, by name, the champion first.

        Raises BadRequest, ModelInvalid, ModelNotFound or SourceInvalid.
        """
        if name == PurePosixPath(INPUTS).name:
            raise BadRequest(f"The name {name} is taken; give this run another name.")
        if (request.instances is None) == (request.manifest is None):
            raise BadRequest("Send exactly one of instances and manifest.")
        if request.manifest is not None:
            self._check_manifest(request.manifest)
        champion = request.champion or self._default_model()
        models = [model for model in (champion, request.challenger) if model is not None]
        labels = {model: self._labels_of(model) for model in models}
        if champion == request.challenger:
            raise BadRequest("Champion and challenger are the same model; name another one.")
        if request.promote and request.challenger is None:
            raise BadRequest("promote needs a challenger.")
        if request.promote and not self._can_promote:
            raise BadRequest("promote needs an experiment; set ARMS to begin one.")
        return labels

    def _check_manifest(self, uri: str) -> None:
        bucket, key = split_s3_uri(uri)
        if bucket != self.images and not (bucket == self.results and OWN_INPUT.fullmatch(key)):
            raise SourceInvalid(f"A manifest must be in the bucket {self.images}.")
        if not is_manifest(key):
            raise SourceInvalid(f"Name a {ENDINGS} manifest.")
