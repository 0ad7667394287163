"""`tools.model teach` on drawings of our own, with the bundled model as a base."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from chalicelib.errors import FeaturesMissing, ModelInvalid
from chalicelib.images.decode import decode
from chalicelib.inference.classifier import Classifier
from chalicelib.inference.head import read_head
from chalicelib.inference.packages import ModelPackage
from chalicelib.settings import Settings
from stage.teachjobs import STATUS, TABLE, WANTED, Status, Wanted
from tests.conftest import ROOT
from tools.console.refusals import Refused
from tools.doodle.drawings import LABELS, TEST_SEEDS, TRAIN_SEEDS, example
from tools.evaluating.asking import contestant
from tools.featuremaps import original
from tools.model import cli
from tools.newpackage import candidate, existing, install
from tools.teaching import taughtcard
from tools.teaching.folds import near_same
from tools.teaching.lessons import KEPT, Lesson, load
from tools.teaching.looks import Look
from tools.teaching.teaching import Taught, Wish, teach

KINDS = ("clock", "umbrella", "fish")
OTHER = "house"


def drawings(
    seeds: Sequence[int], kinds: Sequence[str], count: int
) -> Iterator[tuple[str, Image.Image]]:
    """The first drawings of these kinds, so many of each."""
    for seed in seeds[: count * len(LABELS)]:  # consecutive seeds go through all labels
        kind = LABELS[seed % len(LABELS)]
        if kind in kinds:
            yield f"{kind}/{seed}.png", example(seed, 64)[0]


def drawn(folder: Path, seeds: Sequence[int] = TEST_SEEDS, kinds: Sequence[str] = KINDS,
          count: int = 8) -> Path:  # fmt: skip
    for name, image in drawings(seeds, kinds, count):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(folder / name)
    return folder


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn(tmp_path_factory.mktemp("drawings"), count=12)


@pytest.fixture
def photos(kinds: Path, tmp_path: Path) -> Path:
    """A copy of the drawings, to be changed."""
    return Path(shutil.copytree(kinds, tmp_path / "photos"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"MODEL_DIR": str(tmp_path / "models"), "THREADS": "2"})


class Teacher:
    """Teaches packages, and keeps what is said."""

    def __init__(self, settings: Settings, cache: Path) -> None:
        self.settings, self.cache, self.said = settings, cache, []
        self.shown: list[tuple[str, int, int]] = []

    def __call__(self, photos: Path, name: str = "toys", **wish: Any) -> Taught:
        wished = Wish(**({"base": "doodle"} | wish))
        return teach(
            name, photos, wished, self.settings, self.said.append,
            lambda *shown: self.shown.append(shown), self.cache,
        )  # fmt: skip

    def answers(self, package: ModelPackage, seeds: Sequence[int], kinds: Sequence[str]) -> float:
        """How often the package is right about other drawings of these kinds."""
        classifier = Classifier(existing(package.info.name, self.settings.model_dirs), 1)
        right = [
            classifier.rank(classifier.scores(np.asarray(image)), 1)[0].name == name.split("/")[0]
            for name, image in drawings(seeds, kinds, 10)
        ]
        return sum(right) / len(right)


@pytest.fixture
def teacher(settings: Settings, tmp_path: Path) -> Teacher:
    return Teacher(settings, tmp_path / "features")


def notes(taught: Taught) -> str:
    return " ".join(taught.evaluated.evaluation.notes)


def test_it_knows_drawings_that_it_did_not_learn_from(teacher: Teacher, kinds: Path) -> None:
    taught = teacher(kinds)
    assert taught.package.labels() == tuple(sorted(KINDS))
    (result,) = taught.evaluated.evaluation.results
    assert result.top1.of == 36 and result.top1.share >= 0.9
    assert teacher.answers(taught.package, TRAIN_SEEDS[5000:], KINDS) >= 0.9
    card = (taught.package.folder / "README.md").read_text()
    for part in ("## By label", "## The surest mistakes", "had not learned from", "clock"):
        assert part in card
    stages = {stage for stage, _, _ in teacher.shown}
    assert stages == {"looking at pictures", "trying", "learning"}
    assert all(0 <= done <= of for _, done, of in teacher.shown)


def test_the_package_is_one_like_any_other(teacher: Teacher, kinds: Path, tmp_path: Path) -> None:
    teacher(kinds)
    environment = {"MODEL_DIR": str(teacher.settings.model_dirs[-1])}
    result = CliRunner().invoke(
        cli, ["evaluate", "toys", str(kinds), "--to", str(tmp_path / "report")], env=environment
    )
    assert result.exit_code == 0 and "right:" in result.output, result.output
    asked = contestant("toys", teacher.settings.model_dirs, "auto", 1)
    assert asked.engine == "litert" and len(asked.classifier.labels) == 3


def test_pictures_seen_before_are_not_looked_at_again(teacher: Teacher, kinds: Path) -> None:
    first = teacher(kinds)
    for kept in teacher.cache.rglob("*.npz"):
        kept.touch()
    times = {kept: kept.stat().st_mtime_ns for kept in teacher.cache.rglob("*.npz")}
    assert len(times) == 36
    again = teacher(kinds, force=True)
    assert times == {kept: kept.stat().st_mtime_ns for kept in teacher.cache.rglob("*.npz")}
    assert again.package.info.head_sha256 == first.package.info.head_sha256
    next(iter(times)).write_bytes(b"damaged")
    assert teacher(kinds, force=True).package.info.head_sha256 == first.package.info.head_sha256


def test_what_is_unlike_them_all_is_none_of_these(teacher: Teacher, kinds: Path) -> None:
    taught = teacher(kinds, reject=True)
    assert taught.package.labels()[-1] == "none of these"
    classifier = Classifier(existing("toys", teacher.settings.model_dirs), 1)
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    assert classifier.rank(classifier.scores(noise), 1)[0].name == "none of these"
    assert teacher.answers(taught.package, TRAIN_SEEDS[5000:], KINDS) >= 0.8
    assert "whose label was left out" in notes(taught)
    with pytest.raises(Refused, match="adds the label 'none of these'"):
        teacher(_renamed(kinds, "None of  These"), force=True, reject=True)


def _renamed(kinds: Path, label: str) -> Path:
    renamed = kinds.parent / "renamed"
    if not renamed.exists():
        shutil.copytree(kinds, renamed)
        (renamed / "fish").rename(renamed / label)
    return renamed


def test_more_pictures_come_on_top(teacher: Teacher, kinds: Path, tmp_path: Path) -> None:
    teacher(kinds, reject=True)
    more = drawn(tmp_path / "more", TRAIN_SEEDS[3000:], (OTHER, "fish"), 4)
    shutil.copy(next((kinds / "clock").iterdir()), more / OTHER / "torn.png")
    taught = teacher(more, base=None, add=True)
    assert taught.package.labels() == (*sorted([*KINDS, OTHER]), "none of these")
    assert taught.package.info.version == "2"
    lesson = load(taught.package.folder)
    counts = dict(zip(lesson.labels, lesson.counts.tolist(), strict=True))
    assert counts == {"clock": 11, "fish": 16, "house": 4, "umbrella": 12}
    assert any("with two labels" in said and "clock and house" in said for said in teacher.said)
    assert read_head(taught.package).familiar is not None
    again = teacher(more, base=None, add=True, reject=False)
    assert again.package.labels() == tuple(sorted([*KINDS, OTHER]))
    assert "Left out: 8 copies of pictures that are there already." in teacher.said


def test_what_cannot_be_added_to_is_refused(teacher: Teacher, kinds: Path) -> None:
    taught = teacher(kinds)
    with pytest.raises(Refused, match="was taught on doodle"):
        teacher(kinds, base="doodle-small", add=True)
    (taught.package.folder / KEPT).write_bytes(b"")
    with pytest.raises(Refused, match="Teach it again"):
        teacher(kinds, base=None, add=True)
    with pytest.raises(Refused, match="was not taught here"):
        teacher(kinds, name="doodle", base=None, add=True)


@pytest.mark.parametrize("labels", [2, 20])
def test_few_labels_and_many(teacher: Teacher, tmp_path: Path, labels: int) -> None:
    taught = teacher(drawn(tmp_path / "photos", kinds=LABELS[:labels], count=4))
    assert len(taught.package.labels()) == labels
    (result,) = taught.evaluated.evaluation.results
    assert result.top1.of == 4 * labels and result.top1.share > 0.7
    assert "Fewer than 10 pictures" in notes(taught)


def test_three_pictures_a_label_are_enough_and_two_are_not(
    teacher: Teacher, tmp_path: Path
) -> None:
    photos = drawn(tmp_path / "photos", count=3)
    assert teacher(photos).evaluated.evaluation.results[0].top1.of == 9
    next((photos / "fish").iterdir()).unlink()
    with pytest.raises(Refused, match=r"at least 3 different.*Too few: fish 2"):
        teacher(photos, force=True)


def test_a_label_never_vanishes(teacher: Teacher, photos: Path, tmp_path: Path) -> None:
    teacher(photos)
    swapped = shutil.copytree(photos / "fish", tmp_path / "more" / "clock")
    with pytest.raises(Refused, match="Too few: fish 0"):
        teacher(swapped.parent, base=None, add=True)
    for file in (photos / "fish").iterdir():
        file.write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(Refused, match=r"Too few: fish 0\. Not used, for example, fish/.*\.png: "):
        teacher(photos, force=True)
    shutil.rmtree(photos / "umbrella")
    with pytest.raises(Refused, match="Too few: fish 0"):  # clocks alone can be read
        teacher(photos, force=True)
    assert existing("toys", teacher.settings.model_dirs).labels() == tuple(sorted(KINDS))


def test_strange_files_and_names(teacher: Teacher, photos: Path) -> None:
    (photos / "fish").rename(photos / "little fish 🐟")
    (photos / "tea").mkdir()
    clock = photos / "clock"
    (clock / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    (clock / "letter.docx").write_text("Dear Sir")
    first, second = (image for _, image in drawings(TRAIN_SEEDS, ("umbrella",), 2))
    first.save(photos / "umbrella" / "pages.tiff", save_all=True, append_images=[second])
    taught = teacher(photos)
    assert taught.package.labels() == ("clock", "little fish 🐟", "umbrella")
    evaluation = taught.evaluated.evaluation
    assert set(evaluation.unreadable) == {"clock/broken.png", "clock/letter.docx"}
    assert "Left out: the folder tea is empty." in teacher.said
    assert dict(zip(KINDS, evaluation.results[0].by_class, strict=True))
    assert "little fish 🐟" in (taught.package.folder / "README.md").read_text()


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_table_and_a_manifest(teacher: Teacher, kinds: Path, tmp_path: Path, form: str) -> None:
    files = sorted(kinds.rglob("*.png"))
    path = tmp_path / f"pictures.{form}"
    if form == "csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(
                [("image", "label"), *((file, file.parent.name.upper()) for file in files)]
            )
    else:
        lines = (f'{{"image": "{file}", "label": "{file.parent.name}"}}\n' for file in files)
        path.write_text("".join(lines))
    labels = [label.lower() for label in teacher(path).package.labels()]
    assert labels == sorted(KINDS)


def test_spellings_of_a_label_are_one(teacher: Teacher, photos: Path) -> None:
    files = sorted((photos / "fish").iterdir())
    (photos / "FISH ").mkdir()
    for file in files[:6]:
        file.rename(photos / "FISH " / file.name)
    assert [label.lower() for label in teacher(photos).package.labels()] == sorted(KINDS)


def test_one_label_is_refused(teacher: Teacher, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=rf"All pictures have the label photos.*Do you mean {photos}"):
        teacher(tmp_path)
    for label in KINDS[1:]:
        shutil.rmtree(photos / label)
    with pytest.raises(Refused, match="All pictures have the label clock"):
        teacher(photos)
    shutil.rmtree(photos / "clock")
    with pytest.raises(Refused, match="no labelled pictures"):
        teacher(photos)


def test_a_base_must_be_one(teacher: Teacher, kinds: Path) -> None:
    with pytest.raises(Refused, match="Give the base package"):
        teacher(kinds, base=None)
    with pytest.raises(Refused, match="is the base itself"):
        teacher(kinds, name="doodle")
    teacher(kinds)
    assert teacher(kinds, name="second", base="toys").package.info.base == "doodle"


@pytest.mark.parametrize("base", ["", "..", "../doodle", "doodle\0", "y" * 5000, "🐕"])
def test_a_base_is_a_name_and_no_path(teacher: Teacher, kinds: Path, base: str) -> None:
    with pytest.raises(ModelInvalid, match="There is no package"):
        teacher(kinds, base=base)


def test_a_job_beside_the_app_says_why_it_could_not_go_on(kinds: Path, tmp_path: Path) -> None:
    (tmp_path / WANTED).write_bytes(msgspec.json.encode(Wanted("toys", "doodle")))
    lines = (
        f'{{"image": "{file}", "label": "{file.parent.name}"}}\n' for file in kinds.rglob("*.png")
    )
    (tmp_path / TABLE).write_text("".join(lines))
    (tmp_path / "models").write_text("a file where the folder would be")
    environment = os.environ | {"MODEL_DIR": str(tmp_path / "models")}
    command = [sys.executable, "-m", "tools.teaching.beside", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True)
    status = msgspec.json.decode((tmp_path / STATUS).read_bytes(), type=Status)
    assert status.state == "failed"
    assert "check the path, its permissions and the disk" in status.error


def test_what_was_ended_leaves_nothing(teacher: Teacher, kinds: Path) -> None:
    class Ended(Exception):
        pass

    def show(stage: str, done: int, of: int) -> None:
        if stage == "trying":
            raise Ended

    with pytest.raises(Ended):
        teach(
            "toys", kinds, Wish("doodle"), teacher.settings, teacher.said.append, show,
            teacher.cache,
        )  # fmt: skip
    assert not teacher.settings.model_dirs[-1].exists()


def test_copies_are_held_out_together_and_told(teacher: Teacher, photos: Path) -> None:
    for path in sorted((photos / "clock").iterdir())[:5]:
        with Image.open(path) as image:
            image.save(path.with_suffix(".bmp"))
            mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            mirrored.save(path.with_suffix(".webp"), quality=90)
    shutil.copy(next((photos / "fish").glob("*.png")), photos / "umbrella" / "copy.png")
    path = next((photos / "umbrella").glob("*.png"))
    with Image.open(path) as image:
        image.save(photos / "fish" / "also.bmp")
    taught = teacher(photos)
    assert "much like another one" in notes(taught)
    assert "Much the same picture has different labels, 1 time" in notes(taught)
    assert any("1 picture with two labels" in said for said in teacher.said)


def test_a_long_series_is_found_in_little_memory() -> None:
    random = np.random.default_rng(0)
    rows = random.uniform(0, 3, (2000, 2, 64)).astype(np.float16)
    rows[::2] = rows[0]
    looks = [
        Look(str(number), ("PNG", 64, 64), np.zeros(18, np.float32), (1.0, 1.0), row)
        for number, row in enumerate(rows)
    ]
    told = ["ab"[number // 2 % 2] for number in range(len(looks))]
    lesson = Lesson([look.digest for look in looks], told, looks)
    assert lesson.rows.shape == (2, 2000, 64)
    tracemalloc.start()
    groups = near_same(lesson)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(np.unique(groups)) == 1001 and len(np.unique(groups[::2])) == 1
    assert peak < 40e6


def test_series_of_a_single_picture_teach_nothing(teacher: Teacher, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for name, image in drawings(TEST_SEEDS, KINDS, 1):
        (photos / name).parent.mkdir(parents=True)
        for quality in (90, 92, 94):
            image.save(photos / name.replace(".png", f"-{quality}.jpg"), quality=quality)
    with pytest.raises(Refused, match="All pictures of each label are nearly the same"):
        teacher(photos)
    drawn(photos, TRAIN_SEEDS[1000:], ("fish", "clock"), 4)
    taught = teacher(photos)
    assert "All pictures of umbrella are much the same" in notes(taught)
    assert taught.evaluated.evaluation.results[0].top1.of == 14


def test_what_gives_a_label_away_is_told(teacher: Teacher, photos: Path) -> None:
    for path in (photos / "clock").iterdir():
        with Image.open(path) as image:
            image.convert("RGB").save(path.with_suffix(".jpg"))
        path.unlink()
    for path in (photos / "fish").iterdir():
        with Image.open(path) as image:
            framed = Image.new("RGB", image.size, (40, 160, 60))
            framed.paste(image.resize((40, 40)), (12, 12))
        framed.save(path)
    said = notes(teacher(photos))
    assert "of the pictures of clock are JPEG, and few others are" in said
    assert "fish can be told by its background alone" in said
    assert "umbrella can be told" not in said and "clock can be told" not in said


def test_a_label_far_larger_than_another_is_told(teacher: Teacher, photos: Path) -> None:
    for path in sorted((photos / "fish").iterdir())[2:]:
        path.unlink()
    drawn(photos, TRAIN_SEEDS[1000:], ("fish",), 1)
    drawn(photos, TRAIN_SEEDS[1000:], ("clock",), 4)
    assert "clock has 16 pictures, and fish 3" in notes(teacher(photos))


def test_the_command_says_what_came_of_it(kinds: Path, tmp_path: Path) -> None:
    environment = {"MODEL_DIR": str(tmp_path / "models")}
    command = ["teach", "toys", str(kinds), "--base", "doodle"]
    result = CliRunner().invoke(cli, command, env=environment)
    assert result.exit_code == 0, result.output
    for part in ("RIGHT", "95% interval", "Report:", "make run MODEL=toys"):
        assert part in result.output
    result = CliRunner().invoke(cli, command, env=environment)
    assert result.exit_code == 1 and "replace it with --force" in result.output
    result = CliRunner().invoke(cli, ["teach", "toys", str(kinds), "--base", "x"], env=environment)
    assert result.exit_code == 1 and "There is no package 'x'" in result.output


def test_a_picture_gets_the_scores_that_the_judged_head_gives(
    teacher: Teacher, kinds: Path
) -> None:
    """Decoded, shrunk, rooted: what is served is what was taught."""
    taught = teacher(kinds)
    classifier = Classifier(existing("toys", teacher.settings.model_dirs), 1)
    lesson, head = load(taught.package.folder), read_head(taught.package)
    logits = lesson.rows[0] @ head.weights + head.bias
    for place in (0, 12, 24):
        data = (kinds / lesson.called[place]).read_bytes()
        pixels = decode(data, classifier.input_size, classifier.info.preprocessing).pixels
        scores = np.log(classifier.scores(pixels))
        np.testing.assert_allclose(
            scores - scores.max(), logits[place] - logits[place].max(), atol=0.05
        )


def test_labels_of_any_kind_are_lines_that_can_be_read(
    teacher: Teacher, kinds: Path, tmp_path: Path
) -> None:
    names = {"clock": "=1+1 \u202e\x1b[31m", "fish": "👩\u200d🔬 a/b, <b>|", "umbrella": "u" * 300}
    taught = teacher(_listed(kinds, tmp_path, names))
    assert taught.package.labels() == ("=1+1 [31m", "u" * 300, "👩\u200d🔬 a/b, <b>|")
    (result,) = taught.evaluated.evaluation.results
    assert max(map(len, taughtcard.lines(result))) < 100
    said = "\n".join([*teacher.said, *taughtcard.lines(result)])
    assert "\x1b" not in said and "\u202e" not in said


def test_labels_that_cannot_be_meant_are_refused_or_left_out(
    teacher: Teacher, kinds: Path, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match=r"The label uuu.*… has 3,000 characters.*Give short labels"):
        teacher(_listed(kinds, tmp_path, {"umbrella": "u" * 3000}))
    taught = teacher(_listed(kinds, tmp_path, {"umbrella": "\u200b\u200d"}))
    assert taught.package.labels() == ("clock", "fish")
    assert "Left out: 12 pictures with a label that nobody can see." in teacher.said


def _listed(kinds: Path, folder: Path, names: dict[str, str]) -> Path:
    """A CSV of the drawings with other labels."""
    with (folder / "named.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("image", "label")]
            + [(path, names.get(path.parent.name, path.parent.name)) for path in kinds.rglob("*.*")]
        )
    return folder / "named.csv"


def test_parts_of_a_data_set_are_no_labels(teacher: Teacher, kinds: Path, tmp_path: Path) -> None:
    drawn(tmp_path / "all" / "Test", TRAIN_SEEDS[5000:], count=1)
    train = tmp_path / "all" / "train"
    shutil.copytree(kinds, train)
    with pytest.raises(Refused, match=f"Test and train look like parts.*Do you mean {train}"):
        teacher(tmp_path / "all")


def test_links_in_circles_are_not_followed(teacher: Teacher, photos: Path) -> None:
    (photos / "all").symlink_to(photos)
    (photos / "parent").symlink_to(photos.parent)
    (photos / "itself").symlink_to("itself")
    (photos / "clock" / "up").symlink_to(photos)
    (photos / "clock" / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(photos / "clock" / "pipe.png")
    (photos / "fish").rename(photos.parent / "elsewhere")
    (photos / "fish").symlink_to(photos.parent / "elsewhere")
    taught = teacher(photos)
    assert taught.package.labels() == tuple(sorted(KINDS))
    assert taught.evaluated.evaluation.unreadable.keys() == {"clock/gone.png", "clock/pipe.png"}


def test_without_room_for_features_it_teaches_all_the_same(teacher: Teacher, kinds: Path) -> None:
    teacher.cache.write_text("a file where the folder would be")
    assert not teacher(kinds).evaluated.evaluation.unreadable


def test_a_cache_that_cannot_be_written_is_told_in_a_line(kinds: Path, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder would be")
    result = CliRunner().invoke(
        cli,
        ["teach", "toys", str(kinds), "--base", "doodle"],
        env={"MODEL_DIR": str(tmp_path / "models")},
    )
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert "check the path, its permissions and the disk." in result.stderr


def test_a_base_without_features_is_refused(
    teacher: Teacher, kinds: Path, settings: Settings
) -> None:
    doodle = existing("doodle", settings.model_dirs)
    info = msgspec.structs.replace(
        doodle.info, name="plain", exposed=None, head_sha256=None, samples=[]
    )
    with candidate(info, original(doodle), doodle.labels()) as package:
        install(package, settings.model_dirs[-1])
    with pytest.raises(FeaturesMissing, match="plain"):
        teacher(kinds, base="plain")


def test_ctrl_c_leaves_nothing(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    kinds = drawn(tmp_path_factory.mktemp("many"), count=120)  # which take a while
    command = [sys.executable, "-m", "tools.model", "teach", "toys", str(kinds), "--base", "doodle"]
    environment = os.environ | {"MODEL_DIR": str(tmp_path / "models"), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert "360 pictures" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
    assert process.returncode == 1, said
    assert said.strip().endswith("Aborted!") and "Traceback" not in said
    assert not [*tmp_path.iterdir()]
