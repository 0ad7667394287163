"""`python -m tools.model`: fetch from a server on loopback, add, list."""

import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import ExifTags, Image

from chalicelib.images.preprocessing import IMAGENET
from chalicelib.inference import showcase
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.finder import Models
from chalicelib.inference.packages import read_package
from chalicelib.inference.samples import MAX_SAMPLE_BYTES, MAX_SAMPLES
from localcloud.served import NO_SUCH_MODEL
from tests.fakes import MemoryStore
from tests.functional.mirror import Mirror, mirror
from tests.samplepackages import with_files
from tools.catalogue import CatalogueEntry, FetchError, Photograph, fetch
from tools.fetching.download import blob_id, download
from tools.fetching.https import Patience
from tools.model import cli

ROOT = Path(__file__).parents[2]
MODEL = bytes(range(256)) * 4000
LABELS = b"background\ncat\ndog\n"
HASTY = Patience(silence=0.3, opening=2.0, interruptions=3, pause=0.0)
Run = Callable[..., Result]


def identify(folder: Path, data: bytes) -> str:
    path = folder / "identified"
    path.write_bytes(data)
    return blob_id(path)


@pytest.fixture
def entry(tmp_path: Path) -> CatalogueEntry:
    return CatalogueEntry(
        file="tiny.tflite", blob=identify(tmp_path, MODEL), title="Tiny", description="", size=8,
        labels_file="names.txt", labels_blob=identify(tmp_path, LABELS), classes=3,
    )  # fmt: skip


@pytest.fixture
def server() -> Iterator[Mirror]:
    with mirror({"tiny.tflite": MODEL, "names.txt": LABELS}) as state:
        yield state


@pytest.fixture
def run(cache: Path, entry: CatalogueEntry) -> Run:
    def invoke(*arguments: Any, **env: str) -> Result:
        result = CliRunner().invoke(
            cli,
            [str(argument) for argument in arguments],
            obj={"tiny": entry},
            env={"MODEL_DIR": str(cache), "MODEL": "tiny"} | env,
        )
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    return invoke


def fetched(
    entry: CatalogueEntry, cache: Path, server: Mirror, patience: Patience = HASTY, **options: Any
) -> Path:
    package = fetch(
        "tiny", cache, base_url=server.url, catalogue={"tiny": entry}, patience=patience, **options
    )
    return package.folder


def whole(folder: Path) -> bool:
    package = read_package(folder)
    package.verify()
    return package.model_path.read_bytes() == MODEL and package.labels()[0] == "background"


def test_a_model_is_fetched_verified_and_then_left_alone(
    run: Run, server: Mirror, cache: Path
) -> None:
    first = run("fetch", "tiny", "--base-url", server.url)
    assert first.exit_code == 0 and "Tiny" in first.output
    assert whole(cache / "tiny")
    info = read_package(cache / "tiny").info
    assert (info.background_class, info.licence, info.version) == (0, "Apache-2.0", "1")
    assert [path.name for path in cache.iterdir()] == ["tiny"]
    asked = len(server.requests)
    second = run("fetch", "tiny", MODEL_BASE_URL=server.url)
    assert second.exit_code == 0 and "verified" in second.output
    assert len(server.requests) == asked
    run("fetch", "tiny", "--force", MODEL_BASE_URL=server.url)
    assert len(server.requests) == 2 * asked


def test_a_damaged_package_is_fetched_anew(
    server: Mirror, cache: Path, entry: CatalogueEntry
) -> None:
    folder = fetched(entry, cache, server)
    (folder / "model.tflite").write_bytes(b"damaged")
    assert whole(fetched(entry, cache, server))


def test_a_broken_connection_is_taken_up_where_it_ended(
    server: Mirror, cache: Path, entry: CatalogueEntry
) -> None:
    server.cut_after["/tiny.tflite"] = [300_000, 200_000]
    assert whole(fetched(entry, cache, server))
    assert server.ranges("/tiny.tflite") == [None, "bytes=300000-", "bytes=500000-"]


def test_a_stalled_connection_is_taken_up_too(
    server: Mirror, cache: Path, entry: CatalogueEntry
) -> None:
    server.stall_after["/tiny.tflite"] = 300_000
    assert whole(fetched(entry, cache, server))
    assert server.ranges("/tiny.tflite") == [None, "bytes=300000-"]


def test_a_later_run_goes_on_and_nothing_half_is_seen_before(
    server: Mirror, cache: Path, entry: CatalogueEntry
) -> None:
    server.cut_after["/tiny.tflite"] = [1000] * 4
    with pytest.raises(FetchError, match="broke off 4 times"):
        fetched(entry, cache, server)
    assert not (cache / "tiny").exists()
    assert (cache / f".{entry.blob}.part").stat().st_size == 4000
    assert whole(fetched(entry, cache, server))
    assert server.ranges("/tiny.tflite")[-1] == "bytes=4000-"
    assert [path.name for path in cache.iterdir()] == ["tiny"]


def test_the_package_appears_only_once_it_is_whole(
    server: Mirror, cache: Path, entry: CatalogueEntry
) -> None:
    seen: list[bool] = []

    class Watch:
        def __call__(self, label: str) -> "Watch":
            return self

        def __enter__(self) -> Callable[[int, int | None], None]:
            def report(done: int, total: int | None) -> None:
                assert total == len(MODEL) and 0 < done <= total
                seen.append((cache / "tiny").exists())

            return report

        def __exit__(self, *_: object) -> None: ...

    assert whole(fetched(entry, cache, server, progress=Watch()))
    assert len(seen) > 1 and not any(seen)


def test_a_server_without_ranges_sends_it_all_again(
    server: Mirror, cache: Path, entry: CatalogueEntry
) -> None:
    server.ignores_range = True
    server.cut_after["/tiny.tflite"] = [300_000]
    assert whole(fetched(entry, cache, server))


@pytest.mark.parametrize("size", [1000, len(MODEL), len(MODEL) + 7])
def test_a_part_of_something_else_is_begun_anew(
    server: Mirror, cache: Path, entry: CatalogueEntry, size: int
) -> None:
    """As long as the file, or longer, it gets a 416."""
    cache.mkdir()
    (cache / f".{entry.blob}.part").write_bytes(b"x" * size)
    assert whole(fetched(entry, cache, server))
    assert server.ranges("/tiny.tflite") == [f"bytes={size}-", None]


def test_a_complete_part_needs_no_request(
    server: Mirror, cache: Path, entry: CatalogueEntry
) -> None:
    cache.mkdir()
    (cache / f".{entry.blob}.part").write_bytes(MODEL)
    assert whole(fetched(entry, cache, server))
    assert server.ranges("/tiny.tflite") == []


@pytest.mark.parametrize("path", ["/tiny.tflite", "/names.txt"])
def test_wrong_content_is_refused_and_removed(
    run: Run, server: Mirror, cache: Path, path: str
) -> None:
    server.files[path] = b"<html>Sign in</html>"
    result = run("fetch", "tiny", "--base-url", server.url)
    assert result.exit_code == 1 and "does not match the catalogue" in result.output
    assert not (cache / "tiny").exists()
    assert not any(b"Sign in" in part.read_bytes() for part in cache.iterdir())


def test_redirects_are_followed_but_not_to_plain_http_elsewhere(
    server: Mirror, cache: Path, entry: CatalogueEntry
) -> None:
    server.files["/elsewhere"] = MODEL
    server.redirects["/tiny.tflite"] = "/elsewhere"
    assert whole(fetched(entry, cache, server))
    server.redirects["/tiny.tflite"] = "http://mirror.example/tiny.tflite"
    with pytest.raises(FetchError, match="not an https address"):
        fetched(entry, cache, server, force=True)
    server.redirects["/tiny.tflite"] = "/tiny.tflite"
    with pytest.raises(FetchError, match="loop"):
        fetched(entry, cache, server, force=True)
    assert whole(cache / "tiny")


@pytest.mark.parametrize(("status", "said"), [(404, "answered 404"), (503, "503")])
def test_a_refusal_is_told(run: Run, server: Mirror, cache: Path, status: int, said: str) -> None:
    server.statuses["/tiny.tflite"] = status
    result = run("fetch", "tiny", "--base-url", server.url)
    assert result.exit_code == 1 and said in result.output
    assert not (cache / "tiny").exists()


def test_a_host_that_is_down_is_one_clear_line(run: Run, cache: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        result = run("fetch", "tiny", "--base-url", url)
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "cannot be reached (the connection was refused" in result.output
    assert list(cache.iterdir()) == []


def test_a_host_that_accepts_and_hangs_is_given_up_at_the_first_try(
    cache: Path, entry: CatalogueEntry
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(FetchError, match="no answer in time"):
            fetch("tiny", cache, base_url=url, catalogue={"tiny": entry}, patience=HASTY)
        listening.accept()[0].close()
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):  # one connection was made and no more
            listening.accept()


def test_headers_without_a_body_are_no_answer(
    server: Mirror, cache: Path, entry: CatalogueEntry
) -> None:
    server.stall_after["/tiny.tflite"] = 0
    with pytest.raises(FetchError, match="no answer in time"):
        fetched(entry, cache, server)


def test_two_at_once_do_not_write_into_each_other(
    server: Mirror, cache: Path, entry: CatalogueEntry
) -> None:
    def second(*_: object) -> None:
        with pytest.raises(FetchError, match="Another process"):
            download(f"{server.url}/tiny.tflite", part, entry.blob, lambda *_: None, HASTY)

    part = cache / "part"
    download(f"{server.url}/tiny.tflite", part, entry.blob, second, HASTY)
    assert part.read_bytes() == MODEL


def test_an_unknown_name_lists_the_known_ones(run: Run) -> None:
    result = run("fetch", "vgg")
    assert result.exit_code == NO_SUCH_MODEL and "tiny" in result.output


# A real network: the one that the product bundles.
DOODLE = ROOT / "vendor" / "models" / "doodle"
doodle = pytest.mark.skipif(not (DOODLE / "model.json").exists(), reason="doodle is not built yet")


@doodle
def test_a_network_of_ones_own_is_added_and_served(run: Run, cache: Path) -> None:
    arguments = ("add", "mine", DOODLE / "model.tflite", "--labels", DOODLE / "labels.txt")
    result = run(*arguments, "--title", "Mine")
    assert result.exit_code == 0, result.output
    assert "make run MODEL=mine" in result.output and str(cache / "mine") in result.output
    package = read_package(cache / "mine")
    package.verify()
    assert len(Classifier(package, 1).labels) == len(package.labels())
    again = run(*arguments)
    assert again.exit_code == 1 and "--force" in again.output
    assert run(*arguments, "--force", "--version", "2").exit_code == 0
    assert read_package(cache / "mine").info.version == "2"


@doodle
@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda lines: lines[:-1], "background"),
        (lambda lines: lines[:-3], "labels"),
        (lambda lines: [lines[0], "", *lines[2:]], "line 2"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    run: Run, cache: Path, tmp_path: Path, edit: Callable[[list[str]], list[str]], said: str
) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(edit((DOODLE / "labels.txt").read_text().splitlines())))
    result = run("add", "mine", DOODLE / "model.tflite", "--labels", labels)
    assert result.exit_code == 1 and said in result.output
    assert not cache.exists()


@doodle
def test_the_labels_inside_a_network_are_taken_and_told(
    run: Run, cache: Path, tmp_path: Path
) -> None:
    labels = (DOODLE / "labels.txt").read_bytes()
    network, file = (DOODLE / "model.tflite").read_bytes(), tmp_path / "net.tflite"
    names = labels.decode().splitlines()
    other = tmp_path / "labels.json"
    other.write_text(json.dumps({index: name.upper() for index, name in enumerate(names)}))

    file.write_bytes(network)
    result = run("add", "mine", file)
    assert result.exit_code == 1 and "no labels inside; give --labels" in result.output
    file.write_bytes(with_files(network, {"labels.txt": labels}))
    result = run("add", "mine", file)
    assert result.exit_code == 0, result.output
    told = f"Labels: {len(names)}, first “{names[0]}”, last “{names[-1]}”, of labels.txt inside"
    assert told in result.output
    assert list(read_package(cache / "mine").labels()) == names
    assert run("add", "mine", file, "--labels", other, "--force").exit_code == 0
    assert read_package(cache / "mine").labels()[0] == names[0].upper()
    other.write_text(json.dumps([*names[1:], names[0]]))
    result = run("add", "mine", file, "--labels", other, "--force")
    assert f"net.tflite differ, first “{names[0]}”; --labels is used" in result.output
    file.write_bytes(with_files(network, {"labels.txt": labels + b"one more"}))
    result = run("add", "more", file)
    assert result.exit_code == 1 and f"there are {len(names) + 1} labels" in result.output


@pytest.mark.parametrize("name", ["Mine", "../mine", "a/b", ".mine"])
def test_a_name_that_is_none_is_refused(run: Run, cache: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "m.tflite").write_bytes(b"x")
    (tmp_path / "l.txt").write_text("a\n")
    result = run("add", name, tmp_path / "m.tflite", "--labels", tmp_path / "l.txt")
    assert result.exit_code == 1 and "name" in result.output
    assert not cache.exists()


def test_what_is_no_network_is_refused(run: Run, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(b"not a network")
    (tmp_path / "l.txt").write_text("a\n")
    result = run("add", "mine", tmp_path / "m.tflite", "--labels", tmp_path / "l.txt")
    assert result.exit_code == 1 and "mine is not a LiteRT model" in result.output
    assert not cache.exists()


def test_the_list_shows_what_is_there_what_can_be_fetched_and_what_is_damaged(
    run: Run, server: Mirror, cache: Path, entry: CatalogueEntry
) -> None:
    line = next(line for line in run("list").output.splitlines() if " tiny " in line)
    assert line.startswith("*") and line.endswith("fetch")
    run("fetch", "tiny", "--base-url", server.url)
    (cache / "half").mkdir()
    result = run("list")
    assert result.exit_code == 0
    assert "half" in result.output and "damaged" in result.output
    assert "Fetch it again: .venv/bin/python -m tools.model fetch tiny --force" in result.output
    assert f"remove {cache / 'half'}" in result.output
    assert "which is not one of these" in run("list", MODEL="nowhere").output


def shared() -> Path:
    return Path(os.environ.get("TEST_DATA", ROOT.parent / "shared" / "data"))


@pytest.mark.shared
@pytest.mark.skipif(not shared().is_dir(), reason=f"no test material in {shared()}")
def test_a_real_network_as_the_catalogue_would_have_it(cache: Path, entry: CatalogueEntry) -> None:
    """Of the same family and format as the catalogue's, fetched and listed like them."""
    network = shared() / "mobilenet-v2" / "mobilenet_v2_1.0_224_quant.tflite"
    labels = shared() / "imagenet_labels.txt"
    real = replace(
        entry, blob="03533c32dacc1456ff3fe951ebdd5b967ce9e6a0",
        labels_blob="0f975ffd415baaea2267b4363717daff56451ad0",
    )  # fmt: skip
    with mirror({"tiny.tflite": network.read_bytes(), "names.txt": labels.read_bytes()}) as server:
        folder = fetched(real, cache, server)
    assert len(Classifier(read_package(folder), 1).labels) == 1001
    result = CliRunner().invoke(
        cli, ["list"], obj={"tiny": real}, env={"MODEL_DIR": str(cache), "MODEL": "tiny"}
    )
    line = next(line for line in result.output.splitlines() if " tiny " in line)
    assert "1001" in line and "224x224" in line and str(cache) in line
    shutil.rmtree(folder)


@pytest.mark.shared
@pytest.mark.skipif(not shared().is_dir(), reason=f"no test material in {shared()}")
def test_a_real_network_is_added_with_its_background_hidden(run: Run, cache: Path) -> None:
    network = shared() / "mobilenet-v2" / "mobilenet_v2_1.0_224_quant.tflite"
    result = run("add", "mobilenet", network, "--labels", shared() / "imagenet_labels.txt")
    assert result.exit_code == 0, result.output
    info = read_package(cache / "mobilenet").info
    assert (info.background_class, info.scores) == (0, "probabilities")
    assert info.preprocessing == IMAGENET and "87.5%" in result.output


def photograph(folder: Path, name: str, size: tuple[int, int] = (1200, 800)) -> bytes:
    """A JPEG of a camera that notes where it was, and that was held upright."""
    image = Image.effect_noise(size, 60).convert("RGB")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Model] = "Camera of somebody"
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, "JPEG", exif=exif)
    return path.read_bytes()


@pytest.fixture
def pictured(tmp_path: Path, entry: CatalogueEntry, server: Mirror) -> CatalogueEntry:
    """The same model with two photographs on the server."""
    samples = []
    for label in ("cat", "dog"):
        data = photograph(tmp_path, f"{label}.jpg")
        server.files[f"/{label}.jpg"] = data
        samples.append(Photograph(f"{label}.jpg", identify(tmp_path, data), label))
    return replace(entry, samples=tuple(samples))


def test_photographs_are_fetched_with_the_model_and_verified(
    server: Mirror, cache: Path, pictured: CatalogueEntry
) -> None:
    folder = fetched(pictured, cache, server)
    assert whole(folder) and [path.name for path in cache.iterdir()] == ["tiny"]
    listed = showcase.listed(Models([cache], "", MemoryStore()), "tiny").samples
    assert [(entry.label, entry.licence) for entry in listed] == [
        ("cat", "CC BY 2.0"), ("dog", "CC BY 2.0"),
    ]  # fmt: skip
    for label in ("cat", "dog"):
        data = (folder / "samples" / f"{label}.webp").read_bytes()
        assert len(data) <= MAX_SAMPLE_BYTES and b"Camera" not in data
        with Image.open(BytesIO(data)) as image:
            assert (image.format, image.size) == ("WEBP", (342, 513))  # upright
    asked = len(server.requests)
    fetched(pictured, cache, server)
    assert len(server.requests) == asked


def test_photographs_are_added_to_a_model_that_came_without(
    server: Mirror, cache: Path, entry: CatalogueEntry, pictured: CatalogueEntry
) -> None:
    fetched(entry, cache, server)
    network = server.ranges("/tiny.tflite")
    folder = fetched(pictured, cache, server)
    assert len(read_package(folder).info.samples) == 2 and whole(folder)
    assert server.ranges("/tiny.tflite") == network


@pytest.mark.parametrize("fault", ["absent", "another", "no picture"])
def test_a_model_is_fetched_all_the_same_where_its_photographs_cannot_be(
    server: Mirror, cache: Path, tmp_path: Path, pictured: CatalogueEntry, fault: str
) -> None:
    if fault == "absent":
        server.statuses["/dog.jpg"] = 404
    elif fault == "another":
        server.files["/dog.jpg"] = b"<html>Sign in</html>"
    else:
        server.files["/dog.jpg"] = b"no picture"
        dog = pictured.samples[1]._replace(blob=identify(tmp_path, b"no picture"))
        pictured = replace(pictured, samples=(pictured.samples[0], dog))
    said: list[str] = []
    folder = fetched(pictured, cache, server, say=said.append)
    assert whole(folder) and read_package(folder).info.samples == ()
    assert not (folder / "samples").exists()
    assert len(said) == 1 and said[0].startswith("The sample photographs are missing, because ")


def add_doodle(run: Run, *options: Any) -> Result:
    return run(
        "add", "mine", DOODLE / "model.tflite", "--labels", DOODLE / "labels.txt", "--force",
        *options,
    )  # fmt: skip


def test_samples_of_ones_own_go_with_the_package(run: Run, cache: Path, tmp_path: Path) -> None:
    photograph(tmp_path / "few" / "umbrella", "one.jpg")
    photograph(tmp_path / "few" / "umbrella", "two.jpg", (300, 900))
    photograph(tmp_path / "few" / "star", "three.jpg", (40, 30))
    result = add_doodle(run, "--samples", tmp_path / "few")
    assert result.exit_code == 0, result.output
    assert "Samples: 3 pictures, as small copies, go with the package." in result.output
    samples = read_package(cache / "mine").info.samples
    assert [(entry.file, entry.label) for entry in samples] == [
        ("star.webp", "star"), ("umbrella.webp", "umbrella"), ("umbrella-2.webp", "umbrella"),
    ]  # fmt: skip
    listed = showcase.listed(Models([cache], "", MemoryStore()), "mine").samples
    assert [entry.label for entry in listed] == ["star", "umbrella", "umbrella"]


def test_a_csv_names_the_licence_and_the_source_of_a_sample(
    run: Run, cache: Path, tmp_path: Path
) -> None:
    photograph(tmp_path / "few", "a.jpg")
    rows = "file,label,licence,source\na.jpg,banana,CC0,Ann\n"
    (tmp_path / "few" / "samples.csv").write_text(rows)
    assert add_doodle(run).exit_code == 0
    changed = run("set", "mine", "--samples", tmp_path / "few")
    assert changed.exit_code == 0, changed.output
    (sample,) = read_package(cache / "mine").info.samples
    assert (sample.label, sample.licence, sample.source) == ("banana", "CC0", "Ann")
    again = run("set", "mine", "--version", "7")
    assert again.exit_code == 0 and read_package(cache / "mine").info.samples == (sample,)


def test_what_is_no_set_of_samples_is_refused(run: Run, cache: Path, tmp_path: Path) -> None:
    for number in range(MAX_SAMPLES + 1):
        photograph(tmp_path / "many" / "star", f"{number}.jpg", (20, 20))
    refused = add_doodle(run, "--samples", tmp_path / "many")
    assert refused.exit_code == 1 and "choose up to 12" in refused.output
    assert "--pictures" in refused.output
    photograph(tmp_path / "few" / "star", "1.jpg", (20, 20))
    photograph(tmp_path / "few" / "star", "2.jpg", (20, 20))
    photograph(tmp_path / "few" / "zebra", "3.jpg", (20, 20))
    refused = add_doodle(run, "--samples", tmp_path / "few")
    assert refused.exit_code == 1 and "No class of the model is called zebra" in refused.output
    shutil.rmtree(tmp_path / "few" / "zebra")
    (tmp_path / "few" / "star" / "2.jpg").write_text("no picture")
    refused = add_doodle(run, "--samples", tmp_path / "few")
    assert refused.exit_code == 1 and "2.jpg cannot be used" in refused.output
    assert not cache.exists()
