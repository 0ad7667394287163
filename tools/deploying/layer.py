"""Layers with what functions find in /opt: the default model, and maybe its engine."""

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.inference.packages import ModelPackage
from tools.bundling.build import model_layer, package_files, with_bases
from tools.bundling.enginelayer import engine_digest, engine_layer
from tools.deploying.step import Tell


@dataclass(frozen=True)
class Content:
    """A layer's contents.

    digest: its SHA-256 in hex. zipped: gives its zip, built in the given folder if need be.
    """

    title: str
    what: str
    digest: str
    zipped: Callable[[Path], Path]


def model_content(package: ModelPackage) -> Content:
    """The model, at /opt/models."""
    parts = with_bases([package])
    size = sum(
        (part.folder / file).stat().st_size for part in parts for file in package_files(part)
    )
    return Content(
        "Model, as a layer",
        f"{package.info.name} ({size / 1e6:.1f} MB)",
        content_digest(package, *parts[:-1]),
        lambda folder: model_layer(package, folder / "layer.zip"),
    )


def engine_content(version: str) -> Content:
    """ONNX Runtime. version: Lambda's Python."""
    return Content(
        "Second engine, as a layer",
        "ONNX Runtime, for model.ort,",
        engine_digest(version),
        lambda _: engine_layer(version),
    )


class LayerStep:
    """Publishes a layer, unless a version with the same content is there.

    staging: gives the bucket for the zip, because a direct upload is limited to 50 MB.
    """

    def __init__(
        self, client: Any, s3: Any, name: str, content: Content, staging: Callable[[], str]
    ) -> None:
        self._client = client
        self._s3 = s3
        self._name = name
        self._content = content
        self._staging = staging
        self.title = content.title

    def arn(self) -> str | None:
        """The version with this content; None if there is none yet."""
        for version in self.versions():
            if version.get("Description") == self._content.digest:
                return str(version["LayerVersionArn"])
        return None

    def changes(self) -> list[str]:  # noqa: D102
        if self.arn():
            return []
        return [f"publish {self._content.what} as {self._name}"]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        bucket, key = self._staging(), f"layers/{self._content.digest}.zip"
        with tempfile.TemporaryDirectory() as folder:
            self._s3.upload_file(str(self._content.zipped(Path(folder))), bucket, key)
        try:
            answer = self._client.publish_layer_version(
                LayerName=self._name,
                Description=self._content.digest,
                Content={"S3Bucket": bucket, "S3Key": key},
            )
        finally:
            self._s3.delete_object(Bucket=bucket, Key=key)
        tell(f"published {answer['LayerVersionArn']}")

    def versions(self) -> list[dict[str, Any]]:
        """All versions, newest first."""
        return versions(self._client, self._name)


def versions(client: Any, name: str) -> list[dict[str, Any]]:
    """All versions of a layer, newest first; empty if there is no such layer."""
    pages = client.get_paginator("list_layer_versions").paginate(LayerName=name)
    try:
        listed = [version for page in pages for version in page["LayerVersions"]]
    except client.exceptions.ResourceNotFoundException:
        return []
    return sorted(listed, key=lambda version: -int(version["Version"]))


def delete_versions(client: Any, name: str) -> None:
    """Delete all versions of a layer."""
    for version in versions(client, name):
        client.delete_layer_version(LayerName=name, VersionNumber=version["Version"])


def content_digest(*packages: ModelPackage) -> str:
    """SHA-256, in hex, of the packages' names, file names and contents."""
    digest = hashlib.sha256()
    for package in packages:
        digest.update(package.info.name.encode())
        for file in package_files(package):
            with (package.folder / file).open("rb") as opened:
                digest.update(file.encode() + hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()
