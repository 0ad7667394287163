"""The zips of a deployment: what Chalice puts in, what is left out, whether they fit."""

import json
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from chalice.deploy.packager import PipRunner, SubprocessPip
from chalice.utils import OSUtils
from click.testing import CliRunner

from localcloud.disk import ARCHITECTURE
from tests.clone import clone
from tests.conftest import ROOT
from tests.samplepackages import doodle_for_both, with_second_engine, without_second_engine
from tools.bundle import main
from tools.bundling.build import VERSION, build, bundle, model_layer, placed, stage
from tools.bundling.enginelayer import engine_layer, layers
from tools.bundling.pythons import BundleError, interpreter
from tools.bundling.sizes import UNPACKED_LIMIT, ZIPPED_LIMIT, Measured, Size, measure
from tools.bundling.zips import FINISHED, Dependencies, finish

SITE = f"python/lib/python{VERSION}/site-packages"
UNCHECKED_HASH = b"\1\0\0\0"
"""https://peps.python.org/pep-0552/."""


def zip_of(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in files.items():
            zipped.writestr(name, data)
    return path


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


@pytest.fixture(scope="module")
def python() -> None:
    """The Python of Lambda."""
    try:
        interpreter(VERSION)
    except BundleError as error:
        pytest.skip(str(error))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A project without dependencies."""
    project = tmp_path / "tiny"
    model = project / "vendor" / "models" / "doodle" / "model.json"
    model.parent.mkdir(parents=True)
    model.write_text("{}")
    (project / "app.py").write_text("one = 1\n")
    (project / "requirements.txt").write_text("# none\n")
    return project


def test_a_file_belongs_to_the_package_that_records_it(tmp_path: Path) -> None:
    tag = sys.implementation.cache_tag
    layer = zip_of(
        tmp_path / "layer.zip",
        {
            f"{SITE}/PIL/Image.py": b"x" * 100,
            f"{SITE}/PIL/__pycache__/Image.{tag}.pyc": b"y" * 50,
            f"{SITE}/pillow.libs/libjpeg.so": b"z" * 1000,
            f"{SITE}/pillow-13.0.0.dist-info/RECORD": b"PIL/Image.py,,\npillow.libs/libjpeg.so,,\n",
            f"{SITE}/of_nobody/a.txt": b"a",
        },
    )
    measured = measure({"layer": layer})
    packages = measured.packages["layer"]
    assert list(packages) == ["pillow 13.0.0", "pillow-13.0.0.dist-info", "of_nobody"]
    assert packages["pillow 13.0.0"].unpacked == 1150
    assert measured.zips["layer"].zipped == layer.stat().st_size
    assert measured.unpacked == sum(size.unpacked for size in packages.values())


def test_each_zip_has_a_limit_and_all_together_have_one() -> None:
    def of(**zips: Size) -> Measured:
        return Measured(zips, {})

    most = Size(ZIPPED_LIMIT, 10)
    assert of(function=most, layer=most, model=most).excess() is None
    assert of(function=most).margin == Size(0, UNPACKED_LIMIT - 10)
    excess = of(function=Size(1, 1), layer=Size(ZIPPED_LIMIT + 1, 1)).excess()
    assert excess is not None and excess.startswith("The zip of the layer has 52.4 MB")
    by_bucket = {"model layer": Size(ZIPPED_LIMIT + 1, 1)}
    assert of(function=most, **by_bucket).excess() is None
    assert of(function=most, **by_bucket).margin.zipped == 0
    half = Size(1, UNPACKED_LIMIT // 2)
    assert of(layer=half, model=half).excess() is None
    excess = of(layer=half, model=half, function=Size(1, 1)).excess()
    assert excess is not None and excess.startswith("Unpacked, the zips have 262.1 MB")


def test_a_finished_zip_has_bytecode_and_nothing_needless(tmp_path: Path) -> None:
    files = {
        f"{SITE}/numpy/core.py": b"answer = 42\n",
        f"{SITE}/numpy/tests/test_core.py": b"",
        f"{SITE}/ai_edge_litert/libLiteRt.so": b"\x7fELF",
        f"{SITE}/ai_edge_litert/libLiteRtWebGpuAccelerator.so": b"\x7fELF",
        f"{SITE}/broken.py": b"this is (\n",
    }
    made = [zip_of(tmp_path / f"{n}.zip", files) for n in range(2)]
    for path in made:
        finish(path, "/opt")
    names = contents(made[0])
    bytecode = f"{SITE}/numpy/__pycache__/core.{sys.implementation.cache_tag}.pyc"
    kept = [f"{SITE}/numpy/core.py", f"{SITE}/ai_edge_litert/libLiteRt.so", f"{SITE}/broken.py"]
    assert set(names) == {bytecode, *kept}
    assert names[bytecode][4:8] == UNCHECKED_HASH
    assert f"/opt/{SITE}/numpy/core.py".encode() in names[bytecode]
    assert made[0].read_bytes() == made[1].read_bytes(), "the same contents, the same zip"
    before = made[0].stat()
    finish(made[0], "/opt")
    assert made[0].stat().st_mtime_ns == before.st_mtime_ns, "once is enough"


def test_a_model_layer_is_found_below_opt_models(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "vendor" / "models" / "doodle", tmp_path / "doodle")
    package = without_second_engine(tmp_path / "doodle")
    layers = [model_layer(package, tmp_path / f"{n}" / "layer.zip") for n in range(2)]
    files = ("model.tflite", "head.npz", "labels.txt", "model.json")
    samples = (sample.path for sample in package.info.samples)
    names = {f"models/doodle/{name}" for name in (*files, *samples)}
    assert len(names) == 10 and set(contents(layers[0])) == names
    assert layers[0].read_bytes() == layers[1].read_bytes()
    layer = model_layer(with_second_engine(package.folder), tmp_path / "layer.zip")
    assert set(contents(layer)) == names | {"models/doodle/model.ort"}


def test_the_second_engine_is_its_compiled_module_and_its_licences() -> None:
    layer = engine_layer(VERSION)
    tag = VERSION.replace(".", "")
    capi = "python/onnxruntime/capi"
    module = f"{capi}/onnxruntime_pybind11_state.cpython-{tag}-x86_64-linux-gnu.so"
    libraries = {module, f"{capi}/libonnxruntime_providers_shared.so"}
    names = contents(layer)
    assert {name for name in names if name.endswith((".so", ".py"))} == libraries
    assert {"python/onnxruntime/LICENSE", "python/onnxruntime/ThirdPartyNotices.txt"} <= set(names)
    measured = measure({"engine layer": layer})
    assert list(measured.packages["engine layer"]) == ["onnxruntime 1.32.0"]
    assert measured.zips["engine layer"].zipped < 20e6
    before = layer.stat().st_mtime_ns
    assert engine_layer(VERSION) == layer
    assert layer.stat().st_mtime_ns == before, "once is enough"


@pytest.mark.usefixtures("python")
def test_the_second_engine_is_shown_where_the_model_has_a_use_for_it(tmp_path: Path) -> None:
    package = doodle_for_both(tmp_path)
    assert layers("arm64", package) == {}
    arguments = ["--arch", "x86_64", "--model", package.info.name, "--json"]
    shown = CliRunner().invoke(main, arguments, env={"MODEL_DIR": str(tmp_path)})
    assert shown.exit_code == 0, shown.output
    assert "engine layer" in json.loads(shown.stdout)["zips"]


@pytest.mark.usefixtures("python")
def test_chalice_puts_what_is_in_vendor_among_the_dependencies(tiny: Path) -> None:
    zips = build(tiny, "x86_64")
    assert f"{SITE}/models/doodle/model.json" in contents(zips["layer"])
    assert not [name for name in contents(zips["function"]) if "models" in name]
    assert contents(zips["function"])["LICENSE"] == (ROOT / "LICENSE").read_bytes()
    assert "LICENSE" not in contents(zips["layer"])


@pytest.mark.usefixtures("python")
def test_chalice_takes_the_finished_zips_that_it_finds(tiny: Path) -> None:
    first = build(tiny, "arm64")
    times = [path.stat().st_mtime_ns for path in first.values()]
    assert all(zipfile.ZipFile(path).comment == FINISHED for path in first.values())
    assert first["layer"].parent == tiny / ".chalice" / "deployments"
    assert build(tiny, "arm64") == first
    assert [path.stat().st_mtime_ns for path in first.values()] == times
    (tiny / "app.py").write_text("two = 2\n")
    second = build(tiny, "arm64")
    assert second["layer"] == first["layer"]
    assert contents(second["function"])["app.py"] == b"two = 2\n"


@pytest.mark.usefixtures("python")
def test_a_checkout_gets_the_pinned_zips_under_the_names_that_chalice_looks_for(
    tmp_path: Path,
) -> None:
    project = clone(tmp_path)
    zips = placed(project, ARCHITECTURE)
    assert zips["layer"].parent == project / ".chalice" / "deployments"
    assert {name: path.read_bytes() for name, path in zips.items()} == {
        name: path.read_bytes() for name, path in bundle(ARCHITECTURE).items()
    }
    assert build(project, ARCHITECTURE) == zips  # which makes what it does not find
    (project / "app.py").write_text("two = 2\n")
    second = placed(project, ARCHITECTURE)
    assert second["layer"] == zips["layer"]
    assert contents(second["function"])["app.py"] == b"two = 2\n"
    assert set(zips["layer"].parent.iterdir()) == set(second.values())


@pytest.mark.usefixtures("python")
def test_a_zip_whose_making_was_interrupted_is_made_again(tiny: Path) -> None:
    path = build(tiny, "x86_64")["function"]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert build(tiny, "x86_64")["function"].read_bytes() == whole


@pytest.mark.usefixtures("python")
def test_what_pip_cannot_get_ends_the_build(tiny: Path) -> None:
    (tiny / "requirements.txt").write_text("missing @ file:///there/is/none-1-py3-none-any.whl\n")
    with pytest.raises(BundleError, match=r"Chalice could not make the zips: .*none-1-py3"):
        build(tiny, "x86_64")


class OneWheel(PipRunner):
    """A pip to which there is nothing but a wheel for another system."""

    def download_all_dependencies(self, requirements_filename: str, directory: str) -> None:
        (Path(directory) / "thing-1.0-cp313-cp313-win_amd64.whl").write_bytes(b"")

    def _execute(self, *_: Any, **__: Any) -> tuple[int, bytes, bytes]:
        return 1, b"", b"nothing found"


def test_a_dependency_without_a_wheel_for_lambda_ends_the_build(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("thing\n")
    system = OSUtils()
    builder = Dependencies(system, OneWheel(SubprocessPip(system), system), "arm64")
    with pytest.raises(SystemExit, match=r"no wheel for Lambda of thing==1\.0"):
        builder.build_site_packages(
            "cp313", str(tmp_path / "requirements.txt"), str(tmp_path / "t")
        )


def test_a_python_that_is_nowhere_is_asked_for() -> None:
    with pytest.raises(BundleError, match=r"Python 3\.1 is needed, .*pyenv install 3\.1"):
        interpreter("3.1")


def test_a_staged_project_has_no_bytecode_and_no_models(tmp_path: Path) -> None:
    for with_vendor in (True, False):
        project = stage(tmp_path / "project", with_vendor)
        files = [path for path in project.rglob("*") if path.is_file()]
        assert not [path for path in files if path.suffix == ".pyc"]
        assert any(path.name == "model.tflite" for path in files) == with_vendor
    assert {path.name for path in project.iterdir()} == {"app.py", "chalicelib", "requirements.txt"}


@pytest.mark.usefixtures("python")
def test_the_deployment_fits_and_its_sizes_are_shown() -> None:
    arguments = ["--arch", ARCHITECTURE, "--model", "doodle"]
    shown = CliRunner().invoke(main, arguments)
    assert shown.exit_code == 0, shown.output
    for name in (
        "function",
        "  chalicelib",
        "layer",
        "  numpy 2",
        "  ai-edge-litert",
        "model layer",
    ):
        assert f"\n{name}" in shown.stdout, shown.output
    told = CliRunner().invoke(main, [*arguments, "--json"])
    sizes = json.loads(told.stdout)
    assert sizes["margin"]["zipped"] > 5e6, "room for what is to come"
    assert sizes["single"]["single"]["zipped"] > sizes["zips"]["layer"]["zipped"]
    carried = {name.split()[0] for name in sizes["packages"]["layer"]}
    assert {"numpy", "pillow", "msgspec"} <= carried
    assert not carried & {"boto3", "botocore", "tensorflow", "chalice"}
