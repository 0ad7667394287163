"""Puts an experiment's other models into the models bucket."""

from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.s3 import S3Store
from chalicelib.errors import ModelInvalid, ModelNotFound
from chalicelib.inference.finder import Models
from chalicelib.inference.packages import INFO, ModelPackage
from chalicelib.settings import Settings
from tools.bundling.build import package_files, with_bases
from tools.catalogue import CATALOGUE, FetchError, fetch
from tools.deploying.layer import content_digest
from tools.deploying.step import DeployError, Tell

DIGEST = "content-sha256"


class ModelsStep:
    """Uploads packages to the models bucket, if their contents differ.

    bucket: its name; empty if it does not exist yet.
    """

    title = "Further models (S3)"

    def __init__(
        self, s3: Any, bucket: Callable[[], str], packages: Sequence[ModelPackage]
    ) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._packages = packages

    def changes(self) -> list[str]:  # noqa: D102
        return [f"upload {package.info.name}" for package in self._missing()]

    def apply(self, tell: Tell) -> None:  # noqa: D102
        for package in self._missing():
            extra = {"Metadata": {DIGEST: content_digest(package)}}
            for file in package_files(package):
                key = f"{package.info.name}/{file}"
                path = str(package.folder / file)
                self._s3.upload_file(path, self._bucket(), key, ExtraArgs=extra)
            tell(f"uploaded {package.info.name}")

    def _missing(self) -> list[ModelPackage]:
        return [
            package
            for package in self._packages
            if self._digest(package) != content_digest(package)
        ]

    def _digest(self, package: ModelPackage) -> str:
        if not self._bucket():
            return ""
        try:
            head = self._s3.head_object(Bucket=self._bucket(), Key=f"{package.info.name}/{INFO}")
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
                return ""
            raise
        return str(head["Metadata"].get(DIGEST, ""))


def further(default: ModelPackage | None, others: Sequence[ModelPackage]) -> list[ModelPackage]:
    """The packages for the bucket, bases included: those that the layer of `default` lacks."""
    layer = with_bases([default] if default else [])
    return [package for package in with_bases(others) if package not in layer]


def package(name: str, settings: Settings, tell: Tell) -> ModelPackage:
    """The package on this machine, else fetched from the catalogue. Raises DeployError."""
    try:
        return Models(settings.model_dirs, "", S3Store(lambda: None)).find(name)
    except ModelInvalid as error:
        raise DeployError(str(error)) from error
    except ModelNotFound as error:
        if name not in CATALOGUE:
            raise DeployError(
                f"There is no model {name!r} on this machine; `.venv/bin/python -m tools.model "
                "list` shows the models."
            ) from error
    tell(f"fetching {name} …")
    try:
        return fetch(name, settings.model_dirs[-1])
    except FetchError as error:
        raise DeployError(f"{error} Or deploy the bundled model: MODEL=doodle.") from error
