"""The default model, as a Lambda layer: it is there when a function starts, at /opt/models."""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chalicelib.models import INFO, LABELS, MODEL, ModelPackage
from tools.bundling.build import model_layer
from tools.deploying.step import Tell

FILES = (MODEL, LABELS, INFO)


class LayerStep:
    """Publishes the model, unless a version with the same content is there.

    staging: gives the bucket that the zip goes through, since a call takes 50 MB and a model may
        have more.
    """

    title = "Model, as a layer"

    def __init__(
        self,
        client: Any,
        s3: Any,
        name: str,
        package: ModelPackage,
        staging: Callable[[], str],
    ) -> None:
        self._client = client
        self._s3 = s3
        self._name = name
        self._package = package
        self._staging = staging
        self._digest = content_digest(package)

    def arn(self) -> str | None:
        """The version that holds this model; None where there is none yet."""
        for version in self.versions():
            if version.get("Description") == self._digest:
                return str(version["LayerVersionArn"])
        return None

    def changes(self) -> list[str]:  # noqa: D102
        if self.arn():
            return []
        size = sum((self._package.folder / file).stat().st_size for file in FILES)
        return [f"publish {self._package.info.name} ({size / 1e6:.1f} MB) as {self._name}"]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        bucket, key = self._staging(), f"layers/{self._digest}.zip"
        with tempfile.TemporaryDirectory() as folder:
            file = model_layer(self._package, Path(folder) / "layer.zip")
            self._s3.upload_file(str(file), bucket, key)
        try:
            answer = self._client.publish_layer_version(
                LayerName=self._name,
                Description=self._digest,
                Content={"S3Bucket": bucket, "S3Key": key},
            )
        finally:
            self._s3.delete_object(Bucket=bucket, Key=key)
        tell(f"published {answer['LayerVersionArn']}")

    def versions(self) -> list[dict[str, Any]]:
        """All there are, newest first."""
        return versions(self._client, self._name)


def versions(client: Any, name: str) -> list[dict[str, Any]]:
    """All versions of a layer, newest first; empty where there is no such layer."""
    pages = client.get_paginator("list_layer_versions").paginate(LayerName=name)
    try:
        found = [version for page in pages for version in page["LayerVersions"]]
    except client.exceptions.ResourceNotFoundException:
        return []
    return sorted(found, key=lambda version: -int(version["Version"]))


def delete_versions(client: Any, name: str) -> None:
    """Take all versions of a layer away."""
    for version in versions(client, name):
        client.delete_layer_version(LayerName=name, VersionNumber=version["Version"])


def content_digest(package: ModelPackage) -> str:
    """Hexadecimal SHA-256 over the package's name, file names and contents."""
    digest = hashlib.sha256(package.info.name.encode())
    for file in FILES:
        with (package.folder / file).open("rb") as opened:
            digest.update(file.encode() + hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()
