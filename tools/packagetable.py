"""The table of `tools.model list`."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from chalicelib.errors import ModelInvalid
from chalicelib.files import put_all_back
from chalicelib.inference.litert import input_size
from chalicelib.inference.packages import INFO, NAME, ModelPackage, read_package, with_base
from chalicelib.settings import Settings
from tools.catalogue import CatalogueEntry
from tools.console.columns import columns

HEADER = ("", "NAME", "VERSION", "TITLE", "LABELS", "INPUT", "ENGINES", "LICENCE", "WHERE")
LITERT = "LiteRT"


def table(settings: Settings, catalogue: Mapping[str, CatalogueEntry]) -> Iterator[str]:
    """The lines of the table, then damaged packages and what to do."""
    rows, faults = [], []
    folders = _folders(settings.model_dirs)
    for name, folder in sorted(folders.items()):
        mark = "*" if name == settings.model else ""
        try:
            rows.append((mark, *_row(with_base(read_package(folder), settings.model_dirs))))
        except ModelInvalid as error:
            rows.append((mark, name, "", "damaged: see below", "", "", "", "", str(folder)))
            faults.append(f"{name}: {error}\n  {_remedy(folder, settings, catalogue)}")
    for name in sorted(catalogue.keys() - folders.keys()):
        entry = catalogue[name]
        rows.append((
            "*" if name == settings.model else "", name, entry.version, entry.title,
            str(entry.classes), f"{entry.size}x{entry.size}", LITERT, entry.licence, "fetch",
        ))  # fmt: skip
    yield from columns(HEADER, rows)
    yield from faults
    if settings.model not in folders.keys() | catalogue.keys():
        yield f"MODEL is {settings.model!r}, which is not one of these."


def _folders(dirs: tuple[Path, ...]) -> dict[str, Path]:
    """The folder of each package: as in serving, the first with a `model.json`."""
    complete: dict[str, Path] = {}
    incomplete: dict[str, Path] = {}
    for parent in dirs:
        put_all_back(parent)
        for folder in parent.iterdir() if parent.is_dir() else ():
            if folder.is_dir() and NAME.fullmatch(folder.name):
                (complete if (folder / INFO).is_file() else incomplete).setdefault(
                    folder.name, folder
                )
    return incomplete | complete


def _row(package: ModelPackage) -> tuple[str, ...]:
    """A package's cells. Raises ModelInvalid if it is damaged."""
    package.verify()
    labels = len(package.labels())
    width, height = input_size(package.model_path)
    info = package.info
    engines = f"{LITERT}, ONNX Runtime" if info.ort_sha256 else LITERT
    return (
        info.name, info.version, info.title, str(labels), f"{width}x{height}", engines,
        info.licence, str(package.folder),
    )  # fmt: skip


def _remedy(folder: Path, settings: Settings, catalogue: Mapping[str, CatalogueEntry]) -> str:
    if folder.parent != settings.model_dirs[-1]:
        return f"Restore {folder}: from git, or by publishing the layer anew."
    if folder.name in catalogue:
        return f"Fetch it again: .venv/bin/python -m tools.model fetch {folder.name} --force"
    return f"Add it again with --force, or remove {folder}."
