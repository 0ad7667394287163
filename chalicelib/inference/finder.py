"""Find model packages: in the folders first, then in the bucket."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from chalicelib.aws.store import MAX_OBJECT, ObjectStore
from chalicelib.errors import ModelInvalid, ModelNotFound, ServiceUnavailable
from chalicelib.files import put_all_back, staged
from chalicelib.inference.packages import (
    INFO,
    LABELS,
    MODEL,
    NAME,
    ModelInfo,
    ModelPackage,
    check_info,
    folder_of,
    no_base,
    no_labels,
    parse_labels,
    read_package,
    with_base,
)


class Models:
    """Finds model packages: in the folders first, then in the bucket.

    dirs: folders of packages, in the order of the search. The last is the cache: packages from the
        bucket are put there, and damaged copies are removed from it.
    reads: names the file to be loaded; only that one is hashed, to keep cold starts short.
    """

    def __init__(
        self,
        dirs: Sequence[Path],
        bucket: str,
        store: ObjectStore,
        reads: Callable[[ModelInfo], str] | None = None,
        is_sealed: Callable[[Path], bool] = lambda folder: False,
    ) -> None:
        self._dirs = tuple(dirs)
        self._cache = self._dirs[-1]
        self._bucket = bucket
        self._store = store
        self._reads = reads
        self._is_sealed = is_sealed

    def find(self, name: str) -> ModelPackage:
        """Returns the verified package of that name.

        Raises ModelNotFound where there is none, ModelInvalid where it must not be loaded, and
        ServiceUnavailable where the bucket does not answer, or refuses what may be there.
        """
        package = self._own(name)
        if not package.info.base:
            return package
        try:
            return package.on(self._own(package.info.base, MODEL))
        except ModelNotFound as error:
            raise no_base(package.info) from error

    def check(self, name: str) -> None:
        """Raise ModelNotFound unless there is such a model.

        Its network is neither read nor fetched, so a request may ask. Raises ModelInvalid, too,
        where its `model.json` is unusable, and ServiceUnavailable.
        """
        self.info(name)

    def info(self, name: str) -> ModelInfo:
        """Returns the model's info; see `check`."""
        if package := self._described(name):
            return package.info
        return check_info(self._object(name, INFO), name)

    def labels(self, name: str) -> tuple[str, ...]:
        """Returns the names of the model's classes; see `check`."""
        if package := self._described(name):
            return package.labels()
        self.check(name)
        try:
            return parse_labels(self._object(name, LABELS))
        except (ModelNotFound, UnicodeDecodeError) as error:
            raise no_labels(name) from error

    def read(self, name: str, file: str) -> bytes:
        """Returns a small file of the model's package, not verified; see `check`.

        Raises ModelNotFound or OSError where the package lacks it.
        """
        if package := self._described(name):
            return (package.folder / file).read_bytes()
        return self._object(name, file)

    def here(self, name: str) -> ModelInfo | None:
        """Returns the info of the package in the folders; None if it is not there."""
        with suppress(ModelInvalid):
            if folder := self._folder(name):
                return read_package(folder).info
        return None

    def list(self) -> list[ModelPackage]:
        """Lists the packages in the folders by name, without those that cannot be read."""
        packages: dict[str, ModelPackage] = {}
        for parent in self._dirs:
            put_all_back(parent)
        for path in (path for parent in self._dirs for path in sorted(parent.glob(f"*/{INFO}"))):
            with suppress(ModelInvalid):
                package = with_base(read_package(path.parent), self._dirs)
                packages.setdefault(package.info.name, package)
        return [packages[name] for name in sorted(packages)]

    def _folder(self, name: str) -> Path | None:
        return folder_of(name, self._dirs)

    def _own(self, name: str, *files: str) -> ModelPackage:
        """Returns a verified package without its base. files: to verify; see `_verify`."""
        if NAME.fullmatch(name):
            if folder := self._folder(name):
                return self._verified(folder, *files)
            if self._bucket:
                return self._download(name, *files)
        raise _unknown(name)

    def _described(self, name: str) -> ModelPackage | None:
        """Returns the unverified package in the folders; None if the bucket must be asked."""
        folder = self._folder(name) if NAME.fullmatch(name) else None
        if folder is None and self._bucket and NAME.fullmatch(name):
            return None
        if folder is None:
            raise _unknown(name)
        try:
            return read_package(folder)
        except ModelInvalid:
            if folder.parent == self._cache and self._bucket:
                return None  # `find` puts the bucket's in its place
            raise

    def _verified(self, folder: Path, *files: str) -> ModelPackage:
        """Verifies the package; replaces a damaged copy by the bucket's if it can."""
        try:
            package = read_package(folder)
            if not self._is_sealed(folder):
                self._verify(package, *files)
        except ModelInvalid:
            if folder.parent == self._cache:
                shutil.rmtree(folder, ignore_errors=True)
                if self._bucket:
                    with suppress(ModelNotFound):
                        return self._download(folder.name, *files)
            raise
        return package

    def _download(self, name: str, *files: str) -> ModelPackage:
        with staged(self._cache / name) as folder:
            (folder / INFO).write_bytes(self._object(name, INFO))
            for file in (LABELS, *read_package(folder, name).info.digests):
                self._fetch(name, file, folder)
            self._verify(read_package(folder, name), *files)
        return read_package(self._cache / name)

    def _fetch(self, name: str, file: str, folder: Path) -> None:
        """Raises ModelInvalid if the bucket has the package without this file."""
        key = f"{name}/{file}"
        with _fetching(name):
            try:
                self._store.download(self._bucket, key, folder / file)
            except ServiceUnavailable as error:
                if key in {listed.key for listed in self._store.list(self._bucket, f"{name}/")}:
                    raise
                raise ModelInvalid(
                    f"Model {name} has no {file} in the models bucket; upload the whole package "
                    "again."
                ) from error

    def _object(self, name: str, file: str) -> bytes:
        with _fetching(name):
            stored = self._store.find(self._bucket, f"{name}/{file}", MAX_OBJECT)
        if stored is None:
            raise _unknown(name, " here or in the models bucket")
        return stored.data

    def _verify(self, package: ModelPackage, *files: str) -> None:
        """Verifies those files; if the package has none of them, the file to be loaded."""
        named = [file for file in files if file in package.info.digests]
        package.verify(*named or ((self._reads(package.info),) if self._reads else ()))


def _unknown(name: str, where: str = "") -> ModelNotFound:
    return ModelNotFound(f"There is no model {name[:64]!r}{where}; GET /models lists the models.")


@contextmanager
def _fetching(name: str) -> Iterator[None]:
    try:
        yield
    except ServiceUnavailable as error:
        raise type(error)(
            f"The model {name!r} cannot be fetched at the moment; try again later.", error.detail
        ) from error
