"""What a package that is there does to pictures, changed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from chalicelib.errors import ModelInvalid
from chalicelib.files import put
from chalicelib.litert import inspect
from chalicelib.models import INFO, ModelPackage, read_package
from tools.options import chosen
from tools.package import as_json
from tools.scaling import check_scaling


def change(
    name: str, dirs: Sequence[Path], version: str | None, options: Mapping[str, Any]
) -> ModelPackage:
    """Write another preprocessing into the `model.json` of the package of that name, at once.

    version: what the package is called from then on; None to leave that.
    Raises ModelInvalid where there is no such package, or its network cannot be given pixels so.
    """
    folder = next((path / name for path in dirs if (path / name / INFO).is_file()), None)
    if folder is None:
        raise ModelInvalid(f"There is no package {name!r}; `python -m tools.model list` has them.")
    package = read_package(folder)
    how = chosen(package.info.preprocessing, options)
    check_scaling(name, how, inspect(package.model_path)[0])
    info = msgspec.structs.replace(
        package.info, preprocessing=how, version=version or package.info.version
    )
    if info != package.info:
        put(folder / INFO, as_json(info))
    return ModelPackage(folder, info)
